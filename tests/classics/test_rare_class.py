"""A class of few pixels is found: settings are not tuned to the commonest class alone."""

import numpy as np
import pytest

from napari_hyperspectral.classics import ExtraTrees
from napari_hyperspectral.classics.classifier import ClassTable
from napari_hyperspectral.classics.tuning import Fold
from napari_hyperspectral.classics.voting_trees import _tuned

COMMON = 400
RARE = 10


@pytest.fixture
def table(rng):
    """Ten pixels of a class that differs from 400 others in each of three features."""
    classes = np.repeat([0, 1], [COMMON, RARE])
    rows = rng.normal(size=(len(classes), 3)) + 2 * classes[:, None]
    block = np.arange(len(classes)) // 5
    return ClassTable(rows, classes, present=np.array([0, 1]), block=block, seed=0)


def test_the_commonest_class_everywhere_is_no_agreement(table):
    pixels = np.arange(len(table.classes))
    everything = Fold(pixels, pixels)
    assert table.agreement(np.zeros_like(table.classes), everything) == 0
    assert table.agreement(table.classes, everything) == 1


def test_of_a_single_class_it_is_the_accuracy(table):
    common = Fold(np.arange(len(table.classes)), np.arange(COMMON))
    predicted = np.repeat([0, 1], [COMMON - 100, 100])
    assert table.agreement(predicted, common) == pytest.approx(0.75)


def test_leaves_are_small_enough_for_the_rare_class(table):
    assert _tuned(table, ExtraTrees(surroundings=False).ensemble) < RARE
