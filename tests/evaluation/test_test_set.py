"""A model is tested on whole images, and the report says which of them trained it."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral import Model, fit
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import LDA
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import ClassifyImages, ClassifySpectra, Denoise, SuperResolve


def test_all_pixels_of_a_test_image_are_tested(noisy, clean):
    left, right = (
        {
            name: image.after("cut", data=image.data[..., part], name=f"{name} {side}")
            for name, image in (("noisy", noisy), ("clean", clean))
        }
        for side, part in (("left", slice(13)), ("right", slice(13, None)))
    )
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=16), training=Training(epochs=10))
    model = fit(recipe, [recipe.example(**left)])
    report = run(evaluate_test_set_steps(model, [right, left]))
    rows = report.tables[0].rows
    names = ["Pixelwise", "raw"]
    assert [(row["image"], row["method"], row["pixels"]) for row in rows] == [
        (image, name, pixels)
        for image, pixels in (("noisy right", 260), ("noisy left", 260), ("mean", 520))
        for name in names
    ]
    mse = [row["fitted MSE"] for row in rows]
    assert mse[4] == pytest.approx((mse[0] + mse[2]) / 2)
    assert "noisy left was used to train the model: figures on it are too good." in report.notes
    assert not any("noisy right" in note for note in report.notes)


def test_an_image_of_validation_only_is_not_called_a_training_image(noisy, clean):
    left, right = (
        {
            name: image.after("cut", data=image.data[..., part], name=f"{name} {side}")
            for name, image in (("noisy", noisy), ("clean", clean))
        }
        for side, part in (("left", slice(13)), ("right", slice(13, None)))
    )
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=4), training=Training(epochs=1))
    for_validation = replace(recipe.example(**right), for_validation=True)
    model = fit(recipe, [recipe.example(**left), for_validation])
    notes = run(evaluate_test_set_steps(model, [left, right])).notes
    assert [note for note in notes if "too good" in note] == [
        "noisy left was used to train the model: figures on it are too good.",
        "noisy right was used for validation in the training of the model, to choose its best "
        "epoch: figures on it are a little too good.",
    ]


@pytest.fixture
def spectra(rng):
    """Six spectra of each of two kinds, by name."""
    axis = SpectralAxis(np.arange(5) + 500.0, "nm")

    def measured(slope, name):
        data = np.arange(5)[:, None, None] * slope + rng.normal(0, 0.1, (5, 1, 6))
        return Cube(data.astype(np.float32), axis, name=name)

    return {"rising": measured(1.0, "a"), "falling": measured(-1.0, "b")}


def ones(name, cube):
    return Labels(np.ones(cube.shape[-2:], np.uint8), (name,))


QUICK = Training(epochs=40, learning_rate=0.02, validation=0)


def test_classes_go_by_their_names_whatever_their_numbers(spectra):
    recipe = Recipe(task=ClassifySpectra(), method=Pixelwise(width=16), training=QUICK)
    pairs = [{"spectra": c, "labels": ones(n, c)} for n, c in spectra.items()]
    model = fit(recipe, [recipe.example(**pair) for pair in pairs])
    report = run(evaluate_test_set_steps(model, pairs))
    assert [row["OA %"] for row in report.tables[0].rows] == [100, 100, 100]
    assert [note for note in report.notes if "to train the model" in note] == [
        f"{name} was used to train the model: figures on it are too good." for name in "ab"
    ]
    other = [{"spectra": spectra["rising"], "labels": ones("flat", spectra["rising"])}]
    with pytest.raises(ValueError, match=r"hold flat; the model knows falling, rising"):
        run(evaluate_test_set_steps(model, other))


def test_image_classes_are_tested_image_by_image(spectra):
    recipe = Recipe(task=ClassifyImages(), method=Pixelwise(width=16), training=QUICK)
    named = [{"image": cube, "label": name} for name, cube in spectra.items()]
    model = fit(recipe, [recipe.example(**one) for one in named])
    wrong = {"image": spectra["falling"].after("copied", name="c"), "label": "rising"}
    report = run(evaluate_test_set_steps(model, [*named, wrong]))
    overall, each = report.tables
    assert [row["method"] for row in overall.rows] == ["Pixelwise", "most frequent class"]
    assert overall.rows[0]["OA %"] == pytest.approx(200 / 3)
    assert overall.rows[0]["AA %"] == pytest.approx(75)
    assert list(each.rows[-1].values()) == ["c", "rising", "falling"]
    assert len(report.notes) == 2
    with pytest.raises(ValueError, match="b is 'flat'; the model knows falling, rising; label it"):
        run(evaluate_test_set_steps(model, [{"image": spectra["falling"], "label": "flat"}]))


def test_image_classes_are_tested_beside_the_classical_methods_in_the_file(spectra, tmp_path):
    recipe = Recipe(task=ClassifyImages(), method=Pixelwise(width=16), training=QUICK)
    named = [{"image": cube, "label": name} for name, cube in spectra.items()]
    examples = [recipe.example(**one) for one in named]
    model = fit(recipe, examples)
    lda = fit(recipe.model_copy(update={"method": LDA(shrinkage=0.5)}), examples)
    path = replace(model, baselines=(lda,)).save(tmp_path / "model.safetensors")
    report = run(evaluate_test_set_steps(Model.load(path), named))
    methods = [row["method"] for row in report.tables[0].rows]
    assert methods == ["Pixelwise", "LDA (shrinkage 0.5)", "most frequent class"]
    assert report.tables[0].rows[1]["OA %"] == 100


def test_super_resolution_is_tested_on_the_images_that_are_degraded(clean):
    training = Training(epochs=1, validation=0, patches_per_epoch=1)
    recipe = Recipe(task=SuperResolve(scale=2), method=Pixelwise(width=4), training=training)
    model = fit(recipe, [recipe.example(fine=clean)])
    other = clean.after("turned", data=clean.data[:, ::-1].copy(), name="turned")
    report = run(
        evaluate_test_set_steps(model, [{"fine": clean.after("", name="own")}, {"fine": other}])
    )
    rows = report.tables[0].rows
    assert [(row["image"], row["method"]) for row in rows] == [
        (image, method)
        for image in ("own", "turned", "mean")
        for method in ("Pixelwise", "nearest", "bicubic", "bicubic, consistent")
    ]
    assert [note for note in report.notes if "to train" in note] == [
        "own was used to train the model: figures on it are too good."
    ]
