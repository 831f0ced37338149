"""Mean spectra of regions, computed in a worker: of a few pixels first, then of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from ...progress import Job, run
from ..jobs import JobWorker, start_job
from .regions import SAMPLE_PIXELS, CubePixels, RegionMean, region_means

_ALL_PIXELS: Final = 2**62
Pixels: TypeAlias = Sequence[CubePixels]


class RegionMeans(QObject):
    """Computes the mean spectra of regions; what is outdated is stopped."""

    computed = Signal(list)
    """The means, twice where regions are large: of some pixels, then of all."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: JobWorker | None = None
        self._pixels: Pixels = ()

    def start(self, pixels: Pixels) -> None:
        """Compute them anew."""
        self.stop()
        if pixels:
            self._start(pixels, SAMPLE_PIXELS)
        else:
            self.computed.emit([])

    def stop(self) -> None:
        """Compute no longer."""
        if self._worker is not None:
            self._worker.quit()
        self._worker = None
        self._pixels = ()

    def now(self, pixels: Pixels) -> list[RegionMean]:
        """Return the means of all pixels, computed while the caller waits."""
        self.stop()
        return run(region_means(pixels, _ALL_PIXELS))

    def _start(self, pixels: Pixels, most_pixels: int) -> None:
        self._pixels = pixels
        self._worker = start_job(
            _means_and_pixels(pixels, most_pixels),
            "spectra of regions",
            device="spectra",  # it need not wait for trainings
            returned=self._on_returned,
            failed=self._on_failed,
        )

    def _on_returned(self, computed: tuple[Pixels, list[RegionMean]]) -> None:
        pixels, means = computed
        if pixels is not self._pixels:  # a person went on painting
            return
        self._worker = None
        self.computed.emit(means)
        if not all(mean.exact for mean in means):
            self._start(pixels, _ALL_PIXELS)

    def _on_failed(self, error: object) -> None:
        self._worker = None
        show_error(f"no mean spectra: {error}")


def _means_and_pixels(pixels: Pixels, most_pixels: int) -> Job[tuple[Pixels, list[RegionMean]]]:
    """Return mean spectra with what they were computed from, by which outdated ones are known."""
    means = yield from region_means(pixels, most_pixels)
    return pixels, means
