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

_MAX_BANDS: Final = 2000
"""Bands, where nobody says how wide they should be."""
_MAX_ASKED_FOR: Final = 2_000_000
"""Bands that somebody may ask for."""
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
    step: str
    """Of the history of a cube that is summed up in them."""
    name: str = ""
    """What is added to the name of the image."""


def bands_asked_for(text: str, path: Path, low: float, high: float) -> Bands:
    """Return the bands that a person asks for, as in ``tissue.imzML::ppm=20``.

    Parameters
    ----------
    text : str
        What stands after ``::``.
    path : path
        The .imzML file; a list of peaks is looked for in its folder, too.
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
        raise FileFormatError(path, f"{text!r} names no bands", _SYNTAX)
    count = (high - low) / width if kind == "mz" else _log_range(low, high, width)
    if count > _MAX_ASKED_FOR:
        raise FileFormatError(
            path, f"{text} makes {count:,.0f} bands from {low:g} to {high:g} m/z", "ask for wider"
        )
    return _even(low, high, width) if kind == "mz" else _relative(low, high, width)


def even_bands(low: float, high: float) -> Bands:
    """Return at most 2000 bands of equal width, which is 1, 2 or 5 times a power of ten."""
    least = max((high - low) / (_MAX_BANDS - 2), 1e-6)
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
    first = np.floor(low / width + 0.5)
    last = np.floor(high / width + 0.5)
    numbers = np.arange(first, last + 1)
    edges = (np.append(numbers, numbers[-1] + 1) - 0.5) * width
    return _adjacent(edges, numbers * width, f"{width:g} m/z")


def _relative(low: float, high: float, ppm: float) -> Bands:
    """Return bands of equal width on a logarithmic scale."""
    steps = np.arange(np.ceil(_log_range(low, high, ppm)) + 2)
    edges = low * np.exp(steps * np.log1p(ppm * _PPM))
    if edges[-2] > high:
        edges = edges[:-1]
    centres = edges[:-1] + np.diff(edges) / 2
    return _adjacent(edges, centres, f"{ppm:g} ppm")


def _log_range(low: float, high: float, ppm: float) -> float:
    """Return how many bands of a relative width there are from `low` to `high`."""
    return float(np.log(high / low) / np.log1p(ppm * _PPM)) if low > 0 else np.inf


def _adjacent(edges: NDArray[np.float64], centres: NDArray[np.float64], width: str) -> Bands:
    """Return bands that share their edges, shape (band + 1,), with centres of shape (band,)."""
    windows = Windows(edges[:-1], edges[1:])
    axis = SpectralAxis(centres, "m/z", widths=np.diff(edges))
    return Bands(windows, axis, f"summed up in {len(centres)} bands of {width}")


def _peaks(value: str, path: Path) -> Bands:
    """Return a band around each peak of a list, which is written out or in a file."""
    peaks, sign, tolerance = value.replace("+-", "±").partition("±")
    tolerance = tolerance.strip().lower()
    is_relative = tolerance.endswith("ppm")
    half = _number(tolerance.removesuffix("ppm"))
    if not sign or not half:
        raise FileFormatError(
            path, f"'peaks={value}' does not say how wide the peaks are", "add ±10ppm, or ±0.01"
        )
    read = _peaks_in_file if _names_a_file(peaks) else _listed_peaks
    centres = np.unique(read(peaks, path))
    halves = np.full(len(centres), half)
    if is_relative:
        halves = centres * half * _PPM
    axis = SpectralAxis(centres, "m/z", widths=2 * halves)
    # a float64 may be just above the upper end that is included
    windows = Windows(centres - halves, np.nextafter(centres + halves, np.inf))
    plural = "s" if len(centres) > 1 else ""
    unit = "ppm" if is_relative else "m/z"
    step = f"summed up {len(centres)} peak{plural} ±{half:g} {unit}"
    return Bands(windows, axis, step, "peaks")


def _names_a_file(text: str) -> bool:
    return bool(re.search(r"\.(csv|txt|tsv)$", text.strip().lower()))


def _listed_peaks(text: str, path: Path) -> list[float]:
    """Return the numbers between commas."""
    peaks = [_number(each) for each in text.split(",") if each.strip()]
    known = [peak for peak in peaks if peak]
    if not known or len(known) < len(peaks):
        raise FileFormatError(path, f"'{text}' is no list of m/z values", _SYNTAX)
    return known


def _peaks_in_file(name: str, path: Path) -> list[float]:
    """Return the numbers that begin the lines of a file; a line of titles is passed over."""
    candidates = (Path(name.strip()), path.parent / name.strip())
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        raise FileFormatError(
            path, f"the list of peaks {name} is not there", "give its complete path"
        )
    peaks = []
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(line for line in lines if line.strip()):
        word = re.split(r"[,;\s]", line.strip().strip('"'))[0]
        peak = _number(word)
        if peak:
            peaks.append(peak)
        elif number:  # the first line may be titles
            raise _no_peaks(file, word)
    if not peaks:
        raise _no_peaks(file, "")
    return peaks


def _no_peaks(file: Path, word: str) -> FileFormatError:
    return FileFormatError(
        file,
        f"no list of m/z values ({word!r} is none)",
        "write one a line, in the first column",
    )


def _number(text: str) -> float | None:
    """Return a positive number, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < np.inf else None
