"""Predicted fine pixels against measured ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from ... import metrics
from ...tasks.super_resolution import SuperResolutionTask
from ...training.splits import Mask
from ..baselines.baseline import Baseline, Values
from ..baselines.interpolation import consistent_baseline, interpolation_baselines
from ..illustrations.planes import first_plane, grid_of
from ..illustrations.super_resolution import SharpTest, sharp_pictures
from ..pairs import PixelCounts, spectra_in_row
from ..pictures.base import Picture
from .base import Figures, MethodResult
from .intensities import IntensityComparison, range_of


class SuperResolutionComparison(IntensityComparison):
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
        data_range = range_of(truth[good])
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
        task = self.model.recipe.task
        if isinstance(task, SuperResolutionTask):
            yield consistent_baseline(task.degradation_model, self.model.card.noise)

    def pictures(self, results: Sequence[MethodResult], test: Mask) -> list[Picture]:
        axis = self._axis
        names = [axis.label(band) for band in range(len(axis))]
        truth = SharpTest(
            first_plane(self._target, 3),
            first_plane(self.pair.input.numpy(), 3),
            self.pair.scale,
            names,
            axis.good,
            self._cube.intensity_unit or "",
            grid_of(self._cube),
        )
        return sharp_pictures(truth, results)

    def notes(self, counts: PixelCounts) -> list[str]:
        pixels = (
            f"{counts.test} of {counts.all} coarse pixels are evaluated, each by its {self.pair.scale}² "
            "fine pixels. Nearest and bicubic know where the coarse pixels lie in the fine image; "
            "the consistent one, degraded as in training, equals its input within its noise."
        )
        figures = (
            "The range of PSNR and SSIM is that of the truth on the evaluated pixels; SSIM is of "
            "each band as an image, ERGAS counts all bands alike."
        )
        return [pixels, figures]
