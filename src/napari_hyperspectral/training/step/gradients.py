"""The gradients of a batch; in parts, where memory runs out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from ...devices import is_out_of_memory
from ...networks import Normalised
from ...random_numbers import Generators
from ...recipe.augmentation import Batch
from ...tasks import Task
from ..discriminator import DiscriminatorTraining
from ..plan import TrainingPlan
from ..selection import ValidationRecord
from .parts import BatchParts, running_statistics, unchanged_on_error


class StepTooLargeError(MemoryError):
    """A step of a training does not fit into memory, in whatever parts it is taken."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(
            f"a step of the training does not fit into the memory of {device}, not even in parts; "
            "take a smaller patch size or batch, a narrower network, or fewer bands (crop the cube), "
            "or close other programs"
        )


class Gradients:
    """What a batch says of the weights of a network, and of its discriminator, if there is one.

    Parameters
    ----------
    plan : TrainingPlan
        What is trained.
    task : Task
        With the names of its classes.
    network : Normalised
    discriminator : DiscriminatorTraining, optional
    precision : autocast
        In which the network computes.
    generators : Generators
        Of all that a step draws.
    device : device
        Where it is.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        task: Task,
        network: Normalised,
        discriminator: DiscriminatorTraining | None,
        precision: torch.autocast,
        generators: Generators,
        device: torch.device,
    ) -> None:
        self._task = task
        self._network = network
        self._discriminator = discriminator
        self._precision = precision
        self._generators = generators
        self._device = device
        self._parts = BatchParts(plan)
        self._statistics = running_statistics(network)
        if discriminator is not None:
            self._statistics += running_statistics(discriminator.network)

    def compute(self, batch: Batch, seed: int) -> float:
        """Leave the gradients of a batch with the weights, and return its loss.

        Raises
        ------
        StepTooLargeError
            If it does not fit into memory in any parts; nothing has changed then.
        """
        loss = self._try_to_compute(batch, seed)
        while loss is None:  # out of memory
            self._halve(batch)
            loss = self._try_to_compute(batch, seed)
        return loss

    def validate(self, batch: Batch, record: ValidationRecord) -> None:
        """Add a batch to the validation of an epoch, in parts where it does not fit into memory."""
        for part in self._parts.of(batch):
            try:
                record.add(part)
                continue
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            self._halve(part)
            self.validate(part, record)

    def _halve(self, batch: Batch) -> None:
        if not self._parts.halve(batch):
            raise StepTooLargeError(self._device)
        warnings.warn(
            f"memory ran out: a step of the training is computed in {len(self._parts.of(batch))} parts "
            "from now on, which is slower; a smaller batch or patch size would fit",
            stacklevel=2,
        )

    def _try_to_compute(self, batch: Batch, seed: int) -> float | None:
        """Do what `compute` does, in parts as small as are known to be needed; None without memory."""
        self._network.module.zero_grad()
        if self._discriminator is not None:
            self._discriminator.network.zero_grad()
        parts = self._parts.of(batch)
        loss = 0.0
        try:
            self._generators.restart(seed)
            with unchanged_on_error(self._statistics):
                for part, share in zip(parts, self._shares(parts), strict=True):
                    loss += share * self._backward(part, share)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None  # what failed is freed only once the except block is left
        return loss

    def _shares(self, parts: Sequence[Batch]) -> list[float]:
        """Return the share of each part in the loss of its batch: that of its targets."""
        if len(parts) == 1:
            return [1.0]
        counts = [int(self._task.has_target(part.target).sum()) for part in parts]
        return [count / max(1, sum(counts)) for count in counts]

    def _backward(self, part: Batch, share: float) -> float:
        """Add the gradients of a part of a batch, which counts for a share of it; return its loss."""
        with self._precision:
            loss, discriminator_loss = self._losses(part)
        if self._discriminator is None:
            (share * loss).backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())
        # the loss of each goes through both, and is to move one
        own = [weight for weight in self._network.parameters() if weight.requires_grad]
        others = list(self._discriminator.network.parameters())
        torch.autograd.backward(share * loss, inputs=own)
        torch.autograd.backward(share * discriminator_loss, inputs=others)
        return float(loss.detach())

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the network and that of its discriminator, 0 where there is none."""
        if self._discriminator is None:
            loss = self._task.loss(self._network, batch.input, batch.target)
            return loss, loss.new_zeros(())
        return self._task.adversarial_losses(
            self._network,
            self._discriminator.network,
            batch.input,
            batch.target,
        )
