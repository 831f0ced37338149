"""A chain goes by the unit of the axis, spectrum by spectrum, and says what it did."""

import dask.array
import numpy as np
import pytest
from scipy.integrate import trapezoid

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.renamed import chain_of_preprocessing
from napari_hyperspectral.spectra.steps.chain import NOTHING, Chain
from napari_hyperspectral.tasks import Calibrate, Denoise, Restore, SuperResolve

SHIFTS = np.array([600.0, 650, 700, 780, 900, 1000, 1200, 1300, 1500, 1800])
AXES = {
    "up": SHIFTS,
    "down": SHIFTS[::-1],
    "jumps back": np.r_[SHIFTS[5:], SHIFTS[:5]],
}


def chain(**settings):
    """Return a chain by the settings of a preprocessing: crop, background, normalisation."""
    return Chain.model_validate(chain_of_preprocessing(settings))


WAYS = [
    chain(background=background, normalise=normalise, order=2, first=620, percentile=80)
    for background in ("none", "minimum", "polynomial", "als")
    for normalise in ("none", "maximum", "area", "vector", "snv", "percentile")
]


@pytest.fixture
def scene(rng):
    """Ten bands, of which one is bad, 5 × 7 pixels, with a hole and a dark spectrum."""
    data = rng.uniform(1, 9, (10, 5, 7)).astype(np.float32)
    data[4, 2, 3], data[:, 1, 1] = np.nan, 0
    axis = SpectralAxis(SHIFTS[::-1], "1/cm", "raman_shift", bad=np.arange(10) == 6)
    return Cube(data, axis, intensity_unit="counts", name="scene", history=("read",))


def test_as_it_stands_it_does_nothing(scene):
    assert NOTHING.does_nothing
    assert NOTHING.on(scene) is scene
    assert not any(way.does_nothing for way in WAYS)


@pytest.mark.parametrize("centres", AXES.values(), ids=AXES)
def test_bands_are_cropped_by_their_centres_in_the_order_they_have(centres):
    cube = Cube(np.arange(10.0)[:, None, None] * np.ones((2, 3)), SpectralAxis(centres, "1/cm"))
    for crop in ({"first": 650, "last": 1250}, {"first": 1250, "last": 650}):
        cropped = chain(**crop).on(cube)
        kept = [c for c in centres if 650 <= c <= 1250]
        assert cropped.spectral_axis.centres.tolist() == kept
        assert cropped.data[:, 0, 0].tolist() == [list(centres).index(c) for c in kept]
    assert len(chain(first=1000).on_axis(cube.axis)) == 5
    assert len(chain(last=1000).on_axis(cube.axis)) == 6


def test_a_crop_that_leaves_no_good_band_is_refused_with_both_ranges(scene):
    with pytest.raises(ValueError, match="between 2000 and 3000; the cube has 10 bands, 1800–600 "):
        chain(first=2000, last=3000).on(scene)
    with pytest.raises(ValueError, match="no good band lies between 750 and 800"):  # a bad one does
        chain(first=750, last=800).on(scene)
    with pytest.raises(ValueError, match="between -inf and 0; the cube"):
        chain(last=0).on_spectra(scene.data, scene.axis)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"last": 2}, "only a spectrum can be cropped"),
        ({"background": "polynomial", "order": 0}, "a polynomial background needs a spectrum"),
        ({"background": "als"}, "an als background needs a spectrum"),
        ({"normalise": "area"}, "an area needs a spectrum"),
    ],
)
def test_named_channels_are_no_spectrum(settings, what):
    stains = Cube(np.ones((2, 3, 3)), ChannelAxis(("DAPI", "lipid")))
    with pytest.raises(ValueError, match=what):
        chain(**settings).on(stains)
    assert chain(normalise="maximum").on(stains).numpy() == pytest.approx(1)


def ids(way):
    return "-".join(step.kind for step in way.steps)


@pytest.mark.parametrize("way", WAYS, ids=ids)
def test_a_tile_is_preprocessed_as_the_whole_cube_to_the_last_bit(way, scene):
    whole = way.on(scene)
    assert way.on_axis(scene.axis) == whole.axis
    for tile in (np.s_[..., 2:4, 3:5], np.s_[..., 2:3, 3:4], np.s_[..., 1:, :2]):
        assert np.array_equal(
            way.on_spectra(scene.data[tile], scene.axis), whole.data[tile], equal_nan=True
        )


@pytest.mark.parametrize("way", WAYS, ids=ids)
def test_missing_values_stay_and_none_come(way, scene):
    data = way.on(scene).numpy()
    assert np.array_equal(np.isnan(data), np.isnan(way.on_spectra(scene.data, scene.axis)))
    assert np.isnan(data).sum() == 1
    assert not np.isinf(data).any()


@pytest.mark.parametrize("way", WAYS, ids=ids)
def test_bad_bands_are_neither_used_nor_lost(way, scene):
    other = scene.data.copy()
    other[6] = 1e6
    good = way.on_axis(scene.axis).good
    assert np.array_equal(
        way.on_spectra(other, scene.axis)[good],
        way.on_spectra(scene.data, scene.axis)[good],
        equal_nan=True,
    )
    assert len(good) == 9
    assert (~good).sum() == 1


def test_the_background_goes_before_spectra_are_normalised():
    peak = np.exp(-(((SHIFTS - 1000) / 90) ** 2))
    cube = Cube.from_spectra([5 + 7 * peak, 90 + 2 * peak], SpectralAxis(SHIFTS, "1/cm"))
    data = chain(background="minimum", normalise="maximum").on(cube).spectra()
    np.testing.assert_allclose(data, np.stack([peak, peak]), atol=1e-5)


def test_what_was_done_is_told_and_counts_are_no_longer_called_so(scene):
    made = chain(first=1800, last=640, background="minimum").on(scene)
    assert made.history == (
        "read",
        "cropped to 9 bands, 1800–650 cm⁻¹",
        "subtracted the minimum of each spectrum",
    )
    assert made.intensity_unit == "counts"
    made = chain(background="polynomial", order=1, normalise="percentile").on(scene)
    assert made.history == (
        "read",
        "subtracted a polynomial of order 1",
        "normalised by percentile 99 %",
    )
    assert made.intensity_unit == "share of the percentile"


def test_lazy_cubes_stay_lazy(scene):
    lazy = Cube(dask.array.from_array(scene.data), scene.axis)
    assert isinstance(chain(first=700).on(lazy).data, dask.array.Array)
    way = chain(first=700, normalise="snv")
    assert np.array_equal(way.on(lazy).numpy(), way.on(scene).data, equal_nan=True)


def test_stacks_are_preprocessed_plane_by_plane(scene):
    way = chain(last=1500, background="als", normalise="vector")
    stack = Cube(np.stack([scene.data, 2 * scene.data]), scene.axis, z=Sampling())
    planes = way.on(stack).numpy()
    assert np.array_equal(planes[0], way.on(scene).data, equal_nan=True)
    np.testing.assert_allclose(planes[1], planes[0], rtol=1e-4)


def test_a_model_prepares_what_it_is_shown_as_what_it_learned_from(scene):
    way = chain(first=640, background="minimum", normalise="vector")
    plain = Recipe(
        task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=2, batch_size=8)
    )
    recipe = plain.model_copy(update={"preprocessing": way})
    prepared = way.on(scene)
    by_itself = fit(recipe, [recipe.example(noisy=scene, clean=scene)])
    by_hand = fit(plain, [plain.example(noisy=prepared, clean=prepared)])
    one, other = predict(by_itself, scene), predict(by_hand, prepared)
    assert np.array_equal(one.data, other.data, equal_nan=True)
    assert one.axis == other.axis == way.on_axis(scene.axis)
    assert one.intensity_unit == "share of the length"


NORMALISED = ("maximum", "area", "vector", "snv", "percentile")


@pytest.mark.parametrize("normalise", NORMALISED)
def test_a_target_is_normalised_by_the_numbers_of_its_input(normalise, scene, rng):
    data = scene.data + rng.normal(0, 1, scene.shape).astype(np.float32)
    noisy = Cube(data, scene.axis, name="noisy")
    way = chain(normalise=normalise)
    made = Recipe(task=Denoise(), preprocessing=way).example(noisy=noisy, clean=scene)
    mine = Recipe(task=Denoise()).example(noisy=noisy, clean=scene)
    bright = scene.axis.good
    before = (mine.input - mine.target)[0][bright][:, 3, 4]
    after = (made.input - made.target)[0][bright][:, 3, 4]
    # what noise added is made larger or smaller with the spectrum: by one number, and by no other
    factor = after / before
    assert np.ptp(factor) < 1e-3 * abs(factor.mean())
    assert np.array_equal(made.input[0][bright], way.on(noisy).numpy()[bright], equal_nan=True)


def test_two_of_the_same_baseline_keep_it_though_one_is_brighter():
    low, high = np.full(10, 0.5), np.full(10, 0.5)
    low[4], high[4] = 1.0, 1.25
    measured, reference = (
        Cube.from_spectra([s], SpectralAxis(SHIFTS, "1/cm")) for s in (low, high)
    )
    recipe = Recipe(task=Calibrate(), preprocessing=chain(normalise="maximum"))
    made = recipe.example(measured=measured, reference=reference)
    assert made.input[0, 0].item() == made.target[0, 0].item() == 0.5
    assert made.target.max() == 1.25


def test_a_reference_of_other_bands_is_brought_to_the_scale_of_what_was_measured(rng):
    measured = Cube(rng.uniform(1, 9, (10, 3, 4)), SpectralAxis(SHIFTS, "1/cm"), name="measured")
    other = Cube(rng.uniform(1, 9, (2, 3, 4)), SpectralAxis([1500.0, 700.0], "1/cm"))
    areas = trapezoid(measured.data, SHIFTS, axis=0)
    made = chain(normalise="area").on(other, reference=measured)
    np.testing.assert_allclose(made.data, other.data / areas, rtol=1e-5)
    assert made.history == ("normalised by area of the input",)
    with pytest.raises(ValueError, match=r"its input 'measured' \(10, 3, 4\); both need the same"):
        chain(normalise="area").on(Cube(other.data[:, :2], other.axis), reference=measured)


def test_denoised_spectra_are_in_the_normalised_units_of_what_was_given(scene):
    double = Cube(2 * scene.data, scene.axis)  # a "truth" twice as bright as what was measured
    recipe = Recipe(
        task=Denoise(),
        method=Pixelwise(width=16, dropout=0.0),
        preprocessing=chain(normalise="maximum"),
        training=Training(epochs=60, learning_rate=0.02, validation=0),
    )
    model = fit(recipe, [recipe.example(noisy=scene, clean=double)])
    found = predict(model, scene)
    assert found.intensity_unit == "share of the maximum"
    target = 2 * recipe.preprocessing.on(scene).numpy()
    known = np.isfinite(found.data) & (target > 0)
    assert np.median(found.data[known] / target[known]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("task", [SuperResolve(scale=2), Restore(scale=1, psf=1.0)], ids=str)
@pytest.mark.parametrize(
    ("way", "remedy"),
    [
        ({"normalise": "maximum"}, "leave that to the task"),
        ({"normalise": "snv", "background": "als"}, "leave that to the task"),
        ({"background": "minimum"}, "take that step on the results"),
    ],
)
def test_finer_pixels_refuse_what_coarse_spectra_would_be_prepared_otherwise_by(
    task, way, remedy, scene
):
    with pytest.raises(ValueError, match=remedy):
        Recipe(task=task, preprocessing=chain(**way)).example(fine=scene)


@pytest.mark.parametrize(
    ("task", "way"),
    [
        (SuperResolve(scale=2), {"background": "polynomial", "order": 1, "last": 1400}),
        (SuperResolve(scale=2, degradation="bicubic", psf=0.7), {"background": "polynomial"}),
        (SuperResolve(scale=2, degradation="decimate"), {"normalise": "maximum"}),
        (SuperResolve(scale=2, degradation="decimate"), {"background": "als", "normalise": "snv"}),
    ],
)
def test_coarse_spectra_are_prepared_in_training_as_in_a_prediction(task, way, rng):
    fine = Cube(rng.uniform(1, 9, (10, 8, 12)), SpectralAxis(SHIFTS, "1/cm"))
    recipe = Recipe(task=task, preprocessing=chain(**way))
    coarse = Recipe(task=task).example(fine=fine).input[0]
    shown = recipe.preprocessing.on_spectra(coarse, fine.axis)
    np.testing.assert_allclose(recipe.example(fine=fine).input[0], shown, atol=1e-4)
