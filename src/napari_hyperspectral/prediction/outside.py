"""Cubes far outside what a model was trained on: its result may be wrong, and this is said."""

from __future__ import annotations

import math
import warnings
from typing import Final

import numpy as np

from ..axis import SpectralAxis
from ..cube import Cube
from ..io.metadata.units import metres
from ..models.input_range import MOST_VALUES, Quantiles, quantiles_of
from ..models.model import Model
from ..recipe.building import receptive_radius_of
from ..spectra.arrays import Float32

_FAR: Final = 3.0
"""Ranges of the training data beyond which intensities are far outside of it."""
_FLAT: Final = 0.1
"""Share of the range of the training data below which all of a cube is nearly one value."""
_COARSER: Final = 1.5
"""How many times larger, or smaller, pixels may be; so may steps of the axis, twice."""


class OutsideTrainingWarning(UserWarning):
    """A cube is far outside what the model was trained on."""

    def __init__(self, name: str, reasons: list[str]) -> None:
        super().__init__(
            f"cube {name!r} is far outside what the model was trained on: {'; '.join(reasons)}; "
            "its result may be wrong: give a cube like those of the training, or train on one like this"
        )


class InputSample:
    """Intensities that a model was given, a part of them.

    Parameters
    ----------
    shape : tuple of int
        Of the cube, (…, band, y, x).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        values = math.prod(shape)
        # both along rows and columns, so that a part of all bands is taken
        self._step = max(1, math.ceil(math.sqrt(values / MOST_VALUES)))
        self._parts: list[Float32] = []

    def add(self, tile: Float32) -> None:
        """Add a part of a tile, (band, y, x), as the model takes it."""
        some = tile[:, :: self._step, :: self._step]
        self._parts.append(some.ravel())

    def quantiles(self) -> Quantiles:
        """Return the quantiles of all that was added."""
        if not self._parts:
            return ()
        return quantiles_of(np.concatenate(self._parts))


def warn_if_outside(model: Model, cube: Cube, sample: InputSample) -> None:
    """Warn of a cube whose intensities, pixels or bands are far from those of the training."""
    reasons = [
        _intensity_reason(model, sample.quantiles()),
        _pixel_reason(model, cube),
        _band_reason(model, cube),
    ]
    found = [reason for reason in reasons if reason]
    if found:
        warnings.warn(OutsideTrainingWarning(cube.name, found), stacklevel=2)


def _intensity_reason(model: Model, cube: Quantiles) -> str:
    """Return how intensities differ; "" where they do not, or nothing is known of the training."""
    training = model.card.input_quantiles
    if not training or not cube:
        return ""
    low, _, high = training
    cube_low, _, cube_high = cube
    span = high - low
    cube_span = cube_high - cube_low
    beyond = max(cube_high - high, low - cube_low) > _FAR * span
    disjoint = cube_low > high or cube_high < low
    flat = cube_span < _FLAT * span
    if not (beyond or disjoint or flat):
        return ""
    ranges = (
        f"its intensities are {_in_words(cube)}, those of the training were {_in_words(training)}"
    )
    return f"{ranges}{_gain_note(model, training, cube)}"


def _gain_note(model: Model, training: Quantiles, cube: Quantiles) -> str:
    """Return that brightness alone does not matter, where it does not."""
    by_own = model.recipe.task.normalise
    brighter = cube[1] > training[1] > 0
    if by_own not in ("mean", "maximum", "image") or not brighter:
        return ""
    what = "image" if by_own == "image" else "spectrum"
    return f" (the model divides each {what} by its own size: a factor alone would not matter)"


def _in_words(quantiles: Quantiles) -> str:
    low, median, high = quantiles
    return f"{low:.3g} to {high:.3g} (1 % and 99 %, median {median:.3g})"


def _pixel_reason(model: Model, cube: Cube) -> str:
    """Return how pixels differ in size, where the model sees neighbours and both sizes are stated."""
    card = model.card
    sees_neighbours = receptive_radius_of(model.recipe) or model.recipe.method.uses_image_statistics
    trained_unit = metres(card.pixel_unit)
    unit = metres(cube.pixel_unit)
    if not sees_neighbours or trained_unit is None or unit is None:
        return ""
    ratios = []
    for own, trained in zip(cube.pixel_size, card.pixel_size, strict=True):
        ratios.append(abs(own * unit / (trained * trained_unit)))
    # what learns from fine images and coarse ones made of them has seen both
    smallest = 1 / (_COARSER * model.ports.scale)
    if smallest <= min(ratios) and max(ratios) <= _COARSER:
        return ""
    own_size = _size_in_words(cube.pixel_size, cube.pixel_unit)
    trained_size = _size_in_words(card.pixel_size, card.pixel_unit)
    return f"its pixels are {own_size}, those of the training were {trained_size}"


def _size_in_words(size: tuple[float, float], unit: str | None) -> str:
    height, width = size
    return f"{height:.3g} × {width:.3g} {unit or ''}".strip()


def _band_reason(model: Model, cube: Cube) -> str:
    """Return by how much the steps of the axis are wider than those of the training."""
    trained = model.card.input_axis
    own = cube.axis
    if not isinstance(trained, SpectralAxis) or not isinstance(own, SpectralAxis):
        return ""
    step = _step_of(own)
    trained_step = _step_of(trained)
    if not trained_step or step <= 2 * _COARSER * trained_step:
        return ""
    unit = own.unit or ""
    return (
        f"its bands are {step:.3g} {unit} from each other, those of the training were "
        f"{trained_step:.3g} {unit}"
    )


def _step_of(axis: SpectralAxis) -> float:
    """Return the typical step between neighbouring centres; 0 of a single band."""
    steps = np.abs(np.diff(axis.centres))
    return float(np.median(steps)) if len(steps) else 0.0
