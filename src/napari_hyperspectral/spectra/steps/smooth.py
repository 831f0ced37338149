"""Steps that smooth spectra, or images, and differentiate spectra."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from ...axis import Axis
from ..arrays import Float32, Intensities
from ..blur import blur, gaussian_kernel
from ..smooth import derivative, savitzky_golay
from ..smoothing.wavelet import wavelet_smooth
from ..smoothing.whittaker import whittaker
from .base import Scope, SpectraStep, spectral

_SAVITZKY_GOLAY = "Savitzky & Golay 1964, https://doi.org/10.1021/ac60214a047"


class SavitzkyGolay(SpectraStep):
    """Smooth each spectrum by a polynomial that is fitted around each band."""

    title: ClassVar[str] = "Savitzky–Golay smoothing"
    group: ClassVar[str] = "Smooth"
    source: ClassVar[str] = _SAVITZKY_GOLAY
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["savitzky_golay"] = "savitzky_golay"
    window: Annotated[int, Ge(3)] = 9
    """Number of bands that the polynomial is fitted to: odd. More smooth more."""
    order: Annotated[int, Ge(0), Le(9)] = 2
    """Order of the polynomial, less than the window. Higher orders keep narrow peaks."""

    def line(self, axis: Axis) -> str:
        return f"smoothed by Savitzky–Golay (order {self.order}, {self.window} bands)"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return savitzky_golay(data, self.order, self.window, good=axis.good)


class Derivative(SpectraStep):
    """Differentiate each spectrum, smoothed by a polynomial that is fitted around each band."""

    title: ClassVar[str] = "Derivative"
    group: ClassVar[str] = "Smooth"
    source: ClassVar[str] = _SAVITZKY_GOLAY
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["derivative"] = "derivative"
    degree: Literal[1, 2] = 1
    """First or second derivative: it takes away a constant, or a sloping, baseline."""
    window: Annotated[int, Ge(3)] = 11
    """Number of bands that the polynomial is fitted to: odd."""
    order: Annotated[int, Ge(1), Le(9)] = 2
    """Order of the polynomial, less than the window and at least the degree."""

    def line(self, axis: Axis) -> str:
        ordinal = {1: "first", 2: "second"}[self.degree]
        return f"took the {ordinal} derivative (order {self.order}, {self.window} bands)"

    def unit_after(self, unit: str | None) -> str | None:
        return "derivative"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        centres = spectral(axis, "a derivative").centres
        return derivative(data, centres, self.degree, self.order, self.window, good=axis.good)


class WhittakerSmoothing(SpectraStep):
    """Smooth each spectrum: near to the data, with small differences between neighbouring bands."""

    title: ClassVar[str] = "Whittaker smoothing"
    group: ClassVar[str] = "Smooth"
    source: ClassVar[str] = (
        "Whittaker 1922, https://doi.org/10.1017/S0013091500077853; Eilers 2003, "
        "https://doi.org/10.1021/ac034173t"
    )
    kind: Literal["whittaker"] = "whittaker"
    smoothness: Annotated[float, Gt(0)] = 10.0
    """Weight of the differences (λ): 1 hardly smooths, 1e6 leaves little but a straight line."""
    order: Annotated[int, Ge(1), Le(4)] = 2
    """Order of the differences: 2 keeps slopes, 3 keeps the height of peaks better."""

    def line(self, axis: Axis) -> str:
        return f"smoothed by Whittaker ({self.smoothness:g}, order {self.order})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return whittaker(data, self.smoothness, self.order, good=axis.good)


class WaveletSmoothing(SpectraStep):
    """Smooth each spectrum by thresholds for its wavelet coefficients: peaks stay, noise goes."""

    title: ClassVar[str] = "Wavelet smoothing"
    group: ClassVar[str] = "Smooth"
    source: ClassVar[str] = (
        "Donoho & Johnstone 1994, https://doi.org/10.1093/biomet/81.3.425; Donoho 1995, "
        "https://doi.org/10.1109/18.382009"
    )
    kind: Literal["wavelet_smoothing"] = "wavelet_smoothing"
    wavelet: Literal["haar", "db2", "db4", "db8", "sym4", "sym8", "coif3"] = "sym8"
    """The wavelet: longer ones (db8, sym8) suit smooth peaks, short ones steps."""
    strength: Annotated[float, Gt(0)] = 1.0
    """Factor of the threshold, which is that of the noise of each spectrum: 0.5 keeps weak peaks."""

    def line(self, axis: Axis) -> str:
        return f"smoothed by wavelets ({self.wavelet}, strength {self.strength:g})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return wavelet_smooth(data, self.wavelet, self.strength, good=axis.good)


class GaussianSmoothing(SpectraStep):
    """Smooth each spectrum by a weighted mean of neighbouring bands."""

    title: ClassVar[str] = "Gaussian smoothing"
    group: ClassVar[str] = "Smooth"
    kind: Literal["gaussian_smoothing"] = "gaussian_smoothing"
    width: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Standard deviation of the weights, in bands."""

    def line(self, axis: Axis) -> str:
        return f"smoothed by a Gaussian of {self.width:g} bands"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return _blurred(data, axis, self.width, (-3,))


class GaussianBlur(SpectraStep):
    """Smooth the image of each band by a weighted mean of neighbouring pixels."""

    title: ClassVar[str] = "Gaussian blur of images"
    group: ClassVar[str] = "Smooth"
    looks_at: ClassVar[Scope] = "neighbourhood"
    kind: Literal["gaussian_blur"] = "gaussian_blur"
    width: Annotated[float, Gt(0), Le(100)] = 1.0
    """Standard deviation of the weights, in pixels."""

    @property
    def radius(self) -> int:
        return len(gaussian_kernel(self.width)) // 2

    def line(self, axis: Axis) -> str:
        return f"blurred images by a Gaussian of {self.width:g} pixels"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return _blurred(data, axis, self.width, (-2, -1))


def _blurred(data: Intensities, axis: Axis, width: float, along: tuple[int, ...]) -> Float32:
    """Return spectra, (…, band, y, x), blurred; bad bands neither count nor change."""
    values = np.asarray(data, np.float64)
    good = axis.good[:, None, None]
    blurred = blur(np.where(good & np.isfinite(values), values, np.nan), width, along)
    kept = np.where(np.isfinite(values), values, np.nan)
    result: Float32 = np.where(good, blurred, kept).astype(np.float32)
    return result
