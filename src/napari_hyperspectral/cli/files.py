"""Commands for image files: what is in them, other formats, other axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .bars import reading
from .options import AsJson, Axes, Force, ImageName, PathText
from .tables import print_pairs
from .targets import check_target
from .words import read_image, step_of

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
    """Show the size, axis, pixel size and history of a file."""
    from ..io import Source, format_of, read, read_all
    from ..models.summary import image_facts, lines_of_image

    format_name = format_of(Source.parse(path).path).name
    with reading(path) as watch:
        if image is None:
            images = read_all(path, axes=axes, watch=watch)
        else:
            images = [read(path, axes=axes, image=image, watch=watch)]
    headers = []
    for content in images:
        header = image_facts(content, with_statistics=stats)
        headers.append({"format": format_name, **header})
    if as_json:
        printed = headers[0] if len(headers) == 1 else {"images": headers}
        print(json.dumps(printed, indent=1))
        return
    for number, (content, header) in enumerate(zip(images, headers, strict=True)):
        if number:
            print()
        print_pairs(lines_of_image(content, header))


def convert(
    path: PathText,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write; its suffix is the format")
    ],
    axes: Axes = None,
    image: ImageName = None,
    labels: Annotated[bool, typer.Option("--labels", help="The file holds a label image")] = False,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format to write, where a suffix has several")
    ] = None,
    force: Force = False,
) -> None:
    """Write a cube (or labels) in another format.

    Axis, units and history are kept.
    """
    from ..io import read_labels, write
    from ..system.locks import locked

    check_target(out, force, format_name)
    with locked(out):
        with reading(path) as watch:
            if labels:
                content: Image = read_labels(path, axes=axes, image=image, watch=watch)
            else:
                content = read_image(path, axes, image, watch)
        with Console(stderr=True).status(Text(f"writing {out.name}")):
            write(out, content, overwrite=force, format=format_name)
    print(out)


def axis(
    path: PathText,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write; its suffix is the format")
    ],
    load: Annotated[
        Path | None, typer.Option(help="Text, CSV or JSON file with the axis to take")
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'KIND key=value …'",
            help="Step to apply; repeat it for several: 'ends first=400 last=700', 'shift by=-1.5', "
            "'calibrate measured=[999,1602] known=[1001.4,1602.3]', "
            "'convert quantity=\"wavelength (nm)\"', 'fold columns=5' …",
        ),
    ] = None,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Set, calibrate or convert the spectral axis of a cube.

    The Axis dock does the same.
    """
    from ..cube import Cube
    from ..io import write
    from ..io.metadata.axis_file import read_axis
    from ..spectra.layout import with_axis
    from ..system.locks import locked

    check_target(out, force)
    steps = [step_of(text) for text in step or ()]
    if not steps and load is None:
        raise typer.BadParameter("give --load FILE or --step 'KIND key=value …'")
    with locked(out):
        with reading(path) as watch:
            cube = read_image(path, axes, image, watch)
        if not isinstance(cube, Cube):
            raise ValueError(f"{path} holds labels, which have no axis; give a cube")
        if load is not None:
            cube = with_axis(cube, read_axis(load), f"took the axis of {load.name}")
        for each_step in steps:
            cube = each_step.on(cube)
        write(out, cube, overwrite=force)
    print(out)


def formats(as_json: AsJson = False) -> None:
    """List the file formats that are read and written.

    Some need an extra of this package: the last column says which.
    """
    from ..io import FORMATS
    from ..io.bridge import suffixes

    rows = [_format_facts(known) for known in FORMATS]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table("Format", "Read", "Written", "Labels", "Extra", box=None)
    for row in rows:
        labels = "yes" if row["labels"] else ""
        patterns = (" ".join(row["reads"]), " ".join(row["writes"]))
        table.add_row(row["name"], *patterns, labels, row["extra"] or "")
    Console(markup=False, emoji=False).print(table)
    extras = dict.fromkeys(row["extra"] for row in rows if row["extra"])
    installs = [f"'napari-hyperspectral[{extra}]'" for extra in extras]
    print("\nAn extra is installed with pip: " + ", ".join(installs))
    print("Never tried on a real file, because none is public:")
    for row in rows:
        if row["untried"]:
            print(f"  {row['name']}: {row['untried']}")
    more = suffixes()
    if more:
        patterns_more = " ".join(f"*.{suffix}" for suffix in more)
        print(f"Read through RosettaSciIO, which is installed: {patterns_more}")


def _format_facts(known: Format) -> dict[str, Any]:
    """Return what there is to know of a format, as JSON."""
    reads = known.patterns if known.reader else ()
    writes = (known.writes or known.patterns) if known.writer else ()
    return {
        "name": known.name,
        "reads": list(reads),
        "writes": list(writes),
        "labels": bool(known.writer and known.labels),
        "extra": known.extra,
        "untried": known.untried or None,
    }
