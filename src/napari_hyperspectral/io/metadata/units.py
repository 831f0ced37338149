"""Units of spectral axes and of lengths, as files spell them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...axis import Kind, SpectralAxis, Unit, kind_of_unit


class SpectralUnit(NamedTuple):
    """The unit of a spectral axis as a file spells it, in terms of ours."""

    unit: Unit
    kind: Kind
    factor: float
    """What values are multiplied by to be in `unit`."""


# pattern of the spelling, our unit, factor from one to the other
_SPECTRAL: Final[tuple[tuple[str, Unit, float], ...]] = (
    (r"cm\s*\^?\s*[-⁻−]\s*[1¹]|(?<![a-z])1\s*/\s*cm|wave\s*number", "1/cm", 1),
    (r"nm|nano\s*met(er|re)s?", "nm", 1),
    (r"[uµμ]m|microns?|micro\s*met(er|re)s?", "um", 1),
    (r"Å|angstroms?", "nm", 0.1),
    (r"mm|milli\s*met(er|re)s?", "um", 1e3),
    (r"cm|centi\s*met(er|re)s?", "um", 1e4),
    (r"m|met(er|re)s?", "nm", 1e9),
    (r"mev", "eV", 1e-3),
    (r"kev", "eV", 1e3),
    (r"ev|electron\s*volts?", "eV", 1),
    (r"thz", "THz", 1),
    (r"ghz", "THz", 1e-3),
    (r"mhz", "THz", 1e-6),
    (r"m\s*/\s*z|thomson|dalton|da", "m/z", 1),
)
_LENGTHS: Final = (
    (r"nm|nano\s*met(er|re)s?", "nm"),
    # a lone replacement character was a µ in an encoding that nobody knows any more
    (r"([uµμ\ufffd]|\\u00b5)m|microns?|micro\s*met(er|re)s?", "um"),
    (r"mm|milli\s*met(er|re)s?", "mm"),
    (r"cm|centi\s*met(er|re)s?", "cm"),
    (r"m|met(er|re)s?", "m"),
    (r"s|sec|seconds?", "s"),
    (r"deg(rees?)?|°", "deg"),
)
_NO_UNITS: Final = ("", "unknown", "none", "<undefined>", "px")
_METRES: Final = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}


def spectral_unit(text: str) -> SpectralUnit | None:
    """Return the spectral unit a text spells, such as "Micrometers" or "rel. 1/cm", or None."""
    plain = text.strip().strip("$ ").lower()  # some programs write units as LaTeX
    is_raman = re.search(r"raman|\brel\b|shift|stokes", plain) is not None
    in_brackets = re.findall(r"[\[({]([^\])}]*)[\])}]", plain)
    without_relative = re.sub(r"^rel(ative)?\.?\s*", "", plain)
    spellings = [plain, *in_brackets, without_relative]
    for pattern, unit, factor in _SPECTRAL:
        if any(re.fullmatch(pattern, spelling.strip()) for spelling in spellings):
            return SpectralUnit(unit, _kind(unit, is_raman), factor)
    # no other unit is found inside a longer text: a lone "m" or "da" is part of many words
    if re.search(_SPECTRAL[0][0], plain):
        return SpectralUnit("1/cm", _kind("1/cm", is_raman), 1)
    return None


def _kind(unit: Unit, is_raman: bool) -> Kind:
    return "raman_shift" if is_raman and unit == "1/cm" else kind_of_unit(unit)


def length_unit(text: str | None) -> str | None:
    """Return the usual symbol of a unit of length (or time, or angle), or the text itself."""
    plain = (text or "").strip().strip("$")
    for pattern, symbol in _LENGTHS:
        if re.fullmatch(pattern, plain.lower()):
            return symbol
    return None if plain.lower() in _NO_UNITS else plain


def metres(unit: str | None) -> float | None:
    """Return how many metres a unit of length is; None where it is no length."""
    return _METRES.get(unit or "")


def axis_in(text: str, centres: ArrayLike, *, kind: Kind | None = None) -> SpectralAxis | None:
    """Return an axis of centres in the unit that `text` spells; None where it spells none.

    Parameters
    ----------
    centres : array_like of float, shape (band,)
        In that unit.
    kind : str, optional
        What numbers in 1/cm are, where the text does not say it.
    """
    unit = spectral_unit(text)
    if unit is None:
        return None
    values = np.asarray(centres, dtype=np.float64)
    if unit.factor != 1:
        values = values * unit.factor
    # only 1/cm leaves a choice: wavenumbers, or Raman shifts
    is_open = kind is not None and kind_of_unit(unit.unit) == "wavenumber"
    return SpectralAxis(values, unit.unit, kind if kind is not None and is_open else unit.kind)
