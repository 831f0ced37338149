"""Units of spectral axes and of lengths, as files spell them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...axis import Kind, SpectralAxis, Unit, kind_of_unit
from .spelling import plain_unit


class SpectralUnit(NamedTuple):
    """The unit of a spectral axis as a file spells it, in terms of ours."""

    unit: Unit | None
    kind: Kind
    factor: float
    """What values are multiplied by to be in `unit`."""
    other: str | None = None
    """How a unit that is not known is written."""


# spellings of lengths, after `plain_unit`
_METRE: Final = r"met(?:er|re)s?"
_NM: Final = rf"nms?|nano-?\s*{_METRE}"
_UM: Final = rf"u\s?ms?|mum|\u03bc|microns?|micro-?\s*{_METRE}"
_MM: Final = rf"mm|milli-?\s*{_METRE}"
_CM: Final = rf"cm|centi-?\s*{_METRE}"
_M: Final = rf"m|{_METRE}"
_ANGSTROM: Final = r"Å|[aå]ngstr(?:o|ö|oe)ms?|ang"


def _inverse(length: str) -> str:
    """Return the pattern of the spellings of one divided by a length: "1/cm", "cm^-1", "per cm"."""
    before = r"(?:1\s*/|/|per\s|inverse\s|reciprocal\s)\s*"
    behind = r"\s*[\^_.]?\s*\(?\s*-\s*1\s*\)?"
    return rf"{before}(?:{length})|(?:{length}){behind}"


# pattern of the spelling, our unit, factor from one to the other; case counts only for MeV
_SPECTRAL: Final[tuple[tuple[str, Unit, float], ...]] = (
    (rf"(?i:{_inverse(_CM)}|wave\s*numbers?|kaysers?)", "1/cm", 1),
    (rf"(?i:{_inverse(_M)})", "1/cm", 1e-2),
    (rf"(?i:{_inverse(_MM)})", "1/cm", 10),
    (rf"(?i:{_inverse(_UM)})", "1/cm", 1e4),
    (rf"(?i:{_NM})", "nm", 1),
    (rf"(?i:{_UM})", "um", 1),
    (rf"(?i:{_ANGSTROM})", "nm", 0.1),
    (rf"(?i:pm|pico-?\s*{_METRE})", "nm", 1e-3),
    (rf"(?i:{_MM})", "um", 1e3),
    (rf"(?i:{_CM})", "um", 1e4),
    (rf"(?i:{_M})", "nm", 1e9),
    (r"M(?i:ev)|(?i:mega-?\s*electron[\s-]*volts?)", "eV", 1e6),
    (r"m(?i:ev)|(?i:milli-?\s*electron[\s-]*volts?)", "eV", 1e-3),
    (r"(?i:kev|kilo-?\s*electron[\s-]*volts?)", "eV", 1e3),
    (r"(?i:ev|electron[\s-]*volts?)", "eV", 1),
    (r"(?i:phz|peta-?\s*hertz)", "THz", 1e3),
    (r"(?i:thz|tera-?\s*hertz)", "THz", 1),
    (r"(?i:ghz|giga-?\s*hertz)", "THz", 1e-3),
    (r"(?i:mhz|mega-?\s*hertz)", "THz", 1e-6),
    (r"(?i:khz|kilo-?\s*hertz)", "THz", 1e-9),
    (r"(?i:hz|hertz)", "THz", 1e-12),
    (r"(?i:kda|kilo-?\s*daltons?)", "m/z", 1e3),
    (r"(?i:m\s*/\s*[zqe]|mz|th|thomsons?|daltons?|da(?:\s*/\s*e)?|amu|u)", "m/z", 1),
)
# what the name of a vector says of its quantity, and of its unit where that leaves no choice
_QUANTITIES: Final[tuple[tuple[str, Kind, Unit | None], ...]] = (
    (r"raman|shift", "raman_shift", "1/cm"),
    (r"wave.?num|^wn(_|$)|cm-?1|1/cm", "wavenumber", "1/cm"),
    (r"wave|lambda|^lam(_|$)|^wl(_|$)|^nm$", "wavelength", None),
    (r"^m.?z$|mass", "mz", "m/z"),
    (r"energy|^ev$", "energy", "eV"),
    (r"freq", "frequency", "THz"),
    (r"axis|band|centre|center|tick|^x$|^w$|spectr", "index", None),
)
_INVERSE_CM: Final = re.compile(
    r"cm\s*[\^_.]?\s*\(?-\s*1|(?<![a-z\d.])1\s*/\s*cm|wave\s*number", re.IGNORECASE
)
"""The only unit that is looked for inside a longer text: a lone "m" or "da" is part of many words."""
_TITLE: Final = re.compile(
    r"[^/,:_]*(?:wave|lambda|λ|\blam|\bw[ln]|raman|shift|energy|freq|photon|mass)[^/,:]*?"
    r"(?:[/,:_]|\sin\s)\s*([^_]+)",
    re.IGNORECASE,
)
"""A quantity and its unit without brackets, as in "Wavelength / nm" or "energy_eV"."""
_NO_SPECTRAL_UNITS: Final = re.compile(
    r"|-+|\?+|1|unknown|undefined|undef|none|null|nan|n/?a|not\s*(?:known|set|specified)|index|"
    r"indices|bands?|channels?|px|pixels?|points?|number|no units?|unitless|dimensionless|"
    r"a\.?\s?u\.?|arb(?:itrary|\.)?\s*units?|arbitrary|custom|other",
    re.IGNORECASE,
)
"""What programs write where a unit is not known, after `plain_unit`."""

_LENGTHS: Final = (
    (_NM, "nm"),
    (_UM, "um"),
    (_MM, "mm"),
    (_CM, "cm"),
    (rf"km|kilo-?\s*{_METRE}", "km"),
    (_M, "m"),
    (rf"pm|pico-?\s*{_METRE}", "pm"),
    (_ANGSTROM, "Å"),
    (r"in|inch(?:es)?", "in"),
    (r"ft|foot|feet", "ft"),
    (r"s|sec|seconds?", "s"),
    (r"ms|msec|milli-?\s*sec(?:ond)?s?", "ms"),
    (r"us|usec|micro-?\s*sec(?:ond)?s?", "us"),
    (r"min|minutes?", "min"),
    (r"h|hrs?|hours?", "h"),
    (r"(?:deg(?:ree)?s?|°)(?:[_\s]*(?:north|south|east|west|[nsew]))?", "deg"),
    (r"rad|radians?", "rad"),
)
_NO_UNITS: Final = ("", "unknown", "none", "undefined", "px")
_METRES: Final = {
    "pm": 1e-12,
    "Å": 1e-10,
    "nm": 1e-9,
    "um": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "in": 0.0254,
    "ft": 0.3048,
    "m": 1.0,
    "km": 1e3,
}
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_UNIT_IN_NAME: Final = (
    rf"[kmM]?eV|[GT]Hz|m/z|{_NM}|um|microns?|micro-?{_METRE}|{_ANGSTROM}|"
    rf"{_inverse('cm')}|{_inverse('m')}|wave\s*numbers?"
)
"""Units that are looked for behind a number in a name; "5 m" is too often a depth."""
_QUANTITY: Final = re.compile(
    rf"(?<![A-Za-z0-9.])({_NUMBER})\s*_?((?i:{_UNIT_IN_NAME}))(?![a-zA-Z0-9/])"
)


def spectral_unit(text: str) -> SpectralUnit | None:
    """Return the spectral unit a text spells, such as "Micrometers" or "rel. 1/cm", or None."""
    plain = plain_unit(text)
    is_raman = re.search(r"raman|\brel\b|shift|stokes", plain, re.IGNORECASE) is not None
    spellings = [*_spellings(plain)]
    for pattern, unit, factor in _SPECTRAL:
        if any(re.fullmatch(pattern, spelling) for spelling in spellings):
            return SpectralUnit(unit, _kind(unit, is_raman), factor)
    if _INVERSE_CM.search(plain):
        return SpectralUnit("1/cm", _kind("1/cm", is_raman), 1)
    return None


def _spellings(plain: str) -> Iterator[str]:
    """Yield a text and the parts of it that may be its unit."""
    yield plain
    for in_brackets in re.findall(r"[\[(]([^\])]*)[\])]", plain):
        yield plain_unit(in_brackets)
    yield re.sub(r"^rel(ative)?\.?\s*", "", plain, flags=re.IGNORECASE)
    title = _TITLE.fullmatch(plain)
    if title is not None:
        yield plain_unit(title[1])


def _kind(unit: Unit, is_raman: bool) -> Kind:
    return "raman_shift" if is_raman and unit == "1/cm" else kind_of_unit(unit)


def quantity_in(name: str) -> tuple[float, SpectralUnit] | None:
    """Return the number and the unit in a name such as "band 3, 1003.2 cm-1"; None without any."""
    match = _QUANTITY.search(plain_unit(name))
    unit = None if match is None else spectral_unit(match[2])
    if match is None or unit is None:
        return None
    return float(match[1]), unit


def length_unit(text: str | None) -> str | None:
    """Return the usual symbol of a unit of length (or time, or angle), or the text itself."""
    plain = plain_unit(text or "")
    for pattern, symbol in _LENGTHS:
        if re.fullmatch(pattern, plain, re.IGNORECASE):
            return symbol
    return None if plain.lower() in _NO_UNITS else plain


def metres(unit: str | None) -> float | None:
    """Return how many metres a unit of length is; None where it is no length."""
    return _METRES.get(unit or "")


def axis_in(text: str, centres: ArrayLike, *, kind: Kind | None = None) -> SpectralAxis | None:
    """Return an axis of centres in the unit that `text` spells; None where it spells none.

    Parameters
    ----------
    text : str
        A unit, or a title that may have one: that of a column, for example.
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


def axis_from_title(title: str, centres: ArrayLike) -> SpectralAxis | None:
    """Return an axis in the unit in a title such as "Wavelength (nm)", "energy_eV"; None without any.

    What stands in brackets behind a quantity states a unit, a known one or not.
    """
    kind = kind_of_name(title)
    raman: Kind | None = "raman_shift" if kind == "raman_shift" else None
    last = title.rpartition("/")[2]  # without the groups of a container
    named = _TITLE.fullmatch(plain_unit(title)) or _TITLE.fullmatch(plain_unit(last))
    if named is not None and spectral_unit(named[1]) is not None:
        return _inverse_axis(kind, named[1], centres) or axis_in(named[1], centres, kind=raman)
    in_brackets = re.search(r"[\[(]([^\])]+)[\])]\s*$", title)
    if in_brackets is None or kind == "index":
        return None
    inverse = _inverse_axis(kind, in_brackets[1], centres)
    return inverse or stated_axis(in_brackets[1], centres, name=title, kind=raman)


def _inverse_axis(kind: Kind, text: str, centres: ArrayLike) -> SpectralAxis | None:
    """Return wavenumbers, or shifts, whose unit was written without its -1, as in "wavenumber_cm".

    That is a guess, though the only sensible one. None for all others.
    """
    if kind not in ("wavenumber", "raman_shift"):
        return None
    plain = plain_unit(text)
    for length, factor in ((_CM, 1.0), (_M, 0.01)):
        if re.fullmatch(length, plain, re.IGNORECASE):
            values = np.asarray(centres, dtype=np.float64) * factor
            return SpectralAxis(values, "1/cm", kind, guessed=True)
    return None


def stated_axis(
    text: str, centres: ArrayLike, *, name: str = "", kind: Kind | None = None
) -> SpectralAxis | None:
    """Return an axis of centres in the unit that a file states; see `axis_in` and `stated_unit`.

    Unlike `axis_in`, this keeps a unit that is not known: no guess may replace it.
    """
    axis = axis_in(text, centres, kind=kind)
    unit = None if axis is not None else stated_unit(text, name)
    if unit is None:
        return axis
    return SpectralAxis(centres, unit.unit, unit.kind, other_unit=unit.other)


def stated_unit(text: str, name: str = "") -> SpectralUnit | None:
    """Return the unit that a file states; None where it states none.

    A unit that is not known is kept as it is written, with a warning.

    Parameters
    ----------
    text : str
        What stands where the file states the unit.
    name : str
        What the file calls the axis: its quantity, where the unit does not tell that.
    """
    unit = spectral_unit(text)
    if unit is not None or not states_unit(text):
        return unit
    plain = plain_unit(text)
    warnings.warn(
        f"the axis is in {plain!r}, which is no unit of spectra that is known: its numbers are kept "
        "as they are; if they are nm, µm, cm⁻¹, eV, THz or m/z, say so in the dock Axis",
        stacklevel=3,
    )
    return SpectralUnit(None, kind_of_name(name), 1.0, plain)


def states_unit(text: str) -> bool:
    """Whether a text that may be empty, or "Unknown", states a unit, a known one or not."""
    return _NO_SPECTRAL_UNITS.fullmatch(plain_unit(text)) is None


def quantity_of_name(name: str) -> tuple[Kind, Unit | None] | None:
    """Return what the name of a vector says that it holds, and in which unit; None where nothing."""
    # without the groups of a container; the slash of m/z, or of a unit in brackets, ends none
    last = re.split(r"/(?!z$)(?![^(\[]*[)\]])", name.lower())[-1].strip()
    for pattern, kind, unit in _QUANTITIES:
        if re.search(pattern, last):
            return kind, unit
    return None


def kind_of_name(name: str) -> Kind:
    """Return the quantity that a name such as "wavelengths" says; "index" where it says none."""
    quantity = quantity_of_name(name)
    return "index" if quantity is None else quantity[0]
