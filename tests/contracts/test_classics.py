"""What every classical method keeps. A new member of `AnyClassic` is tested by being one."""

import json
import time
from functools import cache

import numpy as np
import psutil
import pytest
import torch
from pydantic import TypeAdapter
from test_networks import Alive, named, variants

from napari_hyperspectral import Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import CLASSICS, LDA, SVM, AnyClassic
from napari_hyperspectral.classics.process import fit_in_process
from napari_hyperspectral.cli import main
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.io import write
from napari_hyperspectral.networks import tile_geometry_of
from napari_hyperspectral.progress import Cancelled, Stop
from napari_hyperspectral.recipe.methods import unsuitable
from napari_hyperspectral.tasks import (
    ClassifyImages,
    Denoise,
    PredictChannels,
    Segment,
    SuperResolve,
)
from napari_hyperspectral.training.classic import training_data
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.initialisation import initialise
from napari_hyperspectral.training.plan import plan_training

ONE = Machine(device="cpu", threads=1)
BANDS = 12
AXIS = SpectralAxis(np.linspace(600, 1700, BANDS), "1/cm", "raman_shift")
QUICK = {  # what is left open is tuned, but by less than by default
    "random_forest": {"trees": 8},
    "extra_trees": {"trees": 8},
    "boosted_trees": {"trees": 5, "components": 3},
}

LONG = [kind for kind in CLASSICS if kind.fits_long]

FITTED = [kind for kind in CLASSICS if kind.uses_targets]

each_method = pytest.mark.parametrize("kind", CLASSICS, ids=lambda kind: kind.__name__)
each_fitted = pytest.mark.parametrize("kind", FITTED, ids=lambda kind: kind.__name__)
each_variant = pytest.mark.parametrize(
    "settings", [settings for kind in CLASSICS for settings in variants(kind)], ids=named
)


def scene(seed=0, shape=(24, 26)):
    """Return amounts of two materials, (2, y, x), with the spectra that they make, and noisy ones."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / 4
    phase = rng.uniform(0, 3, 2)
    amount = np.stack([1 + np.sin(y + phase[0]) ** 2, 2 * np.cos(x + phase[1]) ** 2])
    peaks = np.exp(-(((AXIS.centres[:, None] - [850, 1400]) / 130) ** 2))
    clean = (20 + 60 * np.tensordot(peaks, amount, 1)).astype(np.float32)
    noise = rng.normal(0, 8, clean.shape).astype(np.float32)
    return amount, Cube(clean, AXIS), Cube(clean + noise, AXIS)


def task_of(kind):
    """Return the first of these tasks that a method solves."""
    tasks = (Segment(), PredictChannels(), Denoise(), SuperResolve(scale=2))
    return next(task for task in tasks if not unsuitable(kind, task))


def images_of(task, seed=0, shape=(24, 26)):
    amount, clean, noisy = scene(seed, shape)
    classes = np.where(amount[0] > amount[1], 3, 1).astype(np.uint8)  # 2 is of no pixel
    return {
        "segment": {"cube": noisy, "labels": Labels(classes, ("one", "none", "three"))},
        "predict_channels": {"cube": noisy, "target": Cube(amount, ChannelAxis(("a", "b")))},
        "denoise": {"noisy": noisy, "clean": clean},
        "super_resolve": {"fine": noisy},
    }[task.kind]


def recipe_of(settings, task=None):
    task = task or task_of(type(settings))
    return Recipe(task=task, method=settings, training=Training(validation=0))


@cache
def learned(settings):
    recipe = recipe_of(settings)
    return fit(recipe, [recipe.example(**images_of(recipe.task))], machine=ONE)


def quick(kind):
    return kind(**QUICK.get(kind.model_fields["kind"].default, {}))


def numbers(image):
    return np.asarray(image.data, np.float64)


@each_fitted
def test_what_is_tuned_is_on_the_card(kind):
    model = learned(quick(kind))
    assert any(character.isdigit() for character in model.card.tuned)
    assert model.card.ended == "done"
    assert model.card.parameters > 0


@each_fitted
def test_a_prediction_is_better_than_a_guess(kind):
    model = learned(quick(kind))
    task = model.recipe.task
    _, truth = images_of(task, seed=1).values()
    found = predict(model, images_of(task, seed=1)[task.input_name], machine=ONE)
    if task.predicts_intensities:
        guess = truth.data.mean(axis=(1, 2), keepdims=True)
        assert (
            np.square(found.data - truth.data).mean() < 0.5 * np.square(guess - truth.data).mean()
        )
    else:
        assert (found.data == truth.data).mean() > 0.8
        assert not (found.data == 2).any()


@each_method
def test_equal_seeds_give_equal_numbers(kind):
    one = learned(quick(kind)).network.state_dict()
    learned.cache_clear()
    two = learned(quick(kind)).network.state_dict()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


@each_method
def test_a_saved_model_predicts_the_same(kind, tmp_path):
    model = learned(quick(kind))
    loaded = Model.load(model.save(tmp_path / "model.safetensors"))
    new = images_of(model.recipe.task, seed=2, shape=(7, 11))[model.recipe.task.input_name]
    assert np.array_equal(predict(loaded, new).data, predict(model, new).data)
    assert loaded.card == model.card


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (53, 1), (7, 5)])
@each_method
def test_images_of_any_size_go_through(kind, shape):
    model = learned(quick(kind))
    new = images_of(model.recipe.task, shape=shape)[model.recipe.task.input_name]
    found = predict(model, new, machine=ONE)
    scale = model.recipe.task.upscaling
    assert found.data.shape[-2:] == (scale * shape[0], scale * shape[1])
    assert np.isfinite(found.data).all()


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 1, 9), (5, 7, 1)], ids=str)
@pytest.mark.parametrize(
    "settings", [settings for kind in FITTED for settings in variants(kind)], ids=named
)
def test_the_oddest_cubes_can_be_learned_from(settings, shape):
    """Of two pixels, of one row, of one column; two classes."""
    rng = np.random.default_rng(0)
    axis = SpectralAxis.index(shape[0])
    cube = Cube(rng.normal(5, 1, shape).astype(np.float32), axis, pixel_unit="um")
    if type(settings) is LDA and shape == (1, 1, 2):
        with pytest.raises(ValueError, match="label more, or choose SVM"):
            fitted_to(settings, cube)
        return
    found = predict(fitted_to(settings, cube), cube, machine=ONE)
    assert np.isfinite(found.data).all()


def fitted_to(settings, cube):
    """Return a model that was trained on a cube of any size."""
    recipe = recipe_of(settings)
    names = [name for name in recipe.task.asks_for() if name != recipe.task.input_name]
    labels = Labels(1 + np.arange(cube.data[0].size).reshape(cube.data[0].shape) % 2)
    second = labels if recipe.task.kind == "segment" else cube.after("copied", data=2 * cube.data)
    images = {recipe.task.input_name: cube} | dict.fromkeys(names, second)
    return fit(recipe, [recipe.example(**images)], machine=ONE)


@each_variant
def test_tiles_leave_no_seams(settings, monkeypatch):
    model = learned(settings)
    new = images_of(model.recipe.task, seed=3, shape=(23, 30))[model.recipe.task.input_name]
    one_piece = numbers(predict(model, new, machine=ONE))
    monkeypatch.setattr("napari_hyperspectral.prediction.predict.tile_side", lambda *_: 6)
    tiled = numbers(predict(model, new, machine=ONE))
    np.testing.assert_allclose(tiled, one_piece, atol=1e-5 * max(one_piece.std(), 1e-3))


@each_method
def test_pixels_that_were_not_measured_stay_so(kind):
    model = learned(quick(kind))
    new = images_of(model.recipe.task)[model.recipe.task.input_name]
    data = new.data.copy()
    data[:, 3, 4] = np.nan
    data[2, 5, 6] = np.nan  # one band: the pixel has a prediction
    found = predict(model, new.after("lost a pixel", data=data), machine=ONE).data
    missing = found == 0 if found.ndim == 2 else np.isnan(found).all(axis=0)
    scale = model.recipe.task.upscaling
    assert missing[3 * scale, 4 * scale]
    assert missing.sum() == scale**2


@each_method
def test_cubes_with_other_bands_are_resampled(kind):
    model = learned(quick(kind))
    task = model.recipe.task
    images = images_of(task, seed=4)
    new = images[task.input_name]
    finer = SpectralAxis(np.linspace(600, 1700, 2 * BANDS - 1), "1/cm", "raman_shift")
    dense = np.stack(
        [np.interp(finer.centres, AXIS.centres, s) for s in new.data.reshape(BANDS, -1).T], axis=1
    ).reshape(-1, *new.data.shape[1:])
    found = predict(model, Cube(dense.astype(np.float32), finer), machine=ONE)
    expected = predict(model, new, machine=ONE)
    if found.data.shape == expected.data.shape:
        np.testing.assert_allclose(numbers(found), numbers(expected), atol=0.3)
    else:
        np.testing.assert_allclose(numbers(found)[::2], numbers(expected), rtol=0.2)


@each_variant
def test_no_pixel_beyond_the_receptive_radius_changes_a_result(settings):
    model = learned(settings)
    module = model.network.module.eval()
    radius = settings.receptive_radius
    side = 2 * radius + 5
    x = torch.randn(1, BANDS, side, side)
    middle = side // 2
    scale = model.recipe.task.upscaling
    with torch.no_grad():
        before = module(x)
        changed = x.clone()
        changed[:, :, middle, middle] += 3
        moved = (module(changed) - before).abs().amax(dim=(0, 1)) > 1e-5
    changed_pixels = torch.nonzero(moved) // scale
    assert ((changed_pixels - middle).abs() <= radius).all()


@each_variant
def test_a_prediction_needs_about_the_memory_it_says(settings):
    """Tiles are made by this figure: too small runs out of memory, too large crawls."""
    model = learned(settings)
    input = torch.randn(1, BANDS, 32, 32)
    with torch.no_grad(), Alive() as alive:
        model.network.module(input)
    needed = alive.peak / 32**2
    assert needed / 1.3 <= tile_geometry_of(settings, model.ports).floats <= 20 * needed


@each_method
def test_settings_survive_json(kind):
    adapter = TypeAdapter(AnyClassic)
    for settings in (kind(), *variants(kind)):
        assert adapter.validate_json(adapter.dump_json(settings)) == settings


@pytest.mark.parametrize(
    "kind",
    [kind for kind in CLASSICS if kind.predicts == "classes"],
    ids=lambda kind: kind.__name__,
)
def test_images_are_classified_by_the_mean_of_their_pixels(kind):
    rng = np.random.default_rng(0)
    recipe = recipe_of(quick(kind), ClassifyImages())
    examples = []
    for number in range(6):
        spectrum = np.where(np.arange(BANDS) < 6, 1 + number % 2, 2)[:, None, None]
        image = spectrum + rng.normal(0, 0.3, (BANDS, 5, 7 + number))
        cube = Cube(image.astype(np.float32), AXIS)
        examples.append({"image": cube, "label": ("few", "many")[number % 2]})
    model = fit(recipe, [recipe.example(**images) for images in examples], machine=ONE)
    for images in examples:
        found = predict(model, images["image"], machine=ONE)
        names = {found.classes[number - 1] for number in np.unique(found.data)}
        assert names == {images["label"]}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind is SVM else pytest.mark.slow) for kind in LONG],
    ids=lambda kind: kind.__name__,
)
def test_another_process_fits_the_same_numbers(kind):
    """And without an error of the task: the process cannot ask for one."""
    settings = kind.smallest()
    recipe = recipe_of(settings)
    plan = plan_training(recipe, [recipe.example(**images_of(recipe.task))])
    network = learned(settings).network
    initialise(network, plan, torch.device("cpu"))
    data = training_data(plan, network.normalise)
    here = settings.fit(data)
    there = finished(fit_in_process(settings, data))
    assert here.keys() == there.keys()
    assert all(np.array_equal(here[name], there[name]) for name in here)


def finished(job):
    """Run a job to its end; return its result."""
    try:
        while True:
            next(job)
    except StopIteration as end:
        return end.value


@pytest.mark.processes
def test_a_long_fit_ends_when_it_is_stopped():
    recipe = recipe_of(SVM())
    job = fit_steps(recipe, [recipe.example(**images_of(recipe.task))], machine=ONE)
    others = set(psutil.Process().children())
    assert "fitting" in next(job).note
    assert "fitting" in next(job).note
    (process,) = set(psutil.Process().children()) - others
    started = time.monotonic()
    with pytest.raises(Cancelled, match="stopped"):
        job.throw(Stop())
    assert time.monotonic() - started < 1
    assert not process.is_running()


@each_method
def test_the_command_line_trains_the_same_model(kind, tmp_path):
    settings = kind.smallest()
    recipe = recipe_of(settings)
    images = images_of(recipe.task)
    names = []
    for name, image in images.items():
        file = tmp_path / f"{name}{'.tif' if name == 'labels' else '.npz'}"
        write(file, image)
        names.append(f"{name}={file}")
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    out = tmp_path / "model.safetensors"
    words = ["train", str(tmp_path / "recipe.json"), *names, "-o", str(out), "--threads", "1"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert not end.value.code
    ours = learned(settings).network.state_dict()
    theirs = Model.load(out).network.state_dict()
    assert json.loads(Model.load(out).recipe.method.model_dump_json()) == settings.model_dump()
    assert all(torch.allclose(ours[name], theirs[name]) for name in ours)
