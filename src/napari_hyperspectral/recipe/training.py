"""Training settings."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from ..settings import Settings


class Training(Settings):
    """How to train, whatever the task."""

    epochs: Annotated[int, Ge(1)] = 100
    """Passes over the training data."""
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    """Greatest step size of the optimiser."""
    optimiser: Literal["adamw", "adam", "sgd", "adagrad", "rmsprop"] = "adamw"
    """How steps follow from slopes; sgd has a momentum of 0.9. Adam and AdamW differ in how they
    take weight decay."""
    clip: Annotated[float, Ge(0)] = 0.0
    """Greatest length of the slope over all weights; longer ones are cut to it. 0 cuts none."""
    average: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of the past in a running average of the weights, such as 0.999; the average is what
    is judged and kept. 0 keeps the weights themselves."""
    batch_size: Annotated[int, Ge(1)] = 32
    """Spectra in one step, for networks that see one spectrum at a time."""
    patches_per_epoch: Annotated[int, Ge(1)] = 10
    """Times each image is shown in an epoch, for networks that see images: each time varied another
    way, large ones cut to a random window."""
    image_batch_size: Annotated[int, Ge(0)] = 0
    """Images, or windows of them, in one step, for networks that see images; 0 means one, or eight
    where images are classified as a whole: of one alone, networks that normalise each batch see no
    difference to others. There, images of several sizes are cut to the smallest of a step, each time
    elsewhere: no padding enters an answer."""
    patch_size: Annotated[int, Ge(8)] = 256
    """Greatest side of an image shown in training, in pixels; larger ones are cut."""
    validation: Annotated[float, Ge(0), Lt(1)] = 0.15
    """Share held out, to see when learning turns into learning by heart. A list that names images
    for validation has those held out, and nothing else."""
    validation_split: Literal["blocks", "images", "groups"] = "blocks"
    """What is held out: blocks of each image, whole images, or all images of a group (a sample, a
    patient). No group is torn: where images are of several groups, whole groups are held out rather
    than blocks or single images. What has no blocks (an image with one answer as a whole, a
    spectrum by itself) is held out whole. Each class stays among what is learned from."""
    block: Annotated[int, Ge(1)] = 8
    """Side of the held-out blocks, in pixels."""
    guard: Annotated[int, Ge(0)] = 2
    """Pixels between held-out blocks and training pixels; narrower where classes would be lost."""
    patience: Annotated[int, Ge(0)] = 0
    """Stop after so many epochs without a better validation loss; 0 never stops early."""
    schedule: Literal[
        "one-cycle", "cosine", "constant", "step", "multiplicative", "cyclic", "plateau"
    ] = "one-cycle"
    """How the step size changes: one-cycle rises and falls, cosine falls, constant stays, step
    drops now and then, multiplicative drops a little after each epoch, cyclic rises and falls
    again and again by ever less, plateau drops when the validation loss falls no more (that of
    training, where nothing is held out)."""
    drop: Annotated[float, Gt(0), Lt(1)] = 0.2
    """What a drop leaves of the step size: a fifth at each step or plateau; of multiplicative, after
    `every` epochs."""
    every: Annotated[int, Ge(1)] = 50
    """Epochs between two steps, of a cycle, or without a better validation loss for a plateau."""
    weight_decay: Annotated[float, Ge(0)] = 1e-4
    """Pull of all weights towards zero; guards against learning by heart."""
    frozen: Literal["nothing", "what was learned", "first half"] = "nothing"
    """What stays as it is when training starts from another model: nothing; all weights that fit,
    so that only new bands or classes are learned; or those of them in the first half."""
    seed: Annotated[int, Ge(0)] = 0
    """Equal seeds (and threads) give equal models on one machine."""
