"""A training under way, in one file: the best model so far, and what a resume needs besides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import torch

from ..errors import FileFormatError
from ..models.model import (
    CHECKPOINT_PREFIX,
    LAST,
    Model,
    State,
    read_tensors,
    take_prefixed,
    with_prefix,
    write_model,
)
from ..renamed import weights_with_new_names

_AVERAGE = "average."
_FROZEN = "frozen."
_OPTIMISER = "optimiser."
_DISCRIMINATOR = "discriminator."
_DISCRIMINATOR_OPTIMISER = "discriminator_optimiser."
_VALIDATED = "validated."
_FIRST = "first."
_STEPS = "steps"
_LOSS_SUM = "loss_sum"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a training needs to go on as if it had not been interrupted.

    Its file is a model file as well: `Model.load` reads the model and ignores the rest.
    """

    model: Model
    """The best model so far, with the weights after the latest step as `last`."""
    steps: int
    """Steps that were taken."""
    loss_sum: float
    """Sum of the training losses of the steps in the current epoch."""
    frozen: frozenset[str] = frozenset()
    """Names of the weights, in the network's module, that are not trained."""
    average: State = field(default_factory=dict)
    """Running average of the weights, where the recipe asks for one."""
    optimiser: State = field(default_factory=dict)
    """What the optimiser keeps of earlier steps."""
    discriminator: State = field(default_factory=dict)
    """Weights of the discriminator, where there is one."""
    discriminator_optimiser: State = field(default_factory=dict)
    validated: State = field(default_factory=dict)
    """In a refit: weights and buffers of the network that was validated."""
    first: State = field(default_factory=dict)
    """In a refit: what the first training ended with, see `for_refit`; more epochs go on from it."""

    def for_refit(self) -> State:
        """Return what a refit keeps of the first training, whose checkpoint this is."""
        return self._tensors() | with_prefix(LAST, self.model.last)

    def first_training(self) -> Checkpoint:
        """Return the checkpoint with which the first training ended, of that of its refit.

        Raises
        ------
        ValueError
            If it was not kept, as in files of earlier versions.
        """
        if not self.first:
            raise ValueError("what the first training ended with was not kept")
        tensors = dict(self.first)
        model = replace(self.model, last=take_prefixed(tensors, LAST))
        return self._of(model, tensors, Path("the saved training"))

    def write(self, path: Path) -> None:
        """Write the checkpoint, completely or not at all."""
        tensors = self._tensors()
        tensors |= with_prefix(_VALIDATED, self.validated)
        tensors |= with_prefix(_FIRST, self.first)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_model(path, self.model, tensors)

    def _tensors(self) -> State:
        """Return what does not stand in the model."""
        tensors = {
            _STEPS: torch.tensor(self.steps),
            _LOSS_SUM: torch.tensor(self.loss_sum, dtype=torch.float64),
        }
        # a tensor each: safetensors refuses tensors that share memory
        frozen = {name: torch.tensor(True) for name in self.frozen}
        tensors |= with_prefix(_FROZEN, frozen)
        tensors |= with_prefix(_AVERAGE, self.average)
        tensors |= with_prefix(_OPTIMISER, self.optimiser)
        tensors |= with_prefix(_DISCRIMINATOR, self.discriminator)
        tensors |= with_prefix(_DISCRIMINATOR_OPTIMISER, self.discriminator_optimiser)
        return tensors

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a checkpoint, of any version.

        Raises
        ------
        FileFormatError
            If the file holds no model, or a model without what a resume needs.
        """
        model = Model.load(path)
        tensors = take_prefixed(read_tensors(path), CHECKPOINT_PREFIX)
        if _STEPS not in tensors:
            raise FileFormatError(
                path,
                "it holds a trained model, not a training in progress",
                "train without resuming, or give the file of a training that was interrupted",
            )
        for name in (_STEPS, _LOSS_SUM):
            if name not in tensors or tensors[name].numel() != 1:
                raise FileFormatError(path, f"its {name} is no number", "train without resuming")
        validated = take_prefixed(tensors, _VALIDATED)
        first = take_prefixed(tensors, _FIRST)
        return replace(cls._of(model, tensors, path), validated=validated, first=first)

    @classmethod
    def _of(cls, model: Model, tensors: State, path: Path) -> Self:
        """Return the checkpoint of a training, or refit, with what `_tensors` returned."""
        weights = model.network.state_dict().keys()
        module_weights = model.network.module.state_dict().keys()
        # old versions had other names for layers, in all that is kept by name
        frozen = take_prefixed(tensors, _FROZEN)
        frozen = weights_with_new_names(frozen, module_weights)
        average = take_prefixed(tensors, _AVERAGE)
        average = weights_with_new_names(average, weights)
        return cls(
            model=model,
            steps=int(tensors[_STEPS]),
            loss_sum=float(tensors[_LOSS_SUM]),
            frozen=frozenset(frozen),
            average=average,
            optimiser=take_prefixed(tensors, _OPTIMISER),
            discriminator=take_prefixed(tensors, _DISCRIMINATOR),
            discriminator_optimiser=take_prefixed(tensors, _DISCRIMINATOR_OPTIMISER),
        )
