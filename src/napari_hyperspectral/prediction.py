"""Running a model on cubes larger than memory allows in one go, tile by tile, without seams."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .axis import Axis, SpectralAxis
from .cube import Cube, Image, Labels
from .devices import computing, precision_of
from .machine import Machine
from .model import Model
from .networks import Geometry, geometry_of
from .preprocessing import Preprocessing
from .progress import Job, Progress, Stop
from .spectra.resample import resample
from .tasks import Task
from .tasks.classes import ClassTask

_SMALLEST_SHARE: Final = 0.8
"""Of the model's spectral range, this much must be in a cube that is resampled for it."""
_CPU_TILE_BYTES: Final = 256 * 2**20
"""Larger tiles make a CPU no faster, and stopping slower."""


class AxisMismatchError(ValueError):
    """A model was given a cube of bands that cannot stand in for those it was trained on."""

    def __init__(self, model: Axis, cube: Axis, remedy: str) -> None:
        super().__init__(f"this model was trained on {model}; the cube has {cube}; {remedy}")


class NoClassesError(ValueError):
    """A model was asked for probabilities of classes that predicts intensities."""

    def __init__(self, model: Model) -> None:
        super().__init__(
            f"a model for {model.card.recipe['task']['kind']} predicts intensities, which have no "
            "probabilities; ask for them from one that tells classes apart"
        )


class Cancelled(Exception):
    """A prediction was stopped; there is no half result."""

    def __init__(self) -> None:
        super().__init__("the prediction was stopped before its end")


def predict(model: Model, cube: Cube, *, machine: Machine | None = None) -> Job[Image]:
    """Run a model over a cube tile by tile, yielding after each; return the result.

    The tiles overlap by what the network can see beyond a pixel, and only what is right is
    kept, so that the result equals that of the whole image in one go. Bands other than the
    model's are resampled to it, and its result back; what was missing (NaN) or bad in the cube
    is missing in the result.

    Parameters
    ----------
    model : Model
        From `fit` or `Model.load`.
    cube : Cube
        Of any height, width, t and z; may be lazy.
    machine : Machine, optional
        Device, precision, threads, memory of a tile.

    Returns
    -------
    Cube or Labels
        Of the same place and further axes, and the same pixels (super-resolution: finer ones),
        with one line more of history.

    Raises
    ------
    AxisMismatchError
        If the bands of the cube cannot be resampled to those of the model.
    ValueError
        If all values of the cube are NaN.
    Cancelled
        If it is stopped.
    """
    job = _Prediction(model, cube, machine or Machine())
    return job.result((yield from job.run()))


def predict_classes(
    model: Model, cube: Cube, *, machine: Machine | None = None
) -> Job[tuple[Labels, Cube]]:
    """Run a model that tells classes apart, as `predict` does; return the probabilities, too.

    Returns
    -------
    Labels
        What `predict` returns.
    Cube
        Probability of each class, channels named after the classes.

    Raises
    ------
    NoClassesError
        If the model predicts intensities.
    AxisMismatchError, ValueError, Cancelled
        As `predict` does.
    """
    if model.recipe.task.intensities:
        raise NoClassesError(model)
    job = _Prediction(model, cube, machine or Machine())
    predicted = yield from job.run()
    labels = job.result(predicted)
    assert isinstance(labels, Labels)
    return labels, job.probabilities(predicted)


def bands_given(model: Model, axis: Axis) -> Axis:
    """Return the axis of what a model makes of a cube with this axis, without running it.

    Raises
    ------
    AxisMismatchError
        If it can make nothing of such a cube.
    """
    return _bands(model, axis).result


class _Prediction:
    """One model on one cube."""

    def __init__(self, model: Model, cube: Cube, machine: Machine) -> None:
        self.model, self.cube, self.machine = model, cube, machine
        self.task: Task = model.recipe.task
        self.prepare: Preprocessing = model.recipe.preprocessing
        self.bands = _bands(model, cube.axis)
        ports = model.ports
        self.scale = ports.scale
        self.geometry = geometry_of(model.recipe.network, ports)
        if ports.whole:  # scores of tiles are averaged: no pixel needs its surroundings
            self.geometry = self.geometry._replace(reach=0)
        if self.task.margin:
            reach = self.geometry.reach + self.task.margin
            self.geometry = self.geometry._replace(reach=reach)
        self.in_tiles = False
        """Whether an image went through in more than one piece."""
        self.brightest: dict[tuple[int, ...], torch.Tensor] = {}
        """Of each plane that goes through in tiles, where planes are scaled by their maximum."""

    def run(self) -> Job[NDArray[np.float32]]:
        """Return what the network makes of the cube, (…, out, y · scale, x · scale).

        Of tasks about whole images, (…, out, 1, 1).
        """
        *leading, _, height, width = self.cube.shape
        sides = (1, 1) if self.task.whole else (height * self.scale, width * self.scale)
        predicted = np.zeros((*leading, len(self.bands.result), *sides), np.float32)
        measured = np.zeros(tuple(leading), np.int64)  # pixels of each plane
        with computing(self.machine) as device:
            runner = self.model.network.to(device).eval()
            side = _tile_side(self.geometry, self.machine, device, (height, width))
            todo, done = _todo(leading, height, width, side, self.geometry), 0
            while todo:
                place, tile = todo[0]
                if self.task.normalise == "image" and place not in self.brightest:
                    yield from self._look(place, todo, done)
                outer = np.asarray(self.cube.data[(*place, slice(None), *tile.outer)], np.float32)
                try:
                    piece = self._piece(runner, outer, device, self.brightest.get(place))
                except torch.OutOfMemoryError:
                    piece = None  # the memory comes back only once the except block is left
                if piece is None:
                    side //= 2
                    if side < max(1, self.geometry.stride):
                        raise MemoryError(f"not even a tile of {side} pixels fits on {device}")
                    todo = _halved(todo, side, self.geometry, height, width)
                    torch.cuda.empty_cache()
                    continue
                known = int(np.isfinite(outer).any(axis=0).sum())
                self._take(predicted[place], piece, tile, known)
                measured[place] += known
                todo.pop(0)
                done += 1
                self.in_tiles |= len(todo) + done > max(1, math.prod(leading))
                try:
                    yield Progress(done, done + len(todo))
                except Stop as stop:
                    raise Cancelled from stop
        if not measured.any():
            raise ValueError(
                f"cube {self.cube.name!r} holds no measured value: all are NaN; choose another "
                "file or layer"
            )
        if self.task.whole:  # planes without a measured pixel have no answer
            predicted /= np.where(measured, measured, np.nan)[..., None, None, None]
        return predicted

    def result(self, predicted: NDArray[np.float32]) -> Image:
        """Turn what `run` returned into what a person looks at."""
        card = self.model.card
        result = self.task.result(predicted, card.output_axis, self._shown())
        if self.in_tiles and self.model.recipe.network.sees_all:
            result = result.after("in tiles, each with averages of its own")
        return replace(result, colours=card.colours) if isinstance(result, Labels) else result

    def probabilities(self, predicted: NDArray[np.float32]) -> Cube:
        """Turn what `run` returned, scores of classes, into their probabilities."""
        assert isinstance(self.task, ClassTask)
        chances = self.task.probabilities(predicted)
        place: dict[str, Any] = {}
        if self.task.whole:  # one pixel, as large as the image
            height, width = (
                n * side for n, side in zip(self.cube.shape[-2:], self.cube.pixel_size, strict=True)
            )
            top, left = (
                at - side / 2
                for at, side in zip(self.cube.origin, self.cube.pixel_size, strict=True)
            )
            place = {"pixel_size": (height, width), "origin": (top + height / 2, left + width / 2)}
        return self._shown().after(
            "probabilities of classes",
            data=chances,
            axis=self.model.card.output_axis,
            intensity_unit="probability",
            name=f"{self.cube.name} probabilities".strip(),
            **place,
        )

    def _shown(self) -> Cube:
        """Return the cube as the network saw it, but for its values."""
        spot = (*(slice(None) for _ in self.cube.shape[:-2]), slice(0, 1), slice(0, 1))
        blank = np.zeros_like(self.cube.data[spot], dtype=np.float32)
        prepared = self.prepare.on(replace(self.cube, data=blank))
        shape = (*prepared.shape[:-2], *self.cube.shape[-2:])
        return replace(prepared, data=np.broadcast_to(np.float32(0), shape))

    def _look(self, place: tuple[int, ...], todo: _Todo, done: int) -> Job[None]:
        """Find the maximum of a plane by which all its tiles are to be scaled; it may be lazy."""
        cores = [tile.kept for at, tile in todo if at == place]
        if len(cores) == 1:
            return
        scale, found = self.model.network.normalise, []
        for core in cores:
            part = np.asarray(self.cube.data[(*place, slice(None), *core)], np.float32)
            part = self.bands.to_model(self.prepare.on_spectra(part, self.cube.axis))
            found.append(scale.brightest(torch.from_numpy(part)[None]))
            try:
                yield Progress(done, done + len(todo), note="looking for the maximum")
            except Stop as stop:
                raise Cancelled from stop
        self.brightest[place] = torch.cat(found).amax(dim=0, keepdim=True)

    @torch.inference_mode()
    def _piece(
        self,
        runner: torch.nn.Module,
        tile: NDArray[np.float32],
        device: torch.device,
        brightest: torch.Tensor | None,
    ) -> NDArray[np.float32]:
        """Return what the network makes of a tile, (out, y · scale, x · scale)."""
        tile = self.prepare.on_spectra(tile, self.cube.axis)
        height, width = tile.shape[-2:]
        pad = [(0, 0)] + [(0, -size % self.geometry.stride) for size in (height, width)]
        given = torch.from_numpy(np.pad(self.bands.to_model(tile), pad, mode="symmetric"))
        with precision_of(self.machine, runner, device):
            shared = None if brightest is None else brightest.to(device)
            out = runner(given[None].to(device), shared).float()
        if self.task.whole:
            scores: NDArray[np.float32] = out[0].cpu().numpy()
            return scores
        # what was padded was not measured: the result ends where the image does
        out = out[..., : height * self.scale, : width * self.scale]
        out = self.task.finished(out, given[None, :, :height, :width].to(device))
        piece: NDArray[np.float32] = out[0].cpu().numpy()
        return self.bands.to_cube(piece, tile, self.scale)

    def _take(
        self, image: NDArray[np.float32], piece: NDArray[np.float32], tile: _Tile, known: int
    ) -> None:
        """Put what is right of a piece to its place; scores of a whole image are added up."""
        if self.task.whole:
            image += piece * known
            return
        kept, within = (
            tuple(slice(self.scale * s.start, self.scale * s.stop) for s in spans)
            for spans in (tile.kept, tile.within)
        )
        image[(slice(None), *kept)] = piece[(slice(None), *within)]


class _Bands:
    """How the bands of a cube meet those of a model."""

    def __init__(self, model: Axis, gives: Axis, cube: Axis, restores: bool) -> None:
        self.model, self.cube = model, cube
        self._learned = model.good & gives.good if restores else gives.good
        self.same = model.same_bands(cube)
        if not self.same:
            _check_resampling(model, cube)
        self.result: Axis = cube if restores else gives
        self._back = restores

    def to_model(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a tile, (band, y, x), to the bands of the model; what is bad or infinite is missing."""
        tile = np.where(np.isfinite(tile) & _upright(self.cube.good), tile, np.float32(np.nan))
        if self.same:
            return tile
        assert isinstance(self.cube, SpectralAxis)
        assert isinstance(self.model, SpectralAxis)
        return resample(tile, self.cube, self.model)

    def to_cube(
        self, piece: NDArray[np.float32], tile: NDArray[np.float32], scale: int
    ) -> NDArray[np.float32]:
        """Bring a result back to the bands of the cube, missing where `tile` is missing.

        What was bad in training is missing as well: nobody taught it. Of a pixel of `tile`, the
        result has `scale` × `scale`.
        """
        piece = np.where(_upright(self._learned), piece, np.float32(np.nan))
        if not self._back:
            unknown = np.asarray(~np.isfinite(tile[self.cube.good]).any(axis=0))
            return np.where(_finer(unknown, scale), np.float32(np.nan), piece)
        if not self.same:
            assert isinstance(self.cube, SpectralAxis)
            assert isinstance(self.model, SpectralAxis)
            piece = resample(piece, self.model, self.cube)
        known = np.asarray(np.isfinite(tile) & _upright(self.cube.good))
        return np.where(_finer(known, scale), piece, np.float32(np.nan))


def _bands(model: Model, axis: Axis) -> _Bands:
    recipe, card = model.recipe, model.card
    prepared = recipe.preprocessing.on_axis(axis)
    return _Bands(card.axis, card.output_axis, prepared, recipe.task.restores)


def _upright(bands: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return bands[:, None, None]


def _finer(mask: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
    return mask.repeat(scale, -2).repeat(scale, -1) if scale > 1 else mask


def _check_resampling(model: Axis, cube: Axis) -> None:
    if not isinstance(model, SpectralAxis) or not isinstance(cube, SpectralAxis):
        raise AxisMismatchError(model, cube, "give it a cube with those channels")
    if model.kind == "index":
        raise AxisMismatchError(model, cube, "give it a cube with those bands")
    if (model.kind, model.unit) != (cube.kind, cube.unit):
        raise AxisMismatchError(model, cube, "give the cube a spectral axis of that kind and unit")
    low, high = model.centres.min(), model.centres.max()
    common = min(high, cube.centres.max()) - max(low, cube.centres.min())
    if high > low and common < _SMALLEST_SHARE * (high - low):
        share = max(0.0, common / (high - low))
        raise AxisMismatchError(
            model,
            cube,
            f"only {share:.0%} of the model's range is in the cube; "
            "train on a cube like this one, or measure that range",
        )
    for axis in (model, cube):
        if len(np.unique(axis.centres)) < len(axis):
            raise AxisMismatchError(model, cube, "resampling needs bands that do not repeat")


class _Tile(NamedTuple):
    outer: tuple[slice, slice]  # what the network is shown, in the image
    kept: tuple[slice, slice]  # what is kept, in the image
    within: tuple[slice, slice]  # what is kept, in what the network was shown


def tiles(height: int, width: int, side: int, reach: int, stride: int) -> Iterator[_Tile]:
    """Yield tiles that cover an image; each kept core has a halo of `reach` around it.

    Halos end at the image, and begin at multiples of `stride`, so that the coarse grids of a
    network lie as they do in the whole image.
    """
    yield from _tiles_of((slice(0, height), slice(0, width)), (height, width), side, reach, stride)


def _tiles_of(
    part: tuple[slice, slice], size: tuple[int, int], side: int, reach: int, stride: int
) -> Iterator[_Tile]:
    """Yield tiles that cover a part of an image of this size; it begins at multiples of `stride`."""
    side = max(stride, side // stride * stride)
    halo = -(-reach // stride) * stride
    for y in range(part[0].start, part[0].stop, side):
        for x in range(part[1].start, part[1].stop, side):
            kept = [
                (start, min(start + side, whole.stop))
                for start, whole in zip((y, x), part, strict=True)
            ]
            outer = [
                (max(0, start - halo), min(stop + halo, end))
                for (start, stop), end in zip(kept, size, strict=True)
            ]
            yield _Tile(
                tuple(slice(a, b) for a, b in outer),  # type: ignore[arg-type]
                tuple(slice(a, b) for a, b in kept),  # type: ignore[arg-type]
                tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(kept, outer)),  # type: ignore[arg-type]
            )


_Todo = list[tuple[tuple[int, ...], _Tile]]


def _todo(leading: list[int], height: int, width: int, side: int, geometry: Geometry) -> _Todo:
    return [
        (place, tile)
        for place in np.ndindex(*leading)
        for tile in tiles(height, width, side, geometry.reach, geometry.stride)
    ]


def _halved(todo: _Todo, side: int, geometry: Geometry, height: int, width: int) -> _Todo:
    """Cut the tiles that are still to do into smaller ones."""
    size = (height, width)
    return [
        (place, small)
        for place, tile in todo
        for small in _tiles_of(tile.kept, size, side, geometry.reach, geometry.stride)
    ]


def _tile_side(
    geometry: Geometry, machine: Machine, device: torch.device, size: tuple[int, int]
) -> int:
    """Return the side of what is kept of a tile that, with its halo, keeps to the memory allowed.

    An image that fits in whole is one tile: it has no halo.
    """
    allowed = machine.tile_memory * 2**20
    quick = min(allowed, _CPU_TILE_BYTES) if device.type == "cpu" else allowed
    pixels, few = (memory / (4 * geometry.floats) for memory in (allowed, quick))
    padded = [-(-side // geometry.stride) * geometry.stride for side in size]
    if padded[0] * padded[1] <= (pixels if geometry.reach else few):
        return max(padded)
    halo = 2 * geometry.reach
    # of a smaller tile, most would be halo: computed again and again, and thrown away
    side = max(int(few**0.5) - halo, min(int(pixels**0.5) - halo, halo))
    return max(geometry.stride, side)
