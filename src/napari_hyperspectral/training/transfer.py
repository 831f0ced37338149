"""Transfer learning: starting from the weights of a trained model."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from torch import Tensor

from ..classics.linear_skip import LinearSkip
from ..models.model import Model
from ..networks import NetworkModule, Normalised
from ..recipe.recipe import Recipe


class Transfer(NamedTuple):
    """What was taken over from a trained model."""

    frozen: frozenset[str]
    """Names of the weights, in the network's module, that are not to be trained."""
    line: str
    """For the card: which model, and how much of it fitted."""


def initialise_from(
    model: Model,
    network: Normalised,
    recipe: Recipe,
) -> Transfer:
    """Give `network` all weights of a trained model that fit.

    Where the network begins with a linear map, this remains the one of the new data, and what the
    network adds to it begins at 0: few new spectra are enough for a regression, which a correction
    learned on others would make worse.

    Raises
    ------
    ValueError
        If no weight fits, or all are frozen.
    """
    module = network.module
    own = module.state_dict()
    fitting = {}
    for name, tensor in _of_network(model.network.module).items():
        own_name = _prefix(module) + name
        if own_name in own and own[own_name].shape == tensor.shape:
            fitting[own_name] = tensor
    weights = [name for name, _ in module.named_parameters()]
    if not any(name in fitting for name in weights):
        raise ValueError(
            f"no weight of the model to start from ({model.recipe.method.kind}) fits this "
            f"network ({recipe.method.kind}); choose the same network and settings"
        )
    module.load_state_dict(own | fitting)
    if not network.normalise.transfer_from(model.network.normalise):
        warnings.warn(
            f"the model to start from normalises by {model.recipe.task.normalise}, which its "
            f"weights expect; this recipe by {recipe.task.normalise}",
            stacklevel=2,
        )
    # what did not fit is at random yet: frozen, it would stay so
    frozen = _frozen(recipe, weights).intersection(fitting)
    if frozen.issuperset(weights):
        raise ValueError(
            "all weights of this network are taken over and frozen: there is nothing left to "
            "train; freeze the first half, or nothing"
        )
    line = f"{model.card.created}, {len(fitting)} of {len(own)} tensors fitted"
    return Transfer(frozen, line)


def _of_network(module: NetworkModule) -> dict[str, Tensor]:
    """Return weights and buffers, without those of a linear map that the network begins with."""
    prefix = _prefix(module)
    network = {}
    for name, tensor in module.state_dict().items():
        if name.startswith(prefix):
            network[name.removeprefix(prefix)] = tensor
    return network


def _prefix(module: NetworkModule) -> str:
    """Return what the names of a network's weights begin with in a module that may wrap it."""
    return "module." if isinstance(module, LinearSkip) else ""


def _frozen(recipe: Recipe, weights: list[str]) -> frozenset[str]:
    """Return which weights the recipe freezes, should they fit."""
    match recipe.training.frozen:
        case "nothing":
            return frozenset()
        case "what was learned":
            return frozenset(weights)
        case "first half":
            half = len(weights) // 2
            return frozenset(weights[:half])
