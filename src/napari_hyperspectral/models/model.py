"""A trained model: one safetensors file that holds weights, normalisation and card; no pickle."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import FileFormatError
from ..files.atomic import replacing
from ..networks import Normalise, Normalised, Ports
from ..networks.base import FittedModule
from ..random_numbers import drawing_from
from ..recipe.building import module_of
from ..recipe.recipe import Recipe
from ..renamed import checkpoint_with_new_names, weights_with_new_names
from ..settings import reason_of
from ..system.paths import user_path
from ..tasks import Task
from .card import KEY, Card, Turns, read_card

State = dict[str, Tensor]

LAST: Final = "last."
"""Prefix, in a model file, of the weights after the last epoch; those of the best have none."""
BASELINE_PREFIX: Final = "baseline"
"""Prefix, in a model file, of the numbers of classical methods that were trained with it; their
cards stand in the header under `BASELINES_KEY`."""
BASELINES_KEY: Final = f"{KEY}.baselines"
CHECKSUM_KEY: Final = f"{KEY}.sha256"
"""Key, in the header of a model file, of the checksum of all its numbers."""
_DAMAGE: Final = (
    *(ValidationError, SafetensorError, RuntimeError, ValueError, TypeError, LookupError),
    *(AttributeError, OSError, RecursionError, ArithmeticError),
)
"""What numbers and texts of a damaged model file can cause."""
_SIDE: Final = 8
"""Pixels along a side of the image that fitted numbers are tried with."""
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

    def with_recipe(self, recipe: Recipe) -> Self:
        """Return the model with another recipe on its card, such as one that trusts pixels."""
        card = self.card.model_copy(update={"recipe": recipe.model_dump(mode="json")})
        return replace(self, card=card)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write one safetensors file, completely or not at all; the card is its header.

        Raises
        ------
        FileExistsError
            If `path` exists, unless `overwrite`.
        """
        path = user_path(path)
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
        path = user_path(path)
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
            _check_shapes(last, network)
            _try_out(network, Recipe.model_validate(card.recipe), card)
        except FileFormatError:
            raise
        except _DAMAGE as error:
            reason = reason_of(error)[:300]
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


def turns_of(recipe: Recipe, ports: Ports) -> Turns:
    """Return what the mean over flips and quarter turns of an image is to a model."""
    if recipe.method.averages_turns:
        return "the same"
    if any(ports.offset):
        return "refused"
    return "another result"


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
        header = _header(model) | {CHECKSUM_KEY: _checksum(stored)}
        draft.write_bytes(save(stored, header))


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
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        stated = (file.metadata() or {}).get(CHECKSUM_KEY)
    if stated is not None and stated != _checksum(tensors):  # earlier versions state none
        warnings.warn(
            f"{path.name}: its weights are not those that were saved; the file was damaged or changed "
            "since, and what it predicts may be wrong: copy it again, or train again",
            stacklevel=3,
        )
    return checkpoint_with_new_names(tensors)


def _checksum(tensors: State) -> str:
    """Return a checksum of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.detach().cpu().contiguous().reshape(-1)
        if values.numel():
            digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_shapes(last: State, network: Normalised) -> None:
    """Refuse weights after the last epoch that are of other shapes than the best ones."""
    for name, best in network.state_dict().items():
        if name in last and last[name].shape != best.shape:
            shapes = f"{tuple(last[name].shape)}, wanted {tuple(best.shape)}"
            raise ValueError(f"{LAST}{name} is of shape {shapes}")


def _try_out(network: Normalised, recipe: Recipe, card: Card) -> None:
    """Predict something with numbers that may be of any size; what does not fit raises."""
    if not isinstance(network.module, FittedModule):
        return  # its sizes are those of its settings, and were compared
    ports = recipe.task.ports(card.input_axis, card.output_axis)
    with torch.no_grad():
        network.eval()(torch.zeros(1, ports.bands_in, _SIDE, _SIDE))


def with_prefix(prefix: str, state: State) -> State:
    """Return tensors with a prefix before each name."""
    return {prefix + name: tensor for name, tensor in state.items()}


def take_prefixed(state: State, prefix: str) -> State:
    """Remove the tensors whose names begin with `prefix` from `state`; return them without it."""
    names = [name for name in state if name.startswith(prefix)]
    return {name.removeprefix(prefix): state.pop(name) for name in names}
