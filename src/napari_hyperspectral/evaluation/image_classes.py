"""Accuracy of classes that are predicted for whole images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..cube import Cube, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job, one_of_many
from .classical import method_title
from .comparisons.classes import accuracies
from .reports import Row


def plane_classes(labels: Labels) -> list[int]:
    """Return the class of each plane of an image classified as a whole; 0 was not measured."""
    size = labels.shape[-2:]
    planes = labels.numpy().reshape(-1, *size)  # (plane, y, x), alike in y and x
    classes: list[int] = planes.max(axis=(1, 2)).tolist()
    return classes


def plane_probabilities(labels: Labels, probabilities: Cube) -> NDArray[np.float32]:
    """Return the probabilities of the classes of each measured plane, (class, plane)."""
    classes_first = np.moveaxis(probabilities.numpy(), -3, 0)
    planes = classes_first.reshape(len(classes_first), -1, *probabilities.shape[-2:])
    measured = np.array(plane_classes(labels)) > 0
    # alike in y and x where anything was measured
    return np.asarray(np.nanmax(planes[:, measured], axis=(2, 3)), np.float32)


def image_classes_steps(
    models: Sequence[Model],
    cube: Cube,
    machine: Machine | None,
) -> Job[dict[str, list[int]]]:
    """Return the class of each plane of an image by several models, by the names of their methods."""
    predicted: dict[str, list[int]] = {}
    for number, model in enumerate(models):
        title = method_title(model.recipe.method)
        job = predict_steps(model, cube, machine=machine)
        labels = yield from one_of_many(job, number, len(models), f"running {title}")
        assert isinstance(labels, Labels)
        predicted[title] = plane_classes(labels)
    return predicted


def image_class_rows(
    model: Model,
    images: int,
    predicted: Mapping[str, Sequence[int]],
    truth: Sequence[int],
) -> list[Row]:
    """Return the accuracy of methods on whole images, and that of the most frequent class.

    Parameters
    ----------
    model : Model
        Whose classes they are.
    images : int
        How many images there were.
    predicted : mapping of str to sequence of int
        Class of each plane of them, from 1, by the name of the method; 0 was not measured.
    truth : sequence of int
        The true classes.
    """
    count = len(model.card.output_axis)
    frequency = np.bincount(truth, minlength=2)[1:]  # of classes 1, 2, …
    # who always names it is right as often as it is there
    most_frequent = int(frequency.argmax()) + 1
    predictions = {**predicted, "most frequent class": [most_frequent] * len(truth)}
    true_classes = np.array(truth)
    rows: list[Row] = []
    for method, classes in predictions.items():
        figures = accuracies(np.array(classes), true_classes, count)
        rows.append({"method": method, "images": images, **figures})
    return rows
