"""How predictions are compared with the truth: one class for each kind of truth.

Classes, spectra, channels and finer pixels differ in their figures of merit, in the baselines that
a network has to beat, and in the notes on both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import ClassVar, NamedTuple

import numpy as np

from .. import metrics
from ..axis import ChannelAxis
from ..cube import Cube, Labels
from ..metrics.classes import ConfusionTable
from ..metrics.values import GoodBands
from ..models.model import Model
from ..recipe.building import receptive_radius_of
from ..training.splits import Mask
from .baselines.baseline import Baseline, IntensityArray, TrainingSpectra, Values, raw
from .baselines.denoising import denoising_baselines
from .baselines.interpolation import interpolation_baselines
from .baselines.regression import regression_baselines
from .baselines.svm import tune_svm
from .pairs import (
    EvaluationPair,
    PixelCounts,
    classes_in_row,
    spectra_in_row,
    test_only_pair,
)
from .reports import Row, Table

Figures = dict[str, float]
"""Value of each figure of merit, by its name and unit."""


class MethodResult(NamedTuple):
    """What a model or a baseline gives for the input."""

    method: str
    settings: str
    image: Values
    """Intensities, (…, band, y, x), or classes, (…, y, x)."""

    @property
    def columns(self) -> dict[str, str]:
        """How it is named in a row of a table."""
        return {"method": self.method, "settings": self.settings}


class GuardedTest(NamedTuple):
    """Test pixels that lie further than `guard` pixels from all training pixels."""

    guard: int
    test: Mask


class Comparison(ABC):
    """How predictions for a pair of input and truth are measured, and against what.

    Parameters
    ----------
    model : Model
        That predicts.
    pair : EvaluationPair
        Preprocessed as for the model, with its class numbers: `comparison_for` does both.
    """

    of_images: ClassVar[bool] = False
    """Whether figures are of images: those of several are averaged, not made of all pixels."""

    def __init__(self, model: Model, pair: EvaluationPair) -> None:
        self.model = model
        self.pair = pair

    @abstractmethod
    def figures(self, prediction: Values, test: Mask) -> Figures:
        """Return figures of merit of a prediction on the pixels of `test`, shape (y, x)."""

    @abstractmethod
    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        """Yield what the model has to beat; without `tuned`, only what needs no tuning.

        Without training pixels nothing can be tuned.
        """

    @abstractmethod
    def notes(self, counts: PixelCounts) -> list[str]:
        """Return sentences that say what the figures mean, for so many pixels."""

    @abstractmethod
    def pixels(self, prediction: Values) -> Values:
        """Return the test pixels of all planes of a prediction as an image of one row."""

    def counts(self, test: Mask) -> dict[str, int]:
        """Return how much there is to measure in `test`, shape (y, x), as columns of a table."""
        return {"pixels": int(test.sum())}

    def class_tables(self, results: Sequence[MethodResult], guarded: GuardedTest) -> list[Table]:
        """Return figures of each class, where there are classes."""
        return []

    def result(self, baseline: Baseline) -> MethodResult:
        """Run a baseline on the input."""
        image = baseline.run(self.pair.input.numpy())
        return MethodResult(baseline.name, baseline.settings, image)

    def model_result(self, prediction: Values) -> MethodResult:
        """Return what the model predicted, under the name of its network."""
        network = type(self.model.recipe.method)
        return MethodResult(network.__name__, "", np.asarray(prediction))

    def row(self, result: MethodResult, guarded: GuardedTest) -> Row:
        """Return a row of a table: what there was to measure, the method, and its figures."""
        test = guarded.test
        return {
            "guard": guarded.guard,
            **self.counts(test),
            **result.columns,
            **self.figures(result.image, test),
        }


class ClassComparison(Comparison):
    """Predicted classes against labels: accuracy, with a support vector machine as the baseline."""

    def __init__(self, model: Model, pair: EvaluationPair, target: Labels) -> None:
        super().__init__(model, pair)
        self._target = target.numpy()  # (…, y, x)
        greatest = int(self._target.max())
        # labels may have fewer names than numbers, or none
        self._count = max(len(target.classes), greatest)
        numbers = range(1, self._count + 1)
        self._names = target.classes or tuple(f"class {i}" for i in numbers)

    def figures(self, prediction: Values, test: Mask) -> Figures:
        truth = self._target[..., test]
        return accuracies(prediction[..., test], truth, self._count)

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        input = self.pair.input
        train = self.pair.train
        if tuned and train.any():
            classes = classes_in_row(self._target, train)
            spectra = TrainingSpectra.of(input.numpy(), classes, train)
            yield tune_svm(spectra, input.axis.good)

    def notes(self, counts: PixelCounts) -> list[str]:
        return _split_notes(self.model, counts)

    def pixels(self, prediction: Values) -> Values:
        return classes_in_row(prediction, self.pair.test)

    def counts(self, test: Mask) -> dict[str, int]:
        labels = self._target[..., test]
        labels = labels[labels > 0]
        return {
            "pixels": len(labels),
            "classes": len(np.unique(labels)),
        }

    def class_tables(
        self,
        results: Sequence[MethodResult],
        guarded: GuardedTest,
    ) -> list[Table]:
        counts = self._confusion_tables(results, guarded.test)
        first = next(iter(counts.values()))
        tested = first.sum(axis=1)  # alike for all methods
        train = self._target[..., self.pair.train].ravel()
        trained = np.bincount(train, minlength=self._count + 1)  # [0] is unlabelled
        rows: list[Row] = []
        for i, name in enumerate(self._names[: self._count]):
            row: Row = {
                "class": name,
                "training": int(trained[i + 1]),
                "tested": int(tested[i]),
                **_class_figures(counts, i),
            }
            rows.append(row)
        return [Table(f"Class by class, guard {guarded.guard}", rows)]

    def _confusion_tables(
        self,
        results: Sequence[MethodResult],
        test: Mask,
    ) -> dict[str, ConfusionTable]:
        """Return pixels of `test` by true and predicted class, for each method by its name."""
        truth = self._target[..., test]
        counts: dict[str, ConfusionTable] = {}
        for result in results:
            prediction = result.image[..., test]
            table = metrics.confusion(prediction, truth, self._count)
            counts[result.method] = table
        return counts


class _IntensityComparison(Comparison):
    """What comparisons of predicted intensities with those of a cube share."""

    def __init__(self, model: Model, pair: EvaluationPair, target: Cube) -> None:
        super().__init__(model, pair)
        self._axis = target.axis
        self._target = target.numpy()  # (…, band, y, x)

    def pixels(self, prediction: Values) -> Values:
        return spectra_in_row(prediction, self.pair.test)

    def _regression_baselines(self) -> Iterator[Baseline]:
        """Yield what predicts the target from single spectra, and from their surroundings."""
        input = self.pair.input
        return regression_baselines(
            input.numpy(),
            self._target,
            self.pair.train,
            input.axis.good,
        )


class SpectraComparison(_IntensityComparison):
    """Predicted spectra against measured ones, of the same bands or of another instrument."""

    def figures(self, prediction: Values, test: Mask) -> Figures:
        ours = spectra_in_row(prediction, test)  # (band, 1, spectrum)
        truth = spectra_in_row(self._target, test)
        good = self._good
        data_range = _range(truth[good])
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
            baselines = self._regression_baselines()
            yield from islice(baselines, 2)  # trees for each band of a spectrum take hours

    def _denoising_baselines(self, tuned: bool) -> Iterator[Baseline]:
        """Yield raw data first, and denoised ones if they are to be tuned."""
        train = self.pair.train
        if not train.any():
            yield Baseline("raw", "", raw)  # nothing to bring it to another unit by
            return
        clean = spectra_in_row(self._target, train)
        spectra = TrainingSpectra.of(self.pair.input.numpy(), clean, train)
        baselines = denoising_baselines(spectra, self._good)
        if tuned:
            yield from baselines
        else:
            yield next(baselines)

    def notes(self, counts: PixelCounts) -> list[str]:
        note = (
            "Fitted MSE: each target spectrum divided by its maximum, scale and offset of each "
            "prediction fitted to it."
        )
        if self._same_bands and counts.train:
            note += (
                " Raw, Savitzky–Golay and PCA are brought to the target's unit by one scale and "
                "offset, fitted on the training pixels."
            )
        return [*_split_notes(self.model, counts), note]

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


class ChannelComparison(_IntensityComparison):
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
            yield from self._regression_baselines()

    def notes(self, counts: PixelCounts) -> list[str]:
        note = (
            "Pearson and NRMSE are of all evaluated pixels at once, channel by channel; NRMSE is the "
            "root of the mean squared error over the standard deviation of the channel. FSIM "
            "compares edges, of images alone, by the range of each channel (Zhang et al. 2011)."
        )
        return [*_split_notes(self.model, counts), note]

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
            data_range = _range(truth[..., test])
            fsim = float("nan")
            if data_range:
                fsim = metrics.fsim(ours, truth, data_range=data_range, where=test)
            each.append(fsim)
        return float(np.mean(each))


class SuperResolutionComparison(_IntensityComparison):
    """Predicted fine pixels against measured ones, with interpolation as the baseline."""

    of_images: ClassVar[bool] = True

    def figures(self, prediction: Values, test: Mask) -> Figures:
        scale = self.pair.scale
        # coarse pixels as the fine pixels they cover, (y · scale, x · scale)
        fine = test.repeat(scale, axis=0)
        fine = fine.repeat(scale, axis=1)
        ours = spectra_in_row(prediction, fine)
        truth = spectra_in_row(self._target, fine)
        good = self._axis.good
        data_range = _range(truth[good])
        psnr = float("nan")
        ssim = float("nan")
        if data_range:
            psnr = metrics.psnr(ours, truth, data_range=data_range, good=good)
            # of images: windows need neighbours
            ssim = metrics.ssim(
                prediction,
                self._target,
                data_range=data_range,
                good=good,
                where=fine,
            )
        return {
            "PSNR dB": psnr,
            "SSIM": ssim,
            "angle °": metrics.spectral_angle(ours, truth, good=good),
            "ERGAS %": metrics.ergas(ours, truth, scale=scale, good=good),
            "RMSE": metrics.rmse(ours, truth, good=good),
        }

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        yield from interpolation_baselines(self.pair.scale, self.pair.offset)

    def notes(self, counts: PixelCounts) -> list[str]:
        pixels = (
            f"{counts.test} of {counts.all} coarse pixels are evaluated, each by its {self.pair.scale}² "
            "fine pixels. Nearest and bicubic know where the "
            "coarse pixels lie in the fine image."
        )
        figures = (
            "The range of PSNR and SSIM is that of the truth on the evaluated pixels; SSIM is of "
            "each band as an image, ERGAS counts all bands alike."
        )
        return [pixels, figures]


def comparison_for(pair: EvaluationPair, model: Model) -> Comparison:
    """Return the comparison that suits a pair, preprocessed as for the model."""
    pair = pair.with_class_numbers_of(model)
    return _comparison(pair.preprocessed(model), model)


def pooled_comparison(
    pixel_lists: Sequence[EvaluationPair],
    model: Model,
) -> Comparison:
    """Return the comparison on the test pixels of several images, each from `as_pixel_list`."""
    inputs = []
    targets = []
    tests = []
    for pair in pixel_lists:
        inputs.append(pair.input.numpy())
        targets.append(pair.target.numpy())
        tests.append(pair.test)
    # all along x: each list is an image of one row
    first = pixel_lists[0]
    spectra = np.concatenate(inputs, axis=-1)
    truth = np.concatenate(targets, axis=-1)
    test = np.concatenate(tests, axis=-1)
    input = replace(first.input, data=spectra)
    target = replace(first.target, data=truth)
    return _comparison(test_only_pair(input, target, test), model)


def accuracies(prediction: Values, truth: Values, count: int) -> Figures:
    """Return accuracy in all, averaged over classes, and beyond chance (kappa), in %.

    Parameters
    ----------
    prediction, truth : ndarray of int, of equal shape
        Classes from 1; 0 is unlabelled, or not measured.
    count : int
        How many classes there are.
    """
    counts = metrics.confusion(prediction, truth, count)
    return {
        "OA %": 100 * metrics.overall_accuracy(counts),
        "AA %": 100 * metrics.average_accuracy(counts),
        "kappa %": 100 * metrics.kappa(counts),
    }


def _comparison(pair: EvaluationPair, model: Model) -> Comparison:
    """Return the comparison that suits a pair which is preprocessed already."""
    target = pair.target
    if isinstance(target, Labels):
        return ClassComparison(model, pair, target)
    if pair.scale > 1:
        return SuperResolutionComparison(model, pair, target)
    same_bands = pair.input.axis.same_bands(target.axis)
    if same_bands or model.recipe.task.predicts_spectra:
        return SpectraComparison(model, pair, target)
    return ChannelComparison(model, pair, target)


def _class_figures(counts: dict[str, ConfusionTable], index: int) -> Figures:
    """Return recall and intersection over union of a class, in %, by each method."""
    figures: Figures = {}
    for method, table in counts.items():
        recall = metrics.class_accuracy(table)[index]
        iou = metrics.iou(table)[index]
        figures[f"{method}: recall %"] = 100 * float(recall)
        figures[f"{method}: IoU %"] = 100 * float(iou)
    return figures


def _split_notes(model: Model, counts: PixelCounts) -> list[str]:
    """Return sentences about training and evaluated pixels, and how near they are."""
    if not counts.train:
        return ["All measured pixels of these images are evaluated; raw data are as measured."]
    split = (
        f"{counts.train} training pixels, {counts.test} evaluated pixels (fewer with a guard); "
        "baselines were fitted and tuned on the same training pixels."
    )
    radius = receptive_radius_of(model.recipe)
    if not radius:
        alone = (
            "The network sees one spectrum at a time: no evaluated pixel has training pixels in its "
            "receptive field."
        )
        return [split, alone]
    unit = "pixel" if radius == 1 else "pixels"
    share = counts.near / counts.test
    near = (
        f"The network sees {radius} {unit} around each pixel: {share:.0%} of "
        "the evaluated pixels (guard 0) have training pixels in its receptive field."
    )
    return [split, near]


def _range(truth: IntensityArray) -> float:
    """Return the range of what is known of a truth; 0 where nothing is."""
    known = truth[np.isfinite(truth)]
    if not known.size:
        return 0.0
    return float(np.ptp(known))
