"""The one training loop, and the refit that runs it once more on everything."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ..classics import Classic
from ..devices import computing, precision_of
from ..errors import FileFormatError
from ..machine import Machine
from ..models.card import Ended
from ..models.model import Model, fresh_network
from ..progress import Cancelled, Job, Progress, Stop
from ..random_numbers import Generators
from ..recipe.augmentation import Batch
from .averaging import WeightAverage
from .batches import Batches, batches_of
from .checkpoint import Checkpoint
from .classic import fit_classic_steps
from .discriminator import discriminator_training
from .history import DivergedError, History, copied
from .initialisation import initialise
from .linear_skip import fit_linear_skip
from .memory import check_memory
from .plan import TrainingPlan, plan_as_begun
from .record import card_of, data_of
from .refit import everything, model_of_refit, refitted
from .schedules import (
    learning_rate_factor,
    load_optimiser_state,
    optimiser_of,
    optimiser_state,
    set_learning_rate,
)
from .selection import ValidationRecord
from .transfer import initialise_from

_SECONDS_BETWEEN_SAVES: Final = 10.0


def fit_plan_steps(
    plan: TrainingPlan,
    *,
    machine: Machine,
    autosave: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Job[Model]:
    """Train the method of a plan on its training pixels, yielding after each batch.

    For the other parameters and errors see `fit_steps`.
    """
    if isinstance(plan.recipe.method, Classic):
        if start is not None:
            raise ValueError(
                f"{type(plan.recipe.method).__name__} is fitted in one go and starts from no other "
                "model; choose a network, or start from scratch"
            )
        with computing(machine):
            return (yield from fit_classic_steps(plan, plan.recipe.method, machine))
    checkpoint = None
    if autosave is not None and resume and autosave.exists():
        checkpoint = Checkpoint.read(autosave)
        plan = plan_as_begun(plan, checkpoint.model.card)
    with computing(machine) as device:
        check_memory(plan, device)
        run = _Run(plan, machine, device)
        if checkpoint is not None and autosave is not None:
            run.resume(checkpoint, autosave)
            if checkpoint.validated:  # the file is that of its refit
                return run.model()
        elif start is not None:
            run.initialise_from(start)
        return (yield from _trained(run, autosave))


def refit_plan_steps(
    plan: TrainingPlan,
    validated: Model,
    *,
    machine: Machine,
    autosave: Path | None,
    resume: bool,
    start: Model | None,
) -> Job[Model]:
    """Train a validated model once more on everything; stopped, return it as it is.

    For the other parameters see `fit_steps`.
    """
    complete = everything(plan)
    method = plan.recipe.method
    if isinstance(method, Classic):
        try:
            with computing(machine):
                model = yield from fit_classic_steps(complete, method, machine)
        except (Stop, Cancelled):
            return validated
        record = {"parameters": model.card.parameters, "tuned": model.card.tuned}
        return refitted(validated, complete, model, record)
    with computing(machine) as device:
        run = _Run(complete, machine, device, validated)
        checkpoint = None
        if autosave is not None and resume and autosave.exists():
            checkpoint = Checkpoint.read(autosave)
        if checkpoint is not None and checkpoint.validated:
            run.resume_refit(checkpoint)
        elif start is not None:
            run.initialise_from(start)
        try:
            return (yield from _trained(run, autosave))
        except DivergedError:
            return validated


def _trained(run: _Run, autosave: Path | None) -> Job[Model]:
    """Train to the end, or until stopped; return the model."""
    try:
        # a resumed training may be over already
        while not run.ended:
            yield from run.epoch(autosave)
    except (Stop, KeyboardInterrupt):  # Ctrl-C may come in the middle of a batch
        run.ended = "by hand"
    if autosave is not None:
        run.save(autosave)
    return run.model()


class _Run:
    """A training under way: what changes from epoch to epoch."""

    def __init__(
        self,
        plan: TrainingPlan,
        machine: Machine,
        device: torch.device,
        validated: Model | None = None,
    ) -> None:
        self.plan = plan
        self.validated = validated
        """In a refit: the model of the first training."""
        self.training = plan.recipe.training
        # the recipe keeps its task: another training with it may be of other classes
        self.task = plan.recipe.task.with_classes(plan.output_axis)
        self.device = device
        self.card = card_of(plan, machine, device)
        network = fresh_network(plan.recipe, self.card)
        self.network = network.to(device)
        self.generators = Generators()
        """Of dropout, and of all else that a step draws."""
        self.network.draw_from(self.generators)
        initialise(self.network, plan, device)
        fit_linear_skip(self.network, plan)
        self.precision = precision_of(machine, self.network, device)
        self.batches: Batches = batches_of(plan, device)
        self.optimiser = optimiser_of(self.training, self.network.module)
        self.discriminator = discriminator_training(plan, device)
        self.average: WeightAverage | None = None
        if self.training.average:
            self.average = WeightAverage(self.network, self.training.average)
        self.frozen: frozenset[str] = frozenset()
        """Weights that are not trained, by their names in the network's module."""
        self.steps = 0
        self.loss_sum = 0.0
        """Of the steps in the current epoch."""
        self.history = History(self.training)
        self.guide = self.history
        """By which the learning rate drops."""
        if validated is not None:
            self.history = History(self.training, validated.card.best_epoch)
            self.guide.load(validated.card, {})
        self.ended: Ended = ""
        self.started = time.monotonic()
        self.saved = time.monotonic()

    def epoch(self, autosave: Path | None) -> Generator[Progress, None, None]:
        """Train for one epoch, or what is left of it, yielding after each batch."""
        number = len(self.history.losses)
        steps = self.batches.steps
        total = steps * self.training.epochs
        before = number * steps  # steps of the epochs before
        taken = self.steps - before  # steps of this epoch, where it was interrupted
        self._set_training_mode()
        # batches from before an interruption are made once more: random numbers come in their order
        batches = self.batches.epoch(number)
        remaining = islice(batches, taken, None)
        for step, batch in enumerate(remaining, taken + 1):
            self.loss_sum += self._step(batch, before + step - 1, total)
            self._save_now_and_then(autosave)
            yield self._progress(before + step, self.loss_sum / step)
        if not math.isfinite(self.loss_sum):
            if not self.history.best:
                raise DivergedError(number + 1)
            self.ended = "diverged"
            return
        done = before + steps
        with self.average.applied() if self.average else nullcontext():
            self.network.eval()
            record = ValidationRecord(self.plan, self.task, self.network, self.precision)
            for batch in self.batches.validation():
                record.add(batch)
                yield self._progress(done)
            validation = record.loss()
            loss = self.loss_sum / steps
            weights = self.network.state_dict()
            self.history.add(loss, validation, weights, error=record.error())
        self.loss_sum = 0.0
        self.ended = self.history.reason_to_end
        note = f"epoch {number + 1} of {self.history.epochs}"
        yield self._progress(done, loss, validation, note)

    def _progress(
        self,
        done: int,
        loss: float | None = None,
        validation: float | None = None,
        note: str = "",
    ) -> Progress:
        """Return the progress after some steps; of a refit without losses, which were shown once."""
        total = self.batches.steps * self.history.epochs
        if self.validated is None:
            return Progress(done, total, loss, validation, note)
        return Progress(done, total, note=f"training on everything, {note}".rstrip(", "))

    def save(self, path: Path) -> None:
        """Write a checkpoint, from which `resume` goes on."""
        checkpoint = Checkpoint(
            model=self.model(),
            steps=self.steps,
            loss_sum=self.loss_sum,
            frozen=self.frozen,
            optimiser=optimiser_state(self.optimiser),
        )
        if self.average is not None:
            checkpoint = replace(checkpoint, average=self.average.state)
        if self.discriminator is not None:
            checkpoint = replace(
                checkpoint,
                discriminator=self.discriminator.weights(),
                discriminator_optimiser=self.discriminator.optimiser_state(),
            )
        if self.validated is not None:
            checkpoint = replace(checkpoint, validated=copied(self.validated.network.state_dict()))
        checkpoint.write(path)

    def resume(self, checkpoint: Checkpoint, path: Path) -> None:
        """Go on with the training saved at `path`."""
        model = checkpoint.model
        card = model.card
        same_data = data_of(card) == data_of(self.card)
        if model.recipe != self.plan.recipe or not same_data:
            raise FileFormatError(
                path,
                "it holds the training of another recipe, of other data, or with another validation "
                "split",
                "train without resuming, or resume with the recipe and data of that file",
            )
        kept = {"started_from": card.started_from, "schema_version": card.schema_version}
        self.card = self.card.model_copy(update=kept)
        self.history.load(card, checkpoint.validated or model.network.state_dict())
        self.ended = self.history.reason_to_end
        self.started -= card.seconds  # time before the interruption counts
        if not checkpoint.validated:  # else the rest is of the refit
            self._take_up(checkpoint)

    def resume_refit(self, checkpoint: Checkpoint) -> None:
        """Go on with the refit that was saved."""
        self.history.load_refit(checkpoint.model.card)
        if checkpoint.model.card.refitted:
            self.history.best = copied(checkpoint.model.network.state_dict())
        self.ended = self.history.reason_to_end
        self._take_up(checkpoint)

    def _take_up(self, checkpoint: Checkpoint) -> None:
        """Take up weights, optimiser and steps where they were saved."""
        self.network.load_state_dict(checkpoint.model.last)
        self._freeze(checkpoint.frozen)
        load_optimiser_state(self.optimiser, checkpoint.optimiser)
        if self.average is not None:
            self.average.load(checkpoint.average)
        if self.discriminator is not None:
            self.discriminator.load(
                checkpoint.discriminator,
                checkpoint.discriminator_optimiser,
            )
        self.steps = checkpoint.steps
        self.loss_sum = checkpoint.loss_sum

    def initialise_from(self, model: Model) -> None:
        """Take over the weights of a trained model that fit, and freeze what the recipe says."""
        transfer = initialise_from(model, self.network, self.plan.recipe)
        fit_linear_skip(self.network, self.plan)  # to spectra normalised as those of the model
        self._freeze(transfer.frozen)
        self.card = self.card.model_copy(update={"started_from": transfer.line})
        if self.average is not None:
            self.average.restart()

    def model(self) -> Model:
        """Return the best model so far: before its end, a refit is none."""
        last = copied(self.network.state_dict())
        # in the first epoch, nothing is the best yet
        latest = last
        if self.average is not None:
            latest = self.average.state
        network = fresh_network(self.plan.recipe, self.card)
        network.load_state_dict(self.history.best or latest)
        now = datetime.now(UTC)
        seconds = time.monotonic() - self.started
        record: dict[str, object] = {"created": now.isoformat(timespec="seconds")}
        if self.validated is not None:
            record["refit_losses"] = tuple(self.history.losses)
            record["seconds"] = round(self.validated.card.seconds + seconds, 1)
            model = Model(self.card, network.eval(), last)
            return model_of_refit(self.validated, self.plan, model, record, self.ended)
        record |= {
            "losses": tuple(self.history.losses),
            "validation_losses": tuple(self.history.validation_losses),
            "validation_errors": tuple(self.history.validation_errors),
            "best_epoch": self.history.best_epoch,
            "ended": self.ended,
            "seconds": round(seconds, 1),
        }
        card = self.card.model_copy(update=record)
        return Model(card, network.eval(), last)

    def _step(self, batch: Batch, step: int, total: int) -> float:
        """Train on a batch and return its loss; `step`, of `total`, is counted from 0."""
        epoch = step // self.batches.steps
        losses = self.guide.selection_losses[:epoch]
        factor = learning_rate_factor(self.training, step / total, epoch, losses)
        rate = self.training.learning_rate * factor
        set_learning_rate(self.optimiser, rate)
        # by step, so that dropout does not depend on where a training was interrupted
        self.generators.restart(hash((self.training.seed, step)) % 2**63)
        with self.precision:
            loss, discriminator_loss = self._losses(batch)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.training.clip:
            weights = self.network.module.parameters()
            torch.nn.utils.clip_grad_norm_(weights, self.training.clip)
        self.optimiser.step()
        if self.discriminator is not None:
            self.discriminator.step(discriminator_loss, factor)
        self.steps += 1
        if self.average is not None:
            self.average.update(self.steps)
        return float(loss.detach())

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the network and that of its discriminator, 0 where there is none."""
        if self.discriminator is None:
            loss = self.task.loss(self.network, batch.input, batch.target)
            return loss, loss.new_zeros(())
        return self.task.adversarial_losses(
            self.network,
            self.discriminator.network,
            batch.input,
            batch.target,
        )

    def _set_training_mode(self) -> None:
        """Let layers gather statistics of batches, except those whose weights are frozen."""
        self.network.train()
        for layer in self.network.modules():
            own = list(layer.parameters(recurse=False))
            if own and not any(weight.requires_grad for weight in own):
                layer.training = False

    def _freeze(self, names: Iterable[str]) -> None:
        """Leave weights of the network's module as they are."""
        self.frozen = frozenset(names)
        for name, weight in self.network.module.named_parameters():
            weight.requires_grad_(name not in self.frozen)

    def _save_now_and_then(self, path: Path | None) -> None:
        if path is None:
            return
        since_saved = time.monotonic() - self.saved
        if since_saved > _SECONDS_BETWEEN_SAVES:
            self.save(path)
            self.saved = time.monotonic()
