"""Commands for image files: what is in them, other formats, other axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from .bars import reading
from .options import AsJson, Axes, Force, ImageName, PathText
from .tables import print_pairs
from .targets import check_target
from .words import step_of, wanted_image

if TYPE_CHECKING:
    from ..cube import Image
    from ..io import Format


def info(
    path: PathText,
    as_json: AsJson = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Smallest, greatest and mean value; reads all of it")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
) -> None:
    """Tell what is in a file: dimensions, spectral axis, pixel size, history."""
    from ..io import Source, format_of, read, read_all
    from ..models.summary import facts, lines_of_image

    format_name = format_of(Source.parse(path).path).name
    with reading(path) as watch:
        if image is None:
            images = read_all(path, axes=axes, watch=watch)
        else:
            images = [read(path, axes=axes, image=image, watch=watch)]
    told = [{"format": format_name} | facts(found, with_statistics=stats) for found in images]
    if as_json:
        print(json.dumps(told[0] if len(told) == 1 else {"images": told}, indent=1))
        return
    for number, (found, about) in enumerate(zip(images, told, strict=True)):
        if number:
            print()
        print_pairs(lines_of_image(found, about))


def convert(
    path: PathText,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its suffix tells how")],
    axes: Axes = None,
    image: ImageName = None,
    labels: Annotated[bool, typer.Option("--labels", help="The file holds a label image")] = False,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format to write, where a suffix has several")
    ] = None,
    force: Force = False,
) -> None:
    """Read a cube (or labels) and write it in another format, with axis, units and history."""
    from ..io import read_labels, write

    check_target(out, force, format_name)
    with reading(path) as watch:
        if labels:
            found: Image = read_labels(path, axes=axes, image=image, watch=watch)
        else:
            found = wanted_image(path, axes, image, watch)
    with Console(stderr=True).status(f"writing {out.name}"):
        write(out, found, overwrite=force, format=format_name)
    print(out)


def axis(
    path: PathText,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its suffix tells how")],
    load: Annotated[
        Path | None, typer.Option(help="Text, CSV or JSON file with the axis to take")
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'KIND key=value …'",
            help="What to do, in this order: 'ends first=400 last=700', 'shift by=-1.5', "
            "'calibrate measured=[999,1602] known=[1001.4,1602.3]', "
            "'convert quantity=\"wavelength (nm)\"', 'fold columns=5' …",
        ),
    ] = None,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Give a cube its axis, calibrate or convert it, as the dock Axis does."""
    from ..cube import Cube
    from ..io import write
    from ..io.metadata.axis_file import read_axis
    from ..spectra.layout import with_axis

    check_target(out, force)
    steps = [step_of(text) for text in step or ()]
    if not steps and load is None:
        raise typer.BadParameter("give --load FILE or --step 'KIND key=value …'")
    with reading(path) as watch:
        cube = wanted_image(path, axes, image, watch)
    if not isinstance(cube, Cube):
        raise ValueError(f"{path} holds labels, which have no axis")
    if load is not None:
        cube = with_axis(cube, read_axis(load), f"took the axis of {load.name}")
    for one in steps:
        cube = one.on(cube)
    write(out, cube, overwrite=force)
    print(out)


def formats(as_json: AsJson = False) -> None:
    """List the file formats: what is read and written, and what has to be installed for it."""
    from ..io import FORMATS
    from ..io.bridge import suffixes

    rows = [_format_facts(known) for known in FORMATS]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table("Format", "Read", "Written", "Labels", "Extra", box=None)
    for row in rows:
        words = (" ".join(row["reads"]), " ".join(row["writes"]), "yes" if row["labels"] else "")
        table.add_row(row["name"], *words, row["extra"] or "")
    Console().print(table)
    extras = dict.fromkeys(row["extra"] for row in rows if row["extra"])
    print("\nAn extra is installed with pip: " + ", ".join(map(_install, extras)))
    print("Never tried on a real file, because none is public:")
    for row in rows:
        if row["untried"]:
            print(f"  {row['name']}: {row['untried']}")
    more = suffixes()
    if more:
        print(f"Read through RosettaSciIO, which is installed: {' '.join(f'*.{s}' for s in more)}")


def _format_facts(known: Format) -> dict[str, Any]:
    return {
        "name": known.name,
        "reads": list(known.patterns) if known.reader else [],
        "writes": list(known.writes or known.patterns) if known.writer else [],
        "labels": bool(known.writer and known.labels),
        "extra": known.extra,
        "untried": known.untried or None,
    }


def _install(extra: str) -> str:
    return f"'napari-hyperspectral[{extra}]'"
