"""Training settings."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from ..settings import RecipeLike, Settings


class Training(Settings):
    """Training settings."""

    epochs: Annotated[int, Ge(1)] = 100
    """Passes over the training data."""
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    """Largest learning rate of the schedule."""
    optimiser: Literal["adamw", "adam", "sgd", "adagrad", "rmsprop"] = "adamw"
    """Optimiser; sgd has a momentum of 0.9. Adam and AdamW differ in how they apply weight decay."""
    clip: Annotated[float, Ge(0)] = 0.0
    """Gradient clipping: largest norm of the gradient over all weights. 0 clips nothing."""
    average: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Decay of a moving average of the weights, such as 0.999; the average is validated and saved.
    0 keeps the weights themselves."""
    batch_size: Annotated[int, Ge(1)] = 32
    """Spectra in one step, for networks that see one spectrum at a time."""
    patches_per_epoch: Annotated[int, Ge(1)] = 10
    """Times each image is shown in an epoch, for networks that see images; each time with another
    augmentation, large images as another random patch."""
    image_batch_size: Annotated[int, Ge(0)] = 0
    """Images, or patches, in one step, for networks that see images. 0 means 1, or 8 to classify
    images: batch normalisation needs several to tell images apart. Images of different size are then
    cropped at random to the smallest of the step, as padding would enter the prediction."""
    patch_size: Annotated[int, Ge(8)] = 256
    """Largest side of an image shown in training, in pixels; larger images are cut to patches."""
    validation: Annotated[float, Ge(0), Lt(1)] = 0.15
    """Share of the training data held out for validation, by which overfitting is seen and the best
    epoch chosen. Where a list names images for validation, those are held out, and nothing else."""
    validation_split: Literal["blocks", "images", "groups"] = "blocks"
    """Validation split: blocks of each image, whole images, or all images of a group (a sample, a
    patient). Groups are never divided: where images belong to several groups, whole groups are held
    out. Images with one class, and lists of spectra, have no blocks: whole images, or single spectra,
    are held out. Every class stays in the training data."""
    block: Annotated[int, Ge(1)] = 8
    """Side of the validation blocks, in pixels."""
    guard: Annotated[int, Ge(0)] = 2
    """Pixels between validation blocks and training pixels; fewer where a class would be lost."""
    refit: bool = True
    """Train once more on everything after the best epoch was found, for as many epochs: the model
    learns from the validation pixels, too, and keeps the figures of the first training. Takes up to
    as long again."""
    patience: Annotated[int, Ge(0)] = 0
    """Early stopping: epochs without a better validation loss after which training stops. 0 never
    stops early."""
    schedule: Literal[
        "one-cycle", "cosine", "constant", "step", "multiplicative", "cyclic", "plateau"
    ] = "one-cycle"
    """Learning-rate schedule. one-cycle: up, then down; cosine: down; constant: no change; step: a
    drop every few epochs; multiplicative: a small drop after each epoch; cyclic: up and down again
    and again, by ever less; plateau: a drop when the validation loss no longer falls (the training
    loss without validation)."""
    drop: Annotated[float, Gt(0), Lt(1)] = 0.2
    """Factor of the learning rate at each drop of step and plateau; of multiplicative, after `every`
    epochs."""
    every: Annotated[int, Ge(1)] = 50
    """Epochs between two drops, of a cycle, or without a better validation loss for a plateau."""
    weight_decay: Annotated[float, Ge(0)] = 1e-4
    """Weight decay: pulls all weights towards zero, against overfitting."""
    frozen: Literal["nothing", "what was learned", "first half"] = "nothing"
    """Weights that stay as they are when training starts from another model: nothing; what was
    learned: all weights that fit, so that only new bands or classes are learned; first half: those of
    them in the first half of the network."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of all random numbers: equal seeds (and threads) give equal models on one machine."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        return (
            self._inactive_sizes(recipe)
            | self._inactive_validation(recipe.task.image_level)
            | self._inactive_schedule()
        )

    def _inactive_sizes(self, recipe: RecipeLike) -> dict[str, str]:
        if not recipe.per_spectrum:
            why = "The network sees images: see the image batch size."
            return {"batch_size": why}
        why = "The network sees one spectrum at a time: no images are shown."
        return dict.fromkeys(("patches_per_epoch", "patch_size", "image_batch_size"), why)

    def _inactive_validation(self, image_level: bool) -> dict[str, str]:
        if self.validation == 0:
            why = "Validation is 0: nothing is held out but what a list names for validation."
            return dict.fromkeys(("validation_split", "block", "guard", "refit"), why)
        if self.validation_split != "blocks" or image_level:
            why = "Whole images are held out, not blocks of them."
            return dict.fromkeys(("block", "guard"), why)
        return {}

    def _inactive_schedule(self) -> dict[str, str]:
        reasons = {}
        if self.schedule not in ("step", "multiplicative", "plateau"):
            reasons["drop"] = "Only for the schedules step, multiplicative and plateau."
        if self.schedule not in ("step", "multiplicative", "plateau", "cyclic"):
            reasons["every"] = "Only for the schedules step, multiplicative, cyclic and plateau."
        return reasons
