"""A running average of the weights, which wanders less than the weights themselves.

Source: Polyak & Juditsky 1992, https://doi.org/10.1137/0330046
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from torch import nn

from ..models.model import State
from ..system.interrupts import held


class WeightAverage:
    """An exponential running average of the weights and buffers of a network.

    Parameters
    ----------
    network : Module
        Network in training.
    decay : float
        Share of the past in the average, below 1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network = network
        self._decay = decay
        self.state: State = {}
        """Averaged weights and buffers, by name."""
        self.restart()

    def restart(self) -> None:
        """Begin again from the weights as they are."""
        self.state = _cloned(self._network)

    def update(self, step: int) -> None:
        """Move the average towards the weights after training step `step`, counted from 1."""
        # it forgets faster at first, so that it does not remember the random start
        early = (1 + step) / (10 + step)
        decay = min(self._decay, early)
        for name, tensor in self._network.state_dict().items():
            average = self.state[name]
            if tensor.is_floating_point():
                average.lerp_(tensor.detach(), 1 - decay)
            else:
                # a count of batches has no mean
                average.copy_(tensor)

    def load(self, state: State) -> None:
        """Go on from the `state` of an earlier average."""
        for name, tensor in state.items():
            self.state[name].copy_(tensor)

    @contextmanager
    def applied(self) -> Generator[None, None, None]:
        """Give the network the averaged weights for a while."""
        own = _cloned(self._network)
        try:
            with held():
                self._network.load_state_dict(self.state)
            yield
        finally:
            with held():
                self._network.load_state_dict(own)


def _cloned(network: nn.Module) -> State:
    """Return the weights and buffers of a network as they are now."""
    copies = {}
    for name, tensor in network.state_dict().items():
        copies[name] = tensor.detach().clone()
    return copies
