"""What to learn, with what, and how: one JSON file, one form, one header of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..networks import AnyNetwork, ResUNet1D
from ..settings import Settings
from ..spectra.preprocessing import Preprocessing
from ..tasks import AnyTask, Example, Task
from .augmentation import Augmentation
from .training import Training

_IMAGE_LEVEL_BATCH: Final = 8


class Recipe(Settings):
    """All a person decides before training."""

    task: AnyTask
    """What to learn."""
    network: AnyNetwork = ResUNet1D()
    """With which network."""
    preprocessing: Preprocessing = Preprocessing()
    """What is done to spectra first, in training and in every prediction."""
    augmentation: Augmentation = Augmentation()
    """How training data are varied at random."""
    training: Training = Training()
    """How to train it."""

    @property
    def image_batch_size(self) -> int:
        """Images in one step, for networks that see images."""
        return self.training.image_batch_size or (
            _IMAGE_LEVEL_BATCH if self.task.image_level else 1
        )

    @property
    def per_spectrum(self) -> bool:
        """Whether spectra are shown one by one, as the network sees them, and not in images."""
        alone = not self.task.image_level and self.task.upscaling == 1
        return alone and self.network.operates_on == "spectrum"

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
        # what is missing in images, task.example names in its message
        if task.predicts_spectra and task.target_name in images:
            target = images[task.target_name]
            preprocessed[task.target_name] = self.preprocessing.on(target, beside=input)
        return replace(task.example(**preprocessed), preprocessing=self.preprocessing)
