"""The one training loop."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..axis import Axis
from ..devices import computing, precision_of, seeded
from ..errors import FileFormatError
from ..machine import Machine
from ..models.card import KEY, Card, read_card
from ..models.model import Model, State, fresh_network, read_tensors, taken_out, write_tensors
from ..progress import Job, Progress, Stop, run_with_bar
from ..recipe.augmentation import Batch
from ..recipe.recipe import Recipe
from ..tasks import Example
from .batches import Batches, batches_of
from .checks import check_neighbours, check_prepared, common_axes
from .discriminator import discriminator_training
from .memory import check_training
from .record import card_of
from .schedules import learning_rate_factor, moments_of, optimiser_of, take_moments
from .splits import Split
from .validation_split import splits_of

_SECONDS_BETWEEN_SAVES: Final = 10.0
_START_SPECTRA: Final = 20_000


class DivergedError(ArithmeticError):
    """The loss is no number any more, and there is no earlier epoch to go back to."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"the loss of epoch {epoch} is not a number; lower the learning rate, or look for "
            "infinite intensities in the training data"
        )


def fit(
    recipe: Recipe,
    examples: Sequence[Example],
    *,
    machine: Machine | None = None,
    autosave: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a model, with a progress bar in a terminal or notebook; Ctrl-C returns the best so far.

    For the parameters and errors see `fit_steps`, which yields after each batch.
    """
    steps = fit_steps(
        recipe, examples, machine=machine, autosave=autosave, resume=resume, start=start
    )
    return run_with_bar(steps, "training")


def fit_steps(
    recipe: Recipe,
    examples: Sequence[Example],
    *,
    machine: Machine | None = None,
    autosave: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Job[Model]:
    """Train a model, yielding after each batch; return the model.

    `fit` drives it to its end; a worker in napari does the same with a progress bar.
    Thrown a `Stop`, or at Ctrl-C, it returns the best model so far. Equal recipes, examples, devices and
    threads give equal weights, bit for bit on a CPU.

    Parameters
    ----------
    recipe : Recipe
        Task, network, training.
    examples : sequence of Example
        What ``recipe.example(…)`` gave; of any sizes, all with the same bands.
    machine : Machine, optional
        Device, precision, threads.
    autosave : path, optional
        A model file that is written again and again while training goes on (at most every ten
        seconds), so that nothing is lost.
    resume : bool
        Go on with the training that was saved at `autosave`, if it is there.
    start : Model, optional
        A trained model to start from (transfer learning): all weights that fit are taken over, be
        its bands or classes others. The recipe says what of them stays frozen. A training that is
        resumed has started already.

    Raises
    ------
    ValueError
        If there is no example, examples have different bands or were prepared in another way
        than the recipe says, a network over images is to classify a list of spectra, no weight of
        `start` fits, or the device does not exist.
    FileFormatError
        If `resume` finds another training at `autosave`.
    DivergedError
        If the loss becomes NaN in the first epoch.
    TooLargeError
        If it needs more memory than is free; it says what to change.
    """
    machine = machine or Machine()
    check_prepared(recipe, examples)
    check_neighbours(recipe, examples)
    examples = recipe.task.unify_classes(examples)
    input_axis, output_axis = common_axes(recipe, examples)
    with computing(machine) as device:
        check_training(recipe, recipe.task.ports(input_axis, output_axis), examples, device)
        run = _Run(recipe, examples, input_axis, output_axis, machine, device)
        if autosave is not None and resume and autosave.exists():
            run.go_on_from(autosave)
        elif start is not None:
            run.initialise_from(start)
        try:
            while not run.over:
                yield from run.epoch(autosave)
        except (Stop, KeyboardInterrupt):  # Ctrl-C may come in the middle of a batch
            run.stopped = "stopped by hand"
        if autosave is not None:
            run.save(autosave)
        return run.model()


class _Run:
    """A training under way: what changes from epoch to epoch."""

    def __init__(
        self,
        recipe: Recipe,
        examples: Sequence[Example],
        input_axis: Axis,
        output_axis: Axis,
        machine: Machine,
        device: torch.device,
    ) -> None:
        self.recipe, self.training, self.device = recipe, recipe.training, device
        # the recipe stays as it is: another training with it may be of other classes
        self.task = recipe.task.with_classes(output_axis)
        self.machine = machine
        self.started = time.monotonic()
        self.losses: list[float] = []
        self.validation_losses: list[float | None] = []
        self.best: State = {}
        self.best_epoch = 0
        self.frozen: frozenset[str] = frozenset()
        """Weights that do not learn, by their names in the body."""
        self.stopped = ""
        splits = splits_of(recipe, examples)
        self.card = card_of(recipe, examples, splits, input_axis, output_axis, machine, device)
        self.network = fresh_network(recipe, self.card).to(device)
        self._start(examples, splits, input_axis)
        self.batches: Batches = batches_of(recipe, examples, splits, device)
        self.optimiser = optimiser_of(self.training, self.network.module)
        self.discriminator = discriminator_training(
            recipe, recipe.task.ports(input_axis, output_axis), device
        )
        self.average: State = {}
        self.steps = 0
        self.loss_sum = 0.0
        """Of the steps of the epoch under way."""
        self.saved = time.monotonic()
        if self.training.average:
            self.average = {n: t.detach().clone() for n, t in self.network.state_dict().items()}

    @property
    def over(self) -> bool:
        """Whether the last epoch is done, or waiting for a better one would be in vain."""
        done, patience = len(self.losses), self.training.patience
        if (
            patience
            and done - self.best_epoch >= patience
            and any(v is not None for v in self.validation_losses)
        ):
            self.stopped = f"no better validation loss for {patience} epochs"
        return bool(self.stopped) or done >= self.training.epochs

    def epoch(self, autosave: Path | None) -> Generator[Progress, None, None]:
        """Train for one epoch, or what is left of it, yielding after each batch."""
        number, steps = len(self.losses), self.batches.steps
        total = steps * self.training.epochs
        begun = self.steps - number * steps
        self._let_learn()
        for step, batch in enumerate(islice(self.batches.epoch(number), begun, None), begun + 1):
            self.loss_sum += self._step(batch, number * steps + step - 1, total)
            self._save_now_and_then(autosave)
            yield Progress(number * steps + step, total, self.loss_sum / step)
        if not math.isfinite(self.loss_sum):
            if not self.best:
                raise DivergedError(number + 1)
            self.stopped = f"the loss of epoch {number + 1} was not a number"
            return
        with self._averaged():
            validation = yield from self._validated(
                Progress(total=total, done=(number + 1) * steps)
            )
            self._keep(self.loss_sum / steps, validation)
        self.loss_sum = 0.0
        note = f"epoch {number + 1} of {self.training.epochs}"
        yield Progress((number + 1) * steps, total, self.losses[-1], validation, note)

    def _let_learn(self) -> None:
        """Let layers gather statistics of batches, but those whose weights are frozen."""
        self.network.train()
        for layer in self.network.modules():
            own = list(layer.parameters(recurse=False))
            if own and not any(weight.requires_grad for weight in own):
                layer.training = False

    def save(self, path: Path) -> None:
        """Write all that `go_on_from` needs; the file is a model file as well."""
        model = self.model()
        state = model.network.state_dict() | {f"last.{n}": t for n, t in model.last.items()}
        state |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        state["done.steps"] = torch.tensor(self.steps)
        state["done.loss_sum"] = torch.tensor(self.loss_sum, dtype=torch.float64)
        state |= {f"frozen.{name}": torch.tensor(True) for name in self.frozen}
        state |= {f"optimiser.{name}": t for name, t in moments_of(self.optimiser).items()}
        if self.discriminator is not None:
            state |= self.discriminator.state()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, state, {KEY: model.card.model_dump_json()})

    def _save_now_and_then(self, path: Path | None) -> None:
        if path is not None and time.monotonic() - self.saved > _SECONDS_BETWEEN_SAVES:
            self.save(path)
            self.saved = time.monotonic()

    def initialise_from(self, model: Model) -> None:
        """Take over all weights of a trained model that fit, and freeze what the recipe says."""
        own, theirs = self.network.module.state_dict(), model.network.module.state_dict()
        same = {n: t for n, t in theirs.items() if n in own and own[n].shape == t.shape}
        if not any(name in same for name, _ in self.network.module.named_parameters()):
            raise ValueError(
                f"no weight of the model to start from ({model.recipe.network.kind}) fits this "
                f"network ({self.recipe.network.kind}); choose the same network and settings"
            )
        self.network.module.load_state_dict(own | same)
        if not self.network.normalise.transfer_from(model.network.normalise):
            warnings.warn(
                f"the model to start from normalises by {model.recipe.task.normalise}, which its "
                f"weights expect; this recipe by {self.recipe.task.normalise}",
                stacklevel=2,
            )
        names = [name for name, _ in self.network.module.named_parameters()]
        frozen = {
            "nothing": set(),
            "what was learned": set(names) & same.keys(),
            "first half": set(names[: len(names) // 2]) & same.keys(),
        }[self.training.frozen]
        self._freeze(frozen)
        if frozen.issuperset(names):
            raise ValueError(
                "all weights of this network are taken over and frozen: there is nothing left to "
                "learn; freeze the first half, or nothing"
            )
        self.card = self.card.model_copy(
            update={"started_from": f"{model.card.made}, {len(same)} of {len(own)} tensors fitted"}
        )
        if self.average:
            self.average = {n: t.detach().clone() for n, t in self.network.state_dict().items()}

    def _freeze(self, names: Iterable[str]) -> None:
        """Let weights of the body stay as they are."""
        self.frozen = frozenset(names)
        for name, weight in self.network.module.named_parameters():
            weight.requires_grad_(name not in self.frozen)

    def go_on_from(self, path: Path) -> None:
        """Take up the training saved at `path`."""
        card = read_card(path)
        if _seen_by(card) != _seen_by(self.card):
            raise FileFormatError(
                path,
                "it holds the training of another recipe, of other data, or of data of which other "
                "parts were held out",
                "train without resuming, or resume with the recipe and data of that file",
            )
        self.best = read_tensors(path)
        done = taken_out(self.best, "done.")
        if not done:
            raise FileFormatError(
                path,
                "it holds a model, not the training that made it",
                "train without resuming, or give the file of a training that was interrupted",
            )
        self.card = self.card.model_copy(update={"started_from": card.started_from})
        self.network.load_state_dict(taken_out(self.best, "last."))
        for name, tensor in taken_out(self.best, "average.").items():
            self.average[name].copy_(tensor)
        self._freeze(taken_out(self.best, "frozen."))
        take_moments(self.optimiser, taken_out(self.best, "optimiser."))
        if self.discriminator is not None:
            self.discriminator.take(self.best)
        self.steps, self.loss_sum = int(done["steps"]), float(done["loss_sum"])
        self.best_epoch = card.best_epoch
        if not self.best_epoch:
            self.best = {}
        self.losses, self.validation_losses = list(card.losses), list(card.validation_losses)
        self.started -= card.seconds

    def model(self) -> Model:
        """Return the best model so far."""
        last = _copied(self.network.state_dict())
        network = fresh_network(self.recipe, self.card)
        network.load_state_dict(self.best or self.average or last)
        card = self.card.model_copy(
            update={
                "losses": tuple(self.losses),
                "validation_losses": tuple(self.validation_losses),
                "best_epoch": self.best_epoch,
                "stopped": self.stopped,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - self.started, 1),
            }
        )
        return Model(card, network.eval(), last)

    def _start(
        self, examples: Sequence[Example], splits: Sequence[Split], input_axis: Axis
    ) -> None:
        """Fit the normalisation to the training pixels, and let the network start from them."""
        input, target = [], []
        for example, split in zip(examples, splits, strict=True):
            train = split.train & (example.sampling_classes > 0)
            input.append(np.moveaxis(example.input, 1, -1)[train])
            if example.target.shape[-2:] == train.shape[-2:]:
                target.append(np.moveaxis(example.target, 1, -1)[train])
        spectra = torch.from_numpy(np.concatenate(input)).to(self.device)
        targets = torch.from_numpy(np.concatenate(target or input)).to(self.device)
        normalise = self.network.normalise
        if self.recipe.task.normalised_as_input:
            targets = spectra
        normalise.fit(
            spectra,
            targets if self.recipe.task.predicts_intensities else None,
            torch.from_numpy(input_axis.good).to(self.device),
        )
        few = spectra[:: max(1, len(spectra) // _START_SPECTRA)]
        self.network.module.initialise_from(normalise(few[:, :, None, None])[:, :, 0, 0])

    def _step(self, batch: Batch, step: int, total: int) -> float:
        judged = [loss if v is None else v for loss, v in zip(self.losses, self.validation_losses)]
        factor = learning_rate_factor(
            self.training, step / total, step // self.batches.steps, judged
        )
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.learning_rate * factor
        with seeded(hash((self.training.seed, step)) % 2**63, self.device), self._precision():
            loss, judgement = self._losses(batch)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.training.clip:
            torch.nn.utils.clip_grad_norm_(self.network.module.parameters(), self.training.clip)
        self.optimiser.step()
        if self.discriminator is not None:
            self.discriminator.step(judgement, factor)
        self._take_into_average()
        return float(loss.detach())

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the network, and that of its critic: 0 where there is none."""
        if self.discriminator is None:
            loss = self.task.loss(self.network, batch.input, batch.target)
            return loss, loss.new_zeros(())
        return self.task.adversarial_losses(
            self.network, self.discriminator.network, batch.input, batch.target
        )

    def _take_into_average(self) -> None:
        """Let the running average of the weights take a step towards them.

        It forgets faster at first, so that it does not remember the start. Source: Polyak &
        Juditsky 1992, https://doi.org/10.1137/0330046
        """
        steps = self.steps = self.steps + 1
        share = min(self.training.average, (1 + steps) / (10 + steps))
        for name, tensor in self.network.state_dict().items() if self.average else ():
            if tensor.is_floating_point():
                self.average[name].lerp_(tensor.detach(), 1 - share)
            else:
                self.average[name].copy_(tensor)

    @contextmanager
    def _averaged(self) -> Generator[None, None, None]:
        """Let the network have the averaged weights, where there are any, for a while."""
        if not self.average:
            yield
            return
        own = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        try:
            yield
        finally:
            self.network.load_state_dict(own)

    def _validated(self, at: Progress) -> Generator[Progress, None, float | None]:
        """Return the loss on held-out pixels, or None where there are none."""
        self.network.eval()
        loss_sum, weight_sum = 0.0, 0
        for batch in self.batches.validation():
            with torch.no_grad(), self._precision():
                loss = float(self.task.loss(self.network, batch.input, batch.target))
            weight = int(self.task.has_target(batch.target).sum())
            loss_sum, weight_sum = loss_sum + weight * loss, weight_sum + weight
            yield at
        return loss_sum / weight_sum if weight_sum else None

    def _keep(self, loss: float, validation: float | None) -> None:
        known = [v for v in self.validation_losses if v is not None and not math.isnan(v)]
        self.losses.append(loss)
        self.validation_losses.append(validation)
        if validation is None or not known or validation < min(known):
            self.best = _copied(self.network.state_dict())
            self.best_epoch = len(self.losses)

    def _precision(self) -> torch.autocast:
        return precision_of(self.machine, self.network, self.device)


def _seen_by(card: Card) -> tuple[object, ...]:
    """Return what a training is made of; what is held out may be up to a list of files, too."""
    return card.recipe, *(
        (t.sha256, t.training_pixels, t.validation_pixels) for t in card.trained_on
    )


def _copied(state: State) -> State:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
