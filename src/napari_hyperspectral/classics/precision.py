"""Double precision where a device has it, and numbers of double precision in two of single."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WITH_DOUBLE: Final = ("cpu", "cuda", "meta")
"""Devices that compute in double precision; Apple's do not."""


def widest(values: Tensor) -> Tensor:
    """Return values in double precision where their device has it."""
    if values.device.type in _WITH_DOUBLE:
        return values.double()
    return values


def in_full_precision(values: Tensor) -> torch.autocast:
    """Return a context in which nothing on the device of `values` is computed in half precision."""
    device = values.device.type
    if device == "meta":  # computes nothing, and so has no context
        device = "cpu"
    return torch.autocast(device, enabled=False)


def as_two(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return numbers of double precision as two of single, (2, …), whose sum they are."""
    high = values.astype(np.float32)
    low = (values - high).astype(np.float32)
    return np.stack([high, low])


def sum_of_two(parts: Tensor) -> Tensor:
    """Return what `as_two` stored, as precise as the device is."""
    return widest(parts).sum(dim=0)


def rounded_down(thresholds: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the greatest numbers of single precision that are not above these.

    Numbers of single precision are on the same side of both.
    """
    single = thresholds.astype(np.float32)
    below = np.nextafter(single, np.float32(-np.inf))
    return np.where(single > thresholds, below, single)
