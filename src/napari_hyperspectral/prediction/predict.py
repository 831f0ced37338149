"""Predictions: a model on a cube of any size, tile by tile, without seams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..cube import Cube, Image, Labels
from ..devices import computing, precision_of
from ..machine import Machine
from ..models.model import Model
from ..networks import Geometry, geometry_of
from ..networks.blocks.padding import pad_by_reflection, padded_size
from ..progress import Job, Progress, Stop, run_with_bar
from ..spectra.preprocessing import Preprocessing
from ..tasks import Task
from ..tasks.classes import ClassTask
from .bands import BandConversion
from .tiles import PlaneTile, Region, Tile, plane_tiles, subdivided, tile_side


class NoClassesError(ValueError):
    """A model that predicts intensities was asked for probabilities of classes."""

    def __init__(self, model: Model) -> None:
        super().__init__(
            f"a model for {model.card.recipe['task']['kind']} predicts intensities, which have no "
            "probabilities; ask a model that predicts classes for them"
        )


class Cancelled(Exception):
    """A prediction was stopped; there is no partial result."""

    def __init__(self) -> None:
        super().__init__("the prediction was stopped before its end")


def predict(model: Model, cube: Cube, *, machine: Machine | None = None) -> Image:
    """Run a model on a cube, with a progress bar in a terminal or notebook.

    For the parameters and errors see `predict_steps`, which yields after each tile.
    """
    return run_with_bar(predict_steps(model, cube, machine=machine), "predicting")


def predict_classes(
    model: Model, cube: Cube, *, machine: Machine | None = None
) -> tuple[Labels, Cube]:
    """Predict classes and their probabilities, with a progress bar in a terminal or notebook.

    For the parameters and errors see `predict_classes_steps`.
    """
    return run_with_bar(predict_classes_steps(model, cube, machine=machine), "predicting")


def predict_steps(model: Model, cube: Cube, *, machine: Machine | None = None) -> Job[Image]:
    """Run a model over a cube tile by tile, yielding after each; return the result.

    Tiles overlap by the receptive field of the network, and only their cores are kept, so that
    the result equals that of the whole image at once. Bands other than the model's are resampled
    to it, and its result back; what is missing (NaN) or bad in the cube is NaN in the result.

    Parameters
    ----------
    model : Model
        From `fit_steps` or `Model.load`.
    cube : Cube
        Of any height, width, t and z, (…, band, y, x); may be lazy.
    machine : Machine, optional
        Device, precision, threads, memory of a tile.

    Returns
    -------
    Cube or Labels
        On the same pixels (super-resolution: finer ones), with the same origin, t and z, and one
        line more of history.

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


def predict_classes_steps(
    model: Model, cube: Cube, *, machine: Machine | None = None
) -> Job[tuple[Labels, Cube]]:
    """Run a model that predicts classes, as `predict_steps` does; return their probabilities, too.

    Returns
    -------
    Labels
        What `predict_steps` returns.
    Cube
        Probability of each class, channels named after the classes.

    Raises
    ------
    NoClassesError
        If the model predicts intensities.
    AxisMismatchError, ValueError, Cancelled
        As `predict_steps` does.
    """
    if model.recipe.task.predicts_intensities:
        raise NoClassesError(model)
    job = _Prediction(model, cube, machine or Machine())
    predicted = yield from job.run()
    labels = job.result(predicted)
    assert isinstance(labels, Labels)
    return labels, job.probabilities(predicted)


class _Prediction:
    """One model on one cube: plan tiles, run the network on each, assemble the result."""

    def __init__(self, model: Model, cube: Cube, machine: Machine) -> None:
        self.model = model
        self.cube = cube
        self.machine = machine
        self.task: Task = model.recipe.task
        self.preprocessing: Preprocessing = model.recipe.preprocessing
        self.bands = BandConversion(model, cube.axis)
        self.scale = model.ports.scale
        self.geometry = _tile_geometry(model)
        self.in_tiles = False
        """Whether an image went through in more than one tile."""
        self.maxima: dict[tuple[int, ...], torch.Tensor] = {}
        """Of each plane in several tiles, where planes are normalised by their maximum."""

    def run(self) -> Job[NDArray[np.float32]]:
        """Return what the network makes of the cube, (…, out, y · scale, x · scale).

        Of tasks about whole images, (…, out, 1, 1).
        """
        *leading, _, height, width = self.cube.shape
        predicted = self._empty_result()
        measured = np.zeros(tuple(leading), np.int64)  # pixels of each plane
        with computing(self.machine) as device:
            network = self.model.network.to(device).eval()
            side = tile_side(self.geometry, self.machine, device, (height, width))
            todo = plane_tiles(leading, (height, width), side, self.geometry)
            done = 0
            while todo:
                plane, tile = todo[0]
                if self.task.normalise == "image" and plane not in self.maxima:
                    yield from self._find_maximum(plane, todo, done)
                intensities = self._read(plane, tile.outer)
                result = self._try_tile(network, intensities, device, self.maxima.get(plane))
                if result is None:  # out of memory
                    side = self._half(side, device)
                    todo = subdivided(todo, (height, width), side, self.geometry)
                    continue
                pixels = int(np.isfinite(intensities).any(axis=0).sum())
                self._assemble(predicted[plane], result, tile, pixels)
                measured[plane] += pixels
                todo.pop(0)
                done += 1
                self.in_tiles |= done + len(todo) > max(1, math.prod(leading))
                yield from _progress(done, done + len(todo))
        self._check_measured(measured)
        if self.task.image_level:  # sums of scores become means; NaN where nothing was measured
            predicted /= np.where(measured, measured, np.nan)[..., None, None, None]
        return predicted

    def result(self, predicted: NDArray[np.float32]) -> Image:
        """Turn what `run` returned into a cube or labels."""
        card = self.model.card
        result = self.task.result(predicted, card.output_axis, self._template())
        if self.in_tiles and self.model.recipe.network.uses_image_statistics:
            result = result.after("in tiles, each with averages of its own")
        if isinstance(result, Labels):
            return replace(result, colours=card.colours)
        return result

    def probabilities(self, predicted: NDArray[np.float32]) -> Cube:
        """Turn what `run` returned, scores of classes, into their probabilities."""
        assert isinstance(self.task, ClassTask)
        cube = self._template().after(
            "probabilities of classes",
            data=self.task.probabilities(predicted),
            axis=self.model.card.output_axis,
            intensity_unit="probability",
            name=f"{self.cube.name} probabilities".strip(),
        )
        if self.task.image_level:
            return _on_one_pixel(cube, self.cube)
        return cube

    def _template(self) -> Cube:
        """Return the preprocessed cube without its intensities: all are 0, and take no memory."""
        leading = (slice(None),) * (len(self.cube.shape) - 2)  # up to the bands
        one_pixel = self.cube.data[(*leading, slice(0, 1), slice(0, 1))]
        blank = np.zeros_like(one_pixel, dtype=np.float32)
        prepared = self.preprocessing.on(replace(self.cube, data=blank))
        shape = (*prepared.shape[:-2], *self.cube.shape[-2:])
        return replace(prepared, data=np.broadcast_to(np.float32(0), shape))

    def _empty_result(self) -> NDArray[np.float32]:
        *leading, _, height, width = self.cube.shape
        size = (height * self.scale, width * self.scale)
        if self.task.image_level:
            size = (1, 1)
        return np.zeros((*leading, len(self.bands.output_axis), *size), np.float32)

    def _read(self, plane: tuple[int, ...], region: Region) -> NDArray[np.float32]:
        """Load a part of a plane, (band, y, x)."""
        return np.asarray(self.cube.data[(*plane, slice(None), *region)], np.float32)

    def _find_maximum(
        self, plane: tuple[int, ...], todo: Sequence[PlaneTile], done: int
    ) -> Job[None]:
        """Find the maximum by which all tiles of a plane are to be normalised; it may be lazy."""
        regions = [tile.kept for at, tile in todo if at == plane]
        if len(regions) == 1:
            return  # the network takes it from the tile itself
        maxima = []
        for region in regions:
            part = self.preprocessing.on_spectra(self._read(plane, region), self.cube.axis)
            image = torch.from_numpy(self.bands.to_model(part))[None]
            maxima.append(self.model.network.normalise.image_maximum(image))
            yield from _progress(done, done + len(todo), "looking for the maximum")
        self.maxima[plane] = torch.cat(maxima).amax(dim=0, keepdim=True)

    def _try_tile(
        self,
        network: nn.Module,
        intensities: NDArray[np.float32],
        device: torch.device,
        maximum: torch.Tensor | None,
    ) -> NDArray[np.float32] | None:
        """Return what `_predict_tile` does; None where the memory of the device runs out."""
        try:
            return self._predict_tile(network, intensities, device, maximum)
        except torch.OutOfMemoryError:
            return None  # what failed is freed only once the except block is left

    @torch.inference_mode()
    def _predict_tile(
        self,
        network: nn.Module,
        intensities: NDArray[np.float32],
        device: torch.device,
        maximum: torch.Tensor | None,
    ) -> NDArray[np.float32]:
        """Run the network on a tile, (band, y, x); return (out, y · scale, x · scale)."""
        tile = self.preprocessing.on_spectra(intensities, self.cube.axis)
        height, width = tile.shape[-2:]
        stride = self.geometry.stride
        image = torch.from_numpy(self.bands.to_model(tile))
        image = pad_by_reflection(image, padded_size(height, stride), padded_size(width, stride))
        if maximum is not None:
            maximum = maximum.to(device)
        with precision_of(self.machine, network, device):
            result = network(image[None].to(device), maximum).float()
        if self.task.image_level:
            return _on_cpu(result)
        # padding was not measured: the result ends where the image does
        result = result[..., : height * self.scale, : width * self.scale]
        result = self.task.postprocess(result, image[None, :, :height, :width].to(device))
        return self.bands.to_cube(_on_cpu(result), tile, self.scale)

    def _half(self, side: int, device: torch.device) -> int:
        """Return half the side of a tile that did not fit into memory, and free that memory."""
        side //= 2
        if side < max(1, self.geometry.stride):
            raise MemoryError(
                f"not even a tile of {side} pixels fits on {device}; run on the CPU, or close "
                "other programs that use the device"
            )
        torch.cuda.empty_cache()
        return side

    def _assemble(
        self, image: NDArray[np.float32], result: NDArray[np.float32], tile: Tile, pixels: int
    ) -> None:
        """Write the core of a tile's result into the image; scores of a whole image are summed."""
        if self.task.image_level:
            image += result * pixels
            return
        rows, columns = _upscaled_region(tile.kept, self.scale)
        core_rows, core_columns = _upscaled_region(tile.within, self.scale)
        image[:, rows, columns] = result[:, core_rows, core_columns]

    def _check_measured(self, measured: NDArray[np.int64]) -> None:
        if not measured.any():
            raise ValueError(
                f"cube {self.cube.name!r} holds no measured value: all are NaN; choose another "
                "file or layer"
            )


def _tile_geometry(model: Model) -> Geometry:
    """Return stride, memory, and the radius around a tile that its result depends on."""
    task: Task = model.recipe.task
    ports = model.ports
    geometry = geometry_of(model.recipe.network, ports)
    radius = geometry.receptive_radius
    if ports.image_level:  # scores of tiles are averaged: no pixel needs its surroundings
        radius = 0
    return geometry._replace(receptive_radius=radius + task.margin)


def _progress(done: int, total: int, note: str = "") -> Job[None]:
    """Yield a step; a prediction that is stopped there is cancelled."""
    try:
        yield Progress(done, total, note=note)
    except Stop as stop:
        raise Cancelled from stop


def _on_cpu(batch: torch.Tensor) -> NDArray[np.float32]:
    """Return the only image of a batch as an array, (out, y, x)."""
    image: NDArray[np.float32] = batch[0].cpu().numpy()
    return image


def _on_one_pixel(result: Cube, cube: Cube) -> Cube:
    """Return a result of one pixel with that pixel as large as the whole cube."""
    rows, columns = cube.shape[-2:]
    pixel_height, pixel_width = cube.pixel_size
    height = rows * pixel_height
    width = columns * pixel_width
    top = cube.origin[0] - pixel_height / 2  # an origin is the centre of the first pixel
    left = cube.origin[1] - pixel_width / 2
    return replace(result, pixel_size=(height, width), origin=(top + height / 2, left + width / 2))


def _upscaled_region(region: Region, scale: int) -> Region:
    rows, columns = region
    return (
        slice(scale * rows.start, scale * rows.stop),
        slice(scale * columns.start, scale * columns.stop),
    )
