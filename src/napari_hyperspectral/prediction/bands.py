"""Between the bands of a cube and those of a model."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, SpectralAxis
from ..models.model import Model
from ..spectra.resample import resample

_SMALLEST_SHARE: Final = 0.8
"""Of the model's spectral range, this much must be in a cube that is resampled for it."""


class AxisMismatchError(ValueError):
    """A cube has bands that cannot be resampled to those a model was trained on."""

    def __init__(self, model: Axis, cube: Axis, remedy: str) -> None:
        super().__init__(f"this model was trained on {model}; the cube has {cube}; {remedy}")


def output_axis_for(model: Model, axis: Axis) -> Axis:
    """Return the axis of what a model predicts from a cube with this axis, without running it.

    Raises
    ------
    AxisMismatchError
        If it can predict nothing from such a cube.
    """
    return BandConversion(model, axis).output_axis


class BandConversion:
    """From the bands of a cube to those of a model, and from its output back to the cube's.

    Parameters
    ----------
    model : Model
    axis : Axis
        Of the cube, before preprocessing.

    Raises
    ------
    AxisMismatchError
        If the bands of the cube cannot be resampled to those of the model.
    """

    def __init__(self, model: Model, axis: Axis) -> None:
        recipe, card = model.recipe, model.card
        self._cube_axis: Axis = recipe.preprocessing.on_axis(axis)
        self._preserves_bands: bool = recipe.task.preserves_bands
        self._resampled = _resampled_axes(card.input_axis, self._cube_axis)
        self._trained = card.output_axis.good  # (out,): bad bands were not trained on
        self.output_axis: Axis = card.output_axis
        """Of the result."""
        if self._preserves_bands:
            self._trained = card.input_axis.good & card.output_axis.good
            self.output_axis = self._cube_axis

    def to_model(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring preprocessed intensities to the bands of the model; bad ones become NaN.

        Parameters
        ----------
        tile : ndarray, shape (band, y, x)
            Infinite intensities count as missing.
        """
        tile = np.where(self._known(tile), tile, np.float32(np.nan))
        if self._resampled is None:
            return tile
        return resample(tile, self._resampled.cube, self._resampled.model)

    def to_cube(
        self, result: NDArray[np.float32], tile: NDArray[np.float32], scale: int
    ) -> NDArray[np.float32]:
        """Bring a result to the bands of the output axis, NaN where the input is missing.

        What was bad in training is NaN as well: no weight was trained for it.

        Parameters
        ----------
        result : ndarray, shape (out, y · scale, x · scale)
            Output of the network.
        tile : ndarray, shape (band, y, x)
            The preprocessed intensities that it was predicted from.
        scale : int
            Rows, and columns, of the result for each of the input.
        """
        result = np.where(_per_pixel(self._trained), result, np.float32(np.nan))
        if not self._preserves_bands:  # a pixel is predicted from all its bands
            known = np.asarray(np.isfinite(tile[self._cube_axis.good]).any(axis=0))  # (y, x)
        else:
            known = self._known(tile)
            if self._resampled is not None:
                result = resample(result, self._resampled.model, self._resampled.cube)
        return np.where(_upscaled(known, scale), result, np.float32(np.nan))

    def _known(self, tile: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which intensities are measured and of good bands, (band, y, x)."""
        return np.isfinite(tile) & _per_pixel(self._cube_axis.good)


class _ResampledAxes(NamedTuple):
    """Axes between which spectra are resampled."""

    model: SpectralAxis
    cube: SpectralAxis


def _per_pixel(bands: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return bands[:, None, None]


def _upscaled(mask: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
    """Return a mask, (…, y, x), on fine pixels, (…, y · scale, x · scale)."""
    if scale == 1:
        return mask
    return mask.repeat(scale, -2).repeat(scale, -1)


def _resampled_axes(model: Axis, cube: Axis) -> _ResampledAxes | None:
    """Return the axes to resample between; None where the bands are the same."""
    if model.same_bands(cube):
        return None
    if not isinstance(model, SpectralAxis) or not isinstance(cube, SpectralAxis):
        raise AxisMismatchError(model, cube, "give it a cube with those channels")
    _check_resampling(model, cube)
    return _ResampledAxes(model, cube)


def _check_resampling(model: SpectralAxis, cube: SpectralAxis) -> None:
    if model.kind == "index":
        raise AxisMismatchError(model, cube, "give it a cube with those bands")
    if (model.kind, model.unit) != (cube.kind, cube.unit):
        raise AxisMismatchError(model, cube, "give the cube a spectral axis of that kind and unit")
    low = model.centres.min()
    high = model.centres.max()
    overlap = min(high, cube.centres.max()) - max(low, cube.centres.min())
    if high > low and overlap < _SMALLEST_SHARE * (high - low):
        share = max(0.0, overlap / (high - low))
        raise AxisMismatchError(
            model,
            cube,
            f"only {share:.0%} of the model's range is in the cube; "
            "train on a cube like this one, or measure that range",
        )
    for axis in (model, cube):
        if len(np.unique(axis.centres)) < len(axis):
            raise AxisMismatchError(model, cube, "resampling needs bands that do not repeat")
