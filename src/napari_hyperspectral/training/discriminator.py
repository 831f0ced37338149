"""Training a discriminator next to the network that it learns against.

Source: Goodfellow et al. 2014, Generative adversarial networks, https://arxiv.org/abs/1406.2661
"""

from __future__ import annotations

import torch
from torch import nn

from ..models.model import State
from ..random_numbers import drawing_from
from ..recipe.training import Training
from .plan import TrainingPlan
from .schedules import load_optimiser_state, optimiser_of, optimiser_state, set_learning_rate


class DiscriminatorTraining:
    """A discriminator with its own optimiser, set as that of the network.

    Parameters
    ----------
    training : Training
        Optimiser, learning rate and gradient clipping.
    network : Module
        From the task.
    """

    def __init__(self, training: Training, network: nn.Module) -> None:
        self.network = network
        self._learning_rate = training.learning_rate
        self._clip = training.clip
        self._optimiser = optimiser_of(training, network)

    def step(self, learning_rate_factor: float) -> None:
        """Take a step along the gradients, at a part of the greatest learning rate."""
        rate = self._learning_rate * learning_rate_factor
        set_learning_rate(self._optimiser, rate)
        if self._clip:
            weights = self.network.parameters()
            nn.utils.clip_grad_norm_(weights, self._clip)
        self._optimiser.step()

    def weights(self) -> State:
        """Return the weights of the discriminator."""
        state: State = self.network.state_dict()
        return state

    def optimiser_state(self) -> State:
        """Return what the optimiser keeps of earlier steps."""
        return optimiser_state(self._optimiser)

    def load(self, weights: State, optimiser: State) -> None:
        """Go on from what `weights` and `optimiser_state` returned."""
        self.network.load_state_dict(weights)
        load_optimiser_state(self._optimiser, optimiser)


def discriminator_training(
    plan: TrainingPlan, device: torch.device
) -> DiscriminatorTraining | None:
    """Return a fresh discriminator for a recipe whose task has one."""
    training = plan.recipe.training
    generator = torch.Generator().manual_seed(training.seed)
    with drawing_from(generator):
        network = plan.recipe.task.discriminator(plan.ports)
    if network is None:
        return None
    network = network.to(device)
    return DiscriminatorTraining(training, network.train())
