"""Components of an image: find pure spectra in one cube, map them there and in other cubes.

As Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178, evaluate their networks: maps
of the same components in a measured and a predicted cube are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from ..axis import Axis, ChannelAxis, SpectralAxis, axis_difference, axis_in_full
from ..cube import Cube, Labels
from ..metrics import confusion, overall_accuracy
from ..place.same import TOLERANCE, difference_in_pixels
from ..progress import Job, Progress
from ..settings import Settings
from .arrays import Array, SpectraTable
from .resample import resample
from .unmix import abundances, vertex_components

COLOURS: Final = (
    "#e6484d", "#3cb44b", "#4363d8", "#f5c518", "#b04fd8", "#38c6d9", "#f58231", "#f032e6",
    "#a8d24e", "#8d5a2b", "#f6a5c0", "#7f7f7f",
)  # fmt: skip
"""Colours of the components, in their order."""
_SMALLEST_SHARE: Final = 0.8
"""Share of the range of the components that a cube must cover for them to be mapped in it."""
_SLAB: Final = 2**24
"""Values that are unmixed at a time, to bound memory."""


class Unmixing(Settings):
    """Unmixing settings: how components are found and mapped."""

    count: Annotated[int, Ge(2), Le(len(COLOURS))] = 4
    """Number of components, the background included. Remove cosmic rays first: a spectrum with a
    spike is unlike every mixture, and so would become a component."""
    sum_to_one: bool = False
    """Whether the abundances of each pixel sum to 1: right for reflectance in even light. Off,
    pixels may be brighter or darker, as in Raman and fluorescence maps."""
    seed: Annotated[int, Ge(0)] = 0
    """Random seed of the search for pure spectra."""


class Maps(NamedTuple):
    """Maps of the components in a cube."""

    abundances: Cube
    """Abundance of each component, (component, y, x): one channel per component."""
    composite: Cube
    """The colours of the components mixed by their abundances, (3, y, x): RGB, uint8."""
    classes: Labels
    """The most abundant component of each pixel."""
    agreement: float | None
    """Share of pixels with the same class as in the cube that the components were found in; None
    for that cube itself, and for cubes of another size."""


class Components(NamedTuple):
    """The components of a cube, and their maps."""

    spectra: Cube
    """Pure spectra, shape (band, 1, component)."""
    maps: tuple[Maps, ...]
    """Maps in the cube itself, then in the other cubes."""


def unmix(
    cube: Cube, others: Sequence[Cube] = (), settings: Unmixing | None = None
) -> Job[Components]:
    """Find the components of a cube, and map them there and in other cubes.

    Parameters
    ----------
    cube : Cube
        In which pure spectra are found; see `end_members`.
    others : sequence of Cube
        In which they are mapped too; see `abundance_maps`.
    settings : Unmixing, optional
        Default: four components.

    Raises
    ------
    ValueError
        As `end_members` and `abundance_maps` do.
    """
    settings = settings or Unmixing()
    for other in others:
        on_bands_of(cube.spectral_axis, other.axis)  # refused before the work, not after it
    spectra = end_members(cube, settings.count, seed=settings.seed)
    steps = 2 + len(others)
    yield Progress(1, steps, note="found the components")

    maps: list[Maps] = []
    for done, image in enumerate((cube, *others), start=2):
        shares = abundance_maps(spectra, image, sum_to_one=settings.sum_to_one)
        classes = class_map(shares)
        same_classes = None
        if maps and _same_pixels(classes, maps[0].classes):
            same_classes = agreement(classes, maps[0].classes)
        maps.append(Maps(shares, composite(shares), classes, same_classes))
        yield Progress(done, steps, note=f"mapped them in {image.name or 'a cube'}")
    return Components(spectra, tuple(maps))


def end_members(cube: Cube, count: int, *, seed: int = 0) -> Cube:
    """Find the purest spectra of a cube by vertex component analysis.

    Returns
    -------
    Cube
        Shape (band, 1, component), in the intensity unit of the cube; NaN in bad bands. Most
        abundant first.

    Raises
    ------
    ValueError
        If too few spectra are complete, or there cannot be so many components.
    """
    axis = cube.spectral_axis
    table = np.asarray(cube.spectra()[:, axis.good], np.float64)  # (spectrum, good band)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < count:
        raise ValueError(
            f"cube {cube.name!r} has too few spectra without missing values ({len(table)}) for "
            f"{count} components; mark bands in which values are missing as bad"
        )
    pure = vertex_components(table, count, seed=seed).spectra
    mean_abundance = abundances(table, pure).mean(axis=0)
    most_abundant_first = np.argsort(-mean_abundance, kind="stable")
    spectra = np.full((count, len(axis)), np.nan, np.float32)
    spectra[:, axis.good] = pure[most_abundant_first]
    return Cube.from_spectra(
        spectra,
        axis,
        intensity_unit=cube.intensity_unit,
        name=f"{cube.name} components".strip(),
        history=(*cube.history, f"found {count} pure spectra by vertex component analysis"),
    )


def abundance_maps(spectra: Cube, cube: Cube, *, sum_to_one: bool = False) -> Cube:
    """Return the abundance of each pure spectrum in each pixel of a cube.

    Parameters
    ----------
    spectra : Cube
        Pure spectra, (band, 1, component), as from `end_members`. Where their bands are not those
        of the cube, they are interpolated.
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is unmixed a few rows at a time.
    sum_to_one : bool
        Whether the abundances of each pixel sum to 1.

    Returns
    -------
    Cube
        Shape (…, component, y, x), without a unit: 1 is the pure spectrum itself. NaN where too
        few bands were measured.

    Raises
    ------
    ValueError
        If the bands cannot be compared: another quantity, or another range.
    """
    pure = _pure_on_bands_of(spectra, cube)
    count = len(pure)
    *leading, bands, height, width = cube.shape
    shares = np.empty((*leading, count, height, width), np.float32)
    rows_at_a_time = max(1, _SLAB // (bands * width))
    for plane in np.ndindex(*leading):
        for first in range(0, height, rows_at_a_time):
            rows = (*plane, slice(None), slice(first, first + rows_at_a_time))
            part = np.asarray(cube.data[rows])[cube.axis.good]  # (good band, row, x)
            table = part.reshape(len(part), -1).T  # (pixel, good band)
            part_shares = abundances(table, pure, sum_to_one=sum_to_one)
            shares[rows] = part_shares.T.reshape(count, -1, width)

    constraint = "summing to 1" if sum_to_one else "0 or more"
    return cube.after(
        f"unmixed into {count} components, {constraint}",
        data=shares,
        axis=ChannelAxis(names_of(count)),
        intensity_unit="abundance",
        name=f"{cube.name} abundances".strip(),
    )


def on_bands_of(pure: SpectralAxis, cube: Axis) -> SpectralAxis | None:
    """Return the axis that pure spectra must be interpolated to; None where they have it already.

    Parameters
    ----------
    pure : SpectralAxis
        Of the pure spectra.
    cube : SpectralAxis or ChannelAxis
        Of the cube in which they are to be mapped.

    Raises
    ------
    ValueError
        If no interpolation leads there.
    """
    if pure.same_bands(cube):
        return None
    if not isinstance(cube, SpectralAxis):
        raise ValueError(
            f"the components have {pure}, the cube {cube}; choose a cube with a spectral axis"
        )
    if (pure.kind, pure.unit) != (cube.kind, cube.unit) or pure.kind == "index":
        raise ValueError(
            f"the components have {axis_in_full(pure)}, the cube {axis_in_full(cube)}; they differ in "
            f"{axis_difference(pure, cube) or 'nothing that is known'}: both need an axis of one "
            "quantity and unit: set or convert one of them"
        )
    low, high = pure.centres.min(), pure.centres.max()
    common = min(high, cube.centres.max()) - max(low, cube.centres.min())
    if common < _SMALLEST_SHARE * (high - low):
        covered = max(0.0, common / (high - low))
        raise ValueError(
            f"the cube ({axis_in_full(cube)}) covers only {covered:.0%} of the range of the "
            f"components ({axis_in_full(pure)}); "
            "find components in the common range"
        )
    return cube


def names_of(count: int) -> tuple[str, ...]:
    """Return the names of `count` components."""
    return tuple(f"component {number}" for number in range(1, count + 1))


def composite(maps: Cube, colours: Sequence[str] = COLOURS) -> Cube:
    """Return the colours of the components, mixed by their abundances.

    Abundances that sum to more than 1 are divided by their sum; pixels with less are darker. Black
    where nothing was measured.

    Parameters
    ----------
    maps : Cube
        Abundances, (…, component, y, x), as from `abundance_maps`.
    colours : sequence of str
        "#rrggbb" of each component.

    Returns
    -------
    Cube
        Shape (…, 3, y, x), uint8: red, green, blue.
    """
    shares = np.nan_to_num(maps.numpy())
    shares = shares / np.maximum(shares.sum(axis=-3, keepdims=True), 1)
    rgb = np.array([_rgb(colour) for colour in colours[: len(maps.axis)]])  # (component, 3)
    mixed = np.einsum("...cyx,cr->...ryx", shares, rgb)
    return maps.after(
        "mixed the colours of the components",
        data=np.rint(mixed).clip(0, 255).astype(np.uint8),
        axis=ChannelAxis(("red", "green", "blue")),
        intensity_unit=None,
        name=maps.name.removesuffix("abundances") + "composite",
    )


def class_map(maps: Cube, colours: Sequence[str] = COLOURS) -> Labels:
    """Return the most abundant component of each pixel, 1, 2, …; 0 where there is none.

    Parameters
    ----------
    maps : Cube
        Abundances, (…, component, y, x), as from `abundance_maps`.
    colours : sequence of str
        "#rrggbb" of each component.
    """
    shares = np.nan_to_num(maps.numpy())
    classes = np.where(shares.max(axis=-3) > 0, shares.argmax(axis=-3) + 1, 0)
    return maps.as_labels(
        classes.astype(np.uint8),
        maps.channel_axis.names,
        tuple(colours[: len(maps.axis)]),
        name=maps.name.removesuffix("abundances") + "component classes",
        history=(*maps.history, "took the component of greatest abundance"),
        metadata={},
    )


def _same_pixels(classes: Labels, reference: Labels) -> bool:
    """Whether two maps have equally many pixels, and lie on each other as far as they say."""
    if classes.shape != reference.shape:
        return False
    pixels = difference_in_pixels(reference, classes)
    return pixels is None or pixels <= TOLERANCE


def agreement(classes: Labels, reference: Labels) -> float:
    """Return the share of pixels whose class is the same in both maps, 0 to 1.

    Pixels of class 0 in either are left out.

    Raises
    ------
    ValueError
        If the maps are of different sizes.
    """
    count = int(max(classes.numpy().max(), reference.numpy().max(), 1))
    return overall_accuracy(confusion(classes.numpy(), reference.numpy(), count))


def _pure_on_bands_of(spectra: Cube, cube: Cube) -> SpectraTable:
    """Return pure spectra on the good bands of a cube, shape (component, good band)."""
    pure = spectra.numpy()  # (band, 1, component)
    axis = on_bands_of(spectra.spectral_axis, cube.axis)
    if axis is not None:
        pure = resample(pure, spectra.spectral_axis, axis)
    return np.asarray(pure[cube.axis.good, 0].T, np.float64)


def _rgb(colour: str) -> Array:
    """Return red, green and blue of "#rrggbb", 0 to 255, shape (3,)."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return np.array((red, green, blue), np.float64)
