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


def fit_linear_skip(network: Normalised, plan: TrainingPlan) -> bool:
    """Fit the linear map that a network begins with; return whether it has one.

    The normalisation is fitted before. Where no target is complete there is no regression: then the
    network learns everything.
    """
    ridge = linear_start(plan.recipe)
    if ridge is None or not isinstance(network.module, LinearSkip):
        return False
    normalise = deepcopy(network.normalise).cpu()
    data = training_data(plan, normalise)
    with torch.no_grad():
        if complete_targets(data.targets).any():
            network.module.linear.set_arrays(ridge.fit(data))
            network.module.gain.zero_()
            return True
        network.module.gain.fill_(1.0)
        return False
