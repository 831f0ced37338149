"""What every picture of a report has: a title, a caption, words in its place, and how it is drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Inches: TypeAlias = tuple[float, float]
"""Width and height of a picture."""


@dataclass(frozen=True, eq=False)
class Picture(ABC):
    """Something to look at, with the little data that it shows."""

    title: str
    caption: str = field(default="", kw_only=True)
    """How to read it, in a sentence or two."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """What is to be seen, in words, for those who do not see it."""

    @property
    def inches(self) -> Inches:
        """How large it should be."""
        return (8.0, 4.5)

    @abstractmethod
    def draw(self, figure: Figure) -> None:
        """Draw it into an empty matplotlib figure, without its title."""
