"""Bands of m/z that a person asks for, or that suit a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...errors import FileFormatError

_MOST: Final = 2000
"""Bands, where nobody says how wide they should be."""
_MOST_ASKED_FOR: Final = 2_000_000
_SYNTAX: Final = (
    "write ::mz=0.1, ::ppm=20, ::peaks=184.07,760.58±10ppm, ::peaks=FILE.csv±0.01 or ::tic"
)
_PPM: Final = 1e-6


@dataclass(frozen=True)
class Windows:
    """The bands: from `low` (included) to `high` (not included), each of shape (band,)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Bands:
    """Bands to sum spectra up in."""

    windows: Windows
    axis: Axis
    told: str
    """What the history says of them."""
    name: str = ""
    """What is added to the name of the image."""


def bands_asked_for(text: str, path: Path, low: float, high: float) -> Bands:
    """Return the bands that a person asks for, as in ``tissue.imzML::ppm=20``.

    Parameters
    ----------
    text : str
        What stands after ``::``.
    path : path
        The .imzML file; a list of peaks is looked for beside it, too.
    low, high : float
        The least and the greatest m/z of the file.

    Raises
    ------
    FileFormatError
        If `text` asks for no bands, or for more than anybody can use.
    """
    kind, _, value = text.partition("=")
    if kind == "tic" and not value:
        return total_ion_current()
    if kind == "peaks" and value:
        return _peaks(value, path)
    width = _number(value)
    if kind not in ("mz", "ppm") or not width:
        raise FileFormatError(path, f"{text!r} tells of no bands", _SYNTAX)
    number = (high - low) / width if kind == "mz" else _log_step(low, high, width)
    if number > _MOST_ASKED_FOR:
        raise FileFormatError(
            path, f"{text} makes {number:,.0f} bands from {low:g} to {high:g} m/z", "ask for wider"
        )
    return _even(low, high, width) if kind == "mz" else _relative(low, high, width)


def even_bands(low: float, high: float) -> Bands:
    """Return at most 2000 bands of equal width, which is 1, 2 or 5 times a power of ten."""
    least = max((high - low) / (_MOST - 2), 1e-6)
    power = 10.0 ** np.floor(np.log10(least))
    width = next(float(power * step) for step in (1, 2, 5, 10, 20) if power * step >= least)
    return _even(low, high, width)


def total_ion_current() -> Bands:
    """Return one band of everything."""
    everything = Windows(np.array([-np.inf]), np.array([np.inf]))
    return Bands(everything, ChannelAxis((_TIC,)), "summed up all m/z", _TIC)


_TIC: Final = "total ion current"


def _even(low: float, high: float, width: float) -> Bands:
    """Return bands whose centres are multiples of their width."""
    numbers = np.arange(np.floor(low / width + 0.5), np.floor(high / width + 0.5) + 1)
    edges = (np.append(numbers, numbers[-1] + 1) - 0.5) * width
    return _side_by_side(edges, numbers * width, f"{width:g} m/z")


def _relative(low: float, high: float, ppm: float) -> Bands:
    """Return bands of equal width on a logarithmic scale."""
    edges = low * np.exp(np.arange(np.ceil(_log_step(low, high, ppm)) + 2) * np.log1p(ppm * _PPM))
    return _side_by_side(edges[:-1] if edges[-2] > high else edges, None, f"{ppm:g} ppm")


def _log_step(low: float, high: float, ppm: float) -> float:
    return float(np.log(high / low) / np.log1p(ppm * _PPM)) if low > 0 else np.inf


def _side_by_side(
    edges: NDArray[np.float64], centres: NDArray[np.float64] | None, width: str
) -> Bands:
    windows = Windows(edges[:-1], edges[1:])
    centres = edges[:-1] + np.diff(edges) / 2 if centres is None else centres
    axis = SpectralAxis(centres, "m/z", widths=np.diff(edges))
    return Bands(windows, axis, f"summed up in {len(centres)} bands of {width}")


def _peaks(value: str, path: Path) -> Bands:
    """Return a band about each peak of a list, the list being given or in a file."""
    listed, sign, tolerance = value.replace("+-", "±").partition("±")
    relative = tolerance.strip().lower().endswith("ppm")
    half = _number(tolerance.strip().lower().removesuffix("ppm"))
    if not sign or not half:
        raise FileFormatError(
            path, f"'peaks={value}' does not say how wide the peaks are", "add ±10ppm, or ±0.01"
        )
    centres = np.unique(
        _peak_file(listed, path) if _names_a_file(listed) else _listed(listed, path)
    )
    halves = centres * half * _PPM if relative else np.full(len(centres), half)
    axis = SpectralAxis(centres, "m/z", widths=2 * halves)
    # a float64 may be just above the upper end that is included
    windows = Windows(centres - halves, np.nextafter(centres + halves, np.inf))
    told = f"summed up {len(centres)} peak{'s' * (len(centres) > 1)} ±{half:g} {'ppm' if relative else 'm/z'}"
    return Bands(windows, axis, told, "peaks")


def _names_a_file(text: str) -> bool:
    return bool(re.search(r"\.(csv|txt|tsv)$", text.strip().lower()))


def _listed(text: str, path: Path) -> list[float]:
    peaks = [_number(each) for each in text.split(",") if each.strip()]
    known = [peak for peak in peaks if peak]
    if not known or len(known) < len(peaks):
        raise FileFormatError(path, f"'{text}' is no list of m/z values", _SYNTAX)
    return known


def _peak_file(name: str, path: Path) -> list[float]:
    """Return the numbers that begin the lines of a file; a line of titles is passed over."""
    places = (Path(name.strip()), path.parent / name.strip())
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise FileFormatError(path, f"the list of peaks {name} is not there", "give its whole path")
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    first = [re.split(r"[,;\s]", line.strip().strip('"'))[0] for line in lines if line.strip()]
    peaks = [_number(word) for word in first]
    known = [peak for peak in peaks if peak]
    if not known or None in peaks[1:]:
        wrong = next(
            (word for word, peak in zip(first[1:], peaks[1:], strict=True) if not peak), ""
        )
        raise FileFormatError(
            file,
            f"no list of m/z values ({wrong!r} is none)",
            "write one a line, in the first column",
        )
    return known


def _number(text: str) -> float | None:
    """Return a positive number, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < np.inf else None
