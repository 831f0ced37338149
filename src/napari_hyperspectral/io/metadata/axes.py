"""Spectral axes from the words and numbers that files give for their bands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from ...axis import SpectralAxis
from .named_arrays import wavelength_unit
from .units import SpectralUnit, quantity_in, stated_unit

FEWEST_BANDS: Final = 5
"""Fewer named wavelengths are the dyes of a fluorescence image, not a spectrum."""

_FEWEST_NUMBERED: Final = 3
NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BETWEEN: Final = re.compile(r"[_\s]+")
"""What stands between the words of a name; to a pattern, an underscore is a letter."""
_SUFFIX: Final = re.compile(r"\.(tiff?|png|jpe?g|bmp)$", re.IGNORECASE)
_USUAL_NM: Final = (200, 2600)
"""Wavelengths of imaging spectrometers; numbers in names that all lie here are some."""
_ENVI_ENTRY: Final = re.compile(r"(?im)^[ \t]*([a-z][a-z ]*?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n{]*)")


_SAYS_BAND: Final = re.compile(r"^b(?:and)?[\s_#-]*\d|wave\s*(?:length|number)", re.IGNORECASE)
"""Names of bands of a spectrum, however few, as "B4 (665 nm)" and "centre wavelength 665 nm"."""


def axis_from_names(names: Sequence[str], *, stated: bool = False) -> SpectralAxis | None:
    """Return the axis that names such as "1003.2 cm-1" stand for, or None.

    Parameters
    ----------
    names : sequence of str
        A name a band.
    stated : bool
        Whether the file says that it is a spectrum; if not, there must be five bands or more,
        in order, for it to be none of dyes.
    """
    words = [_BETWEEN.sub(" ", _SUFFIX.sub("", name)) for name in names]
    if stated:  # then no letters before a number are part of it, as in "AF488"
        words = [re.sub(r"(?<=[A-Za-z])(?=\d)", " ", word) for word in words]
    quantities = [quantity for quantity in map(quantity_in, words) if quantity is not None]
    if not quantities or len(quantities) < len(names):
        return None
    units = {unit for _, unit in quantities}
    unit = units.pop()
    if units:  # not all in the same unit
        return None
    centres = [number * unit.factor for number, _ in quantities]
    guessed = unit.unit == "1/cm"  # wavenumbers, or Raman shifts: the name does not say
    axis = SpectralAxis(centres, unit.unit, unit.kind, guessed=guessed)
    says_so = stated or all(_SAYS_BAND.search(name) for name in names)
    return axis if says_so or is_spectrum(axis) else None


def axis_from_numbered_names(names: Sequence[str]) -> SpectralAxis | None:
    """Return the wavelengths that names such as "scan_400.tif" seem to have, in nm, which is a guess.

    None where numbers only count (1, 2, 3 …; 0400, 0401 …), or another part of the names differs.
    """
    if len(names) < _FEWEST_NUMBERED or not differ_in_numbers(names):
        return None
    split = [_words_and_numbers(name) for name in names]
    candidates = []
    for texts in zip(*(parts[1::2] for parts in split), strict=True):
        numbers = np.array(texts, np.float64)
        steps = np.diff(numbers)
        counts = bool((steps == 1).all() or (steps == 0).all())
        padded = any(re.match(r"0\d", text) for text in texts)
        if not counts and not padded:
            candidates.append(numbers)
    if len(candidates) != 1:
        return None
    (centres,) = candidates
    low, high = _USUAL_NM
    if centres.min() < low or centres.max() > high:
        return None
    axis = SpectralAxis(centres, "nm", guessed=True)
    return axis if axis.monotonic else None


def differ_in_numbers(names: Sequence[str]) -> bool:
    """Whether names are alike but for the numbers in them: a series of one kind."""
    return len({tuple(_words_and_numbers(name)[::2]) for name in names}) == 1


def _words_and_numbers(name: str) -> list[str]:
    """Return words and numbers in a name by turns, without the suffix of a file."""
    return re.split(r"(\d+(?:\.\d+)?)", _SUFFIX.sub("", name))


def is_spectrum(axis: SpectralAxis) -> bool:
    """Whether the bands are many and in order, as no set of dyes is."""
    return len(axis) >= FEWEST_BANDS and axis.monotonic


def fault_of_order(axis: SpectralAxis) -> str:
    """Return what is odd in the order of band centres, as a clause; "" where they are in order."""
    if axis.monotonic or len(axis) < 2:
        return ""
    distinct = len(np.unique(axis.centres))
    what = "are not in order" if distinct == len(axis) else f"take only {distinct} values"
    noun = "wavelengths" if axis.kind == "wavelength" else "band centres"
    return f"its {len(axis)} {noun} {what}"


def axis_from_envi_text(text: str) -> SpectralAxis | None:
    """Return the axis in the text of an ENVI header that somebody pasted into another file."""
    entries = {
        key.lower(): value.strip(" \t\r{}")
        for key, value in dict(_ENVI_ENTRY.findall(text)).items()
    }
    centres = _numbers(entries.get("wavelength", ""))
    if not centres:
        return None
    return band_axis(
        centres,
        stated_unit(entries.get("wavelength units", ""), "wavelength"),
        widths=_numbers(entries.get("fwhm", "")),
        good=_numbers(entries.get("bbl", "")),
    )


def band_axis(
    centres: Sequence[float],
    unit: SpectralUnit | None,
    *,
    widths: Sequence[float] = (),
    good: Sequence[float] = (),
) -> SpectralAxis:
    """Return the axis of band centres in a unit; without one they are wavelengths, of a guessed unit.

    Parameters
    ----------
    centres : sequence of float, shape (band,)
        In `unit`.
    widths : sequence of float, shape (band,)
        Full widths at half maximum, in `unit`; ignored at another length.
    good : sequence of float, shape (band,)
        1 for each good band, 0 for each bad one; ignored at another length.
    """
    factor = 1.0 if unit is None else unit.factor
    scaled = np.asarray(centres, np.float64) * factor  # (band,)
    scaled_widths = None
    if len(widths) == len(scaled):
        scaled_widths = np.asarray(widths, np.float64) * factor
    bad = np.asarray(good) == 0 if len(good) == len(scaled) else None
    if unit is None:
        guess = wavelength_unit(scaled)
        return SpectralAxis(
            scaled, guess, "wavelength", widths=scaled_widths, bad=bad, guessed=True
        )
    return SpectralAxis(
        scaled,
        unit.unit,
        unit.kind,
        widths=scaled_widths,
        bad=bad,
        other_unit=unit.other,
    )


def _numbers(text: str) -> list[float]:
    """Return the numbers of a list in a header; [] where one of them is none."""
    try:
        return [float(part) for part in re.split(r"[,\s]+", text.strip()) if part]
    except ValueError:
        return []
