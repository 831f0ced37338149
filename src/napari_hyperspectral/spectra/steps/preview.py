"""What a chain makes of single spectra of a cube, without preparing the rest of it.

Steps that look at a neighbourhood get the pixels around; steps that look at the image look at it once,
and what they find is kept for as long as neither they nor the steps before them change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from ...axis import Axis
from ...cube import Cube
from ...progress import Job, Progress
from ...settings import reason_of
from ..arrays import Array, Mask
from ..regions import pixel_spectrum
from .base import Fitted, ImageStep, SpectraStep, Step
from .chain import Chain
from .parts import as_lazy
from .pixels import BinPixels
from .words import number_in_words

Pixel: TypeAlias = tuple[int, int]
"""Row and column."""
_LARGEST_FIT: Final = 2**24
"""Values of an image that steps look at for a preview; of a larger one, its middle."""
_LARGEST_CROP: Final = 2**22
"""Values around a pixel that are prepared for its neighbourhood."""
_SMALLEST: Final = 1e-30
_NOTICED: Final = 1.05
"""Ratio of noise from which it is worth telling."""


class Trace(NamedTuple):
    """A spectrum, or a part of one, somewhere along a chain."""

    axis: Axis
    values: Array
    """Shape (band,); NaN in bad bands, and where there is nothing."""
    as_measured: bool
    """Whether intensities are still those of the cube, not normalised ones."""


@dataclass(frozen=True)
class PreparedSpectrum:
    """A spectrum before and after a chain."""

    number: int
    """Which of the pixels that were asked for."""
    before: Trace
    after: Trace
    baseline: Trace | None = None
    """What was subtracted from it."""
    spikes: tuple[Trace, ...] = ()
    """Its values where cosmic rays were found."""


@dataclass(frozen=True)
class Preview:
    """What a chain does to some spectra."""

    spectra: tuple[PreparedSpectrum, ...] = ()
    effects: dict[int, str] = field(default_factory=dict)
    """What each step did to the first spectrum, in words, by its place in the chain, from 0."""
    errors: dict[int, str] = field(default_factory=dict)
    """Why a step cannot be taken, by its place in the chain; those after it are left out."""
    note: str = ""
    """How the preview differs from what will be applied."""


class _Crop(NamedTuple):
    """A small part of an image around some spectra."""

    cube: Cube
    """Shape (band, y, x), in memory."""
    places: list[tuple[int, Pixel]]
    """Number of each spectrum, and where it is in the crop."""


class _Stage(NamedTuple):
    """Some spectra before and after one step, (band, spectrum) each, bad bands NaN."""

    place: int
    step: Step
    before: Array
    after: Array
    axis: Axis
    axis_after: Axis
    as_measured: bool


class ChainPreview:
    """Prepares single spectra of a cube by one chain after the other; one job at a time.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x); may be lazy and of any size.
    """

    def __init__(self, cube: Cube) -> None:
        self.cube = cube
        self._fitted: dict[tuple[str, ...], Fitted] = {}
        self._images: dict[tuple[str, ...], Cube] = {(): cube}

    def steps(
        self, chain: Chain, pixels: Sequence[Pixel], plane: tuple[int, ...] = ()
    ) -> Job[Preview]:
        """Prepare the spectra of some pixels.

        Parameters
        ----------
        chain : Chain
            The steps.
        pixels : sequence of (int, int)
            Rows and columns in the cube.
        plane : tuple of int
            Index along each leading axis.
        """
        yield Progress(0, 0)
        walk = _Walk(chain, pixels, self.cube.intensity_unit)
        image = self._rearranged(walk)
        yield from self._look_at(image, walk)
        crops = _crops(image, walk, plane)
        numbers = [number for crop in crops for number, _ in crop.places]
        if not numbers:
            return Preview(note="the pixel is left out")
        measured = [self._measured(pixels[number], plane) for number in numbers]
        spectra = walk.through(crops, measured)
        return Preview(tuple(spectra), walk.effects, walk.errors, walk.note)

    def _measured(self, pixel: Pixel, plane: tuple[int, ...]) -> Trace:
        """Return a spectrum of the cube as it is."""
        axis = self.cube.axis
        values = pixel_spectrum(self.cube.data, *pixel, plane)
        return Trace(axis, np.where(axis.good, values, np.nan), True)

    def _rearranged(self, walk: _Walk) -> Cube:
        """Return the image after all steps that make other pixels, or look up references; lazily."""
        count = walk.rearranging
        key = _key(walk.steps[:count])
        if key not in self._images:
            image = replace(self.cube, data=as_lazy(self.cube.data))
            for place, step in walk.steps[:count]:
                try:
                    image = step.on(image)
                except _ERRORS as error:
                    walk.fail(place, error)
                    return self._rearranged(walk)  # after the steps before it
            self._images = {(): self.cube, key: image}
        walk.move_pixels()
        return self._images[key]

    def _look_at(self, image: Cube, walk: _Walk) -> Job[None]:
        """Find what steps look for in the image, where it is not known yet."""
        keys = walk.keys_of_image_steps
        known = {place: self._fitted[key] for place, key in keys.items() if key in self._fitted}
        middle = _middle(image)
        if keys and middle is not image:
            walk.note = "steps looked at the middle of the image only"
        if len(known) < len(keys):
            known = yield from self._fit(middle, walk, keys)
        self._fitted = {keys[place]: fitted for place, fitted in known.items()}
        walk.fitted = known

    def _fit(
        self, cube: Cube, walk: _Walk, keys: dict[int, tuple[str, ...]]
    ) -> Job[dict[int, Fitted]]:
        """Return what each step of a chain finds in the image, by its place."""
        found: dict[int, Fitted] = {}
        for place, step in walk.steps[walk.rearranging :]:
            if len(found) == len(keys):
                break
            try:
                if isinstance(step, ImageStep):
                    yield Progress(0, 0, note=f"{step.title} looks at the image …")
                    found[place] = self._fitted.get(keys[place]) or step.fit(cube)
                    cube = step.on_fitted(found[place], cube)
                else:
                    cube = step.on(cube)
            except _ERRORS as error:
                walk.fail(place, error)
                break
        return found


_ERRORS: Final = (ValueError, ArithmeticError, FileNotFoundError)


class _Walk:
    """The way of some spectra through a chain."""

    def __init__(self, chain: Chain, pixels: Sequence[Pixel], unit: str | None) -> None:
        self.steps = [(place, step) for place, step in enumerate(chain.steps) if step.enabled]
        self.unit = unit
        """Of the intensities of the cube."""
        self.pixels = list(pixels)
        """Where they are in the rearranged image."""
        self.fitted: dict[int, Fitted] = {}
        self.effects: dict[int, str] = {}
        self.errors: dict[int, str] = {}
        self.note = ""
        for number, (place, step) in enumerate(self.steps):
            if (
                step.looks_at == "image"
                and not isinstance(step, ImageStep)
                and step.group == "Axis"
            ):
                self.effects[place] = "shown when it is applied"
                self.note = f"the preview ends before “{step.title.lower()}”"
                self.steps = self.steps[:number]
                break

    @property
    def rearranging(self) -> int:
        """Number of steps up to the last one that must be taken on the complete image."""
        count = 0
        for number, (_, step) in enumerate(self.steps, start=1):
            if step.looks_at == "image" and not isinstance(step, ImageStep):
                count = number
        return count

    @property
    def keys_of_image_steps(self) -> dict[int, tuple[str, ...]]:
        """What each step that looks at the image depends on, by its place in the chain."""
        keys = {}
        for number, (place, step) in enumerate(self.steps):
            if number >= self.rearranging and isinstance(step, ImageStep):
                keys[place] = _key(self.steps[: number + 1])
        return keys

    @property
    def radius(self) -> int:
        """Pixels around a spectrum that it depends on."""
        return sum(self._radius_of(place, step) for place, step in self.steps[self.rearranging :])

    def fail(self, place: int, error: Exception) -> None:
        """Take neither this step nor those after it, and say why."""
        self.errors[place] = reason_of(error)
        self.steps = [(number, step) for number, step in self.steps if number < place]

    def move_pixels(self) -> None:
        """Find the pixels in the rearranged image."""
        for _, step in self.steps[: self.rearranging]:
            if isinstance(step, BinPixels):
                self.pixels = [(y // step.rows, x // step.columns) for y, x in self.pixels]

    def through(self, crops: Sequence[_Crop], measured: Sequence[Trace]) -> list[PreparedSpectrum]:
        """Take all steps on crops of the image, each of them no larger than the next steps need.

        Parameters
        ----------
        crops : sequence of _Crop
            Around all the spectra.
        measured : sequence of Trace
            Each spectrum of the cube, in the order of the crops.
        """
        stages: list[_Stage] = []
        before = _without_bad(crops)
        radius = self.radius
        for place, step in self.steps[self.rearranging :]:
            cube = crops[0].cube
            radius -= self._radius_of(place, step)
            try:
                prepared = [self._after(place, step, crop) for crop in crops]
                crops = _shrunk(prepared, radius)
                after = _without_bad(crops)
            except _ERRORS as error:
                self.fail(place, error)
                break
            axes = (cube.axis, crops[0].cube.axis)
            as_measured = cube.intensity_unit == self.unit
            stages.append(_Stage(place, step, before, after, *axes, as_measured))
            before = after
        numbers = [number for crop in crops for number, _ in crop.places]
        if numbers[0] == 0:
            self.effects |= {stage.place: _effect(stage) for stage in stages}
        cube = crops[0].cube
        spectra = []
        for column, number in enumerate(numbers):
            spectra.append(
                PreparedSpectrum(
                    number,
                    measured[column],
                    Trace(cube.axis, before[:, column], cube.intensity_unit == self.unit),
                    _baseline(stages, column),
                    tuple(_spikes(stages, column)),
                )
            )
        return spectra

    def _radius_of(self, place: int, step: Step) -> int:
        """Return how many pixels around a spectrum a step looks at."""
        if isinstance(step, SpectraStep):
            return step.radius
        return self.fitted[place].radius if place in self.fitted else 0

    def _after(self, place: int, step: Step, crop: _Crop) -> _Crop:
        if isinstance(step, ImageStep):
            return crop._replace(cube=step.on_fitted(self.fitted[place], crop.cube))
        return crop._replace(cube=step.on(crop.cube))


def _key(steps: Sequence[tuple[int, Step]]) -> tuple[str, ...]:
    return tuple(step.model_dump_json() for _, step in steps)


def _crops(image: Cube, walk: _Walk, plane: tuple[int, ...]) -> list[_Crop]:
    """Return what is needed of an image to prepare some of its pixels, in memory."""
    *_, bands, height, width = image.shape
    largest = max(0, (math.isqrt(_LARGEST_CROP // bands) - 1) // 2)
    radius = walk.radius
    if radius > largest:
        radius = largest
        walk.note = f"only {radius} pixels around were looked at"
    empty = replace(image, z=None, t=None, data=np.empty((bands, 1, 1), np.float32))
    crops = []
    for number, (y, x) in enumerate(walk.pixels):
        if not (0 <= y < height and 0 <= x < width):
            continue  # binned away at an edge
        rows = _around(y, radius, height)
        columns = _around(x, radius, width)
        data = np.asarray(image.data[(*plane, slice(None), rows, columns)], np.float32)
        place = (y - rows.start, x - columns.start)
        crops.append(_Crop(replace(empty, data=data), [(number, place)]))
    return _shrunk(crops, radius)


def _shrunk(crops: Sequence[_Crop], radius: int) -> list[_Crop]:
    """Return crops with so many pixels around each spectrum; a single one of all, if there are none."""
    shrunk = []
    for cube, places in crops:
        if len(places) > 1:
            return [_Crop(cube, places)]
        number, (y, x) = places[0]
        rows = _around(y, radius, cube.shape[-2])
        columns = _around(x, radius, cube.shape[-1])
        smaller = replace(cube, data=cube.data[:, rows, columns])
        shrunk.append(_Crop(smaller, [(number, (y - rows.start, x - columns.start))]))
    if radius or len(shrunk) < 2:
        return shrunk
    data = np.concatenate([crop.cube.data for crop in shrunk], axis=-1)  # (band, 1, spectrum)
    numbers = [crop.places[0][0] for crop in shrunk]
    places = [(number, (0, column)) for column, number in enumerate(numbers)]
    return [_Crop(replace(shrunk[0].cube, data=data), places)]


def _around(at: int, radius: int, size: int) -> slice:
    return slice(max(0, at - radius), min(size, at + max(0, radius) + 1))


def _middle(image: Cube) -> Cube:
    """Return an image, or the middle of one that is too large to be looked at for a preview."""
    *leading, bands, height, width = image.shape
    pixels = max(1, _LARGEST_FIT // (bands * math.prod(leading)))
    if height * width <= pixels:
        return image
    side = max(1, math.isqrt(pixels))
    rows = min(height, max(side, pixels // width))
    columns = min(width, max(1, pixels // rows))
    top = (height - rows) // 2
    left = (width - columns) // 2
    return replace(image, data=image.data[..., top : top + rows, left : left + columns])


def _without_bad(crops: Sequence[_Crop]) -> Array:
    """Return the spectra of crops, (band, spectrum), with NaN in bad bands."""
    spectra = []
    for cube, places in crops:
        rows = [row for _, (row, _) in places]
        columns = [column for _, (_, column) in places]
        spectra.append(np.asarray(cube.data[:, rows, columns], np.float64))
    good = crops[0].cube.axis.good
    return np.where(good[:, None], np.concatenate(spectra, axis=1), np.nan)


def _baseline(stages: Sequence[_Stage], column: int) -> Trace | None:
    """Return what all baselines subtracted together; only the last ones, if bands changed between."""
    total: Trace | None = None
    for stage in stages:
        if stage.step.group != "Baseline":
            continue
        subtracted = (stage.before - stage.after)[:, column]
        if total is not None and total.axis == stage.axis:
            subtracted = subtracted + total.values
        total = Trace(stage.axis, subtracted, stage.as_measured)
    return total


def _spikes(stages: Sequence[_Stage], column: int) -> list[Trace]:
    """Return the values of a spectrum that steps against cosmic rays replaced."""
    spikes = []
    for stage in stages:
        if stage.step.group == "Cosmic rays":
            before = stage.before[:, column]
            found = _changed(before, stage.after[:, column])
            if found.any():
                values = np.where(found, before, np.nan)
                spikes.append(Trace(stage.axis, values, stage.as_measured))
    return spikes


def _changed(before: Array, after: Array) -> Mask:
    changed: Mask = np.isfinite(before) & (before != after)
    return changed


def _effect(stage: _Stage) -> str:
    """Return what a step did to the first spectrum, in words; "" where there is little to say."""
    before = stage.before[:, 0]
    after = stage.after[:, 0]
    if len(before) != len(after):
        return f"{len(before)} → {len(after)} bands"
    match stage.step.group:
        case "Cosmic rays":
            return _count_of_spikes(_changed(before, after))
        case "Baseline":
            share = float(np.nansum(before - after)) / max(float(np.nansum(before)), _SMALLEST)
            return f"takes {share:.0%} of the signal" if 0 <= share <= 1 else ""
        case "Smooth" | "Denoise":
            if stage.as_measured and stage.step.title != "Derivative":
                return _less_noise(before, after)
        case "Normalise":
            factor = _span(before) / max(_span(after), _SMALLEST)
            return f"÷ {number_in_words(factor)}" if 0 < factor < 1 / _SMALLEST else ""
    return ""


def _count_of_spikes(found: Mask) -> str:
    """Return how many spikes there are: runs of bands that were replaced."""
    count = int((np.diff(found.astype(np.int8), prepend=0) == 1).sum())
    return "no spikes" if not count else f"{count} spike{'s' * (count > 1)}"


def _less_noise(before: Array, after: Array) -> str:
    ratio = _noise_of(before) / max(_noise_of(after), _SMALLEST)
    return f"noise ÷ {number_in_words(ratio)}" if _NOTICED < ratio < 1 / _SMALLEST else ""


def _noise_of(values: Array) -> float:
    """Return how much a spectrum jumps from band to band."""
    jumps = np.diff(values, 2)
    jumps = jumps[np.isfinite(jumps)]
    return float(jumps.std()) if jumps.size else 0.0


def _span(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.ptp(known)) if known.size else 0.0
