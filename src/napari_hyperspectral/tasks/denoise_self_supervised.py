"""Denoising without a clean measurement: the cube is its own target.

A part of the measurement is hidden, and predicted from the others. Noise that the two parts do not
share cannot be predicted, so what is learned is the signal (Lehtinen et al. 2018, Noise2Noise,
https://arxiv.org/abs/1803.04189; Batson & Royer 2019, Noise2Self,
https://arxiv.org/abs/1901.11365). Which parts share no noise depends on the instrument: `hidden`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from ..axis import Axis
from ..cube import Cube
from ..networks import Normalisation, Normalised
from .base import Example, measured_planes, source_of
from .intensities import IntensityTask, Penalty, normalised_loss

Hidden: TypeAlias = Literal["half-bands", "bands", "pixels", "counts"]
_PARTS: Final[Mapping[Hidden, int]] = MappingProxyType(
    {"half-bands": 2, "bands": 4, "pixels": 9, "counts": 2}
)
"""Parts that are hidden in turn, each value in one of them; of counts, times that they are halved."""
_EVERY: Final = 3
"""Rows, and columns, from one hidden pixel to the next."""
_BAND: Final = 1
_ROW: Final = 2
_COLUMN: Final = 3


class DenoiseSelfSupervised(IntensityTask):
    """Remove noise without a clean measurement: learn from the noisy cube alone.

    Of two measurements of the same pixels, train `denoise` with one as noisy and the other as clean
    (Noise2Noise).
    """

    source: ClassVar[str] = (
        "Batson & Royer 2019, Noise2Self, https://arxiv.org/abs/1901.11365; halves of the bands as "
        "in SPEND 2024, https://arxiv.org/abs/2409.09910"
    )
    preserves_bands: ClassVar[bool] = True
    input_name: ClassVar[str] = "noisy"
    target_name: ClassVar[str | None] = None
    has_truth: ClassVar[bool] = False
    normalised_as_input: ClassVar[bool] = True
    kind: Literal["denoise_self_supervised"] = "denoise_self_supervised"
    normalise: Normalisation = "mean"
    """How spectra are normalised, and results scaled back. mean, maximum: each spectrum by its own
    (maximum: noise biases it); band, cube: by mean and standard deviation of the training data, of
    each band or of all bands together."""
    penalty: Penalty = "l2"
    """Loss of each intensity. l2: squared error, predicts the mean, which is the signal; the others
    predict the signal only where noise is symmetric."""
    hidden: Hidden = "half-bands"
    """What is hidden from the network, and predicted from what is not. half-bands: every second band,
    the odd or the even ones in turn, as in SPEND; for noise that bands do not share, though
    neighbouring pixels may. bands: every fourth, for spectra that are less smooth. pixels: every third
    in both directions, all of their bands, as in Noise2Self and Noise2Void; for noise that pixels do
    not share, though bands may; for networks that see images. counts: each photon goes to one of two
    measurements at random (binomial thinning); for unprocessed photon counts, and the only one that
    predicts from all bands and pixels."""

    def example(self, *, noisy: Cube) -> Example:
        """Take a noisy cube as input and as target.

        Raises
        ------
        ValueError
            If nothing in it was measured, or counts are to be halved and it holds none.
        """
        input = measured_planes(noisy)  # (plane, band, y, x)
        if self.hidden == "counts":
            _check_counts(input, noisy.name)
        known = np.asarray(np.isfinite(input).any(axis=1))
        return Example(
            input=input,
            target=input,
            sampling_classes=known.astype(np.int64),
            input_axis=noisy.axis,
            output_axis=noisy.axis,
            source=source_of(noisy.name),
            pixel_size=noisy.pixel_sides,
            pixel_unit=noisy.pixel_unit,
        )

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        if network.training:
            pair = self._random_pair(network, input, target)
            return self._loss_of(network, pair)
        losses = []
        for number in range(_PARTS[self.hidden]):
            pair = self._pair(input, target, number)
            losses.append(self._loss_of(network, pair))
        return torch.stack(losses).mean()

    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        # the target is the input: doing nothing would be best
        return float("nan")

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        step = f"denoised without a clean measurement ({self.hidden} hidden in training)"
        return cube.after(step, data=predicted, name=f"{cube.name} denoised".strip())

    def _loss_of(self, network: Normalised, pair: _Pair) -> Tensor:
        target = network.normalise.target(pair.target, pair.input)
        prediction = network.module(network.normalise(pair.input))
        return normalised_loss(prediction, target, self, network.normalise)

    def _random_pair(self, network: Normalised, input: Tensor, target: Tensor) -> _Pair:
        """Return a pair of which another part is hidden in every step."""
        if self.hidden == "counts":
            return _halves(input, target, network.generator_on(input.device))
        generator = network.generator_on(torch.device("cpu"))
        number = int(torch.randint(_PARTS[self.hidden], (), generator=generator))
        return self._pair(input, target, number)

    def _pair(self, input: Tensor, target: Tensor, number: int) -> _Pair:
        """Return input and target when part `number` is hidden, always the same."""
        match self.hidden:
            case "half-bands" | "bands":
                return _hidden_bands(input, target, _PARTS[self.hidden], number)
            case "pixels":
                return _hidden_pixels(input, target, number)
            case "counts":
                return _halves(input, target, Generator(input.device).manual_seed(number))
        raise AssertionError(self.hidden)


class _Pair(NamedTuple):
    """What a network sees, and what it is to predict."""

    input: Tensor
    """Shape (batch, band, y, x): what is hidden is filled in from its neighbours."""
    target: Tensor
    """The same shape; NaN but for what is hidden."""


def _hidden_bands(input: Tensor, target: Tensor, every: int, first: int) -> _Pair:
    """Hide every so many bands, from the first, and fill them in from their neighbours."""
    band = torch.arange(input.shape[_BAND], device=input.device)
    hidden = (band % every == first % every)[:, None, None]
    if len(band) == 1:  # there is no other: it is predicted from nothing
        hidden = torch.ones_like(hidden)
    neighbours = _mean_of_neighbours(input, (_BAND,))
    return _hide(input, target, hidden, neighbours)


def _hidden_pixels(input: Tensor, target: Tensor, number: int) -> _Pair:
    """Hide every third pixel in both directions, and fill them in from the four around each.

    Raises
    ------
    ValueError
        If the batch holds single spectra.
    """
    height, width = input.shape[-2:]
    if (height, width) == (1, 1):
        raise ValueError(
            "a network that sees one spectrum at a time cannot predict a hidden pixel: hide bands "
            "instead, or choose a network that sees images"
        )
    row = torch.arange(height, device=input.device)[:, None]
    column = torch.arange(width, device=input.device)
    hidden = (row % _EVERY == number // _EVERY) & (column % _EVERY == number % _EVERY)  # (y, x)
    neighbours = _mean_of_neighbours(input, (_ROW, _COLUMN))
    return _hide(input, target, hidden, neighbours)


def _hide(input: Tensor, target: Tensor, hidden: Tensor, neighbours: Tensor) -> _Pair:
    nothing = input.new_tensor(torch.nan)
    return _Pair(
        torch.where(hidden, neighbours, input),
        torch.where(hidden, target, nothing),
    )


def _mean_of_neighbours(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the mean of the known values next to each along the axes; NaN where there are none."""
    neighbours = []
    for axis in axes:
        length = values.shape[axis]
        edge = torch.full_like(values.narrow(axis, 0, 1), torch.nan)
        inner = values.narrow(axis, 0, length - 1)
        neighbours.append(torch.cat([edge, inner], dim=axis))
        inner = values.narrow(axis, 1, length - 1)
        neighbours.append(torch.cat([inner, edge], dim=axis))
    return torch.stack(neighbours).nanmean(dim=0)


def _halves(input: Tensor, target: Tensor, generator: Generator | None) -> _Pair:
    """Give each photon to one of two measurements at random, and double both."""
    counts = input.nan_to_num(0.0).clamp(min=0)
    half = torch.binomial(counts, torch.full_like(counts, 0.5), generator)
    other = counts - half
    known = target.isfinite()
    nothing = input.new_tensor(torch.nan)
    return _Pair(
        torch.where(input.isfinite(), 2 * half, nothing),
        torch.where(known, 2 * other, nothing),
    )


def _check_counts(input: NDArray[np.float32], name: str) -> None:
    """Refuse intensities that are no counts.

    Raises
    ------
    ValueError
        If any is negative or not whole.
    """
    known = input[np.isfinite(input)]
    if (known < 0).any() or (known != np.round(known)).any():
        raise ValueError(
            f"cube {name!r} holds values that are no photon counts (negative, or not whole), which "
            "cannot be halved: hide bands or pixels instead, or give the counts before any correction"
        )
