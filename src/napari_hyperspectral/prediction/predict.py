"""Running a model on cubes larger than memory allows in one go, tile by tile, without seams."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..cube import Cube, Image, Labels
from ..devices import computing, precision_of
from ..machine import Machine
from ..models.model import Model
from ..networks import geometry_of
from ..progress import Job, Progress, Stop, run_with_bar
from ..spectra.preprocessing import Preprocessing
from ..tasks import Task
from ..tasks.classes import ClassTask
from .bands import (
    bands_of,
)
from .tiles import Pieces, Tile, halved, pieces, tile_side


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

    The tiles overlap by what the network can see beyond a pixel, and only what is right is
    kept, so that the result equals that of the whole image in one go. Bands other than the
    model's are resampled to it, and its result back; what was missing (NaN) or bad in the cube
    is missing in the result.

    Parameters
    ----------
    model : Model
        From `fit_steps` or `Model.load`.
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


def predict_classes_steps(
    model: Model, cube: Cube, *, machine: Machine | None = None
) -> Job[tuple[Labels, Cube]]:
    """Run a model that tells classes apart, as `predict_steps` does; return the probabilities, too.

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
    """One model on one cube."""

    def __init__(self, model: Model, cube: Cube, machine: Machine) -> None:
        self.model, self.cube, self.machine = model, cube, machine
        self.task: Task = model.recipe.task
        self.prepare: Preprocessing = model.recipe.preprocessing
        self.bands = bands_of(model, cube.axis)
        ports = model.ports
        self.scale = ports.scale
        self.geometry = geometry_of(model.recipe.network, ports)
        if ports.image_level:  # scores of tiles are averaged: no pixel needs its surroundings
            self.geometry = self.geometry._replace(receptive_radius=0)
        if self.task.margin:
            receptive_radius = self.geometry.receptive_radius + self.task.margin
            self.geometry = self.geometry._replace(receptive_radius=receptive_radius)
        self.in_tiles = False
        """Whether an image went through in more than one piece."""
        self.image_maximum: dict[tuple[int, ...], torch.Tensor] = {}
        """Of each plane that goes through in tiles, where planes are scaled by their maximum."""

    def run(self) -> Job[NDArray[np.float32]]:
        """Return what the network makes of the cube, (…, out, y · scale, x · scale).

        Of tasks about whole images, (…, out, 1, 1).
        """
        *leading, _, height, width = self.cube.shape
        sides = (1, 1) if self.task.image_level else (height * self.scale, width * self.scale)
        predicted = np.zeros((*leading, len(self.bands.result), *sides), np.float32)
        measured = np.zeros(tuple(leading), np.int64)  # pixels of each plane
        with computing(self.machine) as device:
            runner = self.model.network.to(device).eval()
            side = tile_side(self.geometry, self.machine, device, (height, width))
            todo, done = pieces(leading, height, width, side, self.geometry), 0
            while todo:
                place, tile = todo[0]
                if self.task.normalise == "image" and place not in self.image_maximum:
                    yield from self._look(place, todo, done)
                outer = np.asarray(self.cube.data[(*place, slice(None), *tile.outer)], np.float32)
                try:
                    piece = self._piece(runner, outer, device, self.image_maximum.get(place))
                except torch.OutOfMemoryError:
                    piece = None  # the memory comes back only once the except block is left
                if piece is None:
                    side //= 2
                    if side < max(1, self.geometry.stride):
                        raise MemoryError(f"not even a tile of {side} pixels fits on {device}")
                    todo = halved(todo, side, self.geometry, height, width)
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
        if self.task.image_level:  # planes without a measured pixel have no answer
            predicted /= np.where(measured, measured, np.nan)[..., None, None, None]
        return predicted

    def result(self, predicted: NDArray[np.float32]) -> Image:
        """Turn what `run` returned into what a person looks at."""
        card = self.model.card
        result = self.task.result(predicted, card.output_axis, self._shown())
        if self.in_tiles and self.model.recipe.network.uses_image_statistics:
            result = result.after("in tiles, each with averages of its own")
        return replace(result, colours=card.colours) if isinstance(result, Labels) else result

    def probabilities(self, predicted: NDArray[np.float32]) -> Cube:
        """Turn what `run` returned, scores of classes, into their probabilities."""
        assert isinstance(self.task, ClassTask)
        chances = self.task.probabilities(predicted)
        place: dict[str, Any] = {}
        if self.task.image_level:  # one pixel, as large as the image
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

    def _look(self, place: tuple[int, ...], todo: Pieces, done: int) -> Job[None]:
        """Find the maximum of a plane by which all its tiles are to be scaled; it may be lazy."""
        cores = [tile.kept for at, tile in todo if at == place]
        if len(cores) == 1:
            return
        scale, found = self.model.network.normalise, []
        for core in cores:
            part = np.asarray(self.cube.data[(*place, slice(None), *core)], np.float32)
            part = self.bands.to_model(self.prepare.on_spectra(part, self.cube.axis))
            found.append(scale.image_maximum(torch.from_numpy(part)[None]))
            try:
                yield Progress(done, done + len(todo), note="looking for the maximum")
            except Stop as stop:
                raise Cancelled from stop
        self.image_maximum[place] = torch.cat(found).amax(dim=0, keepdim=True)

    @torch.inference_mode()
    def _piece(
        self,
        runner: torch.nn.Module,
        tile: NDArray[np.float32],
        device: torch.device,
        image_maximum: torch.Tensor | None,
    ) -> NDArray[np.float32]:
        """Return what the network makes of a tile, (out, y · scale, x · scale)."""
        tile = self.prepare.on_spectra(tile, self.cube.axis)
        height, width = tile.shape[-2:]
        pad = [(0, 0)] + [(0, -size % self.geometry.stride) for size in (height, width)]
        input = torch.from_numpy(np.pad(self.bands.to_model(tile), pad, mode="symmetric"))
        with precision_of(self.machine, runner, device):
            shared = None if image_maximum is None else image_maximum.to(device)
            out = runner(input[None].to(device), shared).float()
        if self.task.image_level:
            scores: NDArray[np.float32] = out[0].cpu().numpy()
            return scores
        # what was padded was not measured: the result ends where the image does
        out = out[..., : height * self.scale, : width * self.scale]
        out = self.task.postprocess(out, input[None, :, :height, :width].to(device))
        piece: NDArray[np.float32] = out[0].cpu().numpy()
        return self.bands.to_cube(piece, tile, self.scale)

    def _take(
        self, image: NDArray[np.float32], piece: NDArray[np.float32], tile: Tile, known: int
    ) -> None:
        """Put what is right of a piece to its place; scores of a whole image are added up."""
        if self.task.image_level:
            image += piece * known
            return
        kept, within = (
            tuple(slice(self.scale * s.start, self.scale * s.stop) for s in spans)
            for spans in (tile.kept, tile.within)
        )
        image[(slice(None), *kept)] = piece[(slice(None), *within)]
