"""What a model's card records of its training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch

from ..axis import axis_to_json
from ..machine import Machine
from ..models.card import Card, Trained
from ..models.input_range import MOST_VALUES, Quantiles, quantiles_of
from ..models.model import fresh_network, turns_of
from ..models.pixel_roles import image_hash, packed, pixel_roles
from ..recipe.inactive import inactive_settings
from ..recipe.recipe import Recipe
from ..tasks import Example
from ..tasks.degradation import NoiseNumbers
from .plan import TrainingPlan
from .splits import Split, spectra_at
from .validation_split import validation_line

_PACKAGES = ("napari-hyperspectral", "torch", "numpy")


def card_of(
    plan: TrainingPlan,
    machine: Machine,
    device: torch.device,
) -> Card:
    """Return the card of a model before its training."""
    first = plan.examples[0]
    card = Card(
        recipe=json.loads(plan.recipe.model_dump_json()),
        inactive_settings=tuple(inactive_settings(plan.recipe)),
        input_bands=axis_to_json(plan.input_axis),
        output_bands=axis_to_json(plan.output_axis),
        colours=_class_colours(plan),
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        input_quantiles=_input_quantiles(plan),
        noise=mean_noise(plan.examples),
        turns=turns_of(plan.recipe, plan.ports),
        trained_on=tuple(map(_trained, plan.examples, plan.splits)),
        validation=plan.compared_on or validation_line(plan.examples, plan.splits),
        compared=plan.compared,
        compared_by=plan.recipe.task.selection_name if plan.compared else "",
        seed=plan.recipe.training.seed,
        threads=machine.thread_count,
        device=str(device),
        versions={name: version(name) for name in _PACKAGES},
    )
    # the network is built from its card
    parameters = count_parameters(plan.recipe, card)
    return card.model_copy(update={"parameters": parameters})


def count_parameters(recipe: Recipe, card: Card) -> int:
    """Return the number of weights of a network, without allocating them."""
    with torch.device("meta"):
        module = fresh_network(recipe, card).module
    weights = module.parameters()
    return sum(weight.numel() for weight in weights)


def mean_noise(examples: Sequence[Example]) -> NoiseNumbers:
    """Return the mean noise of examples, as variances."""
    read_variance, gain = np.mean([example.noise for example in examples], axis=0)
    return float(read_variance), float(gain)


def _input_quantiles(plan: TrainingPlan) -> Quantiles:
    """Return the quantiles of the inputs of the training pixels, of some of many."""
    parts = []
    most = MOST_VALUES // len(plan.examples) + 1  # of each example
    for example, split in zip(plan.examples, plan.splits, strict=True):
        train = split.train & (example.sampling_classes > 0)  # (plane, y, x)
        step = int(train.sum()) * example.input.shape[1] // most + 1
        chosen = np.zeros(train.size, bool)
        chosen[np.flatnonzero(train)[::step]] = True
        parts.append(spectra_at(example.input, chosen.reshape(train.shape)).ravel())
    return quantiles_of(np.concatenate(parts))


def fingerprint(example: Example) -> str:
    """Return a hash, in hexadecimal, of the values of an example."""
    digest = hashlib.sha256()
    for array in (example.input, example.target):
        contiguous = np.ascontiguousarray(array)
        digest.update(contiguous.data)
    return digest.hexdigest()


def data_of(card: Card) -> list[tuple[str, int, int]]:
    """Return what a training saw; its validation pixels may be up to a list of files, too."""
    seen = []
    for example in card.trained_on:
        pixels = (example.training_pixels, example.validation_pixels)
        seen.append((example.sha256, *pixels))
    return seen


def _class_colours(plan: TrainingPlan) -> tuple[str, ...]:
    """Return the colours of the first example that has one for each class; else none."""
    for example in plan.examples:
        if len(example.colours) == len(plan.output_axis):
            return example.colours
    return ()


def _trained(example: Example, split: Split) -> Trained:
    """Return what the card records of an example; pixels count once in each plane."""
    usable = example.sampling_classes > 0  # (plane, y, x)
    trains = usable & split.train
    validates = usable & split.validation
    return Trained(
        name=example.source,
        shape=example.input.shape,
        sha256=fingerprint(example),
        training_pixels=int(trains.sum()),
        validation_pixels=int(validates.sum()),
        guard=split.guard,
        image_sha256=image_hash(example.input),
        pixels=_packed_pixels(example, split),
    )


def _packed_pixels(example: Example, split: Split) -> str:
    """Return which pixels train and validate, as the card keeps it."""
    usable = example.sampling_classes > 0  # (plane, y, x)
    if usable.shape[-2:] != example.input.shape[-2:]:
        return ""  # an image has one class as a whole
    return packed(pixel_roles(usable, split.train, split.validation))
