"""Units of spectral axes and of lengths, as the files of the world spell them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...axis import Kind, SpectralAxis, Unit, kind_of_unit


class SpectralUnit(NamedTuple):
    """What a text says of a spectral axis."""

    unit: Unit
    kind: Kind
    factor: float
    """What values are multiplied by to be in `unit`."""


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
_METRES: Final = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}


def spectral_unit(text: str) -> SpectralUnit | None:
    """Return the spectral unit a text spells, such as "Micrometers" or "rel. 1/cm", or None."""
    plain = text.strip().strip("$ ").lower()
    raman = bool(re.search(r"raman|\brel\b|shift|stokes", plain))
    words = [
        plain,
        *re.findall(r"[\[({]([^\])}]*)[\])}]", plain),
        re.sub(r"^rel(ative)?\.?\s*", "", plain),
    ]
    for pattern, unit, factor in _SPECTRAL:
        if any(re.fullmatch(pattern, word.strip()) for word in words):
            kind: Kind = "raman_shift" if raman and unit == "1/cm" else kind_of_unit(unit)
            return SpectralUnit(unit, kind, factor)
    if re.search(_SPECTRAL[0][0], plain):
        return SpectralUnit("1/cm", "raman_shift" if raman else "wavenumber", 1)
    return None


def length_unit(text: str | None) -> str | None:
    """Return the usual symbol of a unit of length (or time, or angle), or the text itself."""
    plain = (text or "").strip().strip("$")
    for pattern, symbol in _LENGTHS:
        if re.fullmatch(pattern, plain.lower()):
            return symbol
    return plain if plain.lower() not in ("", "unknown", "none", "<undefined>", "px") else None


def metres(unit: str | None) -> float | None:
    """Return how many metres a unit of length is; None where it is none."""
    return _METRES.get(unit or "")


def axis_in(text: str, centres: ArrayLike, *, kind: Kind | None = None) -> SpectralAxis | None:
    """Return an axis of centres in the unit that `text` spells; None where it spells none."""
    found = spectral_unit(text)
    if found is None:
        return None
    values = np.asarray(centres, dtype=np.float64)
    values = values if found.factor == 1 else values * found.factor
    spelled = found.kind if kind is None or kind_of_unit(found.unit) != "wavenumber" else kind
    return SpectralAxis(values, found.unit, spelled)


place_unit = length_unit  # the name that other readers still use
