"""A trained model: one safetensors file that holds weights, normalisation and card; no pickle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..atomic import replacing
from ..devices import seeded
from ..errors import FileFormatError
from ..networks import Normalise, Normalised, Ports, build_module
from ..recipe.recipe import Recipe
from ..renamed import weights_with_new_names
from ..tasks import Task
from .card import KEY, Card, read_card

State = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its card.

    Parameters
    ----------
    card : Card
        All there is to know of it.
    network : Normalised
        Intensities in, intensities or class scores out; holds the best weights.
    last : dict of Tensor, optional
        Weights after the last epoch, where they are not the best ones.
    """

    card: Card
    network: Normalised
    last: State = field(default_factory=dict)

    @property
    def recipe(self) -> Recipe:
        """The recipe it was made by."""
        return Recipe.model_validate(self.card.recipe)

    @property
    def ports(self) -> Ports:
        """What goes into its network and what comes out."""
        task: Task = self.recipe.task
        return task.ports(self.card.input_axis, self.card.output_axis)

    def with_metrics(self, metrics: dict[str, Any]) -> Self:
        """Return the model with figures of merit on its card."""
        card = self.card.model_copy(update={"metrics": {**self.card.metrics, **metrics}})
        return replace(self, card=card)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write one safetensors file, whole or not at all; the card is its header.

        Raises
        ------
        FileExistsError
            If `path` exists, unless `overwrite`.
        """
        path = Path(path)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path.name} exists already; choose another name")
        state = self.network.state_dict() | {f"last.{n}": t for n, t in self.last.items()}
        write_tensors(path, state, {KEY: self.card.model_dump_json()})
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
            state = read_tensors(path)
            last = taken_out(state, "last.")
            for needed_to_go_on in (
                "average.",
                "frozen.",
                "optimiser.",
                "discriminator.",
                "discriminator_optimiser.",
                "critic.",
                "critic_optimiser.",
                "done.",
            ):
                taken_out(state, needed_to_go_on)
            chosen = last if weights == "last" and last else state
            network.load_state_dict(weights_with_new_names(chosen, network.state_dict().keys()))
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
        module = build_module(recipe.network, ports)
    return Normalised(normalise, module, recipe.task.predicts_intensities)


def write_tensors(path: Path, state: State, header: dict[str, str]) -> None:
    """Write tensors as safetensors, whole or not at all."""
    with replacing(path) as (draft,):
        # save_file would make a file that only its owner may read
        draft.write_bytes(
            save({n: t.detach().cpu().contiguous() for n, t in state.items()}, header)
        )


def read_tensors(path: Path) -> State:
    """Read all tensors of a safetensors file."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)


def taken_out(state: State, prefix: str) -> State:
    """Take the tensors whose names begin with `prefix` out of `state`, without the prefix."""
    return {n[len(prefix) :]: state.pop(n) for n in list(state) if n.startswith(prefix)}
