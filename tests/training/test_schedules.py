"""Step sizes change as their schedule says, and every optimiser goes downhill."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Training
from napari_hyperspectral.training.schedules import learning_rate_factor, optimiser_of


def paces(epochs=100, validation_losses=(), **settings):
    training = Training(epochs=epochs, **settings)
    return [
        learning_rate_factor(training, epoch / epochs, epoch, validation_losses[:epoch])
        for epoch in range(epochs)
    ]


def test_one_cycle_rises_to_the_greatest_step_and_falls_to_almost_none():
    steps = paces(schedule="one-cycle")
    assert np.argmax(steps) == 30
    assert steps[0] == pytest.approx(1 / 25)
    assert steps[30] == 1
    assert steps[-1] < 0.01


def test_a_step_drops_at_its_epochs_and_multiplicative_reaches_the_same_there():
    steps = paces(schedule="step", every=20, drop=0.5)
    assert (steps[19], steps[20], steps[40]) == (1, 0.5, 0.25)
    smooth = paces(schedule="multiplicative", every=20, drop=0.5)
    assert [smooth[n] for n in (0, 20, 40)] == pytest.approx([1, 0.5, 0.25])
    assert (np.diff(smooth) < 0).all()


def test_cycles_get_lower_by_half():
    steps = np.array(paces(schedule="cyclic", every=20))
    tops = [steps[10 + 20 * cycle] for cycle in range(3)]
    assert tops == pytest.approx([1, 0.505, 0.2575])
    assert steps[[0, 20, 40]] == pytest.approx([0.01] * 3)


def test_a_plateau_drops_the_step_when_nothing_gets_better():
    losses = [1.0, 0.5, 0.6, 0.5, 0.7, 0.4, 0.39, 0.41, 0.42, 0.43]
    steps = paces(len(losses), losses, schedule="plateau", every=3, drop=0.1)
    assert steps[:5] == [1] * 5
    assert steps[5:] == pytest.approx([0.1] * 5)
    assert learning_rate_factor(
        Training(schedule="plateau", every=3), 1, 10, losses
    ) == pytest.approx(0.04)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "adagrad", "rmsprop"])
def test_every_optimiser_finds_the_bottom_of_a_valley(name):
    torch.manual_seed(0)
    line = torch.nn.Linear(3, 1)
    optimiser = optimiser_of(Training(optimiser=name, learning_rate=0.15, weight_decay=0), line)
    x, target = torch.randn(64, 3), torch.tensor([[1.0, -2.0, 0.5]])
    for _ in range(500):
        loss = (line(x) - x @ target.T).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.05
