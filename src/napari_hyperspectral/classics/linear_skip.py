"""A network that begins as a ridge regression, and learns what to add to it.

Source: the gain, 0 at first, of Bachlechner et al. 2020, ReZero, https://arxiv.org/abs/2003.04887
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ..networks.base import FittedModule, NetworkModule


class LinearSkip(NetworkModule):
    """The sum of a fitted linear map and of a network, whose gain is 0 at first.

    Parameters
    ----------
    module : NetworkModule
        The network, which learns.
    linear : FittedModule
        The linear map, which does not.
    bands_out : int
        Bands of the output, each with a gain of its own.
    """

    def __init__(self, module: NetworkModule, linear: FittedModule, bands_out: int) -> None:
        super().__init__()
        self.module = module
        self.linear = linear
        self.gain = nn.Parameter(torch.zeros(bands_out))

    def initialise_from(self, spectra: Tensor) -> None:
        self.module.initialise_from(spectra)

    def forward(self, x: Tensor) -> Tensor:
        with _full_precision(x.device.type):
            linear: Tensor = self.linear(x.float())
        correction = self.module(x)
        out: Tensor = linear + self.gain[:, None, None] * correction
        return out


def _full_precision(device_type: str) -> AbstractContextManager[object]:
    """Switch half precision off: it would lose what the linear map is good for."""
    if not torch.amp.is_autocast_available(device_type):  # on the meta device, say
        return nullcontext()
    return torch.autocast(device_type, enabled=False)
