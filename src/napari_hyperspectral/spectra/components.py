"""What an image is made of: maps of components, of single bands and of peaks.

As Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178, judge their networks: pure
spectra found in one cube are looked for in others, and the maps compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..cube import Cube, Labels
from ..metrics import confusion, overall_accuracy
from ..progress import Job, Progress
from ..settings import Settings
from .resample import resample
from .unmix import abundances, vertex_components

COLOURS: Final = (
    "#e6484d", "#3cb44b", "#4363d8", "#f5c518", "#b04fd8", "#38c6d9", "#f58231", "#f032e6",
    "#a8d24e", "#8d5a2b", "#f6a5c0", "#7f7f7f",
)  # fmt: skip
"""Of the components, in their order."""
_SMALLEST_SHARE: Final = 0.8
"""Of the range of the components, this much must be in a cube in which they are looked for."""
_SLAB: Final = 2**24
"""Values that are unmixed at a time."""


class Unmixing(Settings):
    """How components are found in a cube, and in others."""

    count: Annotated[int, Ge(2), Le(len(COLOURS))] = 4
    """Components to look for; the background is one of them. A spectrum with the spike of a cosmic
    ray is unlike all mixtures, and so a component: remove spikes before."""
    sum_to_one: bool = False
    """Whether the components of each pixel add up to 1: right for reflectance in even light. Off,
    pixels may be brighter or darker, as in Raman and fluorescence maps."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the random directions along which pure spectra are looked for."""


class Maps(NamedTuple):
    """Where the components of a cube are."""

    abundances: Cube
    """How much of each component is in each pixel, a channel a component."""
    composite: Cube
    """The colours of the components, mixed by their abundances: red, green, blue, uint8."""
    classes: Labels
    """The component that there is most of."""
    agreement: float | None
    """Share of pixels of the class that the cube has in which the components were found; None
    for that cube itself, and for cubes of another size."""


class Components(NamedTuple):
    """The components of a cube, there and elsewhere."""

    spectra: Cube
    """Pure spectra, (band, 1, component)."""
    maps: tuple[Maps, ...]
    """Of the cube itself, then of the others."""


def unmix(
    cube: Cube, others: Sequence[Cube] = (), settings: Unmixing | None = None
) -> Job[Components]:
    """Find the components of a cube, and map them there and in other cubes.

    Parameters
    ----------
    cube : Cube
        In which pure spectra are found; see `end_members`.
    others : sequence of Cube
        In which they are looked for; see `mapped`.
    settings : Unmixing, optional
        How many, and how.

    Raises
    ------
    ValueError
        As `end_members` and `mapped` do.
    """
    settings = settings or Unmixing()
    for other in others:
        on_bands_of(cube.spectral_axis, other.axis)  # refused before the work, not after it
    spectra = end_members(cube, settings.count, seed=settings.seed)
    steps = 2 + len(others)
    yield Progress(1, steps, note="found the components")
    maps: list[Maps] = []
    for number, one in enumerate((cube, *others)):
        found = mapped(spectra, one, sum_to_one=settings.sum_to_one)
        classes = class_map(found)
        comparable = bool(number) and classes.shape == maps[0].classes.shape
        share = agreement(classes, maps[0].classes) if comparable else None
        maps.append(Maps(found, composite(found), classes, share))
        yield Progress(2 + number, steps, note=f"mapped them in {one.name or 'a cube'}")
    return Components(spectra, tuple(maps))


def end_members(cube: Cube, count: int, *, seed: int = 0) -> Cube:
    """Find the purest spectra of a cube by vertex component analysis.

    Returns
    -------
    Cube
        Shape (band, 1, component); NaN in bad bands. Most abundant first.

    Raises
    ------
    ValueError
        If no spectrum is complete, or there cannot be so many components.
    """
    axis = cube.spectral_axis
    table = np.asarray(cube.spectra()[:, axis.good], np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < count:
        raise ValueError(
            f"cube {cube.name!r} has too few spectra without missing values ({len(table)}) for "
            f"{count} components; mark bands in which values are missing as bad"
        )
    found = vertex_components(table, count, seed=seed).spectra
    order = np.argsort(-abundances(table, found).mean(axis=0), kind="stable")
    spectra = np.full((count, len(axis)), np.nan, np.float32)
    spectra[:, axis.good] = found[order]
    return Cube.from_spectra(
        spectra,
        axis,
        intensity_unit=cube.intensity_unit,
        name=f"{cube.name} components".strip(),
        history=(*cube.history, f"found {count} pure spectra by vertex component analysis"),
    )


def mapped(spectra: Cube, cube: Cube, *, sum_to_one: bool = False) -> Cube:
    """Return how much of each pure spectrum is in each pixel of a cube.

    Parameters
    ----------
    spectra : Cube
        Pure spectra, (band, 1, component), as from `end_members`. Where their bands are not those
        of the cube, they are interpolated.
    cube : Cube
        May be lazy: unmixed a few rows at a time.
    sum_to_one : bool
        Whether the abundances of each pixel add up to 1.

    Returns
    -------
    Cube
        A channel a component; NaN where too little was measured.

    Raises
    ------
    ValueError
        If the bands have nothing to do with each other: another quantity, or another range.
    """
    here = on_bands_of(spectra.spectral_axis, cube.axis)
    pure = (
        spectra.numpy() if here is None else resample(spectra.numpy(), spectra.spectral_axis, here)
    )
    good = cube.axis.good
    table = np.asarray(pure[good, 0].T, np.float64)
    *leading, _, height, width = cube.shape
    shares = np.empty((*leading, len(table), height, width), np.float32)
    rows = max(1, _SLAB // (len(cube.axis) * width))
    for place in np.ndindex(*leading):
        for start in range(0, height, rows):
            part = np.asarray(cube.data[(*place, slice(None), slice(start, start + rows))])
            found = abundances(
                part[good].reshape(len(table[0]), -1).T, table, sum_to_one=sum_to_one
            )
            shares[(*place, slice(None), slice(start, start + rows))] = found.T.reshape(
                len(table), -1, width
            )
    how = "adding up to 1" if sum_to_one else "0 or more"
    return replace(
        cube.after(f"unmixed into {len(table)} components, {how}"),
        data=shares,
        axis=ChannelAxis(names_of(len(table))),
        intensity_unit="abundance",
        name=f"{cube.name} abundances".strip(),
    )


def on_bands_of(pure: SpectralAxis, cube: Axis) -> SpectralAxis | None:
    """Return the axis that pure spectra must be brought to for a cube; None where it is theirs.

    Raises
    ------
    ValueError
        If no interpolation leads there.
    """
    if pure.same_bands(cube):
        return None
    if not isinstance(cube, SpectralAxis):
        raise ValueError(f"the components have {pure}; there is no place among them for {cube}")
    if (pure.kind, pure.unit) != (cube.kind, cube.unit) or pure.kind == "index":
        raise ValueError(
            f"the components have {pure}, the cube {cube}; give both an axis of one kind and unit"
        )
    low, high = pure.centres.min(), pure.centres.max()
    common = min(high, cube.centres.max()) - max(low, cube.centres.min())
    if common < _SMALLEST_SHARE * (high - low):
        raise ValueError(
            f"only {max(0.0, common / (high - low)):.0%} of the range of the components ({pure}) is "
            f"in the cube ({cube}); find components in the common range"
        )
    return cube


def names_of(count: int) -> tuple[str, ...]:
    """Return the names of so many components."""
    return tuple(f"component {number}" for number in range(1, count + 1))


def composite(maps: Cube, colours: Sequence[str] = COLOURS) -> Cube:
    """Return the colours of the components, mixed by their abundances.

    Pixels whose abundances add up to more than 1 are taken as if they added up to 1; those with
    less are darker. Black where nothing was measured.

    Parameters
    ----------
    maps : Cube
        Abundances, as from `mapped`.
    colours : sequence of str
        "#rrggbb" of each component.
    """
    shares = np.nan_to_num(maps.numpy())
    shares = shares / np.maximum(shares.sum(axis=-3, keepdims=True), 1)
    parts = np.array([_rgb(colour) for colour in colours[: len(maps.axis)]])
    mixed = np.einsum("...cyx,cr->...ryx", shares, parts)
    return maps.after(
        "mixed the colours of the components",
        data=np.rint(mixed).clip(0, 255).astype(np.uint8),
        axis=ChannelAxis(("red", "green", "blue")),
        intensity_unit=None,
        name=maps.name.removesuffix("abundances") + "composite",
    )


def class_map(maps: Cube, colours: Sequence[str] = COLOURS) -> Labels:
    """Return the component that there is most of in each pixel; 0 where there is none."""
    assert isinstance(maps.axis, ChannelAxis)
    shares = np.nan_to_num(maps.numpy())
    classes = np.where(shares.max(axis=-3) > 0, shares.argmax(axis=-3) + 1, 0)
    return Labels(
        classes.astype(np.uint8),
        maps.axis.names,
        tuple(colours[: len(maps.axis)]),
        pixel_size=maps.pixel_size,
        origin=maps.origin,
        pixel_unit=maps.pixel_unit,
        z=maps.z,
        t=maps.t,
        name=maps.name.removesuffix("abundances") + "component classes",
        history=(*maps.history, "took the component of greatest abundance"),
    )


def agreement(found: Labels, wanted: Labels) -> float:
    """Return the share of pixels that have one class in both maps; those of class 0 are left out.

    Raises
    ------
    ValueError
        If the maps are of different sizes.
    """
    count = int(max(found.numpy().max(), wanted.numpy().max(), 1))
    return overall_accuracy(confusion(found.numpy(), wanted.numpy(), count))


def band_map(cube: Cube, at: float) -> Cube:
    """Return the image of the band nearest to a place on the spectrum, in the axis's unit.

    Raises
    ------
    ValueError
        If the place lies beyond the ends of the axis by more than a band.
    """
    axis = cube.spectral_axis
    steps = np.diff(np.sort(axis.centres))
    room = float(steps.max()) if len(steps) else 0.5
    if not axis.centres.min() - room <= at <= axis.centres.max() + room:
        raise ValueError(f"no band lies at {at:g}; the axis has {axis}")
    band = axis.nearest(at)
    picked = cube.take([band])
    name = f"{cube.name} at {axis.centres[band]:g} {axis.unit or ''}".strip()
    return replace(picked, history=(*cube.history, f"took {axis.label(band)}"), name=name)


def area_map(cube: Cube, low: float, high: float, *, baseline: bool = True) -> Cube:
    """Return the area of the peaks between two places on the spectrum.

    Parameters
    ----------
    cube : Cube
        With a spectral axis, in any order.
    low, high : float
        The range, in the unit of the axis; its outermost bands count.
    baseline : bool
        Whether only what is above a straight line between the ends of the range counts.

    Returns
    -------
    Cube
        One channel, in intensity times the unit of the axis; NaN where a band is missing.

    Raises
    ------
    ValueError
        If fewer than two good bands lie in the range (three, with a baseline).
    """
    axis = cube.spectral_axis
    inside = axis.between(low, high)
    inside = inside[axis.good[inside]]
    inside = inside[np.argsort(axis.centres[inside], kind="stable")]
    if len(inside) < 2 + baseline:
        raise ValueError(
            f"between {low:g} and {high:g} lie too few good bands ({len(inside)}); an area needs "
            f"{2 + baseline} at least"
        )
    places = axis.centres[inside]
    data = np.asarray(cube.data[..., inside, :, :], np.float64)
    area = trapezoid(data, places, axis=-3)
    if baseline:
        area -= (data[..., 0, :, :] + data[..., -1, :, :]) / 2 * (places[-1] - places[0])
    unit = axis.unit or ""
    what = f"area of {min(low, high):g}–{max(low, high):g} {unit}".strip()
    return cube.after(
        f"took the {what}" + (" above a straight line" if baseline else ""),
        data=area[..., None, :, :].astype(np.float32),
        axis=ChannelAxis((what,)),
        intensity_unit=" ".join(filter(None, (cube.intensity_unit, unit))) or None,
        name=f"{cube.name} {what}".strip(),
    )


def _rgb(colour: str) -> NDArray[Any]:
    """Return red, green and blue of "#rrggbb", 0 to 255."""
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], np.float64)
