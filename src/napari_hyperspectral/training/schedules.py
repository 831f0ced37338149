"""Optimisers and learning-rate schedules.

Sources: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980 (Adam); Loshchilov & Hutter 2019,
https://arxiv.org/abs/1711.05101 (AdamW); Smith & Topin 2019, https://arxiv.org/abs/1708.07120
(one-cycle); Smith 2017, https://arxiv.org/abs/1506.01186 (cyclic, "triangular2").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

from ..models.model import State
from ..recipe.training import Training

_MOMENTUM: Final = 0.9

_ONE_CYCLE_RISE: Final = 0.3
"""Share of the training in which the learning rate of one-cycle rises."""
_ONE_CYCLE_START: Final = 1 / 25
_ONE_CYCLE_END: Final = 1e-4
_CYCLIC_LOWEST: Final = 0.01
"""Learning-rate factor between two cycles."""


def optimiser_of(training: Training, module: nn.Module) -> torch.optim.Optimizer:
    """Return a fresh optimiser for the weights of a network."""
    weights = module.parameters()
    rate = training.learning_rate
    decay = training.weight_decay
    match training.optimiser:
        case "adamw":
            return torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(weights, lr=rate, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(
                weights,
                lr=rate,
                weight_decay=decay,
                momentum=_MOMENTUM,
            )
        case "adagrad":
            return torch.optim.Adagrad(weights, lr=rate, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(weights, lr=rate, weight_decay=decay)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Let an optimiser take its next steps with this learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def optimiser_state(optimiser: torch.optim.Optimizer) -> State:
    """Return what an optimiser keeps of earlier steps, named "3.exp_avg" for the fourth weight."""
    tensors = {}
    state = optimiser.state_dict()["state"]
    for index, moments in state.items():
        for name, tensor in moments.items():
            tensors[f"{index}.{name}"] = tensor
    return tensors


def load_optimiser_state(optimiser: torch.optim.Optimizer, tensors: State) -> None:
    """Give an optimiser what `optimiser_state` returned."""
    state: dict[int, State] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".")
        moments = state.setdefault(int(index), {})
        moments[name] = tensor
    # the rest, groups of weights and their settings, is that of the fresh optimiser
    fresh = optimiser.state_dict()
    optimiser.load_state_dict(fresh | {"state": state})


def learning_rate_factor(
    training: Training,
    share: float,
    epoch: int,
    losses: Sequence[float],
) -> float:
    """Return the learning rate as a part of the greatest one, `training.learning_rate`.

    Parameters
    ----------
    training : Training
        With the schedule.
    share : float
        Part of the training that is done, 0 to 1.
    epoch : int
        Epochs that are done.
    losses : sequence of float
        Loss after each of them: the validation loss if there is one, else the training loss.
    """
    match training.schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 + 0.5 * math.cos(math.pi * share)
        case "one-cycle":
            return _one_cycle(share)
        case "step":
            drops = epoch // training.every
            return float(training.drop**drops)
        case "multiplicative":
            # a small drop after each epoch: after `every` of them, the whole of it
            return float(training.drop ** (epoch / training.every))
        case "cyclic":
            cycles = share * training.epochs / training.every
            return _cyclic(cycles)
        case "plateau":
            drops = _plateaus(losses, training.every)
            return float(training.drop**drops)


def _one_cycle(share: float) -> float:
    """Return a rise and a longer fall, each half a cosine."""
    if share < _ONE_CYCLE_RISE:
        rise = 0.5 - 0.5 * math.cos(math.pi * share / _ONE_CYCLE_RISE)
        return _ONE_CYCLE_START + (1 - _ONE_CYCLE_START) * rise
    fallen = (share - _ONE_CYCLE_RISE) / (1 - _ONE_CYCLE_RISE)
    height = 0.5 + 0.5 * math.cos(math.pi * fallen)
    return _ONE_CYCLE_END + (1 - _ONE_CYCLE_END) * height


def _cyclic(cycles: float) -> float:
    """Return triangles of height 1, 1/2, 1/4 … over the lowest factor."""
    number, phase = divmod(cycles, 1.0)
    triangle = 1 - abs(2 * phase - 1)
    # in this order of operations, on which the last digit of all weights depends
    factor = _CYCLIC_LOWEST + (1 - _CYCLIC_LOWEST) * triangle / 2**number
    return float(factor)


def _plateaus(losses: Sequence[float], patience: int) -> int:
    """Count how often `patience` epochs went by without a better loss."""
    best = math.inf
    waited = 0
    count = 0
    for loss in losses:
        waited += 1
        if loss < best:
            waited = 0
        best = min(best, loss)
        if waited == patience:
            count += 1
            waited = 0
    return count
