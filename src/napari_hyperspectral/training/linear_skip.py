"""The ridge regression that a network begins with, fitted to the training pixels of a plan."""

from __future__ import annotations

from copy import deepcopy

import torch

from ..classics.linear_skip import LinearSkip
from ..classics.ridge import complete_targets
from ..networks import Normalised
from ..recipe.building import linear_start
from .classic import training_data
from .plan import TrainingPlan


def fit_linear_skip(network: Normalised, plan: TrainingPlan) -> None:
    """Fit the linear map that a network begins with, if it has one; its normalisation is fitted.

    Where no target is complete there is no regression: then the network learns everything.
    """
    ridge = linear_start(plan.recipe)
    if ridge is None or not isinstance(network.module, LinearSkip):
        return
    normalise = deepcopy(network.normalise).cpu()
    data = training_data(plan, normalise)
    with torch.no_grad():
        if complete_targets(data.targets).any():
            network.module.linear.set_arrays(ridge.fit(data))
            network.module.gain.zero_()
        else:
            network.module.gain.fill_(1.0)
