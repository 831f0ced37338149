"""Which comparison suits a pair of input and truth.

Classes, spectra, channels and fine pixels differ in their figures of merit, in the baselines that
a network has to beat, and in the notes on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..cube import Labels
from ..models.model import Model
from .comparisons.base import Comparison
from .comparisons.classes import ClassComparison
from .comparisons.intensities import ChannelComparison, SpectraComparison
from .comparisons.super_resolution import SuperResolutionComparison
from .pairs import EvaluationPair, test_only_pair


def comparison_for(pair: EvaluationPair, model: Model) -> Comparison:
    """Return the comparison that suits a pair, preprocessed as for the model."""
    pair = pair.with_class_numbers_of(model)
    return _comparison(pair.preprocessed(model), model)


def pooled_comparison(
    pixel_lists: Sequence[EvaluationPair],
    model: Model,
) -> Comparison:
    """Return the comparison on the test pixels of several images, each from `as_pixel_list`."""
    inputs = []
    targets = []
    tests = []
    for pair in pixel_lists:
        inputs.append(pair.input.numpy())
        targets.append(pair.target.numpy())
        tests.append(pair.test)
    # all along x: each list is an image of one row
    first = pixel_lists[0]
    spectra = np.concatenate(inputs, axis=-1)
    truth = np.concatenate(targets, axis=-1)
    test = np.concatenate(tests, axis=-1)
    input = replace(first.input, data=spectra)
    target = replace(first.target, data=truth)
    return _comparison(test_only_pair(input, target, test), model)


def _comparison(pair: EvaluationPair, model: Model) -> Comparison:
    """Return the comparison that suits a pair which is preprocessed already."""
    target = pair.target
    if isinstance(target, Labels):
        return ClassComparison(model, pair, target)
    if pair.scale > 1:
        return SuperResolutionComparison(model, pair, target)
    same_bands = pair.input.axis.same_bands(target.axis)
    if same_bands or model.recipe.task.predicts_spectra:
        return SpectraComparison(model, pair, target)
    return ChannelComparison(model, pair, target)
