"""Reports: tables and pictures as data, and as Markdown, JSON, files and rich text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Group

Value: TypeAlias = str | int | float | None
Row: TypeAlias = Mapping[str, Value]
"""Value of each column, by its heading."""


@dataclass(frozen=True)
class Table:
    """Rows that share their columns."""

    title: str
    rows: Sequence[Row]

    @property
    def columns(self) -> list[str]:
        """Headings, in the order in which rows first use them."""
        return list(dict.fromkeys(heading for row in self.rows for heading in row))

    @property
    def cells(self) -> list[list[str]]:
        """What people read, row by row."""
        return [[_text(row.get(heading)) for heading in self.columns] for row in self.rows]

    def to_markdown(self) -> str:
        """Return the table with its title, as GitHub shows it."""
        lines = [self.columns, ["---"] * len(self.columns), *self.cells]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture in colour, or a map of classes."""

    title: str
    image: NDArray[Any]
    """Colours from 0 to 1, shape (y, x, 3), or classes, (y, x), 0 for none."""
    classes: tuple[str, ...] = ()
    """Names of classes 1, 2, …, where it is a map."""

    def draw(self, axes: Axes) -> None:
        """Draw it into a matplotlib figure."""
        from matplotlib.patches import Patch

        shown = self.image if self.image.ndim == 3 else class_colours(self.image)
        axes.imshow(shown, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(self.title)
        if self.classes:
            colours = class_colours(np.arange(1, len(self.classes) + 1))
            axes.legend(
                handles=[Patch(color=c, label=n) for c, n in zip(colours, self.classes)],
                loc="center left",
                bbox_to_anchor=(1.02, 0.5),
                fontsize="small",
                frameon=False,
            )


@dataclass(frozen=True, eq=False)
class Curves:
    """Lines over a physical axis."""

    title: str
    x: NDArray[np.float64]
    """Place of each value, shape (band,), in the order of the file; drawn in rising order."""
    x_title: str
    lines: Mapping[str, NDArray[Any]]
    """Values of each line, shape (band,), by its name."""

    def draw(self, axes: Axes) -> None:
        """Draw it into a matplotlib figure."""
        order = np.argsort(self.x, kind="stable")  # detectors may overlap
        colours = class_colours(np.arange(1, len(self.lines) + 1))
        for (name, values), colour in zip(self.lines.items(), colours):
            axes.plot(self.x[order], values[order], label=name, color=colour, linewidth=1)
        axes.set_xlabel(self.x_title)
        axes.set_title(self.title)
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize="small", frameon=False)


Picture: TypeAlias = Photograph | Curves


@dataclass(frozen=True, eq=False)
class Report:
    """What was found out, for people and for programs.

    The rich library prints it as it is: ``console.print(report)``.
    """

    title: str
    tables: Sequence[Table]
    notes: Sequence[str] = ()
    """One sentence each: what the figures mean, and what they do not."""
    images: Sequence[Picture] = ()

    def with_images(self, *images: Picture) -> Report:
        """Return a report with these pictures after its own."""
        return Report(self.title, self.tables, self.notes, (*self.images, *images))

    def to_markdown(self, pictures: Sequence[Path] = ()) -> str:
        """Return the report as Markdown, with links to its `pictures` where they are given."""
        parts = [f"# {self.title}", *(table.to_markdown() for table in self.tables)]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        parts += [f"![{path.stem}]({path.name})" for path in pictures]
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> str:
        """Return titles, tables and notes as JSON; what is no number is null."""
        about = {
            "title": self.title,
            "tables": [
                {"title": table.title, "rows": [plain(row) for row in table.rows]}
                for table in self.tables
            ],
            "notes": list(self.notes),
        }
        return json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def pictures(
        self, folder: Path, *, inches: tuple[float, float] = (8, 5), dpi: int = 120
    ) -> list[Path]:
        """Draw each picture into a PNG file of `folder`; return their paths."""
        from matplotlib.figure import Figure  # without pyplot: no screen, no global state

        paths = []
        for number, picture in enumerate(self.images, start=1):
            name = "".join(c if c.isalnum() else "_" for c in picture.title.lower())
            paths.append(folder / f"{number}_{name}.png")
            figure = Figure(figsize=inches)
            picture.draw(figure.add_subplot())
            figure.savefig(paths[-1], dpi=dpi, bbox_inches="tight")
        return paths

    def save(self, folder: Path) -> list[Path]:
        """Write report.md, report.json and the pictures into `folder`; return their paths."""
        pictures = self.pictures(folder)
        text, data = folder / "report.md", folder / "report.json"
        with replacing(text, data) as (draft_text, draft_data):
            draft_text.write_text(self.to_markdown(pictures), encoding="utf-8")
            draft_data.write_text(self.to_json(), encoding="utf-8")
        return [text, data, *pictures]

    def __rich__(self) -> Group:
        from rich import box
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table as RichTable

        parts: list[Any] = []
        for table in self.tables:
            shown = RichTable(
                title=table.title,
                title_justify="left",
                box=box.SIMPLE_HEAD,
                pad_edge=False,
                collapse_padding=True,
            )
            for heading in table.columns:
                words = any(isinstance(row.get(heading), str) for row in table.rows)
                shown.add_column(
                    heading, justify="left" if words else "right", overflow="fold", no_wrap=words
                )
            for cells in table.cells:
                shown.add_row(*cells)
            parts.append(shown)
        parts += [Padding(f"• {note}", (0, 0, 0, 1)) for note in self.notes]
        return Group(*parts)


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it: what is no finite number is None."""
    return {
        heading: None if isinstance(value, float) and not math.isfinite(value) else value
        for heading, value in row.items()
    }


def class_colours(classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return a colour for each class, shape (…, 3), from 0 to 1; black for 0.

    Hues a golden section of the circle apart differ for any number of classes.
    """
    from matplotlib.colors import hsv_to_rgb

    ids = np.asarray(classes, np.float64)
    hue = ids * 0.6180339887 % 1
    saturation = np.where(ids % 3 == 0, 0.45, 0.85)
    value = np.where(ids == 0, 0, np.where(ids % 2 == 0, 0.95, 0.7))
    colours: NDArray[np.float64] = hsv_to_rgb(np.stack([hue, saturation, value], axis=-1))
    return colours


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        return f"{value:.2e}" if value != 0 and abs(value) < 1e-3 else f"{value:.4g}"
    return str(value)
