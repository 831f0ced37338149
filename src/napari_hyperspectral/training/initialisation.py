"""What a network takes from the training pixels before its first step."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..devices import tensor_of
from ..networks import Normalised
from .plan import TrainingPlan
from .splits import spectra_at

_MOST_SPECTRA: Final = 20_000
"""Spectra a network is initialised from; more would take long and change little."""


def initialise(
    network: Normalised,
    plan: TrainingPlan,
    device: torch.device,
) -> None:
    """Fit the normalisation to the training pixels, and initialise the network from them."""
    task = plan.recipe.task
    spectra, targets = _training_spectra(plan)
    spectra = spectra.to(device)
    if task.normalised_as_input or targets is None:
        targets = spectra
    normalised_targets = None  # classes are not normalised
    if task.predicts_intensities:
        normalised_targets = targets.to(device)
    good = tensor_of(plan.input_axis.good)
    network.normalise.fit(spectra, normalised_targets, good.to(device))
    step = max(1, len(spectra) // _MOST_SPECTRA)
    few = spectra[::step, :, None, None]  # as images of one pixel, which normalisation takes
    normalised = network.normalise(few)
    network.module.initialise_from(normalised[:, :, 0, 0])


def _training_spectra(plan: TrainingPlan) -> tuple[Tensor, Tensor | None]:
    """Return input and target of the training pixels, (spectrum, band).

    Targets with a pixel grid of their own have none for these pixels.
    """
    inputs = []
    targets = []
    for example, split in zip(plan.examples, plan.splits, strict=True):
        usable = example.sampling_classes > 0  # (plane, y, x)
        train = split.train & usable
        inputs.append(spectra_at(example.input, train))
        same_grid = example.target.shape[-2:] == train.shape[-2:]
        if same_grid:
            targets.append(spectra_at(example.target, train))
    input = torch.from_numpy(np.concatenate(inputs))
    if not targets:
        return input, None
    target = torch.from_numpy(np.concatenate(targets))
    return input, target
