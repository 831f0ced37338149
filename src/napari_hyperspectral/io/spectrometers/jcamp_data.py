"""The numbers of a JCAMP-DX table, plain or in its compressed ASCII.

Sources: R. S. McDonald, P. A. Wilks, "JCAMP-DX: A Standard Form for Exchange of Infrared Spectra in
Computer Readable Form", Appl. Spectrosc. 42 (1988) 151, section 5; A. N. Davies, P. Lampen,
"JCAMP-DX for NMR", Appl. Spectrosc. 47 (1993) 1093, section 5.9 (pseudo-digits).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ...errors import FileFormatError
from ...metrics.values import Floats
from ..binary import COPY_AGAIN

# the first digit of a number, its sign included, by the letter that stands for both
_VALUES: Final = {letter: f"{digit}" for digit, letter in enumerate("@ABCDEFGHI")} | {
    letter: f"-{digit}" for digit, letter in enumerate("abcdefghi", 1)
}
_DIFFERENCES: Final = {letter: f"{digit}" for digit, letter in enumerate("%JKLMNOPQR")} | {
    letter: f"-{digit}" for digit, letter in enumerate("jklmnopqr", 1)
}
_REPEATS: Final = {letter: f"{digit}" for digit, letter in enumerate("STUVWXYZs", 1)}
_PACKED: Final = re.compile(r"[@%A-DF-Za-df-s]")
"""Letters that only compressed tables have; an E may be an exponent."""
_TOKEN: Final = re.compile(r"([@%A-Za-s+-]?)(\d*\.?\d*)|(\?)")
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\?")


class Row(NamedTuple):
    """A line of a table: where it begins, and its ordinates."""

    x: float
    values: list[float]


class _Decoder:
    """Reads the lines of a table one after the other: a line checks the one before."""

    def __init__(self, path: Path, *, packed: bool) -> None:
        self._path = path
        self._packed = packed
        self._last: float | None = None
        """The last ordinate, if the line before ended with a difference: it is repeated."""

    def row(self, line: str) -> Row:
        """Return what a line holds, without the ordinate that only checks the line before."""
        if not self._packed:
            numbers = [_value(text) for text in _NUMBER.findall(line)]
            return Row(numbers[0], numbers[1:])
        check = self._last
        x, values = self._unpacked(line)
        if check is not None and values:
            if abs(values[0] - check) > 1e-6 * max(1.0, abs(check)):
                raise FileFormatError(
                    self._path,
                    f"a line of its table begins with {values[0]:g}, the one before ends with {check:g}",
                    COPY_AGAIN,
                )
            values = values[1:]
        return Row(x, values)

    def _unpacked(self, line: str) -> tuple[float, list[float]]:
        numbers: list[float] = []
        step = 0.0
        is_difference = False
        for mark, digits, unknown in _TOKEN.findall(line.replace(",", " ")):
            if unknown:
                numbers.append(float("nan"))
                is_difference = False
            elif mark in _REPEATS:
                for _ in range(_count(self._path, _REPEATS[mark] + digits) - 1):
                    numbers.append(numbers[-1] + step if is_difference else numbers[-1])
            elif mark in _DIFFERENCES:
                step = float(_DIFFERENCES[mark] + digits)
                numbers.append(numbers[-1] + step)
                is_difference = True
            elif mark or digits:
                numbers.append(float(_VALUES.get(mark, mark) + digits))
                is_difference = False
        self._last = numbers[-1] if is_difference else None
        return numbers[0], numbers[1:]


def rows_of_table(path: Path, lines: Sequence[str]) -> Iterator[Row]:
    """Yield the lines of a table (X++(Y..Y)).

    Raises
    ------
    FileFormatError
        If one holds no numbers, or does not go on where the one before ended.
    """
    packed = any(_PACKED.search(line) for line in lines)
    decoder = _Decoder(path, packed=packed)
    for line in lines:
        try:
            yield decoder.row(line)
        except (IndexError, ValueError) as error:
            if isinstance(error, FileFormatError):
                raise
            shown = line.strip()[:40]
            raise FileFormatError(
                path, f"no line of a JCAMP-DX table: {shown!r}", COPY_AGAIN
            ) from error


def pairs_of_table(path: Path, lines: Sequence[str]) -> Floats:
    """Return the points of a table (XY..XY), shape (point, (x, y)).

    Raises
    ------
    FileFormatError
        If a point lacks one of its numbers.
    """
    numbers = [_value(text) for line in lines for text in _NUMBER.findall(line)]
    if not numbers or len(numbers) % 2:
        raise FileFormatError(path, f"{len(numbers)} numbers in a table of points", COPY_AGAIN)
    return np.array(numbers).reshape(-1, 2)


def _value(text: str) -> float:
    return float("nan") if text == "?" else float(text)


def _count(path: Path, digits: str) -> int:
    """Return how often a value is repeated, after it was seen to be no bomb."""
    count = int(digits)
    if count > 10**6:
        raise FileFormatError(path, f"a value repeated {count} times", COPY_AGAIN)
    return count
