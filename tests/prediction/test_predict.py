from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.networks import (
    NETWORKS,
    Pixelwise,
    Ports,
    TileGeometry,
    UNet,
    UwUNet,
    tile_geometry_of,
)
from napari_hyperspectral.prediction.bands import AxisMismatchError
from napari_hyperspectral.prediction.predict import Cancelled, predict_steps
from napari_hyperspectral.prediction.tiles import plane_tiles, subdivided, tile_side, tiles
from napari_hyperspectral.progress import Progress, Stop, run
from napari_hyperspectral.tasks import Denoise, PredictChannels, Segment, SuperResolve

EVERY = [network for kind in NETWORKS if (network := kind.smallest()).output_level == "pixel"]
LONG = ("densenet", "efficientnet")
"""Kinds whose smallest networks are still large; networks of single spectra all go the same way."""


def quick_first(networks):
    """Return networks to try, of which the large ones are for the slow tests."""
    return [
        pytest.param(
            network, marks=pytest.mark.slow if network.kind in LONG else (), id=network.kind
        )
        for network in networks
    ]


each_network = pytest.mark.parametrize("network", quick_first(EVERY))
each_local_network = pytest.mark.parametrize(
    "network", quick_first(n for n in EVERY if not n.uses_image_statistics)
)
each_network_that_sees_all = pytest.mark.parametrize(
    "network", [n for n in EVERY if n.uses_image_statistics], ids=lambda n: n.kind
)


@pytest.fixture
def learned(noisy, clean):
    def learn(network):
        recipe = Recipe(task=Denoise(normalise="cube"), method=network, training=Training(epochs=3))
        return fit(recipe, [recipe.task.example(noisy=noisy, clean=clean)])

    return learn


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.prediction.predict.tile_side", lambda *_: 6)


@each_local_network
def test_tiles_leave_no_seams(learned, noisy, network, request):
    model = learned(network)
    whole = predict(model, noisy)
    request.getfixturevalue("small_tiles")
    tiled = predict(model, noisy)
    np.testing.assert_allclose(tiled.data, whole.data, atol=1e-5 * whole.data.std())


@each_network_that_sees_all
def test_averages_over_tiles_are_in_the_history(learned, noisy, network, request):
    model = learned(network)
    whole = predict(model, noisy)
    assert "in tiles" not in whole.history[-1]
    request.getfixturevalue("small_tiles")
    tiled = predict(model, noisy)
    assert tiled.history[-1] == "in tiles, each with averages of its own"
    assert np.isfinite(tiled.data).all()


@pytest.mark.parametrize("network", [UNet.smallest(), Pixelwise.smallest()], ids=lambda n: n.kind)
def test_tiles_are_scaled_by_the_maximum_of_their_plane(noisy, network, request):
    """One lazy plane bright in one corner, one dark and negative almost everywhere."""
    task = SuperResolve(scale=2, normalise="image")
    recipe = Recipe(task=task, method=network, training=Training(epochs=1))
    model = fit(recipe, [task.example(fine=noisy)])
    bright, dark = noisy.data.copy(), -1e-3 - 1e-3 * np.abs(noisy.data)
    bright[:, -4:, -4:] *= 50
    bright[:, 3, 5] = np.nan
    dark[2, 1, 1] = 1e-3
    planes = da.from_array(np.stack([bright, dark]), chunks=(1, 12, 8, 8))
    stack = replace(noisy, data=planes, z=Sampling())
    whole = predict(model, stack)
    request.getfixturevalue("small_tiles")
    tiled = predict(model, stack)
    for one, other in zip(tiled.numpy(), whole.numpy(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.nanstd(other))
    assert "in tiles" not in " ".join(tiled.history)


def test_tiles_cover_every_pixel_once():
    seen = np.zeros((37, 53), int)
    for tile in tiles(37, 53, 10, TileGeometry(receptive_radius=5, stride=4, floats=1)):
        seen[tile.kept] += 1
        outer = np.zeros((37, 53), int)[tile.outer]
        assert outer[tile.within].shape == seen[tile.kept].shape
        assert tile.outer[0].start % 4 == tile.outer[1].start % 4 == 0
    assert (seen == 1).all()


@each_network
def test_a_lazy_cube_is_read_tile_by_tile_and_gives_the_same(learned, noisy, network, small_tiles):
    model = learned(network)
    lazy = noisy.after("made lazy", data=da.from_array(noisy.data, chunks=(12, 8, 8)))
    np.testing.assert_array_equal(predict(model, lazy).data, predict(model, noisy).data)


def test_memory_that_runs_out_makes_tiles_smaller_and_nothing_else(
    learned, noisy, small_tiles, monkeypatch
):
    model = learned(Pixelwise.smallest())
    expected = predict(model, noisy).data
    from napari_hyperspectral.prediction import predict as prediction

    predict_tile, failures = prediction._Prediction._predict_tile, []

    def scarce(job, network, tile, *others):
        if max(tile.shape[1:]) > 3:
            failures.append(tile.shape)
            raise torch.OutOfMemoryError("no memory for this")
        return predict_tile(job, network, tile, *others)

    monkeypatch.setattr(prediction._Prediction, "_predict_tile", scarce)
    np.testing.assert_allclose(predict(model, noisy).data, expected, rtol=1e-5, atol=1e-6)
    assert failures


def test_tiles_that_are_cut_smaller_on_the_way_still_cover_the_image():
    geometry = TileGeometry(
        receptive_radius=3, stride=8, floats=1
    )  # tiles of 40, of which halves are 16
    first, *left = plane_tiles([], (96, 88), 40, geometry)
    covered = np.zeros((96, 88), int)
    for _, tile in (first, *subdivided(left, (96, 88), 20, geometry)):
        covered[tile.kept] += 1
    assert (covered == 1).all()


def test_other_bands_are_resampled_to_the_model_and_back(learned, noisy, clean):
    model = learned(Pixelwise(width=16))
    finer = SpectralAxis(np.linspace(455, 645, 30), "nm")
    from napari_hyperspectral.spectra.resample import resample

    other = noisy.after("resampled", data=resample(noisy.data, noisy.axis, finer), axis=finer)
    denoised = predict(model, other)
    assert denoised.axis == finer
    here = predict(model, noisy)
    expected = resample(here.data, noisy.axis, finer)
    middle = slice(3, -3)
    assert np.abs(denoised.data - expected)[middle].mean() < 0.3 * clean.data.std()


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (SpectralAxis(np.linspace(450, 650, 12), "1/cm"), "of that kind and unit"),
        (SpectralAxis(np.linspace(600, 800, 12), "nm"), "only 25% of the model's range"),
        (SpectralAxis.index(12), "of that kind and unit"),
        (ChannelAxis(tuple("abcdefghijkl")), "with those channels"),
    ],
)
def test_bands_that_cannot_be_resampled_are_refused(learned, noisy, axis, message):
    model = learned(Pixelwise.smallest())
    with pytest.raises(AxisMismatchError, match=f"trained on 12 bands, 450–650 nm; .*{message}"):
        predict(model, noisy.after("renamed", axis=axis))


def test_a_cube_of_nothing_but_nan_is_refused(learned, noisy):
    nothing = noisy.after("lost", data=noisy.data * np.nan, name="lost")
    with pytest.raises(ValueError, match="'lost' holds no measured value: all are NaN"):
        predict(learned(Pixelwise.smallest()), nothing)


def test_a_stopped_prediction_gives_no_partial_result(learned, noisy, small_tiles):
    steps = predict_steps(learned(Pixelwise.smallest()), noisy)
    assert next(steps).done == 1
    with pytest.raises(Cancelled, match="stopped before its end"):
        steps.throw(Stop())


def test_a_segmentation_keeps_origin_and_pixel_size_of_its_cube(noisy, truth):
    recipe = Recipe(task=Segment(), method=Pixelwise.smallest(), training=Training(epochs=1))
    model = fit(recipe, [recipe.task.example(cube=noisy, labels=truth)])
    moved = noisy.after("moved", origin=(3.0, 4.0))
    found = predict(model, moved)
    assert (found.origin, found.pixel_size, found.pixel_unit) == ((3.0, 4.0), (0.5, 0.5), "um")
    assert found.history == (*moved.history, "segmented")


def test_a_segmentation_has_the_colours_its_classes_were_painted_in(noisy, truth, tmp_path):
    names = tuple(f"class {i}" for i in range(1, int(truth.data.max()) + 1))
    colours = tuple(f"#0000{10 + i}" for i in range(len(names)))
    painted = truth.after("painted", classes=names, colours=colours)
    recipe = Recipe(task=Segment(), method=Pixelwise(width=4), training=Training(epochs=1))
    model = fit(recipe, [recipe.task.example(cube=noisy, labels=painted)])
    saved = Model.load(model.save(tmp_path / "model.safetensors"))
    assert predict(saved, noisy).colours == colours


def test_an_image_that_fits_in_memory_is_not_cut_where_halos_would_be_most_of_it(rng):
    data = rng.normal(size=(100, 80, 90)).astype(np.float32)
    cube = Cube(data, SpectralAxis(np.arange(100) + 1.0, "nm"))
    once = Training(epochs=1, patches_per_epoch=1, validation=0)
    recipe = Recipe(task=PredictChannels(), method=UwUNet(), training=once)
    target = Cube(data[:1, :8, :8], ChannelAxis(("stain",)))
    corner = Cube(data[:, :8, :8], cube.axis)
    model = fit(recipe, [recipe.task.example(cube=corner, target=target)])
    steps: list[Progress] = []
    run(predict_steps(model, cube, machine=Machine(device="cpu")), steps.append)
    assert [step.total for step in steps] == [1]


def test_most_of_a_tile_is_kept_even_on_a_cpu():
    network, ports = UwUNet(), Ports(bands_in=200, bands_out=1)
    geometry = tile_geometry_of(network, ports)
    side = tile_side(geometry, Machine(), torch.device("cpu"), (5000, 5000))
    assert side >= network.receptive_radius


def test_half_precision_gives_nearly_the_same(learned, noisy):
    model = learned(Pixelwise.smallest().model_copy(update={"linear_skip": False}))
    full = predict(model, noisy).data
    half = predict(model, noisy, machine=Machine(precision="bfloat16")).data
    assert 0 < np.abs(full - half).max() < 0.05 * np.abs(full).max()


def test_half_precision_leaves_transposed_convolutions_of_a_cpu_alone(learned, noisy):
    """There, they end the process."""
    model = learned(UNet(width=4, depth=1, upsampling="transposed"))
    full = predict(model, noisy).data
    half = predict(model, noisy, machine=Machine(device="cpu", precision="bfloat16")).data
    assert np.array_equal(full, half)


CPU_IS_FULL = (
    "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"
)


@pytest.mark.parametrize("at", ["first", "middle", "last"])
@pytest.mark.parametrize(
    "error", [RuntimeError(CPU_IS_FULL), MemoryError("Unable to allocate 9 GiB"), OSError(12, "no")]
)
def test_memory_that_runs_out_on_a_cpu_halves_the_tiles_wherever_it_does(
    learned, noisy, small_tiles, monkeypatch, at, error
):
    from napari_hyperspectral.prediction import predict as prediction

    model = learned(Pixelwise.smallest())
    expected = predict(model, noisy).data
    predict_tile, seen = prediction._Prediction._predict_tile, []
    failing = {"first": 1, "middle": 9, "last": 20}[at]  # of 4 · 5 tiles of 6 pixels

    def scarce(job, network, tile, *others):
        seen.append(tile.shape[1:])
        if len(seen) == failing:
            raise error
        return predict_tile(job, network, tile, *others)

    monkeypatch.setattr(prediction._Prediction, "_predict_tile", scarce)
    np.testing.assert_allclose(predict(model, noisy).data, expected, rtol=1e-5, atol=1e-6)
    assert len(seen) > 20
    assert max(max(shape) for shape in seen[failing:]) <= 3


def test_memory_that_runs_out_while_a_tile_is_read_halves_it(learned, noisy, monkeypatch):
    from napari_hyperspectral.prediction import predict as prediction

    model = learned(Pixelwise.smallest())
    expected = predict(model, noisy).data
    read = prediction._Prediction._read

    def scarce(job, plane, region):
        if region[1].stop - region[1].start > 10:
            raise MemoryError
        return read(job, plane, region)

    monkeypatch.setattr(prediction._Prediction, "_read", scarce)
    np.testing.assert_allclose(predict(model, noisy).data, expected, rtol=1e-5, atol=1e-6)


def test_where_not_even_the_smallest_tile_fits_the_error_says_what_to_do(
    learned, noisy, monkeypatch
):
    from napari_hyperspectral.prediction import predict as prediction

    def full(*_):
        raise RuntimeError(CPU_IS_FULL)

    model = learned(Pixelwise.smallest())
    monkeypatch.setattr(prediction._Prediction, "_predict_tile", full)
    with pytest.raises(MemoryError, match=r"not even a tile of .* close other programs"):
        predict(model, noisy)


def test_other_errors_of_a_tile_are_raised_as_they_are(learned, noisy, monkeypatch):
    from napari_hyperspectral.prediction import predict as prediction

    def broken(*_):
        raise RuntimeError("sizes must match")

    model = learned(Pixelwise.smallest())
    monkeypatch.setattr(prediction._Prediction, "_predict_tile", broken)
    with pytest.raises(RuntimeError, match="sizes must match"):
        predict(model, noisy)


def test_a_result_that_cannot_fit_is_refused_with_the_estimate_before_the_first_tile(
    learned, noisy, monkeypatch
):
    model = learned(Pixelwise.smallest())
    huge = replace(noisy, data=da.zeros((12, 400_000, 500_000), np.float32, chunks=(12, 64, 64)))
    with pytest.raises(
        MemoryError, match=r"needs about 8940\.7 GB of memory, .* GB are free"
    ) as no:
        predict(model, huge)
    assert "crop the cube" in str(no.value)
    module = "napari_hyperspectral.prediction.room"
    monkeypatch.setattr(f"{module}.free_bytes", lambda _: noisy.data.nbytes - 1)
    with pytest.raises(MemoryError, match="the result, 12 × 20 × 26"):
        predict(model, noisy)
