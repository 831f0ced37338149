"""Evaluations compare model and baselines alike, on test pixels."""

import json

import numpy as np
import pytest

from napari_hyperspectral import HeldOut
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.image_classes import image_class_rows
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.renamed import chain_of_preprocessing
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.tasks import Denoise, Segment
from napari_hyperspectral.training.fit import fit

LEFT = np.zeros((20, 26), bool)
LEFT[:, :14] = True


@pytest.fixture
def denoising(noisy, clean):
    return EvaluationPair(noisy, clean, train=LEFT, test=~LEFT)


@pytest.fixture
def segmenting(noisy, truth):
    return EvaluationPair(noisy, truth, train=LEFT, test=~LEFT)


def learned(task, **images):
    recipe = Recipe(
        task=task,
        method=Pixelwise(width=16),
        training=Training(epochs=8, validation=0.25, block=4, learning_rate=1e-2),
    )
    return fit(recipe, [recipe.task.example(**images)])


@pytest.fixture
def denoiser(noisy, clean):
    return learned(Denoise(), noisy=noisy, clean=clean)


@pytest.fixture
def segmenter(noisy, truth):
    return learned(Segment(), cube=noisy, labels=truth)


def test_model_and_baselines_stand_side_by_side_and_beat_raw_data(denoiser, denoising):
    report = evaluate(denoiser, denoising, long_fits=0).report
    table = report.tables[0]
    errors = {row["method"]: row["fitted MSE"] for row in table.rows}
    assert next(iter(errors)) == "Pixelwise"
    assert {"SavitzkyGolay", "Ridge", "Ridge (surroundings)", "raw"} < set(errors)
    assert errors["Pixelwise"] < errors["raw"]
    assert errors["Ridge"] < errors["SavitzkyGolay"] < errors["raw"]
    assert "BoostedTrees" not in errors
    assert any(note.startswith("BoostedTrees is left out") for note in report.notes)
    assert {row["pixels"] for row in table.rows} == {20 * 12}


def test_figures_come_from_the_test_pixels_alone(denoiser, noisy, clean, denoising):
    spoiled = clean.data.copy()
    spoiled[:, :, 13:15] = np.nan  # on either side of the border
    elsewhere = EvaluationPair(noisy, clean.after("holed", data=spoiled), train=LEFT, test=~LEFT)
    whole = evaluate(denoiser, denoising, baselines=False, guards=(1,))
    holed = evaluate(denoiser, elsewhere, baselines=False, guards=(1,))
    assert whole.report.tables[0].rows[0] == holed.report.tables[0].rows[0]


def test_the_card_of_the_returned_model_carries_the_figures(denoiser, denoising):
    result = evaluate(denoiser, denoising, baselines=False)
    assert denoiser.card.metrics == {}
    row = result.model.card.metrics["figures"][0]
    assert row["method"] == "Pixelwise"
    assert row == dict(result.report.tables[0].rows[0])


def test_classes_are_compared_with_a_support_vector_machine_and_others(segmenter, segmenting):
    overall, by_class = evaluate(segmenter, segmenting).report.tables
    methods = [row["method"] for row in overall.rows]
    assert methods[0] == "Pixelwise"
    assert {"SVM", "LDA"} < set(methods)
    accuracy = {row["method"]: row["OA %"] for row in overall.rows}
    assert accuracy["Pixelwise"] > 80
    assert accuracy["SVM"] > 80
    assert overall.rows[methods.index("SVM")]["settings"]  # what was tuned
    assert [row["class"] for row in by_class.rows] == ["first", "second"]
    assert sum(row["tested"] for row in by_class.rows) == 20 * 12


def test_a_wider_guard_leaves_fewer_pixels_and_says_how_many(segmenter, segmenting):
    result = evaluate(segmenter, segmenting, guards=(0, 4, 12), baselines=False)
    rows = result.report.tables[0].rows
    assert [(row["guard"], row["pixels"]) for row in rows] == [(0, 240), (4, 160), (12, 0)]
    assert np.isnan(rows[-1]["OA %"])
    assert rows[-1]["classes"] == 0
    assert result.model.card.metrics["figures"][-1]["OA %"] is None


def test_unlabelled_pixels_do_not_count(segmenter, noisy, truth):
    partly = truth.data.copy()
    partly[:10] = 0
    pair = EvaluationPair(noisy, truth.after("erased", data=partly), train=LEFT, test=~LEFT)
    row = evaluate(segmenter, pair, baselines=False).report.tables[0].rows[0]
    assert row["pixels"] == 10 * 12


def test_testing_on_training_pixels_is_refused(noisy, clean):
    with pytest.raises(ValueError, match="280 pixels are for training and for the test"):
        EvaluationPair(noisy, clean, train=LEFT, test=np.ones_like(LEFT))


def test_nothing_to_test_on_is_refused(noisy, clean):
    with pytest.raises(ValueError, match="no pixel is left to test on"):
        EvaluationPair(noisy, clean, train=LEFT, test=np.zeros_like(LEFT))


def test_the_name_and_fields_of_version_0_1_still_work(noisy, clean):
    with pytest.warns(DeprecationWarning, match="HeldOut is called EvaluationPair now"):
        pair = HeldOut(given=noisy, wanted=clean, taught=LEFT, test=~LEFT)
    assert (pair.input, pair.target) == (noisy, clean)
    assert pair.train is LEFT


def test_masks_of_another_size_are_refused(noisy, clean):
    with pytest.raises(ValueError, match=r"mask of test pixels \(20, 25\)"):
        EvaluationPair(noisy, clean, train=LEFT, test=LEFT[:, 1:])


def test_a_guard_wider_than_the_image_is_refused(denoiser, denoising):
    with pytest.raises(ValueError, match="leaves no pixel to test on"):
        evaluate(denoiser, denoising, guards=(40,), baselines=False)


def test_the_report_says_what_the_network_sees(denoiser, denoising):
    notes = evaluate(denoiser, denoising, baselines=False).report.notes
    assert any("one spectrum at a time" in note for note in notes)
    assert json.loads(json.dumps(list(notes))) == list(notes)


def test_model_and_raw_data_are_measured_after_preprocessing(noisy, clean):
    recipe = Recipe(
        task=Denoise(),
        method=Pixelwise(width=4),
        preprocessing=Chain.model_validate(
            chain_of_preprocessing({"first": 480, "last": 620, "normalise": "maximum"})
        ),
        training=Training(epochs=1),
    )
    model = fit(recipe, [recipe.example(noisy=noisy, clean=clean)])
    pair = EvaluationPair(noisy, clean, train=LEFT, test=~LEFT)
    result = evaluate(model, pair, baselines=False)
    assert result.predicted.shape == (8, 20, 26)
    raw = result.report.tables[0].rows[1]
    assert raw["method"] == "raw"
    assert raw["MSE"] < 0.1  # of spectra that end at 1
    untrained = EvaluationPair(
        noisy, clean, train=LEFT & ~LEFT, test=~LEFT
    )  # no pixels to fit the unit of raw data on
    raw = evaluate(model, untrained, baselines=False).report.tables[0].rows[1]
    centres = noisy.spectral_axis.centres
    kept = (centres >= 480) & (centres <= 620)
    error = (noisy.data - clean.data)[kept] / noisy.data[kept].max(axis=0)  # both by the input
    assert raw["MSE"] == pytest.approx(np.square(error[:, ~LEFT]).mean(), rel=1e-4)


def test_planes_that_were_not_measured_do_not_count(noisy, truth):
    recipe = Recipe(task=Segment(), method=Pixelwise(width=4), training=Training(epochs=1))
    model = fit(recipe, [recipe.example(cube=noisy, labels=truth)])
    _, guessed = image_class_rows(model, 1, {"UNet": [0, 0, 0, 2, 2, 1]}, [0, 0, 0, 2, 2, 1])
    assert guessed["OA %"] == pytest.approx(200 / 3)
