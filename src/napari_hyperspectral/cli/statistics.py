"""The command that writes statistics of classes over many images as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .bars import reading, watching
from .options import Axes, Force


def statistics(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Cubes, or maps as of peaks")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write, .csv")],
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Classes of the pixels: one file for all images, or one for each"
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Group of an image, one for each; left out: the name of its folder"),
    ] = None,
    groups: Annotated[
        bool, typer.Option("--groups", help="Write a line for each group, not for each image")
    ] = False,
    axes: Axes = None,
    force: Force = False,
) -> None:
    """Write mean, standard deviation and number of pixels of each class, over many images.

    With --groups, every image of a group counts once.
    """
    from ..files.atomic import write_text
    from ..io import read, read_labels
    from ..progress import run
    from ..spectra.statistics.classes import (
        by_group,
        class_statistics_steps,
        statistics_table,
    )

    of_image = _one_for_each("--labels", labels or (), len(paths), shared=True)
    group_of = _one_for_each("--group", group or (), len(paths))
    if out.exists() and not force:
        raise FileExistsError(f"{out} exists; --force overwrites it")
    rows = []
    for path, labels_path, name in zip(paths, of_image, group_of, strict=True):
        with reading(path) as watch:
            cube = read(path, axes=axes, watch=watch)
        classes = None if labels_path is None else read_labels(labels_path)
        of_folder = Path(path).absolute().parent.name
        job = class_statistics_steps(
            cube, classes, image=Path(path).name, group=of_folder if name is None else name
        )
        with watching(f"measuring {Path(path).name}", after=0.5) as watch:
            rows += run(job, watch)
    text = statistics_table(by_group(rows)) if groups else statistics_table(rows)
    write_text(out, text)
    print(out)


def _one_for_each(
    option: str, values: tuple[str, ...] | list[str], count: int, *, shared: bool = False
) -> list[str | None]:
    """Return a value for each image: none, one for all where that may be, or one for each."""
    if not values:
        return [None] * count
    if shared and len(values) == 1:
        return [values[0]] * count
    if len(values) != count:
        raise typer.BadParameter(
            f"got {option} {len(values)} times for {count} images; give it once for each, in their "
            "order" + (", or once for all" if shared else "")
        )
    return list(values)
