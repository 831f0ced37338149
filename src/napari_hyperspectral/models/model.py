"""A trained model: one safetensors file that holds weights, normalisation and card; no pickle."""

from __future__ import annotations

import json
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
from ..errors import FileFormatError
from ..networks import Normalise, Normalised, Ports
from ..random_numbers import drawing_from
from ..recipe.building import module_of
from ..recipe.recipe import Recipe
from ..renamed import checkpoint_with_new_names, weights_with_new_names
from ..tasks import Task
from .card import KEY, Card, read_card

State = dict[str, Tensor]

LAST: Final = "last."
"""Prefix, in a model file, of the weights after the last epoch; those of the best have none."""
BASELINE_PREFIX: Final = "baseline"
"""Prefix, in a model file, of the numbers of classical methods that were trained with it; their
cards stand in the header under `BASELINES_KEY`."""
BASELINES_KEY: Final = f"{KEY}.baselines"
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
    baselines : tuple of Model
        Small classical methods that were trained on the same pixels, to compare it with.
    validated : Normalised, optional
        Of a model that was trained once more on everything, and is fresh from that: the network
        that has not seen the validation pixels.
    """

    card: Card
    network: Normalised
    last: State = field(default_factory=dict)
    baselines: tuple[Model, ...] = ()
    validated: Normalised | None = None

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
            baselines = _read_baselines(path, best)
            expected = network.state_dict().keys()
            last = weights_with_new_names(take_prefixed(best, LAST), expected)
            chosen = last if weights == "last" and last else best
            network.load_state_dict(weights_with_new_names(chosen, expected))
        except (ValidationError, SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise FileFormatError(
                path, f"weights do not fit ({reason})", "train it again"
            ) from error
        return cls(card, network.eval(), last, baselines)


def fresh_network(recipe: Recipe, card: Card) -> Normalised:
    """Return the untrained network that a recipe and a card describe, on the CPU."""
    ports = recipe.task.ports(card.input_axis, card.output_axis)
    normalise = Normalise(recipe.task.normalise, ports.bands_in, ports.bands_out)
    generator = torch.Generator().manual_seed(recipe.training.seed)
    with drawing_from(generator):
        module = module_of(recipe, ports)
    return Normalised(normalise, module, recipe.task.predicts_intensities)


def write_model(path: Path, model: Model, checkpoint: State | None = None) -> None:
    """Write a model file, completely or not at all; with `checkpoint`, training can be resumed."""
    tensors = (
        model.network.state_dict()
        | with_prefix(LAST, model.last)
        | with_prefix(CHECKPOINT_PREFIX, checkpoint or {})
    )
    for number, baseline in enumerate(model.baselines):
        tensors |= with_prefix(f"{BASELINE_PREFIX}{number}.", baseline.network.state_dict())
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as (draft,):
        # save_file would make a file that only its owner may read
        draft.write_bytes(save(stored, _header(model)))


def _header(model: Model) -> dict[str, str]:
    """Return the header of a model file: its card, and those of its baselines, if any."""
    header = {KEY: model.card.model_dump_json()}
    if model.baselines:
        cards = [baseline.card.model_dump(mode="json") for baseline in model.baselines]
        header[BASELINES_KEY] = json.dumps(cards)
    return header


def _read_baselines(path: Path, tensors: State) -> tuple[Model, ...]:
    """Take the baselines of a model file out of its tensors."""
    with safe_open(path, framework="pt") as file:
        cards = json.loads((file.metadata() or {}).get(BASELINES_KEY, "[]"))
    baselines = []
    for number, values in enumerate(cards):
        card = Card.model_validate(values)
        network = fresh_network(Recipe.model_validate(card.recipe), card)
        network.load_state_dict(take_prefixed(tensors, f"{BASELINE_PREFIX}{number}."))
        baselines.append(Model(card, network.eval()))
    return tuple(baselines)


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
