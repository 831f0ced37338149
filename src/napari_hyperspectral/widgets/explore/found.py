"""What the Components dock finds: spectra with names and colours, and maps, whatever the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ...cube import Cube, Image
from ...progress import Job
from ...settings import Settings
from ...spectra.clusters.maps import cluster_steps
from ...spectra.clusters.methods import HDBSCAN, Clustering, Hierarchical, KMeans
from ...spectra.components import COLOURS, Components, Unmixing, names_of, unmix
from ...spectra.decomposition.directions import Directions, scores_steps
from ...spectra.decomposition.spikes import Spike, spiky_components

METHODS: Final[tuple[type[Settings], ...]] = (Unmixing, Directions, KMeans, Hierarchical, HDBSCAN)
"""What the dock offers."""
_STRIP: Final = 0.1
"""Height of the strip of pure spectra, relative to the map below it."""


@dataclass(frozen=True)
class Found:
    """Spectra that were found in a cube, and their maps.

    Parameters
    ----------
    what : str
        "components", "directions" or "clusters".
    spectra : Cube
        Shape (band, 1, component).
    names, colours : sequence of str
        Of the spectra.
    images : sequence of Cube or Labels
        What becomes layers, the first one selected.
    lines : sequence of str
        What is to be known, a sentence each.
    spikes : sequence of Spike
        Components that are cosmic rays.
    components : Components, optional
        Where they were found by unmixing.
    """

    what: str
    spectra: Cube
    names: Sequence[str]
    colours: Sequence[str]
    images: Sequence[Image]
    lines: Sequence[str] = ()
    spikes: Sequence[Spike] = ()
    components: Components | None = None


def find_steps(cube: Cube, others: Sequence[Cube], settings: Settings) -> Job[Found]:
    """Yield progress; return what a method finds in a cube.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x).
    others : sequence of Cube
        In which components are mapped, too; only by unmixing.
    settings : Settings
        Of one of `METHODS`.

    Raises
    ------
    ValueError
        As the methods do.
    """
    if isinstance(settings, Unmixing):
        return (yield from _unmixed(cube, others, settings))
    if isinstance(settings, Directions):
        return (yield from _directions(cube, settings))
    assert isinstance(settings, Clustering)
    return (yield from _clustered(cube, settings))


def _unmixed(cube: Cube, others: Sequence[Cube], settings: Unmixing) -> Job[Found]:
    components = yield from unmix(cube, others, settings)
    images: list[Image] = [strip_above(components.spectra, cube)]
    for maps in components.maps:
        images += [maps.classes, maps.abundances, maps.composite]
    spikes = spiky_components(components.spectra)
    lines = [spike.line(components.spectra.spectral_axis) for spike in spikes]
    count = components.spectra.shape[-1]
    return Found(
        what="components",
        spectra=components.spectra,
        names=names_of(count),
        colours=COLOURS,
        images=images,
        lines=[*lines, *_agreements(components)],
        spikes=spikes,
        components=components,
    )


def _directions(cube: Cube, settings: Directions) -> Job[Found]:
    scores = yield from scores_steps(cube, settings)
    count = scores.loadings.shape[-1]
    names = [f"{settings.method.upper()} {number}" for number in range(1, count + 1)]
    lines = []
    for name, strength in zip(names, scores.strengths, strict=True):
        share = f"{strength:.1%} of the variance"
        noise = f"{strength:.3g} times the variance of noise"
        lines.append(f"{name}: {share if settings.method == 'pca' else noise}")
    spikes = spiky_components(scores.loadings)
    axis = scores.loadings.spectral_axis
    for spike in spikes:
        number = spike.component
        lines.append(spike.line(axis).replace(f"component {number}", names[number - 1]))
    return Found("directions", scores.loadings, names, COLOURS, [scores.maps], lines, spikes)


def _clustered(cube: Cube, settings: Clustering) -> Job[Found]:
    clusters = yield from cluster_steps(cube, settings)
    labels = clusters.labels
    count = clusters.spectra.shape[-1]
    names = labels.classes or [f"cluster {number}" for number in range(1, count + 1)]
    colours = labels.colours or COLOURS
    return Found("clusters", clusters.spectra, names, colours, [labels])


def strip_above(spectra: Cube, cube: Cube) -> Cube:
    """Return pure spectra as a strip of pixels above their cube, where the Spectrum dock shows them.

    The strip is as wide as the cube, one pixel a component.
    """
    rows, columns = cube.shape[-2:]
    pixel_height, pixel_width = cube.pixel_size
    height = _STRIP * rows * pixel_height
    width = columns * pixel_width / spectra.shape[-1]
    # from the edge of the first pixel of the cube, not its centre
    above = -0.5 - height / pixel_height
    right = -0.5 + width / pixel_width / 2
    return replace(
        spectra,
        pixel_size=(height, width),
        pixel_unit=cube.pixel_unit,
        transform=cube.transform,
        origin=cube.place_at(above, right)["origin"],
    )


def _agreements(components: Components) -> list[str]:
    """Return how far the classes of other cubes agree with those of the first, a line each."""
    lines = []
    for maps in components.maps:
        if maps.agreement is not None:
            name = maps.abundances.name.removesuffix(" abundances")
            lines.append(f"{name}: {maps.agreement:.1%} of the pixels have the same component")
    return lines
