"""A trained model: one safetensors file that holds weights, normalisation and card; no pickle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..atomic import replacing
from ..devices import seeded
from ..errors import FileFormatError
from ..networks import Normalise, Normalised, Ports
from ..recipe.building import module_of
from ..recipe.recipe import Recipe
from ..renamed import checkpoint_with_new_names, weights_with_new_names
from ..tasks import Task
from .card import KEY, Card, read_card

State = dict[str, Tensor]

LAST: Final = "last."
"""Prefix, in a model file, of the weights after the last epoch; those of the best have none."""
CHECKPOINT_PREFIX: Final = "checkpoint."
"""Prefix, in a model file, of what only a training that is resumed needs; see `Checkpoint`."""


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its card.

    Parameters
    ----------
    card : Card
        Its recipe, axes and training record.
    network : Normalised
        Intensities in, intensities or class scores out; holds the best weights.
    last : dict of Tensor, optional
        Weights after the last epoch, where they are not the best ones.
    """

    card: Card
    network: Normalised
    last: State = field(default_factory=dict)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe it was trained by."""
        return Recipe.model_validate(self.card.recipe)

    @cached_property
    def ports(self) -> Ports:
        """Number of bands, scale and level of its input and output."""
        task: Task = self.recipe.task
        return task.ports(self.card.input_axis, self.card.output_axis)

    def with_metrics(self, metrics: dict[str, Any]) -> Self:
        """Return the model with figures of merit on its card."""
        card = self.card.model_copy(update={"metrics": {**self.card.metrics, **metrics}})
        return replace(self, card=card)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write one safetensors file, completely or not at all; the card is its header.

        Raises
        ------
        FileExistsError
            If `path` exists, unless `overwrite`.
        """
        path = Path(path)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path.name} exists already; choose another name")
        write_model(path, self)
        return path

    @classmethod
    def load(cls, path: str | Path, weights: Literal["best", "last"] = "best") -> Self:
        """Read a model that `save` wrote; runs no code from the file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        FileFormatError
            If it is no model file of ours, or damaged.
        """
        path = Path(path)
        card = read_card(path)
        try:
            network = fresh_network(Recipe.model_validate(card.recipe), card)
            best = read_tensors(path)
            take_prefixed(best, CHECKPOINT_PREFIX)
            expected = network.state_dict().keys()
            last = weights_with_new_names(take_prefixed(best, LAST), expected)
            chosen = last if weights == "last" and last else best
            network.load_state_dict(weights_with_new_names(chosen, expected))
        except (ValidationError, SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise FileFormatError(
                path, f"weights do not fit ({reason})", "train it again"
            ) from error
        return cls(card, network.eval(), last)


def fresh_network(recipe: Recipe, card: Card) -> Normalised:
    """Return the untrained network that a recipe and a card describe, on the CPU."""
    ports = recipe.task.ports(card.input_axis, card.output_axis)
    normalise = Normalise(recipe.task.normalise, ports.bands_in, ports.bands_out)
    with seeded(recipe.training.seed, torch.device("cpu")):
        module = module_of(recipe, ports)
    return Normalised(normalise, module, recipe.task.predicts_intensities)


def write_model(path: Path, model: Model, checkpoint: State | None = None) -> None:
    """Write a model file, completely or not at all; with `checkpoint`, training can be resumed."""
    tensors = (
        model.network.state_dict()
        | with_prefix(LAST, model.last)
        | with_prefix(CHECKPOINT_PREFIX, checkpoint or {})
    )
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as (draft,):
        # save_file would make a file that only its owner may read
        draft.write_bytes(save(stored, {KEY: model.card.model_dump_json()}))


def read_tensors(path: Path) -> State:
    """Read all tensors of a model file, of any version."""
    with safe_open(path, framework="pt") as file:
        names = file.keys()
        return checkpoint_with_new_names({name: file.get_tensor(name) for name in names})


def with_prefix(prefix: str, state: State) -> State:
    """Return tensors with a prefix before each name."""
    return {prefix + name: tensor for name, tensor in state.items()}


def take_prefixed(state: State, prefix: str) -> State:
    """Remove the tensors whose names begin with `prefix` from `state`; return them without it."""
    names = [name for name in state if name.startswith(prefix)]
    return {name.removeprefix(prefix): state.pop(name) for name in names}
