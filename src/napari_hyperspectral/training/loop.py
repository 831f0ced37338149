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

import torch

from ..classics import Classic
from ..devices import computing, precision_of
from ..errors import FileFormatError
from ..machine import Machine
from ..models.card import Ended
from ..models.model import Model, State, fresh_network
from ..progress import Cancelled, Job, Progress, Stop
from ..random_numbers import Generators
from ..recipe.augmentation import Batch
from ..system.interrupts import held
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
from .record import card_of
from .refit import everything, model_of_refit, refitted
from .saving.autosave import Autosave
from .saving.resuming import check_resumable
from .schedules import (
    learning_rate_factor,
    load_optimiser_state,
    optimiser_of,
    optimiser_state,
    set_learning_rate,
)
from .selection import ValidationRecord
from .step.gradients import Gradients
from .transfer import initialise_from


def fit_plan_steps(
    plan: TrainingPlan,
    *,
    machine: Machine,
    autosave: Path | Autosave | None = None,
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
    saves = autosave if isinstance(autosave, Autosave) else Autosave(autosave)
    path = saves.existing if resume else None
    checkpoint = None
    if path is not None:
        checkpoint = Checkpoint.read(path)
        plan = plan_as_begun(plan, checkpoint.model.card)
    with computing(machine) as device:
        check_memory(plan, device)
        run = _Run(plan, machine, device)
        if checkpoint is not None and path is not None:
            run.resume(checkpoint, path)
            if checkpoint.validated and run.ended:  # the file is that of its refit
                return run.model()
        elif start is not None:
            run.initialise_from(start)
        return (yield from _trained(run, saves))


def refit_plan_steps(
    plan: TrainingPlan,
    validated: Model,
    *,
    machine: Machine,
    autosave: Autosave,
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
        checkpoint = _saved_of(validated, autosave)
        if checkpoint is not None:
            run.first = checkpoint.first or checkpoint.for_refit()
        if resume and checkpoint is not None and checkpoint.validated:
            run.resume_refit(checkpoint)
        elif start is not None:
            run.initialise_from(start)
        try:
            return (yield from _trained(run, autosave))
        except DivergedError:
            return validated


def _saved_of(validated: Model, autosave: Autosave) -> Checkpoint | None:
    """Return what was saved of a validated model, or of its refit; None where nothing is there."""
    if autosave.existing is None:
        return None
    try:
        checkpoint = Checkpoint.read(autosave.existing)
    except (ValueError, OSError):  # the file is of another training, which could not be replaced
        return None
    return checkpoint if checkpoint.model.card.losses == validated.card.losses else None


def _trained(run: _Run, autosave: Autosave) -> Job[Model]:
    """Train to the end, or until stopped; return the model. What fails is saved as it was before."""
    try:
        # a resumed training may be over already
        yield from run.validate_start()
        while not run.ended:
            yield from run.epoch(autosave)
    except (Stop, KeyboardInterrupt):
        run.ended = "by hand"
    except DivergedError:
        raise
    except Exception as error:
        run.save(autosave)
        error.add_note(autosave.way_on())
        raise
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
        self.first: State = {}
        """In a refit: what more epochs of the first training would go on from."""
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
        self.begins_linear = fit_linear_skip(self.network, plan)
        self.precision = precision_of(machine, self.network, device)
        self.batches: Batches = batches_of(plan, device)
        self.optimiser = optimiser_of(self.training, self.network.module)
        self.discriminator = discriminator_training(plan, device)
        self.gradients = Gradients(
            plan,
            self.task,
            self.network,
            self.discriminator,
            self.precision,
            self.generators,
            device,
        )
        self.average: WeightAverage | None = None
        if self.training.average:
            self.average = WeightAverage(self.network, self.training.average)
        self.frozen: frozenset[str] = frozenset()
        """Weights that are not trained, by their names in the network's module."""
        self.steps = 0
        self.halfway = False
        """Whether weights are halfway through a step, which was interrupted there."""
        self.loss_sum = 0.0
        """Of the steps in the current epoch."""
        self.history = History(self.training)
        self.guide = self.history
        """By which the learning rate drops."""
        if validated is not None:
            self.history = History(self.training, validated.card.best_epoch)
            self.guide.load(validated.card, {})
        self.ended: Ended = self.history.reason_to_end  # a refit of no epochs is over
        self.started = time.monotonic()

    def validate_start(self) -> Generator[Progress, None, None]:
        """Validate the linear regression that the network begins as, as epoch 0, unless it was."""
        if not self.begins_linear or self.steps or self.history.best:
            return
        loss, error = yield from self._validation(done=0)
        with held():
            self.history.add_start(loss, self.network.state_dict(), error)
        if loss is not None:
            yield self._progress(0, validation=loss)

    def epoch(self, autosave: Autosave) -> Generator[Progress, None, None]:
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
            with held():
                self.loss_sum += self._step(batch, before + step - 1, total)
            autosave.now_and_then(self.checkpoint)
            yield self._progress(before + step, self.loss_sum / step)
        if not math.isfinite(self.loss_sum):
            if not number:
                raise DivergedError(number + 1)
            self.ended = "diverged"
            return
        done = before + steps
        with self.average.applied() if self.average else nullcontext():
            validation, error = yield from self._validation(done)
            loss = self.loss_sum / steps
            with held():
                self.history.add(loss, validation, self.network.state_dict(), error=error)
                self.loss_sum = 0.0
                self.ended = self.history.reason_to_end
        note = f"epoch {number + 1} of {self.history.epochs}"
        yield self._progress(done, loss, validation, note)

    def _validation(self, done: int) -> Job[tuple[float | None, float | None]]:
        """Return validation loss and selection error of the network; `done` steps are taken."""
        self.network.eval()
        record = ValidationRecord(self.plan, self.task, self.network, self.precision)
        for batch in self.batches.validation():
            self.gradients.validate(batch, record)
            yield self._progress(done)
        return record.loss(), record.error()

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

    def save(self, autosave: Autosave) -> None:
        """Save the latest whole state of the training, if it is not halfway through a step."""
        if not self.halfway:
            autosave.now(self.checkpoint)

    def checkpoint(self) -> Checkpoint:
        """Return the training as it is, from which `resume` goes on."""
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
            weights = copied(self.validated.network.state_dict())
            checkpoint = replace(checkpoint, validated=weights, first=self.first)
        return checkpoint

    def resume(self, checkpoint: Checkpoint, path: Path) -> None:
        """Go on with the training saved at `path`."""
        model = checkpoint.model
        card = model.card
        check_resumable(path, card, self.card)
        kept = {"started_from": card.started_from, "schema_version": card.schema_version}
        self.card = self.card.model_copy(update=kept)
        self.history.load(card, checkpoint.validated or model.network.state_dict())
        self.ended = self.history.reason_to_end
        if card.ended == "diverged":  # from weights that are no numbers nothing goes on
            self.ended = "diverged"
        self.started -= card.seconds  # time before the interruption counts
        if not checkpoint.validated:
            self._take_up(checkpoint)
        elif not self.ended:  # more epochs than those after which it was trained on everything
            self._take_up(_first_training(checkpoint, path))

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
            "start_validation_loss": self.history.start_loss,
            "start_validation_error": self.history.start_error,
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
        # by step, so that dropout does not depend on where a training was interrupted
        seed = hash((self.training.seed, step)) % 2**63
        loss = self.gradients.compute(batch, seed)
        self.halfway = True
        self._advance(factor)
        self.halfway = False
        return loss

    def _advance(self, factor: float) -> None:
        """Take a step along the gradients, at a part of the greatest learning rate."""
        set_learning_rate(self.optimiser, self.training.learning_rate * factor)
        if self.training.clip:
            weights = self.network.module.parameters()
            torch.nn.utils.clip_grad_norm_(weights, self.training.clip)
        self.optimiser.step()
        if self.discriminator is not None:
            self.discriminator.step(factor)
        self.steps += 1
        if self.average is not None:
            self.average.update(self.steps)

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


def _first_training(checkpoint: Checkpoint, path: Path) -> Checkpoint:
    """Return what the first training ended with, of the checkpoint of its refit."""
    try:
        return checkpoint.first_training()
    except ValueError as error:
        raise FileFormatError(
            path,
            "an earlier version wrote it, and kept nothing from which more epochs could go on",
            "train without resuming, or start from its weights (--from)",
        ) from error
