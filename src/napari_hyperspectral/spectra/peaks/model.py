"""Peaks on a straight line: the values of this model, and how they change with its parameters."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ..arrays import Array, Centres
from .shapes import Shape, profile

_SHARE_OF: Final = {"gaussian": 0.0, "lorentzian": 1.0}
_FURTHEST: Final = 30.0
"""Logarithms are bounded by this: beyond, there is no peak."""


class Parameters(NamedTuple):
    """Parameters of the model, by what they are."""

    position: Array
    """Shape (spectrum, peak)."""
    width: Array
    """Full width at half maximum, (spectrum, peak)."""
    share: Array
    """Of the Lorentzian, (spectrum, peak)."""
    height: Array
    """Above the line, (spectrum, peak)."""
    line: Array
    """Values at both ends of the range, (spectrum, 2)."""


class PeakModel(NamedTuple):
    """Peaks of one shape on a straight line.

    Its parameters are, for each spectrum, a row: positions, logarithms of the widths, logits of the
    shares of the Lorentzian (pseudo-Voigt only), heights, and the values of the line at both ends.
    So widths stay above 0 and shares between 0 and 1, without bounds.
    """

    centres: Centres
    """Of the bands in the range, (band,), increasing."""
    peaks: int
    shape: Shape

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.peaks * (4 if self.shape == "pseudo_voigt" else 3) + 2

    def parameters(self, row: Array) -> Parameters:
        """Return what rows of parameters, (spectrum, parameter), mean."""
        peaks = self.peaks
        position = row[:, :peaks]
        width = np.exp(np.clip(row[:, peaks : 2 * peaks], -_FURTHEST, _FURTHEST))
        height = row[:, -peaks - 2 : -2]
        if self.shape == "pseudo_voigt":
            logit = np.clip(row[:, 2 * peaks : 3 * peaks], -_FURTHEST, _FURTHEST)
            share = 1 / (1 + np.exp(-logit))
        else:
            share = np.full(position.shape, _SHARE_OF[self.shape])
        return Parameters(position, width, share, height, row[:, -2:])

    def row(self, position: Array, width: Array, height: Array, line: Array) -> Array:
        """Return rows of parameters; shares of the Lorentzian are one half where they are free."""
        parts = [position, np.log(width)]
        if self.shape == "pseudo_voigt":
            parts.append(np.zeros(position.shape))
        return np.concatenate([*parts, height, line], axis=1)

    def line_shares(self) -> Array:
        """Return how much of both ends of the line each band has, (band, 2)."""
        across = (self.centres - self.centres[0]) / (self.centres[-1] - self.centres[0])
        return np.stack([1 - across, across], axis=1)

    def unit_peaks(self, parameters: Parameters) -> Array:
        """Return the peaks with a height of 1, (spectrum, band, peak)."""
        distance = self.centres[:, None] - parameters.position[:, None]
        distance /= parameters.width[:, None]
        return profile(distance, parameters.share[:, None]).values

    def values(self, row: Array) -> Array:
        """Return the spectra of rows of parameters, (spectrum, band)."""
        found = self.parameters(row)
        peaks = np.matmul(self.unit_peaks(found), found.height[..., None])[..., 0]
        values: Array = peaks + found.line @ self.line_shares().T
        return values

    def slopes(self, row: Array) -> Array:
        """Return how the spectra change with the parameters, (spectrum, band, parameter)."""
        found = self.parameters(row)
        distance = self.centres[:, None] - found.position[:, None]  # (spectrum, band, peak)
        distance /= found.width[:, None]
        share = found.share[:, None]
        height = found.height[:, None]
        unit = profile(distance, share)
        by_position = -height * unit.slopes / found.width[:, None]
        by_width = -height * unit.slopes * distance  # by its logarithm
        parts = [by_position, by_width]
        if self.shape == "pseudo_voigt":
            parts.append(height * unit.by_share * share * (1 - share))  # by its logit
        line = np.broadcast_to(self.line_shares(), (len(row), len(self.centres), 2))
        return np.concatenate([*parts, unit.values, line], axis=2)
