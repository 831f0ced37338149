"""A cube far outside what a model was trained on is warned of, with the numbers."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral import Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import LDA, Ridge, SavitzkyGolay
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.models.input_range import quantiles_of
from napari_hyperspectral.prediction.outside import InputSample, OutsideTrainingWarning
from napari_hyperspectral.tasks import Denoise, Segment

MACHINE = Machine(device="cpu", threads=1)


def made(seed, name):
    rng = np.random.default_rng(seed)
    band = np.arange(8)[:, None, None]
    amount = rng.uniform(1, 3, size=(1, 12, 14))
    data = amount * (1 + np.exp(-((band - 3) ** 2) / 4)) + 0.1 * rng.normal(size=(8, 12, 14))
    axis = SpectralAxis(500 + 10.0 * np.arange(8), "nm")
    return Cube(data.astype(np.float32), axis, name=name, pixel_size=(0.5, 0.5), pixel_unit="um")


def scaled(cube, factor, offset=0.0):
    return replace(cube, data=(factor * cube.data + offset).astype(np.float32))


@pytest.fixture(scope="module")
def denoiser():
    recipe = Recipe(
        task=Denoise(normalise="cube"),
        method=SavitzkyGolay(window=3),
        training=Training(validation=0),
    )
    example = recipe.example(noisy=made(0, "noisy"), clean=made(0, "clean"))
    return fit(recipe, [example], machine=MACHINE)


@pytest.fixture(scope="module")
def classifier():
    labels = np.where(np.arange(14) < 7, 1, 2)[None].repeat(12, 0)
    recipe = Recipe(task=Segment(), method=LDA(shrinkage=0.5))
    example = recipe.example(cube=made(0, "map"), labels=Labels(labels, ("left", "right")))
    return fit(recipe, [example], machine=MACHINE)


def warning_of(model, cube):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predict(model, cube, machine=MACHINE)
    messages = [str(each.message) for each in caught if each.category is OutsideTrainingWarning]
    assert len(messages) < 2
    return "".join(messages)


@pytest.mark.parametrize("name", ["denoiser", "classifier"])
@pytest.mark.parametrize(("factor", "offset"), [(100, 0), (0.01, 0), (1, 100), (-1, 0), (0, 2)])
def test_other_intensities_are_warned_of_with_their_numbers(name, factor, offset, request):
    model = request.getfixturevalue(name)
    cube = scaled(made(1, "another"), factor, offset)
    text = warning_of(model, cube)
    low, median, high = quantiles_of(cube.numpy())
    assert "cube 'another' is far outside what the model was trained on" in text
    assert (
        f"its intensities are {low:.3g} to {high:.3g} (1 % and 99 %, median {median:.3g})" in text
    )
    low, median, high = model.card.input_quantiles
    assert f"those of the training were {low:.3g} to {high:.3g}" in text


def test_other_intensities_are_warned_of_in_python(denoiser):
    with pytest.warns(UserWarning, match=r"its intensities are .* those of the training were"):
        predict(denoiser, scaled(made(1, "another"), 100), machine=MACHINE)


@pytest.mark.parametrize("name", ["denoiser", "classifier"])
@pytest.mark.parametrize("factor", [0.5, 1, 2])
def test_a_cube_like_those_of_the_training_is_not_warned_of(name, factor, request):
    assert not warning_of(request.getfixturevalue(name), scaled(made(2, "another"), factor))


def test_gaps_and_other_sizes_are_not_warned_of(denoiser):
    data = made(3, "another").data[:, :5, :].copy()
    data[:, 2] = np.nan
    assert not warning_of(denoiser, replace(made(3, "another"), data=data))


def test_that_brightness_alone_does_not_matter_is_said():
    recipe = Recipe(task=Denoise(normalise="mean"), method=SavitzkyGolay(window=3))
    example = recipe.example(noisy=made(0, "noisy"), clean=made(0, "clean"))
    model = fit(recipe, [example], machine=MACHINE)
    text = warning_of(model, scaled(made(1, "bright"), 100))
    assert (
        "the model divides each spectrum by its own size: a factor alone would not matter" in text
    )
    assert "a factor alone" not in warning_of(model, scaled(made(1, "dark"), 0.01))


def test_pixels_of_another_size_are_warned_of_where_neighbours_are_seen(denoiser):
    recipe = Recipe(task=Denoise(normalise="cube"), method=Ridge(surroundings=True))
    example = recipe.example(noisy=made(0, "noisy"), clean=made(0, "clean"))
    model = fit(recipe, [example], machine=MACHINE)
    coarse = replace(made(1, "coarse"), pixel_size=(2.0, 2.0))
    text = warning_of(model, coarse)
    assert "its pixels are 2 × 2 um, those of the training were 0.5 × 0.5 um" in text
    assert not warning_of(denoiser, coarse)
    same = replace(made(1, "same"), pixel_size=(500.0, 500.0), pixel_unit="nm")
    assert not warning_of(model, same)
    unknown = replace(made(1, "unknown"), pixel_size=(1.0, 1.0), pixel_unit=None)
    assert not warning_of(model, unknown)


def test_wider_steps_of_the_axis_are_warned_of(denoiser):
    cube = made(1, "few bands")
    few = replace(cube, data=cube.data[[0, 7]], axis=SpectralAxis(cube.axis.centres[[0, 7]], "nm"))
    text = warning_of(denoiser, few)
    assert "its bands are 70 nm from each other, those of the training were 10 nm" in text


def test_the_card_keeps_the_quantiles_of_the_training_pixels(denoiser, tmp_path):
    path = denoiser.save(tmp_path / "model.safetensors")
    data = made(0, "noisy").numpy()
    expected = np.quantile(data, [0.01, 0.5, 0.99])
    assert Model.load(path).card.input_quantiles == pytest.approx(expected, rel=1e-5)


def test_a_model_that_does_not_know_its_training_warns_of_nothing(denoiser):
    card = denoiser.card.model_copy(update={"input_quantiles": ()})
    assert not warning_of(replace(denoiser, card=card), scaled(made(1, "another"), 1000))


def test_of_large_cubes_a_part_is_looked_at():
    sample = InputSample((100, 4000, 4000))
    sample.add(np.ones((100, 512, 512), np.float32))
    assert sample.quantiles() == (1, 1, 1)
    assert sum(len(part) for part in sample._parts) < 2**16
