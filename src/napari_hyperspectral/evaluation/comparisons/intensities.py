"""Predicted spectra and channels against measured ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ... import metrics
from ...axis import ChannelAxis
from ...cube import Cube
from ...metrics.values import GoodBands
from ...models.model import Model
from ...training.splits import Mask
from ..baselines.baseline import Baseline, IntensityArray, TrainingSpectra, Values, raw
from ..baselines.denoising import raw_baseline, truncation_baseline
from ..baselines.regression import mean_baseline
from ..classical import has_classic
from ..illustrations.channels import ChannelTest, channel_pictures
from ..illustrations.planes import first_plane, grid_of
from ..illustrations.spectra import SpectraTest, spectra_pictures
from ..pairs import EvaluationPair, PixelCounts, spectra_in_row
from ..pictures.base import Picture
from .base import Comparison, Figures, MethodResult, split_notes


class IntensityComparison(Comparison):
    """What comparisons of predicted intensities with those of a cube share."""

    def __init__(self, model: Model, pair: EvaluationPair, target: Cube) -> None:
        super().__init__(model, pair)
        self._cube = target
        self._axis = target.axis
        self._target = target.numpy()  # (…, band, y, x)

    def pixels(self, prediction: Values) -> Values:
        return spectra_in_row(prediction, self.pair.test)

    def _mean_baseline(self) -> Baseline:
        """Return the mean of the training pixels: a prediction that has learned nothing else."""
        return mean_baseline(self._target, self.pair.train)


class SpectraComparison(IntensityComparison):
    """Predicted spectra against measured ones, of the same bands or of another instrument."""

    def figures(self, prediction: Values, test: Mask) -> Figures:
        ours = spectra_in_row(prediction, test)  # (band, 1, spectrum)
        truth = spectra_in_row(self._target, test)
        good = self._good
        data_range = range_of(truth[good])
        # a constant truth has no peak to measure noise by
        psnr = float("nan")
        if data_range > 0:
            psnr = metrics.psnr(ours, truth, data_range=data_range, good=good)
        return {
            "fitted MSE": metrics.fitted_mse(ours, truth, good=good),
            "MSE": metrics.mse(ours, truth, good=good),
            "PSNR dB": psnr,
            "angle °": metrics.spectral_angle(ours, truth, good=good),
            "Pearson": metrics.pearson(ours, truth, good=good),
        }

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        if self._same_bands:
            yield from self._denoising_baselines(tuned)
        elif tuned and self.pair.train.any():
            yield self._mean_baseline()

    def _denoising_baselines(self, tuned: bool) -> Iterator[Baseline]:
        """Yield raw data first, and truncation to components if it is to be tuned."""
        train = self.pair.train
        if not train.any():
            yield Baseline("raw", "", raw)  # nothing to bring it to another unit by
            return
        clean = spectra_in_row(self._target, train)
        spectra = TrainingSpectra.of(self.pair.input.numpy(), clean, train)
        yield raw_baseline(spectra, self._good)
        if tuned and not has_classic(self.model.recipe.task, "low_rank"):
            yield truncation_baseline(spectra, self._good)

    def notes(self, counts: PixelCounts) -> list[str]:
        note = (
            "Fitted MSE: each target spectrum divided by its maximum, scale and offset of each "
            "prediction fitted to it."
        )
        if self._same_bands and counts.train:
            note += (
                " Raw data are brought to the target's unit by one scale and offset, fitted on the "
                "training pixels."
            )
        return [*split_notes(self.model, counts), note]

    def pictures(self, results: Sequence[MethodResult], test: Mask) -> list[Picture]:
        input = None
        if self._same_bands:
            input = first_plane(self.pair.input.numpy(), 3)
        truth = SpectraTest(
            first_plane(self._target, 3),
            input,
            self._axis,
            self._good,
            test,
            grid_of(self._cube),
        )
        return spectra_pictures(truth, results)

    @property
    def _same_bands(self) -> bool:
        """Whether the target has the bands of the input, as of a denoised cube."""
        return self.pair.input.axis.same_bands(self._axis)

    @property
    def _good(self) -> GoodBands:
        """Bands that count, shape (band,)."""
        if self._same_bands:
            return self.pair.input.axis.good & self._axis.good
        return self._axis.good


class ChannelComparison(IntensityComparison):
    """Predicted channels, such as stains, against measured ones."""

    def figures(self, prediction: Values, test: Mask) -> Figures:
        ours = spectra_in_row(prediction, test)  # (channel, 1, pixel)
        truth = spectra_in_row(self._target, test)
        each = []
        for channel, true_channel in zip(ours, truth, strict=True):
            pearson = metrics.pearson(channel[None], true_channel[None])
            each.append(pearson)
        figures = {"Pearson": float(np.mean(each))}
        for name, value in zip(self._channel_names, each, strict=False):
            figures[f"Pearson, {name}"] = value
        std = np.nanstd(truth, axis=(1, 2), keepdims=True)
        std = np.where(std > 0, std, np.nan)
        figures["NRMSE"] = metrics.rmse(ours / std, truth / std)
        height, width = self._target.shape[-2:]
        if min(height, width) > 1:  # a list of pixels has no edges
            figures["FSIM"] = self._mean_fsim(prediction, test)
        return figures

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        if tuned and self.pair.train.any():
            yield self._mean_baseline()

    def notes(self, counts: PixelCounts) -> list[str]:
        note = (
            "Pearson and NRMSE are of all evaluated pixels at once, channel by channel; NRMSE is the "
            "root of the mean squared error over the standard deviation of the channel. FSIM "
            "compares edges, of images alone, by the range of each channel (Zhang et al. 2011)."
        )
        return [*split_notes(self.model, counts), note]

    def pictures(self, results: Sequence[MethodResult], test: Mask) -> list[Picture]:
        count = self._target.shape[-3]
        names = self._channel_names or tuple(f"channel {i + 1}" for i in range(count))
        truth = ChannelTest(
            first_plane(self._target, 3),
            names,
            self._cube.intensity_unit or "",
            test,
            grid_of(self._cube),
        )
        return channel_pictures(truth, results)

    @property
    def _channel_names(self) -> tuple[str, ...]:
        """Names of the channels; none, where the target has a spectral axis."""
        if isinstance(self._axis, ChannelAxis):
            return self._axis.names
        return ()

    def _mean_fsim(self, prediction: Values, test: Mask) -> float:
        """Return the feature similarity of all channels, each by its own range on the test pixels."""
        each = []
        for channel in range(self._target.shape[-3]):
            # a slice, which keeps the axis of the channels
            one = slice(channel, channel + 1)
            ours = prediction[..., one, :, :]
            truth = self._target[..., one, :, :]
            data_range = range_of(truth[..., test])
            fsim = float("nan")
            if data_range:
                fsim = metrics.fsim(ours, truth, data_range=data_range, where=test)
            each.append(fsim)
        return float(np.mean(each))


def range_of(truth: IntensityArray) -> float:
    """Return the range of what is known of a truth; 0 where nothing is."""
    known = truth[np.isfinite(truth)]
    if not known.size:
        return 0.0
    return float(np.ptp(known))
