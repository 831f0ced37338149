"""Savitzky–Golay smoothing, its order and window tuned on clean training spectra.

Source: Savitzky & Golay 1964, https://doi.org/10.1021/ac60214a047
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor

from ..networks.base import FittedModule, Ports
from ..spectra.arrays import GoodBands
from ..spectra.smooth import savitzky_golay
from .base import Arrays, Rows, SpectrumClassic, TrainingData

_FilterErrors: TypeAlias = dict[tuple[int, int], float]
"""Error of each filter, by its order and its window in bands."""
_HIGHEST_ORDER: Final = 12
"""Polynomials of higher order follow the noise."""
_FIRST_ORDERS: Final = 4
_MOST_SPECTRA: Final = 500
"""Spectra to tune on: two numbers need no more."""


class SavitzkyGolay(SpectrumClassic):
    """Smoothing by polynomials fitted to a window of bands that moves along the spectrum."""

    source: ClassVar[str] = "Savitzky & Golay 1964, https://doi.org/10.1021/ac60214a047"
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    denoises: ClassVar[bool] = True
    kind: Literal["savitzky_golay"] = "savitzky_golay"
    order: Annotated[int, Ge(0), Le(_HIGHEST_ORDER)] = 2
    """Order of the polynomials, where the window is set."""
    window: Annotated[int, Ge(0)] = 0
    """Bands in the window, an odd number; 0: order and window with the least error on the training
    spectra."""

    def build(self, ports: Ports) -> SpectralFilter:
        return SpectralFilter()

    def floats_per_pixel(self, ports: Ports) -> int:
        return 2 * ports.bands_in

    def fit(self, data: TrainingData) -> Arrays:
        step = -(-len(data.targets) // _MOST_SPECTRA)
        pixels = np.arange(0, len(data.targets), step)
        spectra = data.spectra[pixels]
        order, window = self.order, self.window
        if not window:
            order, window = _best_filter(spectra, pixels, data)
        matrix = filter_matrix(order, window, data.good)
        smooth = spectra @ matrix.T
        gain, offset = in_target_unit(smooth, data.targets[pixels], data.good)
        return {
            "matrix": gain * matrix,
            "offset": np.full(len(matrix), offset),
            "setting": np.array([order, window]),
        }

    def describe(self, arrays: Arrays) -> str:
        order, window = arrays["setting"].tolist()
        return f"order {order}, window {window} bands"

    @classmethod
    def smallest(cls) -> Self:
        return cls(order=0, window=1)


class SpectralFilter(FittedModule):
    """A linear filter along the spectrum."""

    matrix: Tensor
    """Shape (band, band)."""
    offset: Tensor
    """Shape (band,)."""
    setting: Tensor
    """Order and window."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.empty(0, 0))
        self.register_buffer("offset", torch.empty(0))
        self.register_buffer("setting", torch.empty(0, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        filtered = torch.einsum("ob,nbyx->noyx", self.matrix, x)
        return filtered + self.offset[:, None, None]


def filter_matrix(order: int, window: int, good: GoodBands) -> Rows:
    """Return the matrix, (band, band), that smooths a spectrum; bad bands weigh nothing."""
    bands = len(good)
    impulses = np.eye(bands)[:, None]  # (band, 1, impulse)
    responses = savitzky_golay(impulses, order, window, good=good)
    matrix: Rows = np.nan_to_num(responses[:, 0]) * good
    return matrix


def _best_filter(spectra: Rows, pixels: NDArray[np.intp], data: TrainingData) -> tuple[int, int]:
    """Return order and window of the least error.

    First among windows that each are a half wider than the one before, up to the whole spectrum,
    then among all windows near the best of them.
    """
    errors: _FilterErrors = {}

    def try_all(orders: Iterable[int], windows: Sequence[int]) -> tuple[int, int]:
        for order, window in product(orders, windows):
            # a polynomial of as many coefficients as bands smooths nothing
            if order < window and (order, window) not in errors:
                smooth = spectra @ filter_matrix(order, window, data.good).T
                errors[order, window] = data.error(smooth, pixels)
        return min(errors, key=lambda setting: errors[setting])

    widest = spectra.shape[1] - 1 + spectra.shape[1] % 2  # odd
    orders = _FIRST_ORDERS
    coarse = _growing_windows(widest)
    order, window = try_all(range(orders + 1), coarse)
    while order == orders and orders < _HIGHEST_ORDER:
        orders += 2
        order, window = try_all(range(orders + 1), coarse)
    below = max((each for each in coarse if each < window), default=1)
    above = min((each for each in coarse if each > window), default=widest)
    return try_all([order], range(below, above + 1, 2))


def _growing_windows(widest: int) -> list[int]:
    """Return odd windows up to the widest, each about a half wider than the one before."""
    windows = [1]
    while windows[-1] < widest:
        wider = max(windows[-1] + 2, windows[-1] * 3 // 2 // 2 * 2 + 1)
        windows.append(min(wider, widest))
    return windows


def in_target_unit(smooth: Rows, target: Rows, good: GoodBands) -> tuple[float, float]:
    """Return the scale and the offset that bring smoothed spectra closest to their targets."""
    known = np.isfinite(target) & good
    x = smooth[known].astype(np.float64)
    y = target[known].astype(np.float64)
    variance = x.var()
    # a constant result is brought to the mean of the target
    gain = 0.0
    if variance > 0:
        gain = float(np.mean((x - x.mean()) * (y - y.mean())) / variance)
    return gain, float(y.mean() - gain * x.mean())
