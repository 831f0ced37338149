"""Between the bands of a cube and those of a model."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ..axis import Axis, SpectralAxis, axis_difference, axis_in_full
from ..models.model import Model
from ..spectra.arrays import Float32, GoodBands, Mask
from ..spectra.resample import resample

_MISSING: Final = np.float32(np.nan)
_SMALLEST_SHARE: Final = 0.8
"""Of the model's spectral range, this much must be in a cube that is resampled for it."""


class AxisMismatchError(ValueError):
    """A cube has bands that cannot be resampled to those a model was trained on."""

    def __init__(
        self,
        model: Axis,
        cube: Axis,
        remedy: str,
    ) -> None:
        super().__init__(
            f"this model was trained on {axis_in_full(model)}; the cube has {axis_in_full(cube)}: "
            f"they differ in {axis_difference(model, cube) or 'nothing'}; {remedy}"
        )


def output_axis_for(model: Model, axis: Axis) -> Axis:
    """Return the axis of what a model predicts from a cube with this axis, without running it.

    Raises
    ------
    AxisMismatchError
        If it can predict nothing from such a cube.
    """
    return BandConversion(model, model.recipe.preprocessing.on_axis(axis)).output_axis


class BandConversion:
    """From the bands of a cube to those of a model, and from its output back to the cube's.

    Parameters
    ----------
    model : Model
    axis : Axis
        Of the cube, after preprocessing.

    Raises
    ------
    AxisMismatchError
        If the bands of the cube cannot be resampled to those of the model.
    """

    def __init__(self, model: Model, axis: Axis) -> None:
        recipe = model.recipe
        input_axis = model.card.input_axis
        output_axis = model.card.output_axis
        self._cube_axis: Axis = axis
        self._preserves_bands: bool = recipe.task.preserves_bands
        self._resampled = _resampled_axes(input_axis, self._cube_axis)
        self._trained = output_axis.good  # (out,): bad bands were not trained on
        self.output_axis: Axis = output_axis
        """Of the result."""
        if self._preserves_bands:
            self._trained = input_axis.good & output_axis.good
            self.output_axis = self._cube_axis

    def to_model(self, tile: Float32) -> Float32:
        """Bring preprocessed intensities to the bands of the model; bad ones become NaN.

        Parameters
        ----------
        tile : ndarray, shape (band, y, x)
            Infinite intensities count as missing; the unit stays.
        """
        tile = np.where(self._known(tile), tile, _MISSING)
        axes = self._resampled
        if axes is None:
            return tile
        return resample(tile, axes.cube, axes.model)

    def to_cube(
        self,
        result: Float32,
        tile: Float32,
        scale: int,
    ) -> Float32:
        """Bring a result to the bands of the output axis, NaN where the input is missing.

        What was bad in training is NaN as well: no weight was trained for it.

        Parameters
        ----------
        result : ndarray, shape (out, y · scale, x · scale)
            Output of the network, in the unit of the target.
        tile : ndarray, shape (band, y, x)
            The preprocessed intensities that it was predicted from.
        scale : int
            Rows, and columns, of the result for each of the input.
        """
        trained = _per_pixel(self._trained)
        result = np.where(trained, result, _MISSING)
        axes = self._resampled
        known = self._known(tile)  # (band, y, x)
        if not self._preserves_bands:
            # a pixel is predicted from all its bands: one of them will do
            known = np.asarray(known.any(axis=0))  # (y, x)
        elif axes is not None:
            result = resample(result, axes.model, axes.cube)
        known = _upscaled(known, scale)
        return np.where(known, result, _MISSING)

    def _known(self, tile: Float32) -> Mask:
        """Return which intensities are measured and of good bands, (band, y, x)."""
        good = _per_pixel(self._cube_axis.good)
        return np.isfinite(tile) & good


class _ResampledAxes(NamedTuple):
    """Axes between which spectra are resampled."""

    model: SpectralAxis
    cube: SpectralAxis


def _per_pixel(bands: GoodBands) -> Mask:
    return bands[:, None, None]


def _upscaled(mask: Mask, scale: int) -> Mask:
    """Return a mask, (…, y, x), on fine pixels, (…, y · scale, x · scale)."""
    if scale == 1:
        return mask
    mask = mask.repeat(scale, -2)
    return mask.repeat(scale, -1)


def _resampled_axes(model: Axis, cube: Axis) -> _ResampledAxes | None:
    """Return the axes to resample between; None where the bands are the same."""
    if model.same_bands(cube):
        return None
    if not isinstance(model, SpectralAxis) or not isinstance(cube, SpectralAxis):
        raise AxisMismatchError(model, cube, "give it a cube with those channels")
    _check_resampling(model, cube)
    return _ResampledAxes(model, cube)


def _check_resampling(model: SpectralAxis, cube: SpectralAxis) -> None:
    """Refuse axes of other quantities, with too little in common, or with bands that repeat."""
    if model.kind == "index":
        raise AxisMismatchError(model, cube, "give it a cube with those bands")
    same_quantity = (model.kind, model.unit) == (cube.kind, cube.unit)
    if not same_quantity:
        remedy = "give the cube a spectral axis of that kind and unit"
        raise AxisMismatchError(model, cube, remedy)
    low = model.centres.min()
    high = model.centres.max()
    span = high - low  # 0 for a single band
    overlap_low = max(low, cube.centres.min())
    overlap_high = min(high, cube.centres.max())
    overlap = overlap_high - overlap_low
    if span > 0 and overlap < _SMALLEST_SHARE * span:
        share = max(0.0, overlap / span)
        raise AxisMismatchError(
            model,
            cube,
            f"only {share:.0%} of the model's range is in the cube; "
            "train on a cube like this one, or measure that range",
        )
    for axis in (model, cube):
        distinct = np.unique(axis.centres)
        if len(distinct) < len(axis):
            remedy = "resampling needs bands that do not repeat"
            raise AxisMismatchError(model, cube, remedy)
