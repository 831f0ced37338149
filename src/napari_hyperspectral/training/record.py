"""What a model's card says of its training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch

from ..axis import Axis, axis_to_json
from ..machine import Machine
from ..models.card import Card, Trained
from ..models.model import fresh_network
from ..recipe.recipe import Recipe
from ..tasks import Example
from .splits import Split
from .validation_split import validation_line


def card_of(
    recipe: Recipe,
    examples: Sequence[Example],
    splits: Sequence[Split],
    input_axis: Axis,
    output_axis: Axis,
    machine: Machine,
    device: torch.device,
) -> Card:
    """Return the card of a model before its training."""
    card = Card(
        recipe=json.loads(recipe.model_dump_json()),
        input_bands=axis_to_json(input_axis),
        output_bands=axis_to_json(output_axis),
        colours=next((e.colours for e in examples if len(e.colours) == len(output_axis)), ()),
        pixel_size=examples[0].pixel_size,
        pixel_unit=examples[0].pixel_unit,
        trained_on=tuple(map(_trained, examples, splits)),
        validation=validation_line(examples, splits),
        seed=recipe.training.seed,
        threads=machine.thread_count,
        device=str(device),
        versions={name: version(name) for name in ("napari-hyperspectral", "torch", "numpy")},
    )
    return card.model_copy(update={"parameters": count_parameters(recipe, card)})


def count_parameters(recipe: Recipe, card: Card) -> int:
    """Return how many weights a network has, without making it."""
    with torch.device("meta"):
        return sum(p.numel() for p in fresh_network(recipe, card).module.parameters())


def _trained(example: Example, split: Split) -> Trained:
    usable = example.sampling_classes > 0
    return Trained(
        name=example.source,
        shape=example.input.shape,
        sha256=fingerprint(example),
        training_pixels=int((usable & split.train).sum()),
        validation_pixels=int((usable & split.validation).sum()),
        guard=split.guard,
    )


def fingerprint(example: Example) -> str:
    """Return a number, in hexadecimal, that tells whether two examples hold the same values."""
    digest = hashlib.sha256()
    for array in (example.input, example.target):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
