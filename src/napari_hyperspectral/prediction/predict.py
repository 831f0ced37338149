"""Predictions: a model on a cube of any size, tile by tile, without seams."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..cube import Cube, Image, Labels
from ..devices import computing, is_out_of_memory, precision_of, tensor_of
from ..machine import Machine
from ..models.model import Model, turns_of
from ..networks import TileGeometry
from ..networks.blocks.padding import pad_by_reflection, padded_size
from ..networks.blocks.turns import ORIENTATIONS, mean_over_turns
from ..progress import Cancelled, Job, Progress, Stop, run_with_bar
from ..recipe.building import geometry_of
from ..spectra.arrays import Float32
from ..spectra.steps.chain import NOTHING, Chain
from ..tasks import Task
from ..tasks.classes import ClassTask
from .bands import BandConversion
from .outside import InputSample, warn_if_outside
from .room import empty_result, loaded_if_small
from .tiles import PlaneIndex, PlaneTile, Region, Tile, plane_tiles, subdivided, tile_side


class NoClassesError(ValueError):
    """A model that predicts intensities was asked for probabilities of classes."""

    def __init__(self, model: Model) -> None:
        super().__init__(
            f"a model for {model.card.recipe['task']['kind']} predicts intensities, which have no "
            "probabilities; ask a model that predicts classes for them"
        )


def predict(
    model: Model,
    cube: Cube,
    *,
    turns: bool = False,
    machine: Machine | None = None,
) -> Image:
    """Run a model on a cube, with a progress bar in a terminal or notebook.

    For the parameters and errors see `predict_steps`, which yields after each tile.
    """
    steps = predict_steps(model, cube, turns=turns, machine=machine)
    return run_with_bar(steps, "predicting")


def predict_classes(
    model: Model,
    cube: Cube,
    *,
    turns: bool = False,
    machine: Machine | None = None,
) -> tuple[Labels, Cube]:
    """Predict classes and their probabilities, with a progress bar in a terminal or notebook.

    For the parameters and errors see `predict_classes_steps`.
    """
    steps = predict_classes_steps(model, cube, turns=turns, machine=machine)
    return run_with_bar(steps, "predicting")


def predict_steps(
    model: Model,
    cube: Cube,
    *,
    turns: bool = False,
    machine: Machine | None = None,
) -> Job[Image]:
    """Run a model over a cube tile by tile, yielding after each; return the result.

    Tiles overlap by the receptive field of the network, and only their cores are kept, so that
    the result equals that of the whole image at once. Bands other than the model's are resampled
    to it, and its result back; what is missing (NaN) or bad in the cube is NaN in the result. A cube
    far outside what the model was trained on is warned of: `OutsideTrainingWarning`.

    Parameters
    ----------
    model : Model
        From `fit_steps` or `Model.load`.
    cube : Cube
        Of any height, width, t and z, (…, band, y, x); may be lazy.
    turns : bool
        Whether to return the mean over the eight flips and quarter turns of the image (test-time
        augmentation, self-ensemble): slightly better, eight times slower. It changes nothing where
        a model sees one spectrum at a time, and takes no longer there.
    machine : Machine, optional
        Device, precision, threads, memory of a tile.

    Returns
    -------
    Cube or Labels
        On the same pixels (super-resolution: finer ones), (…, out, y, x) in the unit of the
        target, or (…, y, x) of classes; with the same origin, t and z, and one line more of
        history.

    Raises
    ------
    AxisMismatchError
        If the bands of the cube cannot be resampled to those of the model.
    ValueError
        If all values of the cube are NaN, or `turns` are asked of a model for point scans that are
        off the middle of their pixels: a turned one is another scan.
    Cancelled
        If it is stopped.
    """
    job = _Prediction(model, cube, machine or Machine(), turns=turns)
    predicted = yield from job.run()
    warn_if_outside(model, cube, job.sample)
    return job.result(predicted)


def predict_classes_steps(
    model: Model,
    cube: Cube,
    *,
    turns: bool = False,
    machine: Machine | None = None,
) -> Job[tuple[Labels, Cube]]:
    """Run a model that predicts classes, as `predict_steps` does; return their probabilities, too.

    Returns
    -------
    Labels
        What `predict_steps` returns.
    Cube
        Probability of each class, 0 to 1, (…, class, y, x); channels have the names of the classes.

    Raises
    ------
    NoClassesError
        If the model predicts intensities.
    AxisMismatchError, ValueError, Cancelled
        As `predict_steps` does.
    """
    if model.recipe.task.predicts_intensities:
        raise NoClassesError(model)
    job = _Prediction(model, cube, machine or Machine(), turns=turns)
    predicted = yield from job.run()
    warn_if_outside(model, cube, job.sample)
    labels = job.result(predicted)
    assert isinstance(labels, Labels)
    return labels, job.probabilities(predicted)


def predict_values_steps(model: Model, cube: Cube, *, machine: Machine) -> Job[Float32]:
    """Run a model over a preprocessed cube, as `predict_steps` does; return what its module gives.

    Returns
    -------
    ndarray of float32, shape (…, out, y · scale, x · scale)
        Intensities in the unit of the target, or scores of classes; (…, out, 1, 1) of tasks about
        whole images.

    Raises
    ------
    AxisMismatchError, ValueError, Cancelled
        As `predict_steps` does.
    """
    recipe = model.recipe.model_copy(update={"preprocessing": NOTHING})
    card = model.card.model_copy(update={"recipe": recipe.model_dump(mode="json")})
    job = _Prediction(replace(model, card=card), cube, machine, turns=False)
    return (yield from job.run())


class _Prediction:
    """One model on one cube: plan tiles, run the network on each, assemble the result."""

    def __init__(
        self,
        model: Model,
        cube: Cube,
        machine: Machine,
        *,
        turns: bool,
    ) -> None:
        self.turns = turns and _turns_change_it(model)
        """Whether the mean over all orientations is predicted."""
        self.model = model
        self.preprocessing: Chain = model.recipe.preprocessing
        if not self.preprocessing.per_spectrum:
            # a tile does not show all that such a step looks at
            cube = loaded_if_small(self.preprocessing.on(cube))
            self.preprocessing = NOTHING
        self.cube = cube
        self.machine = machine
        self.task: Task = model.recipe.task
        self.bands = BandConversion(model, self.preprocessing.on_axis(cube.axis))
        self.scale = model.ports.scale
        self.geometry = _tile_geometry(model)
        self.sample = InputSample(cube.shape)
        """Of what the model is given."""
        self.in_tiles = False
        """Whether an image went through in more than one tile."""
        self.maxima: dict[PlaneIndex, torch.Tensor] = {}
        """Of each plane in several tiles, where planes are normalised by their maximum."""

    def run(self) -> Job[Float32]:
        """Return what the network makes of the cube, (…, out, y · scale, x · scale).

        Of tasks about whole images, (…, out, 1, 1).
        """
        *leading, _, height, width = self.cube.shape
        size = (height, width)
        planes = math.prod(leading)  # 1 without t and z
        predicted = self._empty_result()
        measured = np.zeros(tuple(leading), np.int64)  # pixels of each plane
        with computing(self.machine) as device:
            network = self.model.network.to(device)
            network.eval()
            side = tile_side(self.geometry, self.machine, device, size)
            todo = plane_tiles(leading, size, side, self.geometry)
            done = 0
            while todo:
                plane, tile = todo[0]
                if self.task.normalise == "image" and plane not in self.maxima:
                    yield from self._find_maximum(plane, todo, done)
                maximum = self.maxima.get(plane)
                attempt = self._try_tile(network, plane, tile, device, maximum)
                if attempt is None:  # out of memory
                    side = self._half(_side(tile, side), device)
                    todo = subdivided(todo, size, side, self.geometry)
                    continue
                result, pixels = attempt
                self._assemble(predicted[plane], result, tile, pixels)
                measured[plane] += pixels
                todo.pop(0)
                done += 1
                total = done + len(todo)
                self.in_tiles |= total > max(1, planes)
                yield from _progress(done, total)
        self._check_measured(measured)
        if self.task.image_level:
            # sums of scores become means; NaN where nothing was measured
            pixels_of_plane = np.where(measured, measured, np.nan)
            predicted /= pixels_of_plane[..., None, None, None]
        return predicted

    def result(self, predicted: Float32) -> Image:
        """Turn what `run` returned into a cube or labels."""
        card = self.model.card
        template = self._template()
        result = self.task.result(predicted, card.output_axis, template)
        seams = self.in_tiles and self.model.recipe.method.uses_image_statistics
        if seams:  # a person must be able to tell why they are there
            result = result.after("in tiles, each with averages of its own")
        if self.turns:
            result = result.after(f"mean over {len(ORIENTATIONS)} flips and quarter turns")
        if isinstance(result, Labels):
            return replace(result, colours=card.colours)
        return result

    def probabilities(self, predicted: Float32) -> Cube:
        """Turn what `run` returned, scores of classes, into their probabilities."""
        assert isinstance(self.task, ClassTask)
        template = self._template()
        cube = template.after(
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
        *leading, height, width = self.cube.shape  # up to the bands
        blank_pixel = np.zeros((*leading, 1, 1), np.float32)
        blank = replace(self.cube, data=blank_pixel)
        prepared = self.preprocessing.on(blank)
        shape = (*prepared.shape[:-2], height, width)
        zeros = np.broadcast_to(np.float32(0), shape)
        return replace(prepared, data=zeros)

    def _empty_result(self) -> Float32:
        *leading, _, height, width = self.cube.shape
        size = (height * self.scale, width * self.scale)
        if self.task.image_level:
            size = (1, 1)
        channels = len(self.bands.output_axis)
        return empty_result((*leading, channels, *size))

    def _read(self, plane: PlaneIndex, region: Region) -> Float32:
        """Load a part of a plane, (band, y, x)."""
        rows, columns = region
        part = self.cube.data[(*plane, slice(None), rows, columns)]
        return np.asarray(part, np.float32)

    def _find_maximum(
        self,
        plane: PlaneIndex,
        todo: Sequence[PlaneTile],
        done: int,
    ) -> Job[None]:
        """Find the maximum by which all tiles of a plane are to be normalised; it may be lazy."""
        regions = [tile.kept for at, tile in todo if at == plane]
        if len(regions) == 1:
            return  # the network takes it from the tile itself
        normalise = self.model.network.normalise
        maxima = []
        for region in regions:
            intensities = self._read(plane, region)
            image = tensor_of(self._prepared(intensities))
            maximum = normalise.image_maximum(image[None])
            maxima.append(maximum)
            total = done + len(todo)
            yield from _progress(done, total, "looking for the maximum")
        joined = torch.cat(maxima)
        self.maxima[plane] = joined.amax(dim=0, keepdim=True)

    def _prepared(self, intensities: Float32) -> Float32:
        """Return a part of a plane, (band, y, x), preprocessed and in the bands of the model."""
        tile = self.preprocessing.on_spectra(intensities, self.cube.axis)
        return self.bands.to_model(tile)

    def _try_tile(
        self,
        network: nn.Module,
        plane: PlaneIndex,
        tile: Tile,
        device: torch.device,
        maximum: torch.Tensor | None,
    ) -> tuple[Float32, int] | None:
        """Return what `_predict_tile` does, and its measured pixels; None where memory runs out."""
        try:
            intensities = self._read(plane, tile.outer)
            result = self._predict_tile(network, intensities, device, maximum)
            return result, _count_measured(intensities)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None  # what failed is freed only once the except block is left

    @torch.inference_mode()
    def _predict_tile(
        self,
        network: nn.Module,
        intensities: Float32,
        device: torch.device,
        maximum: torch.Tensor | None,
    ) -> Float32:
        """Run the network on a tile, (band, y, x); return (out, y · scale, x · scale)."""
        tile = self.preprocessing.on_spectra(intensities, self.cube.axis)
        height, width = tile.shape[-2:]
        stride = self.geometry.stride
        of_model = self.bands.to_model(tile)
        self.sample.add(of_model)
        image = pad_by_reflection(
            tensor_of(of_model),
            padded_size(height, stride),
            padded_size(width, stride),
        )
        batch = image[None].to(device)  # (1, band, y, x)
        if maximum is not None:
            maximum = maximum.to(device)

        def run(image: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = network(image, maximum)
            return result.float()

        with precision_of(self.machine, network, device):
            result = mean_over_turns(run, batch) if self.turns else run(batch)
        if self.task.image_level:
            return _on_cpu(result)
        # padding was not measured: the result ends where the image does
        result_height = height * self.scale
        result_width = width * self.scale
        result = result[..., :result_height, :result_width]
        input = batch[..., :height, :width]
        result = self.task.postprocess(result, input, self.model.card.noise)
        return self.bands.to_cube(_on_cpu(result), tile, self.scale)

    def _half(self, side: int, device: torch.device) -> int:
        """Return half the side of a tile that did not fit into memory, and free that memory."""
        side //= 2
        if side < max(1, self.geometry.stride):
            raise MemoryError(
                f"not even a tile of {max(1, 2 * side)} pixels a side fits into the memory of {device}; "
                "close other programs, run elsewhere (--device), or take a smaller model"
            )
        torch.cuda.empty_cache()
        return side

    def _assemble(
        self,
        image: Float32,
        result: Float32,
        tile: Tile,
        pixels: int,
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


def _tile_geometry(model: Model) -> TileGeometry:
    """Return stride, memory, and the radius around a tile that its result depends on."""
    task: Task = model.recipe.task
    ports = model.ports
    geometry = geometry_of(model.recipe, ports)
    radius = geometry.receptive_radius
    if ports.image_level:  # scores of tiles are averaged: no pixel needs its surroundings
        radius = 0
    return geometry._replace(receptive_radius=radius + task.margin)


def _side(tile: Tile, side: int) -> int:
    """Return the side of a tile, which may be of an image smaller than tiles are planned."""
    rows, columns = tile.kept
    longest: int = max(rows.stop - rows.start, columns.stop - columns.start)
    return min(side, longest)


def _turns_change_it(model: Model) -> bool:
    """Return whether the mean over turned images differs from the prediction itself.

    Raises
    ------
    ValueError
        If a turned image is another measurement than the model was trained on.
    """
    turns = turns_of(model.recipe, model.ports)
    reason = model.card.model_copy(update={"turns": turns}).why_no_turns  # older cards do not say
    if turns == "refused":
        raise ValueError(f"{reason} Predict without turns.")
    if reason:
        warnings.warn(f"{model.card.task_kind}, {model.card.method_kind}: {reason}", stacklevel=2)
    return not reason


def _progress(
    done: int,
    total: int,
    note: str = "",
) -> Job[None]:
    """Yield a step; a prediction that is stopped there is cancelled."""
    try:
        yield Progress(done, total, note=note)
    except Stop as stop:
        raise Cancelled("prediction") from stop


def _count_measured(intensities: Float32) -> int:
    """Return how many pixels of a tile, (band, y, x), have a value in any band."""
    known = np.isfinite(intensities)
    measured = known.any(axis=0)  # (y, x)
    return int(measured.sum())


def _on_cpu(batch: torch.Tensor) -> Float32:
    """Return the only image of a batch as an array, (out, y, x)."""
    image: Float32 = batch[0].cpu().numpy()
    return image


def _on_one_pixel(result: Cube, cube: Cube) -> Cube:
    """Return a result of one pixel with that pixel as large as the whole cube."""
    rows, columns = cube.shape[-2:]
    pixel_height, pixel_width = cube.pixel_size
    height = rows * pixel_height
    width = columns * pixel_width
    middle = cube.place_at((rows - 1) / 2, (columns - 1) / 2)
    return replace(result, pixel_size=(height, width), **middle)


def _upscaled_region(region: Region, scale: int) -> Region:
    rows, columns = region
    upscaled_rows = slice(scale * rows.start, scale * rows.stop)
    upscaled_columns = slice(scale * columns.start, scale * columns.stop)
    return upscaled_rows, upscaled_columns
