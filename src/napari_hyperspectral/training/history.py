"""The losses of a training epoch by epoch, its best epoch, and when to end."""

from __future__ import annotations

import math

from ..models.card import Card, Ended
from ..models.model import State
from ..recipe.training import Training


class History:
    """Losses of the epochs so far, and the weights of the best of them.

    Parameters
    ----------
    training : Training
        Number of epochs and patience.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self.losses: list[float] = []
        """Training loss of each epoch."""
        self.validation_losses: list[float | None] = []
        """Validation loss of each epoch; None where nothing is held out."""
        self.best: State = {}
        """Weights of the best epoch; empty before the first has ended."""
        self.best_epoch = 0
        """Counted from 1."""

    @property
    def selection_losses(self) -> list[float]:
        """Loss of each epoch by which to choose: of validation, else of training."""
        losses = []
        for loss, validation in zip(self.losses, self.validation_losses, strict=True):
            losses.append(loss if validation is None else validation)
        return losses

    @property
    def reason_to_end(self) -> Ended:
        """Why the training is over after the epochs so far; empty if it is not."""
        epochs = len(self.losses)
        patience = self._training.patience
        validated = any(loss is not None for loss in self.validation_losses)
        if patience and validated and epochs - self.best_epoch >= patience:
            return "patience"
        return "done" if epochs >= self._training.epochs else ""

    def add(self, loss: float, validation: float | None, weights: State) -> None:
        """Add an epoch, and keep its weights if they are the best.

        Without validation, the latest are the best.
        """
        # nothing is less than NaN: an epoch of that validation loss would stay the best
        earlier = [known for known in self.validation_losses if known is not None]
        earlier = [known for known in earlier if not math.isnan(known)]
        self.losses.append(loss)
        self.validation_losses.append(validation)
        if validation is None or not earlier or validation < min(earlier):
            self.best = copied(weights)
            self.best_epoch = len(self.losses)

    def load(self, card: Card, best: State) -> None:
        """Go on from the record of an earlier part of the training, and its best weights."""
        self.losses = list(card.losses)
        self.validation_losses = list(card.validation_losses)
        self.best_epoch = card.best_epoch
        self.best = copied(best) if card.trained else {}


def copied(state: State) -> State:
    """Return weights as they are now, on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
