"""Commands that put spectra into clusters, and fit peaks in every pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .bars import reading, watching
from .options import Axes, Force, ImageName, Out, PathText
from .targets import check_target, check_targets_in


def cluster(
    path: PathText,
    out: Out,
    method: Annotated[
        Literal["k_means", "hierarchical", "hdbscan"],
        typer.Option(help="How; hdbscan finds the number of clusters itself"),
    ] = "k_means",
    clusters: Annotated[
        int | None, typer.Option(help="Number of clusters, 4 where it is left out")
    ] = None,
    spectra: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write their mean spectra here, too")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of k-means")] = 0,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Put the spectra of a cube into clusters, and write them as labels."""
    from pydantic import TypeAdapter

    from ..io import read, write
    from ..progress import run
    from ..spectra.clusters.maps import cluster_steps
    from ..spectra.clusters.methods import AnyClustering, Clustering
    from ..system.locks import locked

    about: dict[str, object] = {"kind": method}
    if method == "k_means":
        about["seed"] = seed
    if clusters is not None:
        if method == "hdbscan":
            raise typer.BadParameter("hdbscan finds the number itself; leave out --clusters")
        about["clusters"] = clusters
    settings: Clustering = TypeAdapter(AnyClustering).validate_python(about)
    targets = [out] if spectra is None else [out, spectra]
    for target in targets:
        check_target(target, force)
    with locked(*targets):
        with reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        with watching(f"clustering {Path(path).name}", after=0.5) as watch:
            found = run(cluster_steps(cube, settings), watch)
        print(write(out, found.labels, overwrite=force))
        if spectra is not None:
            print(write(spectra, found.spectra, overwrite=force))


def peaks(
    path: PathText,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the maps")],
    start: Annotated[float, typer.Option("--from", help="Start of the range")],
    end: Annotated[float, typer.Option("--to", help="End of the range")],
    count: Annotated[int, typer.Option(help="Number of peaks in the range")] = 1,
    shape: Annotated[
        Literal["gaussian", "lorentzian", "pseudo_voigt"], typer.Option(help="Of the peaks")
    ] = "gaussian",
    at: Annotated[
        list[float] | None,
        typer.Option(help="Where a peak is about; once for each. Left out: found in the mean"),
    ] = None,
    suffix: Annotated[str, typer.Option(help="Format of the maps")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Fit peaks on a straight line in every pixel.

    Maps of position, height, width (at half maximum), area, their standard errors and the residual
    are written; the peaks of the mean spectrum are printed.
    """
    from ..io import read, write
    from ..progress import run
    from ..spectra.peaks.fit import PeakFit
    from ..spectra.peaks.maps import PeakMaps, peak_maps_steps, peaks_of_mean
    from ..system.locks import locked
    from ..workflows.targets import image_targets

    about = {
        "start": start,
        "end": end,
        "peaks": count,
        "shape": shape,
        "positions": tuple(at or ()),
    }
    settings = PeakFit.model_validate(about)
    words = [f"peak_{quantity}" for quantity in PeakMaps._fields]
    (targets,) = image_targets(out, [path], suffix, words)
    check_targets_in(out, targets, force)
    with locked(*targets):
        with reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        mean = peaks_of_mean(cube, settings)
        unit = cube.spectral_axis.symbol
        for number in range(count):
            place = f"{mean.position[0, number]:.6g} ± {mean.position_error[0, number]:.2g} {unit}"
            width = f"{mean.width[0, number]:.4g} {unit}".strip()
            print(f"peak {number + 1}: {place.strip()}, {width} wide, in the mean spectrum")
        with watching(f"fitting {Path(path).name}") as watch:
            maps = run(peak_maps_steps(cube, settings), watch)
        for target, peak_map in zip(targets, maps, strict=True):
            print(write(target, peak_map, overwrite=force))
