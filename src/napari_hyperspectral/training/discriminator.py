"""The critic that a generative network learns against: its steps, and how its state is kept.

Source: Goodfellow et al. 2014, Generative adversarial networks, https://arxiv.org/abs/1406.2661
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..devices import seeded
from ..models.model import State, taken_out
from ..networks import Ports
from ..recipe.recipe import Recipe
from .schedules import moments_of, optimiser_of, take_moments


class DiscriminatorTraining:
    """A critic with an optimiser of its own, set as that of the network is.

    Parameters
    ----------
    recipe : Recipe
        Says how to step.
    network : Module
        What the task gave.
    """

    def __init__(self, recipe: Recipe, network: nn.Module) -> None:
        self.network = network
        self._learning_rate, self._clip = recipe.training.learning_rate, recipe.training.clip
        self._optimiser = optimiser_of(recipe.training, network)

    def step(self, loss: Tensor, learning_rate_factor: float) -> None:
        """Take a step that makes `loss` smaller, `learning_rate_factor` of the greatest in size."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._learning_rate * learning_rate_factor
        self._optimiser.zero_grad()  # the loss of the network left slopes here, too
        loss.backward()  # type: ignore[no-untyped-call]
        if self._clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._clip)
        self._optimiser.step()

    def state(self) -> State:
        """Return all that `take` needs."""
        weights = {
            f"discriminator.{name}": tensor for name, tensor in self.network.state_dict().items()
        }
        moments = moments_of(self._optimiser)
        return weights | {
            f"discriminator_optimiser.{name}": tensor for name, tensor in moments.items()
        }

    def take(self, state: State) -> None:
        """Take what `state` gave out of a file's tensors, and go on from there."""
        self.network.load_state_dict(taken_out(state, "discriminator."))
        take_moments(self._optimiser, taken_out(state, "discriminator_optimiser."))


def discriminator_training(
    recipe: Recipe, ports: Ports, device: torch.device
) -> DiscriminatorTraining | None:
    """Return a fresh critic for a recipe whose task wants one."""
    with seeded(recipe.training.seed, torch.device("cpu")):
        network = recipe.task.discriminator(ports)
    return None if network is None else DiscriminatorTraining(recipe, network.to(device).train())
