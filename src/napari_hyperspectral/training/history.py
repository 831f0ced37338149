"""The losses of a training epoch by epoch, its best epoch, and when to end.

Of a network that begins as a linear regression, epoch 0 is that regression: it is validated like
the others, and may be the best.
"""

from __future__ import annotations

import math

from ..models.card import Card, Ended
from ..models.model import State
from ..recipe.training import Training


class DivergedError(ArithmeticError):
    """The loss is not a number, and there is no earlier epoch to go back to."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"the loss of epoch {epoch} is not a number; lower the learning rate, or look for "
            "infinite intensities in the training data"
        )


class History:
    """Losses of the epochs so far, and the weights of the best of them.

    Parameters
    ----------
    training : Training
        Number of epochs and patience.
    epochs : int, optional
        After how many epochs it is over, where that is before those of `training`; 0 of a network
        that stays the regression it begins as.
    """

    def __init__(self, training: Training, epochs: int | None = None) -> None:
        self._training = training
        self.epochs = training.epochs if epochs is None else epochs
        """After how many epochs it is over."""
        self.losses: list[float] = []
        """Training loss of each epoch."""
        self.validation_losses: list[float | None] = []
        """Validation loss of each epoch; None where nothing is held out."""
        self.validation_errors: list[float | None] = []
        """Selection error of each epoch on the validation pixels; None where there is none."""
        self.start_loss: float | None = None
        """Validation loss of epoch 0; None where there is none."""
        self.start_error: float | None = None
        """Selection error of epoch 0."""
        self.best: State = {}
        """Weights of the best epoch; empty before the first has ended."""
        self.best_epoch = 0
        """Counted from 1; 0 where none is better than the start."""

    @property
    def selection_losses(self) -> list[float]:
        """Loss of each epoch by which the learning rate drops: of validation, else of training."""
        losses = []
        for loss, validation in zip(self.losses, self.validation_losses, strict=True):
            if validation is not None:
                loss = validation
            losses.append(loss)
        return losses

    @property
    def reason_to_end(self) -> Ended:
        """Why the training is over after the epochs so far; empty if it is not."""
        epochs = len(self.losses)
        patience = self._training.patience
        without_better = epochs - self.best_epoch
        validated = any(loss is not None for loss in self.validation_losses)
        if patience and validated and without_better >= patience:
            return "patience"
        if epochs >= self.epochs:
            return "done"
        return ""

    def add_start(self, validation: float | None, weights: State, error: float | None) -> None:
        """Add the linear regression before the first step as epoch 0, if it could be validated."""
        if validation is None:
            return
        self.start_loss = validation
        self.start_error = error
        self.best = copied(weights)

    def add(
        self,
        loss: float,
        validation: float | None,
        weights: State,
        *,
        error: float | None = None,
    ) -> None:
        """Add an epoch, and keep its weights if they are the best.

        Those of the least selection error are; of equal ones, and where there is none, those of the
        least validation loss. Without validation, the latest are the best.

        Parameters
        ----------
        loss, validation : float
            Training and validation loss.
        weights : State
            Weights after the epoch.
        error : float, optional
            Selection error on the validation pixels.
        """
        best_before = None
        if self.best_epoch or self.start_loss is not None:
            best_before = self._rank(self.best_epoch)
        self.losses.append(loss)
        self.validation_losses.append(validation)
        self.validation_errors.append(error)
        epoch = len(self.losses)
        if validation is None or best_before is None or self._rank(epoch) < best_before:
            self.best = copied(weights)
            self.best_epoch = epoch

    def load(self, card: Card, best: State) -> None:
        """Go on from the record of an earlier part of the training, and its best weights."""
        self.losses = list(card.losses)
        self.validation_losses = list(card.validation_losses)
        self.validation_errors = list(card.validation_errors)
        missing = len(self.losses) - len(
            self.validation_errors
        )  # in files of before there were any
        self.validation_errors += [None] * missing
        self.start_loss = card.start_validation_loss
        self.start_error = card.start_validation_error
        self.best_epoch = card.best_epoch
        self.best = {}
        if card.trained:
            self.best = copied(best)

    def load_refit(self, card: Card) -> None:
        """Go on from the record of an earlier part of a refit."""
        self.losses = list(card.refit_losses)
        self.validation_losses = [None] * len(self.losses)
        self.validation_errors = [None] * len(self.losses)
        self.best_epoch = len(self.losses)

    def _rank(self, epoch: int) -> tuple[float, float]:
        """Return selection error and validation loss of an epoch, from 0; infinite where unknown."""
        if not epoch:
            return _or_infinite(self.start_error), _or_infinite(self.start_loss)
        error = self.validation_errors[epoch - 1]
        loss = self.validation_losses[epoch - 1]
        return _or_infinite(error), _or_infinite(loss)


def _or_infinite(value: float | None) -> float:
    """Return a figure, or infinity where it is no number: nothing is less than NaN."""
    if value is None or math.isnan(value):
        return math.inf
    return value


def copied(state: State) -> State:
    """Return weights as they are now, on the CPU."""
    copies = {}
    for name, tensor in state.items():
        on_cpu = tensor.detach().cpu()
        # a tensor that is on the CPU already would go on being trained
        copies[name] = on_cpu.clone()
    return copies
