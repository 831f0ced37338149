"""How a training takes its steps: optimisers, and how the step size changes.

Sources: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980 (Adam); Loshchilov & Hutter 2019,
https://arxiv.org/abs/1711.05101 (AdamW); Smith & Topin 2019, https://arxiv.org/abs/1708.07120
(one-cycle); Smith 2017, https://arxiv.org/abs/1506.01186 (cyclic, "triangular2").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from ..recipe.training import Training

_MOMENTUM: Final = 0.9
_RISE, _START, _END = 0.3, 1 / 25, 1e-4
"""Of one-cycle: share of the training that rises, and the step size at start and end."""
_LOWEST: Final = 0.01
"""Of cyclic: the step size between two cycles."""


def optimiser_of(training: Training, module: nn.Module) -> torch.optim.Optimizer:
    """Return a fresh optimiser for the weights of a network."""
    weights, size, decay = module.parameters(), training.learning_rate, training.weight_decay
    match training.optimiser:
        case "adamw":
            return torch.optim.AdamW(weights, lr=size, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(weights, lr=size, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(weights, lr=size, weight_decay=decay, momentum=_MOMENTUM)
        case "adagrad":
            return torch.optim.Adagrad(weights, lr=size, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(weights, lr=size, weight_decay=decay)


def moments_of(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers of earlier steps, by the number of a weight and a name."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{name}": t for i, moments in state.items() for name, t in moments.items()}


def take_moments(optimiser: torch.optim.Optimizer, kept: dict[str, Tensor]) -> None:
    """Let an optimiser remember what `moments_of` returned."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in kept.items():
        index, key = name.split(".")
        moments.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})


def learning_rate_factor(
    training: Training, share: float, epoch: int, judged: Sequence[float]
) -> float:
    """Return the step size as a part of the greatest.

    Parameters
    ----------
    training : Training
        With the schedule.
    share : float
        Part of the training that is done, 0 to 1.
    epoch : int
        Epochs that are done.
    judged : sequence of float
        Loss after each of them, of what is held out if there is anything.
    """
    match training.schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 + 0.5 * math.cos(math.pi * share)
        case "one-cycle":
            return _one_cycle(share)
        case "step":
            return float(training.drop ** (epoch // training.every))
        case "multiplicative":
            return float(training.drop ** (epoch / training.every))
        case "cyclic":
            return _cyclic(share * training.epochs / training.every)
        case "plateau":
            return float(training.drop ** _plateaus(judged, training.every))


def _one_cycle(share: float) -> float:
    if share < _RISE:
        return _START + (1 - _START) * (0.5 - 0.5 * math.cos(math.pi * share / _RISE))
    fall = (share - _RISE) / (1 - _RISE)
    return _END + (1 - _END) * (0.5 + 0.5 * math.cos(math.pi * fall))


def _cyclic(cycles: float) -> float:
    """Return triangles of height 1, 1/2, 1/4 … over the lowest step size."""
    number, place = divmod(cycles, 1.0)
    triangle = 1 - abs(2 * place - 1)
    return float(_LOWEST + (1 - _LOWEST) * triangle / 2**number)


def _plateaus(losses: Sequence[float], patience: int) -> int:
    """Count how often `patience` epochs went by without a better loss."""
    best, waited, count = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            count, waited = count + 1, 0
    return count
