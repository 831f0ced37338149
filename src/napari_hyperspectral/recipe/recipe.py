"""Recipe: task, method, preprocessing, augmentation and training settings, as one JSON file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..settings import Settings
from ..spectra.steps.chain import NOTHING, Chain
from ..tasks import AnyTask, Example, Task
from .augmentation import Augmentation
from .choice import Choose
from .methods import AnyMethod
from .training import Training

_IMAGE_LEVEL_BATCH: Final = 8
"""Images in one step by default, where images are classified."""


class Recipe(Settings):
    """Everything that is decided before training."""

    task: AnyTask
    """What is learned, from which images."""
    method: AnyMethod = Choose()
    """The method that learns it: a network, a classical method, or the best of them by measurement."""
    preprocessing: Chain = NOTHING
    """Steps of preparation, taken before training and before every prediction."""
    augmentation: Augmentation = Augmentation()
    """Augmentation of the training data."""
    training: Training = Training()
    """Training settings."""

    @property
    def image_batch_size(self) -> int:
        """Images in one step, for networks that see images."""
        if self.training.image_batch_size:
            return self.training.image_batch_size
        return _IMAGE_LEVEL_BATCH if self.task.image_level else 1

    @property
    def per_spectrum(self) -> bool:
        """Whether batches are of single spectra; otherwise of images."""
        needs_images = self.task.image_level or self.task.upscaling > 1
        return self.method.operates_on == "spectrum" and not needs_images

    def trusting_pixels(self) -> Recipe:
        """Return a recipe that pairs images by rows and columns, whatever places they state.

        Raises
        ------
        ValueError
            If its task learns from one image at a time.
        """
        if "same_pixels" not in type(self.task).model_fields:
            raise ValueError(
                f"{self.task.kind} learns from one image at a time, so there is nothing to pair; "
                "leave it out"
            )
        task = self.task.model_copy(update={"same_pixels": True})
        return self.model_copy(update={"task": task})

    def example(self, **images: Any) -> Example:
        """Turn images into one training example, preprocessed.

        Parameters
        ----------
        **images : Cube, Labels or str
            By the names of ``task.asks_for()``, in any order.

        Raises
        ------
        ValueError
            If they do not fit together, or not the preprocessing; the message says why.
        """
        task: Task = self.task
        task.check_preprocessing(self.preprocessing)
        preprocessed = dict(images)
        input = images.get(task.input_name)
        if input is not None:
            preprocessed[task.input_name] = self.preprocessing.on(input)
        if task.predicts_spectra and task.target_name in images:
            target = images[task.target_name]
            preprocessed[task.target_name] = self.preprocessing.on(target, reference=input)
        return replace(task.example(**preprocessed), preprocessing=self.preprocessing)
