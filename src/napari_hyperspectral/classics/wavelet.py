"""Wavelet denoising along the spectrum: small coefficients are noise, and are removed.

Source: Donoho 1995, https://doi.org/10.1109/18.382009; noise estimated from the finest details as in
Donoho & Johnstone 1994, https://doi.org/10.1093/biomet/81.3.425
"""

from __future__ import annotations

import math
import warnings
from itertools import product
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self, TypeAlias

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from ..networks.base import FittedModule, Ports
from ..spectra.arrays import GoodBands
from .base import Arrays, Rows, SpectrumClassic, TrainingData
from .precision import in_full_precision
from .savitzky_golay import in_target_unit

Wavelet: TypeAlias = Literal["haar", "db2", "sym4", "sym8", "coif3"]
_NORMAL: Final = 0.6745
"""Median of the absolute values of normal noise of deviation 1."""
_FACTORS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0)
_LONGEST_FILTER: Final = 18
"""Coefficients of the longest of the wavelets."""
_MOST_SPECTRA: Final = 500
"""Spectra to tune on: two numbers need no more."""


class WaveletDenoising(SpectrumClassic):
    """Soft thresholds for the wavelet coefficients of each spectrum: peaks stay, noise goes."""

    source: ClassVar[str] = (
        "Donoho 1995, De-noising by soft-thresholding, https://doi.org/10.1109/18.382009"
    )
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    denoises: ClassVar[bool] = True
    kind: Literal["wavelet"] = "wavelet"
    wavelet: Wavelet = "sym8"
    """The wavelet. haar is a step; the others are smoother and longer, in this order."""
    levels: Annotated[int, Ge(0), Le(20)] = 0
    """How often the width of the details is doubled; 0: tuned, as is the factor of the thresholds, on
    the training spectra."""

    def build(self, ports: Ports) -> SoftThreshold:
        return SoftThreshold()

    def floats_per_pixel(self, ports: Ports) -> int:
        # the transform mirrors the spectrum at its ends: coefficients are more than bands
        levels = self.levels or math.ceil(math.log2(ports.bands_in + 1))
        coefficients = ports.bands_in + _LONGEST_FILTER * levels
        return 2 * ports.bands_in + 6 * coefficients

    def fit(self, data: TrainingData) -> Arrays:
        step = -(-len(data.targets) // _MOST_SPECTRA)
        pixels = np.arange(0, len(data.targets), step)
        spectra = data.spectra[pixels]
        most = _most_levels(self.wavelet, len(data.good))
        levels = [self.levels] if self.levels else range(1, most + 1)
        best = np.inf
        for level, factor in product(levels, _FACTORS):
            arrays = _arrays(self.wavelet, min(level, most), factor, data.good)
            smooth = _denoised(arrays, spectra)
            error = data.error(smooth, pixels)
            if error < best:
                best = error
                chosen, denoised = arrays, smooth
        gain, offset = in_target_unit(denoised, data.targets[pixels], data.good)
        return {**chosen, "gain": np.array([gain, offset])}

    def describe(self, arrays: Arrays) -> str:
        levels, factor = arrays["setting"].tolist()
        return f"{levels:g} levels, thresholds × {factor:g}"

    @classmethod
    def smallest(cls) -> Self:
        return cls(wavelet="haar", levels=1)


class SoftThreshold(FittedModule):
    """Analysis into wavelet coefficients, soft thresholds, and synthesis."""

    analysis: Tensor
    """Shape (coefficient, band)."""
    synthesis: Tensor
    """Shape (band, coefficient)."""
    thresholds: Tensor
    """Of each coefficient, by the noise of the spectrum, shape (coefficient,)."""
    finest: Tensor
    """Which coefficients are the finest details, which are nearly all noise, shape (coefficient,)."""
    gain: Tensor
    """What the result is multiplied by, and what is added to it, shape (2,)."""
    setting: Tensor
    """Levels, and the factor of the thresholds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("analysis", torch.empty(0, 0))
        self.register_buffer("synthesis", torch.empty(0, 0))
        self.register_buffer("thresholds", torch.empty(0))
        self.register_buffer("finest", torch.empty(0, dtype=torch.bool))
        self.register_buffer("gain", torch.empty(2))
        self.register_buffer("setting", torch.empty(2))

    def forward(self, x: Tensor) -> Tensor:
        with in_full_precision(x):
            coefficients = torch.einsum("cb,nbyx->ncyx", self.analysis, x)
            details = coefficients[:, self.finest].abs()
            noise = details.median(dim=1, keepdim=True).values / _NORMAL  # (batch, 1, y, x)
            threshold = self.thresholds[:, None, None] * noise
            # less its part within the thresholds, a coefficient is what is beyond them
            beyond = coefficients - torch.clamp(coefficients, -threshold, threshold)
            denoised = torch.einsum("bc,ncyx->nbyx", self.synthesis, beyond)
            return denoised * self.gain[0] + self.gain[1]


class _Transform(NamedTuple):
    """A wavelet transform as matrices."""

    analysis: Rows
    """Shape (coefficient, band)."""
    synthesis: Rows
    """Shape (band, coefficient)."""
    level: Rows
    """Of each coefficient, (coefficient,): 1 for the finest details, 0 for what is no detail."""


def _transform(wavelet: str, levels: int, bands: int) -> _Transform:
    """Return the transform of spectra of so many bands; the spectrum is mirrored at its ends."""
    import pywt

    with warnings.catch_warnings():
        # of a spectrum that is shorter than the wavelet, all details reach beyond its ends
        warnings.filterwarnings("ignore", message="Level value")
        # each (band, coefficient)
        coefficients = pywt.wavedec(np.eye(bands), wavelet, level=levels)
    analysis = np.concatenate(coefficients, axis=1).T
    level = np.repeat(
        [0, *range(levels, 0, -1)],
        [each.shape[1] for each in coefficients],
    )
    # an impulse in each coefficient, coarse ones first as in `coefficients`
    ends = np.cumsum([each.shape[1] for each in coefficients])
    impulses = np.split(np.eye(len(analysis)), ends[:-1], axis=1)
    synthesis = pywt.waverec(impulses, wavelet).T[
        :bands
    ]  # of odd numbers of bands, it is one longer
    return _Transform(analysis, synthesis, level)


def _most_levels(wavelet: str, bands: int) -> int:
    """Return how often the details of spectra can be widened: at least once."""
    import pywt

    most: int = pywt.dwt_max_level(bands, wavelet)
    return max(1, most)


def _arrays(wavelet: str, levels: int, factor: float, good: GoodBands) -> Arrays:
    """Return the numbers of a `SoftThreshold` that does not change the unit."""
    transform = _transform(wavelet, levels, len(good))
    counts = np.bincount(transform.level)
    # the largest of so many coefficients of noise, about
    universal = np.sqrt(2 * np.log(np.maximum(counts, 2)))
    universal[0] = 0.0  # what is no detail stays
    return {
        "analysis": transform.analysis @ _filled(good),
        "synthesis": transform.synthesis,
        "thresholds": factor * universal[transform.level],
        "finest": transform.level == 1,
        "gain": np.array([1.0, 0.0]),
        "setting": np.array([levels, factor]),
    }


def _filled(good: GoodBands) -> Rows:
    """Return the matrix, (band, band), that interpolates bad bands from good ones beside them."""
    bands = np.arange(len(good))
    columns = [np.interp(bands, bands[good], impulse[good]) for impulse in np.eye(len(good))]
    return np.stack(columns, axis=1) * good


def _denoised(arrays: Arrays, spectra: Rows) -> Rows:
    """Return spectra, (pixel, band), denoised."""
    module = SoftThreshold()
    module.set_arrays(arrays)
    images = torch.from_numpy(spectra.astype(np.float32))[:, :, None, None]
    with torch.no_grad():
        denoised: Rows = module(images)[:, :, 0, 0].numpy()
    return denoised
