"""Each kind of truth has its comparison, with figures and baselines of its own."""

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.comparison import comparison_for, pooled_comparison
from napari_hyperspectral.evaluation.comparisons.base import GuardedTest
from napari_hyperspectral.evaluation.comparisons.classes import ClassComparison
from napari_hyperspectral.evaluation.comparisons.intensities import (
    ChannelComparison,
    SpectraComparison,
)
from napari_hyperspectral.evaluation.comparisons.super_resolution import SuperResolutionComparison
from napari_hyperspectral.evaluation.pairs import EvaluationPair, input_and_target, renumbered
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Calibrate, Denoise, PredictChannels, Segment, SuperResolve
from napari_hyperspectral.training.fit import fit


@pytest.fixture
def cases(noisy, clean, truth):
    """A task with its images, and the comparison that suits them."""
    reference = Cube(2 * clean.data[1:11:2], SpectralAxis(clean.axis.centres[1:11:2], "nm"))
    stains = Cube(clean.data[3:5] ** 2, ChannelAxis(("a", "b")))
    return [
        (Segment(), {"cube": noisy, "labels": truth}, ClassComparison),
        (Denoise(), {"noisy": noisy, "clean": clean}, SpectraComparison),
        (Calibrate(), {"measured": noisy, "reference": reference}, SpectraComparison),
        (PredictChannels(), {"cube": noisy, "target": stains}, ChannelComparison),
        (SuperResolve(scale=2), {"fine": clean}, SuperResolutionComparison),
    ]


def comparison_of(task, images):
    recipe = Recipe(task=task, method=Pixelwise(width=4), training=Training(epochs=1))
    model = fit(recipe, [recipe.example(**images)])
    input, target = input_and_target(task, images)
    train = np.zeros(input.shape[-2:], bool)
    train[:, : train.shape[1] // 2] = True
    return comparison_for(EvaluationPair(input, target, train, ~train), model), model


def test_the_target_decides_the_comparison(cases):
    for task, images, expected in cases:
        assert type(comparison_of(task, images)[0]) is expected


def test_pixels_in_a_row_have_the_figures_of_their_image(cases):
    for task, images, kind in cases:
        if kind is SuperResolutionComparison:
            continue  # its figures are of images
        comparison, model = comparison_of(task, images)
        pair = comparison.pair
        prediction = pair.target.numpy()
        pooled = pooled_comparison([pair.as_pixel_list()], model)
        row = pooled.figures(comparison.pixels(prediction), pooled.pair.test)
        figures = comparison.figures(prediction, pair.test)
        assert row == pytest.approx({name: figures[name] for name in row}, nan_ok=True)
        assert pooled.counts(pooled.pair.test) == comparison.counts(pair.test)


def test_without_training_pixels_nothing_is_tuned(cases):
    without_tuning = {
        SuperResolutionComparison: ["nearest", "bicubic", "bicubic, consistent"],
        SpectraComparison: ["raw"],
    }
    for task, images, kind in cases:
        comparison, model = comparison_of(task, images)
        pair = comparison.pair
        everywhere = np.ones_like(pair.test)
        pair = EvaluationPair(pair.input, pair.target, train=~everywhere, test=everywhere)
        names = [baseline.name for baseline in comparison_for(pair, model).baselines(tuned=True)]
        expected = [] if isinstance(task, Calibrate) else without_tuning.get(kind, [])
        assert names == expected


def test_the_table_by_class_has_a_row_a_class_and_two_figures_a_method(noisy, truth):
    comparison, _ = comparison_of(Segment(), {"cube": noisy, "labels": truth})
    perfect = comparison.model_result(truth.numpy())
    (table,) = comparison.class_tables([perfect], GuardedTest(0, comparison.pair.test))
    assert [row["class"] for row in table.rows] == list(truth.classes)
    assert {row["Pixelwise: recall %"] for row in table.rows} == {100.0}
    assert {row["Pixelwise: IoU %"] for row in table.rows} == {100.0}


def test_labels_are_renumbered_by_name_and_others_erased(truth):
    other = renumbered(truth, ("second", "third"))
    assert other.classes == ("second", "third")
    np.testing.assert_array_equal(other.numpy(), truth.numpy() == 2)
