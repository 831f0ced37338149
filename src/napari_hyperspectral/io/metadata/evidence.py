"""What the places inside and beside a file tell of its image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ...axis import Axis, SpectralAxis
from .named_arrays import wavelength_unit
from .units import SpectralUnit, spectral_unit

Sizes = tuple[tuple[str, int], ...]
"""Axes of a row of planes, slowest first: letters of t, z, b(and), each with its length."""

SHAPE_KEY: Final = "shape"
"""Beside our description inside a TIFF file: the shape of the data it was written for."""

FEWEST_BANDS: Final = 5
"""Fewer named wavelengths are the dyes of a fluorescence image, not a spectrum."""

NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY: Final = re.compile(
    rf"(?<![\w.])({NUMBER})\s*(nm|[uµμ]m|cm\^?-?1|cm⁻¹|1/cm|eV|THz|m/z)(?![\w/])"
)


@dataclass(frozen=True)
class Told:
    """What one place tells; what it is silent about is None or absent."""

    sizes: Sizes | None = None
    axis: Axis | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of `Cube`."""
    ours: Mapping[str, Any] | None = None
    """The whole description, where we wrote the file."""


def axis_from_names(names: Sequence[str], *, stated: bool = False) -> SpectralAxis | None:
    """Return the axis that names such as "1003.2 cm-1" stand for, or None.

    Parameters
    ----------
    stated : bool
        Whether the file says that it is a spectrum; if not, there must be five bands or more,
        in order, for it to be none of dyes.
    """
    found = [_QUANTITY.search(name) for name in names]
    matches = [match for match in found if match is not None]
    if not matches or len(matches) < len(names):
        return None
    units = {spectral_unit(match[2]) for match in matches}
    means = units.pop()
    if units or means is None:
        return None
    centres = [float(match[1]) * means.factor for match in matches]
    guessed = means.unit == "1/cm"  # wavenumbers, or shifts: the name does not tell
    axis = SpectralAxis(centres, means.unit, means.kind, guessed=guessed)
    return axis if stated or is_spectrum(axis) else None


def is_spectrum(axis: SpectralAxis) -> bool:
    """Whether the bands are many and in order, as no set of dyes is."""
    return len(axis) >= FEWEST_BANDS and axis.monotonic


def told_by_envi_text(text: str) -> Told:
    """Return what the text of an ENVI header tells that somebody pasted into another file."""
    entries = dict(re.findall(r"(?im)^[ \t]*([a-z][a-z ]*?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n{]*)", text))
    values = {key.lower(): value.strip(" \t\r{}") for key, value in entries.items()}
    centres = _numbers(values.get("wavelength", ""))
    if not centres:
        return Told()
    means = spectral_unit(values.get("wavelength units", ""))
    widths, good = _numbers(values.get("fwhm", "")), _numbers(values.get("bbl", ""))
    axis = band_axis(centres, means, widths=widths, good=good)
    return Told(axis=axis)


def band_axis(
    centres: Sequence[float],
    means: SpectralUnit | None,
    *,
    widths: Sequence[float] = (),
    good: Sequence[float] = (),
) -> SpectralAxis:
    """Return the axis of wavelengths in a unit of `units.spectral_unit`, guessed where it is None.

    Parameters
    ----------
    widths, good : sequence of float
        Full widths at half maximum, and 1 for each good band; ignored at another length.
    """
    factor = 1.0 if means is None else means.factor
    scaled = np.asarray(centres, np.float64) * factor
    wide = np.asarray(widths, np.float64) * factor
    return SpectralAxis(
        scaled,
        wavelength_unit(scaled) if means is None else means.unit,
        "wavelength" if means is None else means.kind,
        widths=wide if len(wide) == len(scaled) else None,
        bad=np.asarray(good) == 0 if len(good) == len(scaled) else None,
        guessed=means is None,
    )


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in re.split(r"[,\s]+", text.strip()) if part]
    except ValueError:
        return []
