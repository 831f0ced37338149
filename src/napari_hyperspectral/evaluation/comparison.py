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
from numpy.typing import NDArray

from .. import metrics
from ..axis import ChannelAxis
from ..cube import Cube, Labels
from ..metrics.values import GoodBands
from ..models.model import Model
from ..training.splits import Mask
from .baselines.baseline import Baseline, Intensities, TrainingSpectra, Values, raw
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
        """Return how much there is to measure in `test`, as columns of a table."""
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
        return MethodResult(type(self.model.recipe.network).__name__, "", np.asarray(prediction))

    def row(self, result: MethodResult, guarded: GuardedTest) -> Row:
        """Return a row of a table: what there was to measure, the method, and its figures."""
        figures = self.figures(result.image, guarded.test)
        return {
            "guard": guarded.guard,
            **self.counts(guarded.test),
            **result.columns,
            **figures,
        }


class ClassComparison(Comparison):
    """Predicted classes against labels: accuracy, with a support vector machine as the baseline."""

    def __init__(self, model: Model, pair: EvaluationPair, target: Labels) -> None:
        super().__init__(model, pair)
        self._target = target.numpy()  # (…, y, x)
        self._count = max(len(target.classes), int(self._target.max()))
        self._names = target.classes or tuple(f"class {i}" for i in range(1, self._count + 1))

    def figures(self, prediction: Values, test: Mask) -> Figures:
        return accuracies(prediction[..., test], self._target[..., test], self._count)

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        pair = self.pair
        if tuned and pair.train.any():
            classes = classes_in_row(self._target, pair.train)
            spectra = TrainingSpectra.of(pair.input.numpy(), classes, pair.train)
            yield tune_svm(spectra, pair.input.axis.good)

    def notes(self, counts: PixelCounts) -> list[str]:
        return _split_notes(self.model, counts)

    def pixels(self, prediction: Values) -> Values:
        return classes_in_row(prediction, self.pair.test)

    def counts(self, test: Mask) -> dict[str, int]:
        labels = self._target[..., test]
        labels = labels[labels > 0]
        return {"pixels": len(labels), "classes": len(np.unique(labels))}

    def class_tables(self, results: Sequence[MethodResult], guarded: GuardedTest) -> list[Table]:
        truth = self._target[..., guarded.test]
        counts: dict[str, NDArray[np.int64]] = {}
        for result in results:
            prediction = result.image[..., guarded.test]
            counts[result.method] = metrics.confusion(prediction, truth, self._count)
        train = self._target[..., self.pair.train].ravel()
        trained = np.bincount(train, minlength=self._count + 1)  # [0] is unlabelled
        tested = next(iter(counts.values())).sum(axis=1)  # alike for all methods
        rows: list[Row] = []
        for i, name in enumerate(self._names[: self._count]):
            figures = _class_figures(counts, i)
            training = int(trained[i + 1])
            rows.append({"class": name, "training": training, "tested": int(tested[i]), **figures})
        return [Table(f"Class by class, guard {guarded.guard}", rows)]


class _IntensityComparison(Comparison):
    """What comparisons of predicted intensities with those of a cube share."""

    def __init__(self, model: Model, pair: EvaluationPair, target: Cube) -> None:
        super().__init__(model, pair)
        self._axis = target.axis
        self._target = target.numpy()  # (…, band, y, x)

    def pixels(self, prediction: Values) -> Values:
        return spectra_in_row(prediction, self.pair.test)


class SpectraComparison(_IntensityComparison):
    """Predicted spectra against measured ones, of the same bands or of another instrument."""

    def figures(self, prediction: Values, test: Mask) -> Figures:
        ours = spectra_in_row(prediction, test)  # (band, 1, spectrum)
        truth = spectra_in_row(self._target, test)
        good = self._good
        data_range = _range(truth[good])
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
        pair = self.pair
        input = pair.input.numpy()
        if self._same_bands and not pair.train.any():
            yield Baseline("raw", "", raw)  # nothing to bring it to another unit by
        elif self._same_bands:
            clean = spectra_in_row(self._target, pair.train)
            spectra = TrainingSpectra.of(input, clean, pair.train)
            baselines = denoising_baselines(spectra, self._good)
            yield from baselines if tuned else islice(baselines, 1)
        elif tuned and pair.train.any():
            good = pair.input.axis.good
            baselines = regression_baselines(input, self._target, pair.train, good)
            yield from islice(baselines, 2)  # trees for each band of a spectrum take hours

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
            each.append(metrics.pearson(channel[None], true_channel[None]))
        figures = {"Pearson": float(np.mean(each))}
        names = self._axis.names if isinstance(self._axis, ChannelAxis) else ()
        for name, value in zip(names, each, strict=False):
            figures[f"Pearson, {name}"] = value
        std = np.nanstd(truth, axis=(1, 2), keepdims=True)
        std = np.where(std > 0, std, np.nan)
        figures["NRMSE"] = metrics.rmse(ours / std, truth / std)
        if min(self._target.shape[-2:]) > 1:  # a list of pixels has no edges
            figures["FSIM"] = self._mean_fsim(prediction, test)
        return figures

    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        pair = self.pair
        if tuned and pair.train.any():
            input = pair.input.numpy()
            good = pair.input.axis.good
            yield from regression_baselines(input, self._target, pair.train, good)

    def notes(self, counts: PixelCounts) -> list[str]:
        note = (
            "Pearson and NRMSE are of all evaluated pixels at once, channel by channel; NRMSE is the "
            "root of the mean squared error over the standard deviation of the channel. FSIM "
            "compares edges, of images alone, by the range of each channel (Zhang et al. 2011)."
        )
        return [*_split_notes(self.model, counts), note]

    def _mean_fsim(self, prediction: Values, test: Mask) -> float:
        """Return the feature similarity of all channels, each by its own range on the test pixels."""
        each = []
        for channel in range(self._target.shape[-3]):
            ours = prediction[..., channel : channel + 1, :, :]
            truth = self._target[..., channel : channel + 1, :, :]
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
        fine = test.repeat(scale, axis=0).repeat(scale, axis=1)  # (y · scale, x · scale)
        ours = spectra_in_row(prediction, fine)
        truth = spectra_in_row(self._target, fine)
        good = self._axis.good
        data_range = _range(truth[good])
        psnr = float("nan")
        ssim = float("nan")
        if data_range:
            psnr = metrics.psnr(ours, truth, data_range=data_range, good=good)
            ssim = metrics.ssim(
                prediction, self._target, data_range=data_range, good=good, where=fine
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
        return [
            f"{counts.test} of {counts.all} coarse pixels are evaluated, each by its {self.pair.scale}² "
            "fine pixels. Nearest and bicubic know where the "
            "coarse pixels lie in the fine image.",
            "The range of PSNR and SSIM is that of the truth on the evaluated pixels; SSIM is of "
            "each band as an image, ERGAS counts all bands alike.",
        ]


def comparison_for(pair: EvaluationPair, model: Model) -> Comparison:
    """Return the comparison that suits a pair, preprocessed as for the model."""
    return _comparison(pair.with_class_numbers_of(model).preprocessed(model), model)


def pooled_comparison(pixel_lists: Sequence[EvaluationPair], model: Model) -> Comparison:
    """Return the comparison on the test pixels of several images, each from `as_pixel_list`."""
    first = pixel_lists[0]
    inputs = [pair.input.numpy() for pair in pixel_lists]
    targets = [pair.target.numpy() for pair in pixel_lists]
    test = np.concatenate([pair.test for pair in pixel_lists], axis=-1)
    input = replace(first.input, data=np.concatenate(inputs, axis=-1))
    target = replace(first.target, data=np.concatenate(targets, axis=-1))
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
    if model.recipe.task.predicts_spectra or pair.input.axis.same_bands(target.axis):
        return SpectraComparison(model, pair, target)
    return ChannelComparison(model, pair, target)


def _class_figures(counts: dict[str, NDArray[np.int64]], index: int) -> Figures:
    """Return recall and intersection over union of a class, in %, by each method."""
    figures: Figures = {}
    for method, table in counts.items():
        figures[f"{method}: recall %"] = 100 * float(metrics.class_accuracy(table)[index])
        figures[f"{method}: IoU %"] = 100 * float(metrics.iou(table)[index])
    return figures


def _split_notes(model: Model, counts: PixelCounts) -> list[str]:
    """Return sentences about training and evaluated pixels, and how near they are."""
    if not counts.train:
        return ["All measured pixels of these images are evaluated; raw data are as measured."]
    split = (
        f"{counts.train} training pixels, {counts.test} evaluated pixels (fewer with a guard); "
        "baselines were fitted and tuned on the same training pixels."
    )
    radius = model.recipe.network.receptive_radius
    if not radius:
        return [
            split,
            "The network sees one spectrum at a time: no evaluated pixel has training pixels in its "
            "receptive field.",
        ]
    unit = "pixel" if radius == 1 else "pixels"
    return [
        split,
        f"The network sees {radius} {unit} around each pixel: {counts.near / counts.test:.0%} of "
        "the evaluated pixels (guard 0) have training pixels in its receptive field.",
    ]


def _range(truth: Intensities) -> float:
    """Return the range of what is known of a truth; 0 where nothing is."""
    known = truth[np.isfinite(truth)]
    if not known.size:
        return 0.0
    return float(np.ptp(known))
