"""Components of an image: find pure spectra in one cube, map them there and in other cubes.

As Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178, evaluate their networks: maps
of the same components in a measured and a predicted cube are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

import numpy as np
from annotated_types import Ge, Le
from pydantic import model_validator

from ..axis import Axis, ChannelAxis, SpectralAxis, axis_difference, axis_in_full
from ..cube import Cube, Labels
from ..metrics import confusion, overall_accuracy
from ..place.same import TOLERANCE, difference_in_pixels
from ..progress import Job, Progress, one_of_many, part_of, run, shown_as
from ..settings import Settings
from .arrays import Array, SpectraTable
from .decomposition.factors import factors_steps
from .decomposition.sample import sampled_spectra
from .resample import resample
from .unmix import abundances, vertex_components

COLOURS: Final = (
    "#e6484d", "#3cb44b", "#4363d8", "#f5c518", "#b04fd8", "#38c6d9", "#f58231", "#f032e6",
    "#a8d24e", "#8d5a2b", "#f6a5c0", "#7f7f7f",
)  # fmt: skip
"""Colours of the components, in their order."""
_SMALLEST_SHARE: Final = 0.8
"""Share of the range of the components that a cube must cover for them to be mapped in it."""
_TITLES: Final = {
    "vca": "vertex component analysis",
    "n_findr": "N-FINDR",
    "mcr_als": "multivariate curve resolution (alternating least squares)",
}
"""Of the methods, in the history."""
_SLAB: Final = 2**22
"""Values that are unmixed at a time, to bound memory."""


class Unmixing(Settings):
    """Pure spectra are found, and how much of each is in every pixel."""

    title: ClassVar[str] = "Pure spectra (unmixing)"
    """Its name on screen."""

    count: Annotated[int, Ge(2), Le(len(COLOURS))] = 4
    """Number of components, the background included. Remove cosmic rays first: a spectrum with a
    spike is unlike every mixture, and so would become a component."""
    method: Literal["vca", "n_findr", "mcr_als"] = "vca"
    """How pure spectra are found. VCA and N-FINDR take the purest measured ones. MCR-ALS (non-negative
    matrix factorisation) starts there and fits spectra and abundances in turn: for cubes in which no
    pixel is pure."""
    sum_to_one: bool = False
    """Whether the abundances of each pixel sum to 1 (FCLS): right for reflectance in even light. Off
    (NNLS), pixels may be brighter or darker, as in Raman and fluorescence maps."""
    sparsity: Annotated[float, Ge(0), Le(0.9)] = 0.0
    """Penalty of abundances (LASSO), by the least one that leaves none: components that are hardly
    there become 0. For many components, as of a library. 0: none."""
    starts: Annotated[int, Ge(1), Le(1000)] = 20
    """Times that the search for pure spectra starts anew: the purest of all are kept."""
    seed: Annotated[int, Ge(0)] = 0
    """Random seed of the search for pure spectra."""

    @model_validator(mode="after")
    def _has_one_constraint(self) -> Self:
        if self.sum_to_one and self.sparsity:
            raise ValueError(
                "abundances that sum to 1 cannot be made fewer by a penalty on their sum; choose "
                "sum_to_one or sparsity"
            )
        return self

    @property
    def constraint(self) -> str:
        """Return what is asked of abundances, in words."""
        if self.sum_to_one:
            return "summing to 1"
        if self.sparsity:
            return f"0 or more, with a penalty of {self.sparsity:g}"
        return "0 or more"


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
        In which pure spectra are found; see `end_members_steps`.
    others : sequence of Cube
        In which they are mapped too; see `abundance_maps_steps`.
    settings : Unmixing, optional
        Default: four components.

    Raises
    ------
    ValueError
        As `end_members_steps` and `abundance_maps_steps` do.
    """
    settings = settings or Unmixing()
    for other in others:
        on_bands_of(cube.spectral_axis, other.axis)  # refused before the work, not after it
    spectra = yield from part_of(end_members_steps(cube, settings), 0, 40, "finding the components")
    job = unmix_with(spectra, (cube, *others), settings)
    return (yield from shown_as(job, _second_part))


def unmix_with(
    spectra: Cube, cubes: Sequence[Cube], settings: Unmixing, names: Sequence[str] = ()
) -> Job[Components]:
    """Map known spectra in cubes.

    Parameters
    ----------
    spectra : Cube
        Pure spectra, (band, 1, component), as from `end_members_steps` or a library.
    cubes : sequence of Cube
        In which they are mapped; see `abundance_maps_steps`.
    settings : Unmixing
        What is asked of abundances.
    names : sequence of str, optional
        Of the spectra; default: component 1, 2, …

    Raises
    ------
    ValueError
        As `abundance_maps_steps` does.
    """
    maps: list[Maps] = []
    for number, image in enumerate(cubes):
        note = f"mapping them in {image.name or 'a cube'}"
        job = abundance_maps_steps(spectra, image, settings, names)
        shares = yield from one_of_many(job, number, len(cubes), note)
        classes = class_map(shares)
        same_classes = None
        if maps and _same_pixels(classes, maps[0].classes):
            same_classes = agreement(classes, maps[0].classes)
        maps.append(Maps(shares, composite(shares), classes, same_classes))
    return Components(spectra, tuple(maps))


def _second_part(step: Progress) -> Progress:
    """Return the progress of a job that begins at 40 of 100."""
    return Progress(40 + 60 * step.done // max(step.total, 1), 100, note=step.note)


def end_members(cube: Cube, count: int, *, seed: int = 0) -> Cube:
    """Return the purest spectra of a cube by vertex component analysis; see `end_members_steps`."""
    return run(end_members_steps(cube, Unmixing(count=count, seed=seed)))


def end_members_steps(cube: Cube, settings: Unmixing) -> Job[Cube]:
    """Yield progress; return the pure spectra of a cube.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x). May be lazy: of a large one, a regular grid of spectra is read.
    settings : Unmixing
        How they are found.

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
    count = settings.count
    sample = yield from sampled_spectra(cube)
    table = sample.table[np.isfinite(sample.table).all(axis=1)]
    if len(table) < count:
        raise ValueError(
            f"cube {cube.name!r} has too few spectra without missing values ({len(table)}) for "
            f"{count} components; mark bands in which values are missing as bad"
        )
    grow = settings.method == "n_findr"
    starts = settings.starts
    corners = vertex_components(table, count, seed=settings.seed, starts=starts, grow=grow)
    pure = corners.spectra
    if settings.method == "mcr_als":
        job = factors_steps(table, pure, sum_to_one=settings.sum_to_one)
        factors = yield from job
        pure = factors.spectra
        mean_abundance = factors.amounts.mean(axis=0)
    else:
        mean_abundance = abundances(table, pure).mean(axis=0)
    most_abundant_first = np.argsort(-mean_abundance, kind="stable")
    spectra = np.full((count, len(axis)), np.nan, np.float32)
    spectra[:, axis.good] = pure[most_abundant_first]
    return Cube.from_spectra(
        spectra,
        axis,
        intensity_unit=cube.intensity_unit,
        name=f"{cube.name} components".strip(),
        history=(
            *cube.history,
            f"found {count} pure spectra by {_TITLES[settings.method]}{sample.line}",
        ),
    )


def abundance_maps(spectra: Cube, cube: Cube, *, sum_to_one: bool = False) -> Cube:
    """Return the abundance of each pure spectrum in each pixel; see `abundance_maps_steps`."""
    return run(abundance_maps_steps(spectra, cube, Unmixing(sum_to_one=sum_to_one)))


def abundance_maps_steps(
    spectra: Cube, cube: Cube, settings: Unmixing, names: Sequence[str] = ()
) -> Job[Cube]:
    """Yield progress; return the abundance of each pure spectrum in each pixel of a cube.

    Parameters
    ----------
    spectra : Cube
        Pure spectra, (band, 1, component), as from `end_members_steps`. Where their bands are not
        those of the cube, they are interpolated.
    cube : Cube
        Shape (…, band, y, x). May be lazy: it is unmixed a few rows at a time.
    settings : Unmixing
        Whether abundances sum to 1, and their penalty.
    names : sequence of str, optional
        Of the spectra; default: component 1, 2, …

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
    planes = list(np.ndindex(*leading))
    for number, plane in enumerate(planes):
        for first in range(0, height, rows_at_a_time):
            rows = (*plane, slice(None), slice(first, first + rows_at_a_time))
            part = np.asarray(cube.data[rows])[cube.axis.good]  # (good band, row, x)
            table = part.reshape(len(part), -1).T  # (pixel, good band)
            part_shares = abundances(
                table, pure, sum_to_one=settings.sum_to_one, sparsity=settings.sparsity
            )
            shares[rows] = part_shares.T.reshape(count, -1, width)
            done = min(first + rows_at_a_time, height)
            yield Progress(number * height + done, len(planes) * height)

    return cube.after(
        f"unmixed into {count} components, {settings.constraint}",
        data=shares,
        axis=ChannelAxis(tuple(names) or names_of(count)),
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
    rgb = np.array([_rgb(colour) for colour in _enough(colours, len(maps.axis))])  # (component, 3)
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
        _enough(colours, len(maps.axis)),
        name=maps.name.removesuffix("abundances") + "component classes",
        history=(*maps.history, "took the component of greatest abundance"),
        metadata={},
    )


def _enough(colours: Sequence[str], count: int) -> tuple[str, ...]:
    """Return so many colours; where there are more components, colours come again."""
    repeats = -(-count // len(colours))
    return tuple((*colours,) * repeats)[:count]


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
