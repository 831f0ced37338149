"""An axis in the JSON of others: lists of wavelengths, or the lasers of a coherent Raman microscope.

Source: hs-mosaic, https://github.com/hs-mosaic/hs-mosaic: its ``wavelength.json`` has either numbers
(custom_values) with a unit, or the beam that was tuned, from where to where, and the one that was not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from .evidence import axis_from_names, band_axis
from .named_arrays import axis_from_vector
from .units import spectral_unit

_UNITS: Final = ("spectral_unit", "unit", "units", "wavelength_unit", "wavelength_units")
_VALUES: Final = ("custom_values", "custom_points", "values", "centers", "centres")
_NAMES: Final = ("custom_labels", "labels")
_WIDTHS: Final = ("fwhm", "widths")
_QUANTITY: Final = re.compile(r"wave|lambda|raman|shift|m_?z$", re.IGNORECASE)
_DEEPEST: Final = 3
_NM_PER_CM: Final = 1e7


def axis_of_json(about: Any, bands: int, depth: int = 0) -> SpectralAxis | None:
    """Return the axis that an object of JSON gives, or None.

    Parameters
    ----------
    about : object
        As `json.loads` returns it.
    bands : int
        Bands of the image: lasers are tuned in so many steps, and a list of another length is
        of something else where one of this length is there.
    """
    if isinstance(about, list):
        values = _numbers(about)
        return axis_from_vector("", np.asarray(values)) if values else None
    if not isinstance(about, Mapping):
        return None
    entries = {str(key).strip().lower().replace(" ", "_"): value for key, value in about.items()}
    axis = _tuned(entries, bands) or _listed(entries, bands) or _named(entries, bands)
    if axis is not None or depth == _DEEPEST:
        return axis
    inside = (axis_of_json(v, bands, depth + 1) for v in entries.values() if isinstance(v, Mapping))
    return next((axis for axis in inside if axis is not None), None)


def _tuned(entries: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    """Return the Raman shifts between a beam that was tuned and one that was not."""
    beam = str(entries.get("tuned_beam", "")).lower()
    fixed, low, high, step = (
        _number(entries.get(name))
        for name in ("fixed_beam_nm", "tuned_min_nm", "tuned_max_nm", "tuned_step_nm")
    )
    if beam not in ("pump", "stokes") or not fixed or not low or not (high or step):
        return None
    tuned = np.linspace(low, high, bands) if high else low + (step or 0.0) * np.arange(bands)
    pump, stokes = (tuned, fixed) if beam == "pump" else (fixed, tuned)
    shifts = _NM_PER_CM * (1 / np.asarray(pump) - 1 / np.asarray(stokes))
    excitation = fixed if beam == "stokes" else None
    return SpectralAxis(shifts, "1/cm", "raman_shift", excitation_nm=excitation)


def _listed(entries: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    lists = {key: _numbers(value) for key, value in entries.items() if isinstance(value, list)}
    found = [
        (key, values)
        for key, values in lists.items()
        if values and (key in _VALUES or _QUANTITY.search(key)) and key not in _NAMES
    ]
    if not found:
        return None
    key, values = next((one for one in found if len(one[1]) == bands), found[0])
    units = (str(entries.get(name, "")) for name in (*_UNITS, f"{key}_unit", f"{key}_units"))
    means = next(filter(None, map(spectral_unit, units)), None)
    if means is None:
        return axis_from_vector(key, np.asarray(values))
    raman = re.search("raman|shift|custom", key) and means.unit == "1/cm"
    means = means._replace(kind="raman_shift") if raman else means
    widths = next((lists[name] for name in _WIDTHS if lists.get(name)), [])
    return band_axis(values, means, widths=widths)


def _named(entries: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    for key in _NAMES:
        names = entries.get(key)
        if isinstance(names, list) and len(names) == bands:
            return axis_from_names([str(name) for name in names])
    return None


def _numbers(values: list[Any]) -> list[float]:
    """Return a list of finite numbers (which may stand as text); [] where one is none."""
    found = [_number(value) for value in values]
    return [] if None in found else [value for value in found if value is not None]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None
