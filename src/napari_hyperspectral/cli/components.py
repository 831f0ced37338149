"""The command that finds the components of a cube, and maps them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from .bars import reading, watching
from .options import Axes, Force, ImageName, PathText
from .targets import check_targets_in

if TYPE_CHECKING:
    from ..cube import Cube, Image
    from ..spectra.components import Components
    from ..spectra.matching.library import Library

_MAPS: Final = ("abundances", "composite", "classes")
"""The maps of a cube, in the order in which they are written."""
_MATCHES: Final = 3
"""Spectra of a library that are printed for each component."""


def components(
    path: PathText,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the maps")],
    apply: Annotated[
        list[str] | None,
        typer.Option(metavar="OTHER", help="Map the components in this cube, too; repeat it"),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="Number of components, background included; left out: as suggested"),
    ] = None,
    method: Annotated[
        Literal["vca", "n_findr", "mcr_als", "pca", "mnf"],
        typer.Option(
            help="Purest spectra (vca, n_findr), fitted ones (mcr_als), or directions of most "
            "variance (pca) or signal (mnf), which are scores, not abundances",
        ),
    ] = "vca",
    sum_to_one: Annotated[
        bool, typer.Option("--sum-to-one", help="Abundances of each pixel add up to 1: reflectance")
    ] = False,
    sparsity: Annotated[
        float, typer.Option(help="Penalty of abundances, 0 to 0.9: few components in each pixel")
    ] = 0.0,
    spectra: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Map these spectra, and search for none; repeat it, any axis"
        ),
    ] = None,
    library: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Print which of these spectra the components are like; repeat it"
        ),
    ] = None,
    remove_cosmic_rays: Annotated[
        bool, typer.Option("--remove-cosmic-rays", help="Bridge spikes first")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the search for pure spectra")] = 0,
    starts: Annotated[int, typer.Option(help="Searches of which the best is kept")] = 20,
    suffix: Annotated[str, typer.Option(help="Format of the maps")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Find the pure spectra of a cube, and map them.

    They are mapped in other cubes, too; how far the maps agree is printed.
    """
    from ..io import read
    from ..progress import run
    from ..spectra.components import Unmixing, unmix, unmix_with
    from ..spectra.decomposition.spikes import COSMIC_RAYS, spiky_share
    from ..system.locks import locked
    from ..workflows.targets import image_targets

    paths = [path, *(apply or ())]
    has_scores = method == "pca" or method == "mnf"
    if has_scores and (apply or spectra or library):
        raise typer.BadParameter(
            f"{method} has scores, not abundances; --apply, --spectra and --library need another "
            "--method"
        )
    targets = image_targets(out, paths, suffix, (f"{method}_scores",) if has_scores else _MAPS)
    table = out / "components.csv"
    check_targets_in(out, [table, *chain.from_iterable(targets)], force)
    cubes = []
    with locked(table, *chain.from_iterable(targets)):
        for each_path in paths:
            with reading(each_path) as watch:
                cubes.append(read(each_path, axes=axes, image=image, watch=watch))
        if remove_cosmic_rays:
            cubes = [COSMIC_RAYS.on(cube) for cube in cubes]
        elif spikes := spiky_share(cubes[0]).line:
            print(f"note: {spikes} (--remove-cosmic-rays)", file=sys.stderr)
        if method == "pca" or method == "mnf":
            _write_scores(cubes[0], method, count, table, targets[0][0], force)
            return
        number = count or (4 if spectra else _suggested(cubes[0]))
        settings = Unmixing(
            count=number, method=method, sum_to_one=sum_to_one, sparsity=sparsity, seed=seed,
            starts=starts,
        )  # fmt: skip
        job = unmix(cubes[0], cubes[1:], settings)
        if spectra:
            known = _library(cubes[0], spectra)
            job = unmix_with(known.as_cube(), cubes, settings, names=known.names)
        with watching(f"unmixing {Path(path).name}") as watch:
            unmixed = run(job, watch)
        _write(unmixed, paths, table, targets, force)
    _warn_of_spikes(unmixed)
    if library:
        _print_matches(unmixed, _library(unmixed.spectra, library))


def _suggested(cube: Cube) -> int:
    """Return the suggested number of components, and print why."""
    from ..spectra.decomposition.count import suggested_count

    suggested = suggested_count(cube)
    print(f"note: {suggested.components} components: {suggested.reason}", file=sys.stderr)
    return suggested.components


def _library(cube: Cube, paths: Sequence[str]) -> Library:
    """Return the spectra of files on the axis of a cube; print what was assumed of them."""
    from ..io import read
    from ..spectra.matching.library import library_on

    files = []
    for path in paths:
        with reading(path) as watch:
            file = read(path, watch=watch)
        files.append(replace(file, name=file.name or Path(path).stem))
    found = library_on(cube.spectral_axis, files)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    return found


def _write(
    unmixed: Components,
    paths: Sequence[str],
    table: Path,
    targets: Sequence[Sequence[Path]],
    force: bool,
) -> None:
    """Write spectra and maps, and print where, and how far the maps agree."""
    from ..io import write

    print(write(table, unmixed.spectra, overwrite=force))
    for path, files, maps in zip(paths, targets, unmixed.maps, strict=True):
        images: tuple[Image, ...] = (maps.abundances, maps.composite, maps.classes)
        for file, image_map in zip(files, images, strict=True):
            print(write(file, image_map, overwrite=force))
        if maps.agreement is not None:
            same = f"{maps.agreement:.1%} of the pixels have the same component"
            print(f"{Path(path).name}: {same} as in {Path(paths[0]).name}")


def _write_scores(
    cube: Cube, method: str, count: int | None, table: Path, file: Path, force: bool
) -> None:
    """Write loadings and scores, and print how strong they are."""
    from ..io import write
    from ..progress import run
    from ..spectra.decomposition.directions import Directions, scores_steps

    settings = Directions.model_validate({"method": method} | ({"count": count} if count else {}))
    with watching(f"projecting {cube.name}") as watch:
        found = run(scores_steps(cube, settings), watch)
    print(write(table, found.loadings, overwrite=force))
    print(write(file, found.maps, overwrite=force))
    for name, strength in zip(found.maps.channel_axis.names, found.strengths, strict=True):
        text = f"{strength:.1%} of the variance"
        if method == "mnf":
            text = f"{strength:.3g} × the variance of the noise"
        print(f"{name}: {text}")


def _warn_of_spikes(unmixed: Components) -> None:
    from ..spectra.decomposition.spikes import spiky_components

    for spike in spiky_components(unmixed.spectra):
        print(f"note: {spike.line(unmixed.spectra.spectral_axis)}", file=sys.stderr)


def _print_matches(unmixed: Components, library: Library) -> None:
    """Print the spectra of a library that each component is most like."""
    from ..spectra.matching.library import matches

    for number, found in enumerate(matches(unmixed.spectra, library), start=1):
        best = []
        for match in found[:_MATCHES]:
            best.append(f"{match.name} ({match.angle:.1f}°, r = {match.correlation:.3f})")
        print(f"component {number}: {', '.join(best)}")
