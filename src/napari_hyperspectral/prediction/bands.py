"""How the bands of a cube meet those of a model."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, SpectralAxis
from ..models.model import Model
from ..spectra.resample import resample

_SMALLEST_SHARE: Final = 0.8
"""Of the model's spectral range, this much must be in a cube that is resampled for it."""


class AxisMismatchError(ValueError):
    """A model was given a cube of bands that cannot stand in for those it was trained on."""

    def __init__(self, model: Axis, cube: Axis, remedy: str) -> None:
        super().__init__(f"this model was trained on {model}; the cube has {cube}; {remedy}")


def output_axis_for(model: Model, axis: Axis) -> Axis:
    """Return the axis of what a model makes of a cube with this axis, without running it.

    Raises
    ------
    AxisMismatchError
        If it can make nothing of such a cube.
    """
    return bands_of(model, axis).result


class BandMatch:
    """How the bands of a cube meet those of a model."""

    def __init__(self, model: Axis, output_axis: Axis, cube: Axis, preserves_bands: bool) -> None:
        self.model, self.cube = model, cube
        self._learned = model.good & output_axis.good if preserves_bands else output_axis.good
        self.same = model.same_bands(cube)
        if not self.same:
            _check_resampling(model, cube)
        self.result: Axis = cube if preserves_bands else output_axis
        self._back = preserves_bands

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
            return np.where(_upscaled_mask(unknown, scale), np.float32(np.nan), piece)
        if not self.same:
            assert isinstance(self.cube, SpectralAxis)
            assert isinstance(self.model, SpectralAxis)
            piece = resample(piece, self.model, self.cube)
        known = np.asarray(np.isfinite(tile) & _upright(self.cube.good))
        return np.where(_upscaled_mask(known, scale), piece, np.float32(np.nan))


def bands_of(model: Model, axis: Axis) -> BandMatch:
    """Return how the bands of a cube with this axis meet those of a model."""
    recipe, card = model.recipe, model.card
    prepared = recipe.preprocessing.on_axis(axis)
    return BandMatch(card.input_axis, card.output_axis, prepared, recipe.task.preserves_bands)


def _upright(bands: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return bands[:, None, None]


def _upscaled_mask(mask: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
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
