"""Commands that map a cube without a model: its components, a band, a peak."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .bars import reading, watching
from .options import Axes, Force, ImageName, Out, PathText
from .targets import check_target, check_targets_in

if TYPE_CHECKING:
    from ..cube import Image

_MAPS: Final = ("abundances", "composite", "classes")
"""The maps of a cube, in the order in which they are written."""


def components(
    path: PathText,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the maps")],
    apply: Annotated[
        list[str] | None,
        typer.Option(metavar="OTHER", help="Map the components in this cube, too; repeat it"),
    ] = None,
    count: Annotated[int, typer.Option(help="Number of components, background included")] = 4,
    sum_to_one: Annotated[
        bool, typer.Option("--sum-to-one", help="Abundances of each pixel add up to 1: reflectance")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the search for pure spectra")] = 0,
    suffix: Annotated[str, typer.Option(help="Format of the maps")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Find the pure spectra of a cube, and map them.

    They are mapped in other cubes, too; how far the maps agree is printed.
    """
    from ..io import read, write
    from ..progress import run
    from ..spectra.components import Unmixing, unmix
    from ..system.locks import locked
    from ..workflows.targets import image_targets

    settings = Unmixing(count=count, sum_to_one=sum_to_one, seed=seed)
    paths = [path, *(apply or ())]
    targets = image_targets(out, paths, suffix, _MAPS)
    table = out / "components.csv"
    check_targets_in(out, [table, *chain.from_iterable(targets)], force)
    cubes = []
    with locked(table, *chain.from_iterable(targets)):
        for each_path in paths:
            with reading(each_path) as watch:
                cubes.append(read(each_path, axes=axes, image=image, watch=watch))
        with watching(f"unmixing {Path(path).name}") as watch:
            unmixed = run(unmix(cubes[0], cubes[1:], settings), watch)
        print(write(table, unmixed.spectra, overwrite=force))
        for each_path, files, maps in zip(paths, targets, unmixed.maps, strict=True):
            images: tuple[Image, ...] = (maps.abundances, maps.composite, maps.classes)
            for file, image_map in zip(files, images, strict=True):
                print(write(file, image_map, overwrite=force))
            if maps.agreement is not None:
                same = f"{maps.agreement:.1%} of the pixels have the same component"
                print(f"{Path(each_path).name}: {same} as in {Path(path).name}")


def map_of_band(
    path: PathText,
    out: Out,
    at: Annotated[float | None, typer.Option(help="Take the band nearest to this")] = None,
    start: Annotated[float | None, typer.Option("--from", help="Start of the range")] = None,
    end: Annotated[float | None, typer.Option("--to", help="End of the range")] = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Integrate from 0, not from a straight baseline")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Map a band (--at), or the area of a peak (--from, --to)."""
    from ..io import read, write
    from ..spectra.maps import area_map, band_map
    from ..system.locks import locked

    has_band = at is not None
    has_range = start is not None and end is not None
    has_half_a_range = (start is None) != (end is None)
    if has_band == has_range or has_half_a_range:
        raise typer.BadParameter("give either --at, or both --from and --to")
    check_target(out, force)
    with locked(out):
        with reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        if at is not None:
            band_image = band_map(cube, at)
        else:
            assert start is not None
            assert end is not None
            band_image = area_map(cube, start, end, baseline=not no_baseline)
        print(write(out, band_image, overwrite=force))
