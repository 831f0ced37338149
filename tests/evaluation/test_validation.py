"""A fresh model has figures on its validation pixels, of all its images together."""

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.evaluation.validation import validate_steps, validation_pairs
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.prediction.predict import predict
from napari_hyperspectral.progress import Stop, run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import (
    ClassifyImages,
    ClassifySpectra,
    Denoise,
    PredictChannels,
    SuperResolve,
)
from napari_hyperspectral.training.fit import fit

MACHINE = Machine(device="cpu", threads=1)


def learned(task, *examples, **training):
    quick = {"epochs": 1, "patches_per_epoch": 1, "refit": False} | training
    recipe = Recipe(task=task, method=Pixelwise(width=4), training=Training(**quick))
    made = [recipe.example(**images) for images in examples]
    return fit(recipe, made, machine=MACHINE), made


def test_the_blocks_held_out_in_training_are_validated(noisy, clean):
    images = {"noisy": noisy, "clean": clean}
    model, made = learned(Denoise(), images, validation=0.25, block=4)
    (pair,) = validation_pairs(model, made, [images])
    trained = model.card.trained_on[0]
    assert (pair.train.sum(), pair.test.sum()) == (
        trained.training_pixels,
        trained.validation_pixels,
    )


def test_a_fresh_model_is_compared_with_raw_data_on_its_validation_blocks(noisy, clean):
    from napari_hyperspectral.models.summary import lines_of_card

    images = {"noisy": noisy, "clean": clean}
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=16), training=Training(epochs=10))
    examples = [recipe.example(**images)]
    model = run(validate_steps(fit(recipe, examples), examples, [images]))
    swapped = run(validate_steps(model, examples, [dict(reversed(images.items()))]))
    assert swapped.card.metrics == model.card.metrics
    network, *classics, raw = model.card.metrics["figures"]
    assert network["fitted MSE"] < raw["fitted MSE"]
    # trained on the same pixels, by settings that are tuned on them alone
    assert {"SavitzkyGolay", "Ridge"} < {row["method"] for row in classics}
    assert all(row["fitted MSE"] < raw["fitted MSE"] for row in classics)
    assert "figures: raw" in lines_of_card(model.card)
    nothing = recipe.model_copy(update={"training": Training(epochs=1, validation=0)})
    model = fit(nothing, examples)
    validated = run(validate_steps(model, examples, [images]))
    assert validated.card == model.card
    assert len(validated.baselines) == len(classics)  # for later evaluations


def test_a_validation_that_is_stopped_anywhere_leaves_the_model_as_it_is(noisy, clean):
    images = {"noisy": noisy, "clean": clean}
    model, made = learned(Denoise(), images)
    steps = []
    assert run(validate_steps(model, made, [images]), steps.append).card.metrics
    # how many steps a fit takes depends on its time; what it says does not
    for note in (steps[0].note, steps[len(steps) // 2].note, steps[-1].note):

        def stop(step, note=note):
            if step.note == note:
                raise Stop

        assert run(validate_steps(model, made, [images]), stop).card == model.card


def test_baselines_are_kept_in_the_file_of_their_model(noisy, clean, tmp_path):
    images = {"noisy": noisy, "clean": clean}
    model, made = learned(Denoise(), images)
    model = run(validate_steps(model, made, [images]))
    loaded = Model.load(model.save(tmp_path / "model.safetensors"))
    for before, after in zip(model.baselines, loaded.baselines, strict=True):
        assert after.card == before.card
        np.testing.assert_array_equal(predict(after, noisy).data, predict(before, noisy).data)
    report = run(evaluate_test_set_steps(loaded, [images]))
    methods = [row["method"] for row in report.tables[0].rows]
    assert (methods[0], methods[-1]) == ("Pixelwise", "raw")
    assert len(methods) == len(model.baselines) + 2


def test_a_fresh_model_is_validated_on_all_its_images(noisy, clean):
    halves = (slice(None, 9), slice(9, None))
    pairs = [
        {n: c.after("cut", data=c.data[..., part]) for n, c in (("noisy", noisy), ("clean", clean))}
        for part in halves
    ]
    training = Training(epochs=3, refit=False)
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=16), training=training)
    examples = [recipe.example(**pair) for pair in pairs]
    model = fit(recipe, examples)
    rows = run(validate_steps(model, examples, pairs)).card.metrics["figures"]
    validated = list(validation_pairs(model, examples, pairs))
    found = [predict(model, pair.input).data[:, pair.test] for pair in validated]
    truth = [pair.target.data[:, pair.test] for pair in validated]
    error = np.square(np.concatenate(found, 1) - np.concatenate(truth, 1)).mean()
    assert rows[0]["MSE"] == pytest.approx(error, rel=1e-4)
    assert {row["pixels"] for row in rows} == {
        sum(one.validation_pixels for one in model.card.trained_on)
    }
    assert {row["images"] for row in rows} == {2}


def test_images_share_the_progress_of_a_validation_alike(noisy, clean):
    pairs = [{"noisy": noisy, "clean": clean}, {"noisy": clean, "clean": clean}]
    model, made = learned(Denoise(), *pairs, validation=0.25, block=4)
    steps = []
    run(validate_steps(model, made, pairs, machine=MACHINE), steps.append)
    ends = {step.note: (step.done, step.total) for step in steps}  # the last of each
    for pair, end in zip(pairs, (50, 100), strict=True):
        assert ends[f"validating on {pair['noisy'].name}"] == (end, 100)
    shares = [step.done for step in steps if step.note.startswith("validating")]
    assert shares == sorted(shares)


def test_classes_of_single_spectra_are_counted_over_all_files(noisy, truth):
    def spectrum(y, x):
        there = slice(y, y + 1), slice(x, x + 1)
        labels = Labels(np.ones((1, 1), np.uint8), (truth.classes[truth.data[y, x] - 1],))
        return {"spectra": noisy.after("cut", data=noisy.data[:, *there]), "labels": labels}

    files = [spectrum(y, x) for y in range(0, 20, 4) for x in range(0, 26, 3)]
    recipe = Recipe(task=ClassifySpectra(), method=Pixelwise(width=8), training=Training(epochs=2))
    examples = [recipe.example(**file) for file in files]
    model = run(validate_steps(fit(recipe, examples), examples, files))
    assert all(loss is not None for loss in model.card.validation_losses)
    row = model.card.metrics["figures"][0]
    held = sum(one.validation_pixels for one in model.card.trained_on)
    assert (row["pixels"], row["images"], row["classes"]) == (held, held, 2)
    assert held >= 0.15 * len(files)


def test_a_fresh_super_resolver_is_compared_with_interpolation_on_its_validation_blocks(clean):
    images = [{"fine": clean}]
    model, made = learned(SuperResolve(scale=2), *images, validation=0.3, block=3, guard=0)
    rows = run(validate_steps(model, made, images, machine=MACHINE)).card.metrics["figures"]
    assert [row["method"] for row in rows] == [
        "Pixelwise",
        "nearest",
        "bicubic",
        "bicubic, consistent",
    ]
    assert 0 < rows[0]["pixels"] < 10 * 13


def test_figures_on_several_images_of_finer_pixels_are_means_by_their_test_pixels(clean):
    images = [{"fine": clean}, {"fine": clean.after("cut", data=3 * clean.data[..., :12])}]
    model, made = learned(SuperResolve(scale=2), *images, validation=0.3, block=3, guard=0)
    rows = run(validate_steps(model, made, images, machine=MACHINE)).card.metrics["figures"]
    validated = list(validation_pairs(model, made, images))
    each = [
        evaluate(model, pair, machine=MACHINE).report.tables[0].rows[2]["RMSE"]
        for pair in validated
    ]
    pixels = [int(pair.test.sum()) for pair in validated]
    assert (rows[2]["method"], rows[2]["pixels"], rows[2]["images"]) == ("bicubic", sum(pixels), 2)
    assert rows[2]["RMSE"] == pytest.approx(np.average(each, weights=pixels))


def test_fsim_of_channels_is_the_mean_over_images(clean):
    def pair(columns):
        cube = clean.after("cut", data=clean.data[..., columns])
        return {"cube": cube, "target": Cube(cube.data[3:5] ** 2, ChannelAxis(("a", "b")))}

    pairs = [pair(slice(None, 10)), pair(slice(10, None))]
    model, made = learned(PredictChannels(), *pairs, validation=0.3, block=5, guard=0)
    row = run(validate_steps(model, made, pairs, machine=MACHINE)).card.metrics["figures"][0]
    validated = list(validation_pairs(model, made, pairs))
    each = [
        evaluate(model, pair, baselines=False, machine=MACHINE).report.tables[0].rows[0]
        for pair in validated
    ]
    pixels = [int(pair.test.sum()) for pair in validated]
    assert row["FSIM"] == pytest.approx(np.average([r["FSIM"] for r in each], weights=pixels))
    assert row["Pearson"] != pytest.approx(np.average([r["Pearson"] for r in each], weights=pixels))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_line_of_pixels_has_no_fsim_and_leaves_that_of_the_other_image(clean, order):
    cubes = [clean, clean.after("cut", data=clean.data[:, :1])]
    pairs = [
        {"cube": cubes[i], "target": Cube(cubes[i].data[3:4] ** 2, ChannelAxis(("a",)))}
        for i in order
    ]
    model, made = learned(PredictChannels(), *pairs, validation=0.3, block=3, guard=0)
    row = run(validate_steps(model, made, pairs, machine=MACHINE)).card.metrics["figures"][0]
    pair = list(validation_pairs(model, made, pairs))[order.index(0)]
    alone = evaluate(model, pair, baselines=False, machine=MACHINE).report
    assert row["images"] == 2
    assert row["FSIM"] == pytest.approx(alone.tables[0].rows[0]["FSIM"])


def test_a_fresh_classifier_of_images_is_compared_with_lda_and_the_most_frequent_class(
    clean, noisy
):
    pairs = [{"image": clean, "label": "fine"}, {"image": noisy, "label": "grainy"}] * 4
    model, made = learned(ClassifyImages(), *pairs, validation=0.4)
    rows = run(validate_steps(model, made, pairs, machine=MACHINE)).card.metrics["figures"]
    assert [row["method"] for row in rows] == ["Pixelwise", "LDA", "most frequent class"]
    for name in ("OA %", "AA %"):
        assert rows[1][name] >= rows[2][name]
    held = sum(1 for one in model.card.trained_on if one.validation_pixels)
    assert {row["images"] for row in rows} == {held}
    assert rows[2]["kappa %"] <= 0 or np.isnan(rows[2]["kappa %"])
