"""Pixels that trained a model are left out of its evaluation, whatever labels come with the image."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral import Machine, Model, Recipe, Training, fit
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import LDA
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import test_only_pair as only_tested
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.io import read_labels
from napari_hyperspectral.models.pixel_roles import (
    GUARD,
    TRAINING,
    UNUSED,
    VALIDATION,
    packed,
    pixel_roles,
    unpacked,
)
from napari_hyperspectral.progress import run
from napari_hyperspectral.samples import indian_pines
from napari_hyperspectral.tasks import Segment

MACHINE = Machine(device="cpu", threads=1)
HEIGHT, WIDTH = 18, 20
CLASSES = ("left", "right")


def scene(seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(6, HEIGHT, WIDTH)) + 2
    data[3, :, WIDTH // 2 :] += 3
    return Cube(data.astype(np.float32), SpectralAxis(np.arange(6.0) + 500, "nm"), name="scene")


def labels_in(mask):
    classes = np.where(np.arange(WIDTH) < WIDTH // 2, 1, 2)
    return Labels(np.where(mask, classes, 0), CLASSES, name="truth")


def top_rows(count):
    return (np.arange(HEIGHT) < count)[:, None] & np.ones(WIDTH, bool)


EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def trained(mask, *, surroundings=False, validation=0.0, refit=False, cube=None):
    recipe = Recipe(
        task=Segment(),
        method=LDA(shrinkage=0.5, surroundings=surroundings),
        training=Training(validation=validation, refit=refit),
    )
    example = recipe.example(cube=cube or scene(), labels=labels_in(mask))
    return fit(recipe, [example], machine=MACHINE)


def report_of(model, mask, cube=None):
    images = {"cube": cube or scene(), "labels": labels_in(mask)}
    return run(evaluate_test_set_steps(model, [images], machine=MACHINE))


def pixels(report):
    return {row["pixels"] for row in report.tables[0].rows}


def text(report):
    return " ".join(report.notes)


def test_other_labels_of_a_training_image_are_evaluated_without_its_training_pixels(tmp_path):
    model = Model.load(trained(top_rows(8)).save(tmp_path / "model.safetensors"))
    report = report_of(model, EVERYWHERE)
    assert pixels(report) == {(HEIGHT - 8) * WIDTH}
    assert f"{8 * WIDTH} of {HEIGHT * WIDTH} pixels with a truth trained the model" in text(report)
    assert f"{(HEIGHT - 8) * WIDTH} are evaluated" in text(report)
    assert "All measured pixels" not in text(report)


def test_how_many_pixels_lie_near_training_pixels_is_said():
    model = trained(top_rows(4), surroundings=True)
    radius = model.recipe.method.receptive_radius
    assert radius > HEIGHT - 4 - 1
    assert f"{14 * WIDTH} of the {14 * WIDTH} evaluated pixels lie within" in text(
        report_of(model, EVERYWHERE)
    )
    assert f"receptive radius of the model, {radius} pixels" in text(report_of(model, EVERYWHERE))
    alone = trained(top_rows(4))
    assert "no evaluated pixel has training pixels in its receptive field" in text(
        report_of(alone, EVERYWHERE)
    )


def test_a_classical_method_that_sees_further_than_the_model_is_said_to_see_training_pixels():
    further = trained(top_rows(4), surroundings=True)
    model = replace(trained(top_rows(4)), baselines=(further,))
    said = text(report_of(model, EVERYWHERE))
    left = 14 * WIDTH
    assert f"surroundings) sees further than the model: {left} of the {left} evaluated" in said


def test_labels_far_from_training_pixels_and_other_images_are_evaluated_as_they_are():
    model = trained(top_rows(8))
    below = report_of(model, ~top_rows(10))
    assert pixels(below) == {(HEIGHT - 10) * WIDTH}
    other = report_of(model, EVERYWHERE, scene(1))
    assert pixels(other) == {HEIGHT * WIDTH}
    assert "trained the model" not in text(other)


def test_training_pixels_alone_are_never_called_held_out():
    report = report_of(trained(top_rows(8)), top_rows(3))
    assert pixels(report) == {3 * WIDTH}
    assert f"All {3 * WIDTH} evaluated pixels trained the model: none was held out." in text(report)
    assert "All measured pixels" not in text(report)


def test_validation_pixels_are_counted_and_a_refit_trains_on_them():
    model = trained(EVERYWHERE, validation=0.3)
    recorded = model.card.trained_on[0]
    report = report_of(model, EVERYWHERE)
    left = HEIGHT * WIDTH - recorded.training_pixels
    assert 0 < recorded.validation_pixels <= left
    assert pixels(report) == {left}
    assert f"{recorded.validation_pixels} of the evaluated pixels were validation pixels" in text(
        report
    )
    refitted = trained(EVERYWHERE, validation=0.3, refit=True)
    assert refitted.card.refitted
    assert "none was held out" in text(report_of(refitted, EVERYWHERE))


def test_an_evaluation_of_a_pair_leaves_them_out_too():
    model = trained(top_rows(8))
    pair = only_tested(scene(), labels_in(EVERYWHERE), EVERYWHERE)
    report = evaluate(model, pair, baselines=False, machine=MACHINE).report
    assert pixels(report) == {(HEIGHT - 8) * WIDTH}


def test_of_indian_pines_the_disjoint_training_pixels_are_left_out(data_folder):
    pytest.importorskip("tensorly", reason="Indian Pines comes with napari-hyperspectral[samples]")
    cube, _ = indian_pines()
    splits = f"{data_folder}/indian_pines/splits.npz"
    recipe = Recipe(
        task=Segment(), method=LDA(shrinkage=0.001), training=Training(validation=0, refit=False)
    )
    learned = recipe.example(cube=cube, labels=read_labels(f"{splits}::disjoint_train"))
    model = fit(recipe, [learned], machine=MACHINE)
    images = {"cube": cube, "labels": read_labels(f"{splits}::gt")}
    report = run(evaluate_test_set_steps(model, [images], machine=MACHINE))
    assert pixels(report) == {4711}
    assert "5,538 of 10,249 pixels with a truth trained the model" in text(report)
    assert "held out" not in text(report)


def test_a_card_without_a_mask_changes_nothing():
    model = trained(top_rows(8))
    recorded = model.card.trained_on[0].model_copy(update={"pixels": "", "image_sha256": ""})
    card = model.card.model_copy(update={"trained_on": (recorded,)})
    report = report_of(replace(model, card=card), EVERYWHERE)
    assert pixels(report) == {HEIGHT * WIDTH}


def test_roles_survive_packing():
    roles = np.random.default_rng(0).integers(0, 4, size=(2, 7, 9)).astype(np.uint8)
    text_of_roles = packed(roles)
    assert np.array_equal(unpacked(text_of_roles, roles.shape), roles)
    assert unpacked(text_of_roles, (2, 7, 8)) is None
    assert unpacked("no base64!", (1, 1, 1)) is None
    assert unpacked("AAAA", (1, 1, 1)) is None


@pytest.mark.parametrize("pixel", range(4))
def test_a_pixel_has_one_role(pixel):
    usable = np.array([[[False, True, True, True]]])
    train = np.array([[True, True, False, False]])
    validation = np.array([[False, False, True, False]])
    roles = pixel_roles(usable, train, validation)
    assert roles[0, 0, pixel] == (UNUSED, TRAINING, VALIDATION, GUARD)[pixel]
