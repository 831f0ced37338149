"""Reports: tables and pictures as data, and as Markdown, JSON, files and rich text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..atomic import replacing

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from rich.console import Group
    from rich.table import Table as RichTable

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
        headings: dict[str, None] = {}  # in order, each once
        for row in self.rows:
            headings |= dict.fromkeys(row)
        return list(headings)

    @property
    def cells(self) -> list[list[str]]:
        """Texts of all cells, row by row."""
        columns = self.columns
        cells = []
        for row in self.rows:
            cells.append([_text(row.get(heading)) for heading in columns])
        return cells

    def to_markdown(self) -> str:
        """Return the table with its title, as GitHub shows it."""
        columns = self.columns
        rule = ["---"] * len(columns)
        lines = [f"**{self.title}**", ""]
        for row in (columns, rule, *self.cells):
            lines.append(f"| {' | '.join(row)} |")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture in colour, or a map of classes."""

    title: str
    image: NDArray[np.number]
    """Colours from 0 to 1, shape (y, x, 3), or classes, (y, x), 0 for none."""
    classes: tuple[str, ...] = ()
    """Names of classes 1, 2, …, where it is a map."""

    def draw(self, axes: Axes) -> None:
        """Draw it into a matplotlib figure."""
        from matplotlib.patches import Patch

        image = self.image
        if image.ndim == 2:  # a map
            image = class_colours(image)
        # pixels are shown as they are measured, not blended
        axes.imshow(image, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(self.title)
        if not self.classes:
            return
        handles = []
        colours = _line_colours(len(self.classes))
        for colour, name in zip(colours, self.classes, strict=True):
            handles.append(Patch(color=colour, label=name))
        _add_legend(axes, handles)


@dataclass(frozen=True, eq=False)
class Curves:
    """Lines over a physical axis."""

    title: str
    x: NDArray[np.float64]
    """Position of each value, shape (band,), in the order of the file; plotted in rising order."""
    x_title: str
    lines: Mapping[str, NDArray[np.number]]
    """Values of each line, shape (band,), by its name."""

    def draw(self, axes: Axes) -> None:
        """Draw it into a matplotlib figure."""
        order = np.argsort(self.x, kind="stable")  # detectors may overlap
        positions = self.x[order]
        colours = _line_colours(len(self.lines))
        handles: list[Artist] = []
        for (name, values), colour in zip(self.lines.items(), colours, strict=True):
            handles += axes.plot(
                positions,
                values[order],
                label=name,
                color=colour,
                linewidth=1,
            )
        axes.set_xlabel(self.x_title)
        axes.set_title(self.title)
        _add_legend(axes, handles)


Picture: TypeAlias = Photograph | Curves


@dataclass(frozen=True, eq=False)
class Report:
    """The results of an evaluation, for people and for programs.

    The rich library prints it as it is: ``console.print(report)``.
    """

    title: str
    tables: Sequence[Table]
    notes: Sequence[str] = ()
    """One sentence each: what the figures mean, and what they do not."""
    images: Sequence[Picture] = ()

    def with_images(self, *images: Picture) -> Report:
        """Return a report with these pictures after its own."""
        return replace(self, images=(*self.images, *images))

    def to_markdown(self, pictures: Sequence[Path] = ()) -> str:
        """Return the report as Markdown, with links to `pictures`, if any."""
        parts = [f"# {self.title}"]
        for table in self.tables:
            parts.append(table.to_markdown())
        if self.notes:
            notes = [f"- {note}" for note in self.notes]
            parts.append("\n".join(notes))
        for path in pictures:
            parts.append(f"![{path.stem}]({path.name})")
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> str:
        """Return titles, tables and notes as JSON; what is no number is null."""
        tables = []
        for table in self.tables:
            rows = [json_row(row) for row in table.rows]
            tables.append({"title": table.title, "rows": rows})
        content = {
            "title": self.title,
            "tables": tables,
            "notes": list(self.notes),
        }
        # NaN is no JSON: other programs could not read the file
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def pictures(
        self,
        folder: Path,
        *,
        inches: tuple[float, float] = (8, 5),
        dpi: int = 120,
    ) -> list[Path]:
        """Draw each picture into a PNG file of `folder`; return their paths."""
        from matplotlib.figure import Figure  # without pyplot: no screen, no global state

        paths = []
        for number, picture in enumerate(self.images, start=1):
            name = f"{number}_{_file_name(picture.title)}.png"
            path = folder / name
            figure = Figure(figsize=inches)
            axes = figure.add_subplot()
            picture.draw(axes)
            figure.savefig(path, dpi=dpi, bbox_inches="tight")
            paths.append(path)
        return paths

    def save(self, folder: Path) -> list[Path]:
        """Write report.md, report.json and the pictures into `folder`; return their paths."""
        pictures = self.pictures(folder)
        text = folder / "report.md"
        data = folder / "report.json"
        # both or neither, so that they never say different things
        with replacing(text, data) as (draft_text, draft_data):
            draft_text.write_text(self.to_markdown(pictures), encoding="utf-8")
            draft_data.write_text(self.to_json(), encoding="utf-8")
        return [text, data, *pictures]

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.padding import Padding

        tables = [_rich_table(table) for table in self.tables]
        notes = [Padding(f"• {note}", (0, 0, 0, 1)) for note in self.notes]
        return Group(*tables, *notes)


def json_row(row: Row) -> dict[str, Value]:
    """Return a row as JSON can hold it: what is no finite number is None."""
    finite: dict[str, Value] = {}
    for heading, value in row.items():
        missing = isinstance(value, float) and not math.isfinite(value)
        finite[heading] = None if missing else value
    return finite


def class_colours(classes: NDArray[np.number]) -> NDArray[np.float64]:
    """Return a colour for each class, shape (…, 3), from 0 to 1; black for 0.

    Steps of a golden section along the circle of hues differ for any number of classes.

    Parameters
    ----------
    classes : ndarray of int, of any shape
        Numbers from 1; 0 is unlabelled.
    """
    from matplotlib.colors import hsv_to_rgb

    ids = np.asarray(classes, np.float64)
    hue = ids * 0.6180339887 % 1
    # paler and brighter in turns, since neighbouring hues look alike
    saturation = np.where(ids % 3 == 0, 0.45, 0.85)
    value = np.where(ids % 2 == 0, 0.95, 0.7)
    value = np.where(ids == 0, 0, value)
    hsv = np.stack([hue, saturation, value], axis=-1)
    colours: NDArray[np.float64] = hsv_to_rgb(hsv)
    return colours


def _line_colours(count: int) -> NDArray[np.float64]:
    """Return the colours of the classes 1, 2, … up to a number, (class, 3)."""
    return class_colours(np.arange(1, count + 1))


def _rich_table(table: Table) -> RichTable:
    """Return a table for the terminal: texts on the left, numbers on the right."""
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(
        title=table.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in table.columns:
        # texts stay on one line; numbers may fold in a narrow terminal
        texts = any(isinstance(row.get(heading), str) for row in table.rows)
        justify: Literal["left", "right"] = "left" if texts else "right"
        shown.add_column(
            heading,
            justify=justify,
            overflow="fold",
            no_wrap=texts,
        )
    for cells in table.cells:
        shown.add_row(*cells)
    return shown


def _add_legend(axes: Axes, handles: Sequence[Artist]) -> None:
    """Add a legend on the right of a picture, where it covers nothing."""
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        fontsize="small",
        frameon=False,
    )


def _file_name(title: str) -> str:
    """Return a title as the stem of a file name."""
    characters = [c if c.isalnum() else "_" for c in title.lower()]
    return "".join(characters)


def _text(value: Value) -> str:
    """Return a cell as people read it: four digits, and an en dash for what is no number."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4g}"
