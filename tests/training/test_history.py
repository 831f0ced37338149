"""The best epoch is chosen by the validation loss, and decides when to end."""

import math

import pytest
import torch

from napari_hyperspectral import Training
from napari_hyperspectral.training.history import History


def history(*validation_losses, **training):
    """A history in which the only weight of an epoch is its number."""
    one = History(Training(**training))
    for number, validation in enumerate(validation_losses, start=1):
        one.add(float(number), validation, {"weight": torch.tensor(number)})
    return one


@pytest.mark.parametrize(
    ("validation_losses", "best_epoch"),
    [
        ((0.3, 0.1, 0.2), 2),
        ((0.1, 0.1), 1),
        ((None, None, None), 3),
        ((math.nan, 0.3, 0.5), 2),
        ((0.3, math.nan, 0.5), 1),
    ],
)
def test_the_best_epoch_is_of_least_validation_loss_or_the_last(validation_losses, best_epoch):
    one = history(*validation_losses)
    assert one.best_epoch == best_epoch
    assert int(one.best["weight"]) == best_epoch


@pytest.mark.parametrize(
    ("errors", "best_epoch"),
    [
        ((0.2, 0.1, 0.3), 2),
        ((0.1, 0.1, 0.1), 1),  # the validation loss is least in the first
        ((math.nan, 0.2, math.nan), 2),
        ((None, None, None), 1),
    ],
)
def test_the_selection_error_chooses_the_epoch_and_of_equal_ones_the_loss(errors, best_epoch):
    one = History(Training())
    for number, (error, validation) in enumerate(zip(errors, (0.3, 0.4, 0.5), strict=True), 1):
        one.add(1.0, validation, {"weight": torch.tensor(number)}, error=error)
    assert one.best_epoch == best_epoch
    assert int(one.best["weight"]) == best_epoch


def test_the_loss_decides_between_epochs_of_equal_selection_error():
    one = History(Training())
    for number, validation in enumerate((0.5, 0.3, 0.4), 1):
        one.add(1.0, validation, {"weight": torch.tensor(number)}, error=0.0)
    assert one.best_epoch == 2


def test_weights_are_kept_as_they_were():
    weights = {"weight": torch.zeros(1)}
    one = History(Training())
    one.add(1.0, 0.5, weights)
    weights["weight"] += 1
    assert one.best["weight"] == 0


@pytest.mark.parametrize(
    ("validation_losses", "reason"),
    [
        ((0.3, 0.4), ""),
        ((0.3, 0.4, 0.5), "patience"),
        ((0.5, 0.4, 0.3, 0.2), "done"),
        ((0.5, 0.1, 0.3, 0.2), "patience"),
        ((None, None, None), ""),
    ],
)
def test_a_training_ends_after_its_epochs_or_when_it_waited_in_vain(validation_losses, reason):
    assert history(*validation_losses, epochs=4, patience=2).reason_to_end == reason


def test_epochs_are_compared_by_validation_where_there_is_one():
    assert history(0.3, 0.1).selection_losses == [0.3, 0.1]
    assert history(None, None).selection_losses == [1.0, 2.0]
