"""Models in a row do what they do one by one, and are refused in advance where they cannot."""

import numpy as np
import pytest

from napari_hyperspectral import Machine, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.models.summary import scores_of
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.prediction.bands import AxisMismatchError
from napari_hyperspectral.prediction.predict import NoClassesError
from napari_hyperspectral.progress import run
from napari_hyperspectral.tasks import (
    ClassifyImages,
    Denoise,
    PredictChannels,
    Segment,
    SuperResolve,
)
from napari_hyperspectral.workflows.predict import (
    ChainError,
    check_chain,
    predict_all,
    predict_all_classes_steps,
    predict_all_steps,
    speed_up,
    speed_up_note,
)

MACHINE = Machine(device="cpu", threads=1)


def learned(task, **images):
    recipe = Recipe(task=task, method=Pixelwise.smallest(), training=Training(epochs=1))
    return fit(recipe, [recipe.example(**images)], machine=MACHINE)


@pytest.fixture
def denoiser(noisy, clean):
    return learned(Denoise(normalise="cube"), noisy=noisy, clean=clean)


@pytest.fixture
def finer(clean):
    """Learned on every second band: what it is given must be resampled."""
    return learned(SuperResolve(scale=2, normalise="cube"), fine=clean.take(slice(None, None, 2)))


def test_a_chain_gives_what_its_models_give_one_by_one(denoiser, finer, noisy):
    steps = []
    result = run(predict_all_steps([denoiser, finer], noisy, machine=MACHINE), steps.append)
    by_hand = predict(finer, predict(denoiser, noisy, machine=MACHINE), machine=MACHINE)
    np.testing.assert_array_equal(result.data, by_hand.data)
    assert result.shape == (12, 40, 52)
    assert result.pixel_size == (0.25, 0.25)
    assert result.history[:-1] == by_hand.history
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {step.note for step in steps} == {"model 1 of 2", "model 2 of 2"}


def test_the_dwell_time_that_was_saved_is_told(denoiser, finer, noisy):
    result = predict_all([denoiser, finer], noisy, dwell=(1.0, 0.1), machine=MACHINE)
    assert result.history[-1] == (
        "stands for 40× less dwell time (×2 in rows and columns, 0.1 instead of 1 a pixel), at a "
        "quality that was not measured: the models have no validation pixels"
    )
    alone = predict_all([denoiser], noisy, machine=MACHINE)
    assert "dwell" not in alone.history[-1]


def test_the_dwell_time_is_told_with_the_quality_that_it_costs(denoiser, finer, noisy):
    rows = [{"method": "UNet", "guard": 0, "pixels": 9, "PSNR dB": 31.25, "SSIM": 0.9}]
    measured = finer.with_metrics({"figures": rows, "notes": []})
    note = speed_up_note([denoiser, measured])
    assert note == (
        "stands for 4× less dwell time (×2 in rows and columns), at PSNR dB 31.25 (super_resolve) "
        "on validation pixels"
    )


@pytest.mark.parametrize(("scale", "times"), [(2, 40), (3, 90), (4, 160)])
def test_the_speed_up_is_that_of_the_paper(scale, times):
    assert speed_up(scale, 1.0, 0.1) == pytest.approx(times)


def test_a_time_of_nothing_has_no_speed():
    with pytest.raises(ValueError, match="greater than 0, got 1 and 0"):
        speed_up(4, 1, 0)


def test_a_time_of_nothing_is_refused_before_any_model_runs(denoiser, noisy):
    with pytest.raises(ValueError, match="greater than 0, got 1 and 0"):
        next(predict_all_steps([denoiser], noisy, dwell=(1, 0)))


def test_classes_come_last_or_not_at_all(denoiser, clean, truth, noisy):
    segmenter = learned(Segment(), cube=clean, labels=truth)
    assert predict_all([denoiser, segmenter], noisy, machine=MACHINE).classes
    with pytest.raises(ChainError, match=r"model 1 \(segment\) .* it gives classes"):
        next(predict_all_steps([segmenter, denoiser], noisy))


def test_probabilities_come_from_the_last_model(denoiser, clean, truth, noisy):
    segmenter = learned(Segment(), cube=clean, labels=truth)
    job = predict_all_classes_steps([denoiser, segmenter], noisy, machine=MACHINE)
    labels, chances = run(job)
    np.testing.assert_allclose(chances.data.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(chances.data.argmax(axis=0) + 1, labels.data)
    assert chances.axis.names == ("first", "second")
    assert chances.pixel_size == noisy.pixel_size
    with pytest.raises(NoClassesError, match="a model for denoise predicts intensities"):
        next(predict_all_classes_steps([segmenter, denoiser][1:], noisy))


def test_an_image_that_is_classified_has_one_probability_a_class_on_one_pixel(clean, noisy):
    task = ClassifyImages(penalty="binary")
    recipe = Recipe(task=task, method=Pixelwise.smallest(), training=Training(epochs=1))
    pairs = [{"image": clean, "label": "clean"}, {"image": noisy, "label": "noisy"}]
    examples = [recipe.example(**pair) for pair in 2 * pairs]
    model = fit(recipe, examples, machine=MACHINE)
    labels, chances = run(predict_all_classes_steps([model], noisy, machine=MACHINE))
    assert chances.shape == (2, 1, 1)
    assert chances.pixel_size == (10, 13)
    assert chances.origin == (4.75, 6.25)  # the middle of the image
    row = {"image": "noisy", "class": labels.classes[labels.data[0, 0] - 1]}
    found = scores_of(labels)[0]
    assert row.items() <= found.items()
    # binary: each class is judged by itself
    assert found["clean"] == pytest.approx(chances.data[0, 0, 0], abs=1e-6)
    assert chances.data.sum() != pytest.approx(1, abs=1e-4)


def test_a_model_that_cannot_take_what_comes_is_named_before_any_runs(denoiser, clean, noisy):
    stain = learned(PredictChannels(), cube=clean, target=clean.take([3]))
    with pytest.raises(ChainError, match=r"model 2 \(denoise\) .* trained on 12 bands"):
        next(predict_all_steps([stain, denoiser], noisy))
    nothing_like_it = Cube(noisy.data, SpectralAxis(noisy.axis.centres, "um"))
    with pytest.raises(AxisMismatchError):
        check_chain([denoiser], nothing_like_it.axis)
    with pytest.raises(ValueError, match="give at least one"):
        next(predict_all_steps([], noisy))
