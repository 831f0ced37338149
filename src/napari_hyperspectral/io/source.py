"""A path, with the choices of array and layout that the file itself leaves open."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ..errors import FileFormatError
from ..progress import Progress
from ..system.paths import user_text

LAYOUT = re.compile(r"[tzbyx]{2,5}")
"""Letters of a layout: t(ime), z, b(and), y, x, in the order of the array's axes."""


@dataclass(frozen=True)
class Source:
    """A file (or folder), the array to read from it, and the layout of that array.

    As text: ``map.npz::low@yxb`` — array ``low`` of ``map.npz``, axes (y, x, band).
    """

    path: Path
    array: str | None = None
    """Name of the array inside, where there are several."""
    axes: str | None = None
    """Its layout, a letter an axis: "yxb", "byx", "xb" (a list of spectra), "zyx" …"""
    flat: bool = False
    """Whether a table of numbers is an image (y, x) — labels are — and not a list of spectra."""
    on_guess: Callable[[str], object] | None = None
    """Called with each guess of a layout that the file leaves open; None refuses to guess."""
    watch: Callable[[Progress], object] | None = None
    """Called with the progress of a long reading; what it raises ends the reading."""

    @classmethod
    def parse(cls, text: str | Path, axes: str | None = None) -> Self:
        """Parse ``path::array@axes``; an existing file of exactly this name takes precedence.

        Raises
        ------
        FileFormatError
            If `axes` is no layout.
        """
        text = user_text(str(text))
        literal = Path(text)
        if _exists(literal):
            return cls(literal, axes=checked_layout(literal, axes))
        path, _, array = text.partition("::")
        # an @ may be part of a name: only what follows the last one can be a layout
        stem, at, layout = (array or path).rpartition("@")
        if at and LAYOUT.fullmatch(layout):
            axes = axes or layout
            if array:
                array = stem
            else:
                path = stem
        return cls(Path(path), array or None, checked_layout(Path(path), axes))

    def tell(self, done: int, total: int, note: str = "") -> None:
        """Report the progress of the reading to `watch`."""
        if self.watch is not None:
            self.watch(Progress(done, total, note=note))

    def of(self, path: Path) -> Self:
        """Return the same choices for another file, such as the header of a data file."""
        return replace(self, path=path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than a name can be: it goes on after the ::
        return False


def checked_layout(path: Path, axes: str | None) -> str | None:
    """Return `axes` unchanged, after it was seen to be a layout.

    Raises
    ------
    FileFormatError
        If a letter is unknown or comes twice.
    """
    if axes is None:
        return None
    if not LAYOUT.fullmatch(axes) or len(set(axes)) < len(axes):
        raise FileFormatError(
            path, f"{axes!r} is no layout", "give a letter an axis of t, z, b(and), y, x, as in yxb"
        )
    return axes
