"""Other channels are predicted from a cube, in their own units, and judged beside baselines."""

import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.tasks import PredictChannels

LEFT = np.zeros((24, 40), bool)
LEFT[:, :24] = True


@pytest.fixture
def scene():
    """A cube of two mixed spectra, and two stains that follow what is mixed, in counts."""
    chance = np.random.default_rng(0)
    nucleus, lipid = np.abs(np.cumsum(chance.normal(size=(2, 24, 40)), axis=2))
    spectra = chance.uniform(0, 1, (2, 8, 1, 1))
    cube = nucleus * spectra[0] + lipid * spectra[1] + chance.normal(0, 0.05, (8, 24, 40))
    stains = 1000 + 50 * np.stack([nucleus, lipid])
    return (
        Cube(cube.astype(np.float32), SpectralAxis(np.arange(8) + 2800.0, "1/cm"), name="SRS"),
        Cube(stains.astype(np.float32), ChannelAxis(("DAPI", "lipid")), name="stains"),
    )


@pytest.fixture
def model(scene):
    cube, stains = scene
    train = np.where(LEFT, stains.data, np.float32(np.nan))
    recipe = Recipe(
        task=PredictChannels(),
        method=Pixelwise(width=32, dropout=0.0),
        training=Training(epochs=40, learning_rate=1e-2),
    )
    example = recipe.task.example(cube=cube, target=stains.after("masked", data=train))
    return fit(recipe, [example])


def test_stains_come_back_in_their_own_units_where_none_was_seen(model, scene):
    cube, stains = scene
    found = predict(model, cube)
    assert found.axis == stains.axis
    assert (found.pixel_size, found.history[-1]) == (cube.pixel_size, "predicted DAPI, lipid")
    error = np.abs(found.data - stains.data)[:, ~LEFT].mean(1)
    assert (error < 0.3 * stains.data[:, ~LEFT].std(1)).all()


def test_the_network_stands_beside_what_it_has_to_beat(model, scene):
    report = evaluate(model, EvaluationPair(*scene, train=LEFT, test=~LEFT)).report
    rows = {row["method"]: row for row in report.tables[0].rows}
    assert set(rows) >= {"Pixelwise", "Ridge", "PLS", "BoostedTrees", "mean"}
    assert rows["Ridge"]["Pearson"] > 0.95  # the truth is linear
    assert rows["Pixelwise"]["NRMSE"] < 0.5 * rows["mean"]["NRMSE"]
    assert rows["BoostedTrees"]["Pearson, DAPI"] > 0.5
    assert rows["Ridge"]["FSIM"] > 0.9
    assert rows["Ridge"]["FSIM"] > rows["mean"]["FSIM"] + 0.1
    assert np.isnan(rows["mean"]["Pearson"])  # it is constant


def test_images_of_other_places_are_refused(scene):
    cube, stains = scene
    smaller = stains.after("cut", data=stains.data[..., 1:])
    with pytest.raises(ValueError, match="must show the same pixels"):
        PredictChannels().example(cube=cube, target=smaller)
    empty = stains.after("lost", data=np.full_like(stains.data, np.nan))
    with pytest.raises(ValueError, match="all are NaN"):
        PredictChannels().example(cube=cube, target=empty)


@pytest.mark.parametrize("axis", [ChannelAxis(("a", "b", "c")), SpectralAxis.index(3)], ids=str)
def test_a_bad_band_of_the_cube_says_nothing_of_a_channel_in_its_place(axis, rng):
    bands = SpectralAxis(np.arange(3.0), bad=[False, True, False])
    cube = Cube(rng.normal(5, 1, (3, 9, 11)).astype(np.float32), bands)
    target = Cube(1e4 + 100 * cube.data, axis)
    recipe = Recipe(task=PredictChannels(), method=Pixelwise(width=4), training=Training(epochs=1))
    model = fit(recipe, [recipe.task.example(cube=cube, target=target)])
    assert np.allclose(model.network.normalise.target_mean, 10_500, atol=100)
    assert np.isfinite(predict(model, cube).data).all()
