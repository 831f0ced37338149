"""Commands that map a cube without a model: its components, a band, a peak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .bars import reading, watching
from .options import Axes, Force, ImageName, Out, PathText
from .targets import check_target, targets_in

if TYPE_CHECKING:
    from ..cube import Image


def components(
    path: PathText,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the maps")],
    apply: Annotated[
        list[str] | None,
        typer.Option(metavar="OTHER", help="Look for the components in this cube, too; repeat it"),
    ] = None,
    count: Annotated[int, typer.Option(help="Components to look for, background included")] = 4,
    sum_to_one: Annotated[
        bool, typer.Option("--sum-to-one", help="Shares of each pixel add up to 1: reflectance")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the search for pure spectra")] = 0,
    suffix: Annotated[str, typer.Option(help="Format of the maps")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Find pure spectra in a cube; map them there and in others, and tell how far maps agree."""
    from ..io import read, write
    from ..progress import run
    from ..spectra.components import Unmixing, unmix

    settings = Unmixing(count=count, sum_to_one=sum_to_one, seed=seed)
    paths = [path, *(apply or ())]
    targets = targets_in(out, paths, suffix, ("abundances", "composite", "classes"), force)
    table = out / "components.csv"
    check_target(table, force, to_be_made=True)
    cubes = []
    for one in paths:
        with reading(one) as watch:
            cubes.append(read(one, axes=axes, image=image, watch=watch))
    with watching(f"unmixing {Path(path).name}") as watch:
        found = run(unmix(cubes[0], cubes[1:], settings), watch)
    out.mkdir(parents=True, exist_ok=True)
    print(write(table, found.spectra, overwrite=force))
    for name, files, maps in zip(paths, targets, found.maps, strict=True):
        images: tuple[Image, ...] = (maps.abundances, maps.composite, maps.classes)
        for file, one_map in zip(files, images, strict=True):
            print(write(file, one_map, overwrite=force))
        if maps.agreement is not None:
            same = f"{maps.agreement:.1%} of the pixels have the same component"
            print(f"{Path(name).name}: {same} as in {Path(path).name}")


def map_of_band(
    path: PathText,
    out: Out,
    at: Annotated[float | None, typer.Option(help="Take the band nearest to this")] = None,
    start: Annotated[float | None, typer.Option("--from", help="Begin of a range")] = None,
    end: Annotated[float | None, typer.Option("--to", help="End of the range")] = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Count all below the peak, down to 0")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Make an image of one band (--at), or of the area of a peak (--from, --to)."""
    from ..io import read, write
    from ..spectra.maps import area_map, band_map

    if (at is None) == (start is None) or (start is None) != (end is None):
        raise typer.BadParameter("give either --at, or both --from and --to")
    check_target(out, force)
    with reading(path) as watch:
        cube = read(path, axes=axes, image=image, watch=watch)
    if at is not None:
        found = band_map(cube, at)
    else:
        assert start is not None
        assert end is not None
        found = area_map(cube, start, end, baseline=not no_baseline)
    print(write(out, found, overwrite=force))
