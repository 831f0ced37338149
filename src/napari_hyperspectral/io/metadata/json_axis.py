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
from .axes import axis_from_names, band_axis
from .named_arrays import axis_from_vector
from .units import SpectralUnit, stated_unit

_UNITS: Final = ("spectral_unit", "unit", "units", "wavelength_unit", "wavelength_units")
_VALUES: Final = ("custom_values", "custom_points", "values", "centers", "centres")
_NAMES: Final = ("custom_labels", "labels")
_WIDTHS: Final = ("fwhm", "widths")
_QUANTITY: Final = re.compile(r"wave|lambda|raman|shift|m_?z$", re.IGNORECASE)
_RAMAN: Final = re.compile("raman|shift|custom")
"""Keys of numbers in 1/cm that are Raman shifts; hs-mosaic is a program of Raman microscopists."""
_DEEPEST: Final = 3
_NM_PER_CM: Final = 1e7


def axis_of_json(document: object, bands: int, depth: int = 0) -> SpectralAxis | None:
    """Return the axis in a JSON document, or None.

    Parameters
    ----------
    document : object
        As `json.loads` returns it.
    bands : int
        Bands of the image: lasers are tuned in so many steps, and a list of another length is
        of something else where one of this length is there.
    depth : int
        Objects that the document is nested in.
    """
    if isinstance(document, list):
        values = _numbers(document)
        return axis_from_vector("", np.asarray(values)) if values else None
    if not isinstance(document, Mapping):
        return None
    # keys are compared as they are spelled in most files: in lower case, with underscores
    entries = {_normal(key): value for key, value in document.items()}
    axis = _tuned(entries, bands) or _listed(entries, bands) or _labelled(entries, bands)
    if axis is not None or depth == _DEEPEST:
        return axis
    for value in entries.values():
        if isinstance(value, Mapping):
            axis = axis_of_json(value, bands, depth + 1)
            if axis is not None:
                return axis
    return None


def _normal(key: object) -> str:
    return str(key).strip().lower().replace(" ", "_")


def _tuned(entries: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    """Return the Raman shifts between a beam that was tuned and one that was not."""
    beam = str(entries.get("tuned_beam", "")).lower()
    fixed = _number(entries.get("fixed_beam_nm"))
    first = _number(entries.get("tuned_min_nm"))
    last = _number(entries.get("tuned_max_nm"))
    step = _number(entries.get("tuned_step_nm"))
    if beam not in ("pump", "stokes") or not fixed or not first:
        return None
    if not (last or step):
        return None
    tuned = np.linspace(first, last, bands) if last else first + (step or 0) * np.arange(bands)
    # the shift is the difference of the wavenumbers of pump and Stokes beam
    pump, stokes = (tuned, fixed) if beam == "pump" else (fixed, tuned)
    shifts = _NM_PER_CM * (1 / np.asarray(pump) - 1 / np.asarray(stokes))
    excitation = fixed if beam == "stokes" else None
    return SpectralAxis(shifts, "1/cm", "raman_shift", excitation_nm=excitation)


def _listed(entries: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    """Return the axis of a list of numbers whose key says that they are one."""
    lists = {key: _numbers(value) for key, value in entries.items() if isinstance(value, list)}
    candidates = [key for key, values in lists.items() if values and _is_axis(key)]
    if not candidates:
        return None
    fitting = (key for key in candidates if len(lists[key]) == bands)
    key = next(fitting, candidates[0])
    unit = _unit(entries, key)
    if unit is None:
        return axis_from_vector(key, np.asarray(lists[key]))
    if unit.unit == "1/cm" and _RAMAN.search(key):
        unit = unit._replace(kind="raman_shift")
    widths = next((lists[name] for name in _WIDTHS if lists.get(name)), [])
    return band_axis(lists[key], unit, widths=widths)


def _is_axis(key: str) -> bool:
    if key in _NAMES:
        return False
    return key in _VALUES or _QUANTITY.search(key) is not None


def _unit(entries: Mapping[str, Any], key: str) -> SpectralUnit | None:
    """Return the unit of the list under `key`, as an entry beside it spells it."""
    for name in (*_UNITS, f"{key}_unit", f"{key}_units"):
        unit = stated_unit(str(entries.get(name, "")), key)
        if unit is not None:
            return unit
    return None


def _labelled(entries: Mapping[str, Any], bands: int) -> SpectralAxis | None:
    for key in _NAMES:
        names = entries.get(key)
        if isinstance(names, list) and len(names) == bands:
            return axis_from_names([str(name) for name in names])
    return None


def _numbers(values: list[Any]) -> list[float]:
    """Return a list of finite numbers (which may stand as text); [] where one is none."""
    numbers = []
    for value in values:
        number = _number(value)
        if number is None:
            return []
        numbers.append(number)
    return numbers


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None  # to Python, True is an int
    try:
        number = float(value)
    except (ValueError, OverflowError):  # JSON has whole numbers that no float can hold
        return None
    return number if np.isfinite(number) else None
