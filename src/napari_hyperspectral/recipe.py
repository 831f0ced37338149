"""What to learn, with what, and how: one JSON file, one form, one header of a model."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from .networks import AnyNetwork, ResUNet1D
from .settings import Settings
from .tasks import AnyTask


class Training(Settings):
    """How to train, whatever the task."""

    epochs: Annotated[int, Ge(1)] = 100
    """Passes over the training data."""
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    """Greatest step size of the optimiser (AdamW)."""
    batch_size: Annotated[int, Ge(1)] = 32
    """Spectra in one step, for networks that see one spectrum at a time."""
    windows: Annotated[int, Ge(1)] = 10
    """Times each image is shown in an epoch, for networks that see images: each time turned and
    mirrored another way, large ones cut to a random window."""
    window: Annotated[int, Ge(8)] = 256
    """Greatest side of an image shown in training, in pixels; larger ones are cut."""
    validation: Annotated[float, Ge(0), Lt(1)] = 0.15
    """Share of the pixels held out in blocks, to see when learning turns into learning by heart."""
    block: Annotated[int, Ge(1)] = 8
    """Side of the held-out blocks, in pixels."""
    guard: Annotated[int, Ge(0)] = 2
    """Pixels between held-out blocks and training pixels; narrower where classes would be lost."""
    patience: Annotated[int, Ge(0)] = 0
    """Stop after so many epochs without a better validation loss; 0 never stops early."""
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    """How the step size changes: one-cycle rises and falls, cosine falls, constant stays."""
    weight_decay: Annotated[float, Ge(0)] = 1e-4
    """Pull of all weights towards zero; guards against learning by heart."""
    mixup: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of spectra that are mixed with another one, targets alike (intensities only)."""
    seed: Annotated[int, Ge(0)] = 0
    """Equal seeds (and threads) give equal models on one machine."""


class Recipe(Settings):
    """All a person decides before training."""

    task: AnyTask
    """What to learn."""
    network: AnyNetwork = ResUNet1D()
    """With which network."""
    training: Training = Training()
    """How to train it."""
