"""Steps do to spectra what their names say, on spectra whose answer is known."""

import warnings

import dask.array
import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training, fit, predict, write
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.spectra.decompose import PrincipalComponents
from napari_hyperspectral.spectra.low_rank import LowRank
from napari_hyperspectral.spectra.steps.bands import DropBadBands, MarkBadBands, Resample
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.spectra.steps.components import (
    LowRankDenoising,
    MNFTruncation,
    PCATruncation,
)
from napari_hyperspectral.spectra.steps.normalise import NormalisePeak, NormaliseTotal
from napari_hyperspectral.spectra.steps.pixels import BinPixels
from napari_hyperspectral.spectra.steps.reference import Reflectance
from napari_hyperspectral.spectra.steps.smooth import Derivative, GaussianBlur
from napari_hyperspectral.spectra.steps.transform import Anscombe
from napari_hyperspectral.tasks import Denoise

UNEVEN = np.linspace(20, 50, 40) ** 2
"""Centres whose distance grows."""


def one_spectrum(values, centres):
    return Cube.from_spectra([values], SpectralAxis(centres, "1/cm"), intensity_unit="counts")


def test_a_straight_line_has_one_slope_along_an_uneven_axis():
    slope = Derivative().on(one_spectrum(3 * UNEVEN + 7, UNEVEN)).spectra()[0]
    np.testing.assert_allclose(slope, 3, rtol=1e-5)


@pytest.mark.parametrize("centres", [UNEVEN, UNEVEN[::-1]], ids=["up", "down"])
def test_derivatives_of_a_parabola_are_exact_along_an_uneven_axis(centres):
    x = centres / 1000
    cube = one_spectrum(3 * x**2 - x, centres)
    first = Derivative(order=4, window=11).on(cube).spectra()[0]
    second = Derivative(order=4, window=11, degree=2).on(cube).spectra()[0]
    np.testing.assert_allclose(first * 1000, 6 * x - 1, rtol=1e-4)
    np.testing.assert_allclose(second * 1e6, 6, rtol=1e-3)


def test_a_derivative_along_an_axis_that_turns_back_is_refused():
    centres = np.r_[np.arange(10.0), np.arange(5.0, 15.0)]
    with pytest.raises(ValueError, match="the band centres turn back"):
        Derivative().on(one_spectrum(centres, centres))


def test_a_straight_line_is_resampled_exactly_and_bad_bands_have_no_say():
    values = UNEVEN.copy()
    values[7] = 1e9
    axis = SpectralAxis(UNEVEN, "1/cm", bad=np.arange(40) == 7)
    found = Resample(bands=31, first=500, last=2000).on(Cube(values[:, None, None], axis))
    np.testing.assert_allclose(found.spectra()[0], np.linspace(500, 2000, 31), rtol=1e-6)
    assert found.axis.good.all()


def test_marked_bands_are_dropped():
    cube = one_spectrum(np.arange(40.0), UNEVEN)
    marked = MarkBadBands(first=600, last=500).on(cube)
    inside = (UNEVEN >= 500) & (UNEVEN <= 600)
    assert np.array_equal(~marked.axis.good, inside)
    dropped = DropBadBands().on(marked)
    assert np.array_equal(dropped.spectra()[0], np.flatnonzero(~inside))
    with pytest.raises(ValueError, match="no good band would be left"):
        MarkBadBands(first=0, last=5000).on(cube)


def test_spectra_are_divided_by_their_total_and_by_a_peak(rng):
    values = rng.uniform(1, 9, 40)
    cube = one_spectrum(values, UNEVEN)
    np.testing.assert_allclose(
        NormaliseTotal().on(cube).spectra()[0], values / values.sum(), rtol=1e-5
    )
    near = np.abs(UNEVEN - 1000) <= 60
    found = NormalisePeak(position=1000, tolerance=60).on(cube).spectra()[0]
    np.testing.assert_allclose(found, values / values[near].max(), rtol=1e-5)
    with pytest.raises(ValueError, match="no good band lies within 10 of 9000"):
        NormalisePeak(position=9000).on(cube)


def test_photons_have_noise_of_one_after_anscombe(rng):
    counts = rng.poisson(40, (5, 60, 60)).astype(np.float32)
    assert Anscombe().on(Cube(counts, SpectralAxis.index(5))).numpy().std() == pytest.approx(
        1, abs=0.02
    )


@pytest.mark.parametrize("lazy", [False, True], ids=["in memory", "lazy"])
def test_binned_pixels_are_means_that_lie_where_their_pixels_did(lazy, rng):
    data = rng.uniform(1, 9, (3, 7, 8)).astype(np.float32)
    data[0, 0, 0] = np.nan
    data[1, 2:4, 2:4] = np.nan
    image = dask.array.from_array(data, chunks=(2, 3, 5)) if lazy else data
    cube = Cube(image, SpectralAxis.index(3), pixel_size=(2, 3), origin=(10, 20), pixel_unit="um")
    binned = BinPixels(rows=3, columns=2).on(cube)
    expected = data[:, :6].reshape(3, 2, 3, 4, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a pixel of nothing but NaN
        np.testing.assert_allclose(binned.numpy(), np.nanmean(expected, axis=(2, 4)), rtol=1e-6)
    assert binned.pixel_size == (6, 6)
    assert binned.origin == (12, 21.5)


def mixtures(rng, noise=0.0):
    """Mixtures of two spectra and a constant, smooth in space, 12 bands, 20 × 30 pixels."""
    spectra = rng.uniform(1, 2, (2, 12))
    y, x = np.mgrid[:20, :30]
    amounts = np.stack([np.sin(x / 4), np.cos(y / 3 + x / 9)], axis=-1)
    data = np.moveaxis(5 + amounts @ spectra, -1, 0)
    return (data + noise * rng.normal(size=data.shape)).astype(np.float32)


@pytest.mark.parametrize("kind", [PCATruncation, MNFTruncation])
def test_two_components_hold_mixtures_of_two_spectra_and_half_of_their_noise_at_most(kind, rng):
    data = mixtures(rng)
    cube = Cube(data, SpectralAxis.index(12))
    if kind is PCATruncation:  # without noise, no fraction of it is the least
        np.testing.assert_allclose(kind(components=2).on(cube).numpy(), data, atol=2e-4)
    noisy = data + rng.normal(0, 0.1, data.shape).astype(np.float32)
    truncated = kind(components=2).on(Cube(noisy, SpectralAxis.index(12))).numpy()
    assert np.std(truncated - data) < 0.5 * np.std(noisy - data)


def test_a_truncation_is_that_of_the_principal_components(rng):
    data = mixtures(rng, noise=0.2)
    data[3, 4, 5] = np.nan
    expected = PrincipalComponents.of(data, 3).truncate(data)
    found = PCATruncation(components=3).on(Cube(data, SpectralAxis.index(12))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("lazy", [False, True], ids=["in memory", "lazy"])
def test_low_rank_as_a_step_is_the_method_also_in_parts(lazy, rng, monkeypatch):
    data = mixtures(rng, noise=0.2)
    expected = LowRank.fit(data)(data)
    monkeypatch.setattr("napari_hyperspectral.spectra.steps.parts._VALUES", 12 * 30 * 6)
    image = dask.array.from_array(data) if lazy else data
    after = LowRankDenoising().on(Cube(image, SpectralAxis.index(12)))
    np.testing.assert_allclose(after.numpy(), expected, atol=1e-4)
    assert after.history[0].startswith("denoised by low rank (rank 2")


@pytest.fixture
def counts(rng, tmp_path):
    """A cube of known reflectance, and files of its references: by pixel, column and band."""
    truth = rng.uniform(0.1, 0.9, (4, 5, 6)).astype(np.float32)
    lamp = rng.uniform(50, 90, (4, 1, 6)).astype(np.float32)
    axis = SpectralAxis([400.0, 500, 600, 700], "nm")
    shapes = {
        "image": np.broadcast_to(lamp, (4, 5, 6)),
        "line": np.repeat(lamp, 3, axis=1),
    }
    for name, white in shapes.items():
        write(tmp_path / f"{name}.npz", Cube(white + 7, axis))
    return Cube(truth * lamp + 7, axis, intensity_unit="counts"), truth


@pytest.mark.parametrize("kind", ["image", "line"])
def test_references_give_the_reflectance(kind, counts, tmp_path):
    cube, truth = counts
    white = tmp_path / f"{kind}.npz"
    after = Reflectance(white_file=white, dark=7, reflectance=0.5).on(cube)
    np.testing.assert_allclose(after.numpy(), truth / 2, rtol=1e-5)
    assert after.intensity_unit == "reflectance"
    assert after.history == (
        f"reflectance by the {kind} {kind}.npz as white and the number 7 as dark",
    )
    absorbance = Reflectance(white_file=white, dark=7, output="absorbance").on(cube)
    np.testing.assert_allclose(absorbance.numpy(), -np.log10(truth), rtol=1e-4, atol=1e-5)


def test_a_chain_file_finds_references_beside_it(counts, tmp_path):
    cube, truth = counts
    (tmp_path / "chain.json").write_text(
        '[{"kind": "reflectance", "white_file": "line.npz", "dark": 7}]'
    )
    after = Chain.read(tmp_path / "chain.json").on(cube)
    np.testing.assert_allclose(after.numpy(), truth, rtol=1e-5)


def test_a_reference_of_other_bands_is_interpolated_or_refused(counts, tmp_path):
    cube, _ = counts
    write(tmp_path / "wide.npz", Cube(np.full((2, 1, 1), 107.0), SpectralAxis([300.0, 900], "nm")))
    after = Reflectance(white_file=tmp_path / "wide.npz", dark=7).on(cube)
    np.testing.assert_allclose(after.numpy(), (cube.numpy() - 7) / 100, rtol=1e-5)
    write(tmp_path / "few.npz", Cube(np.ones((2, 1, 1)), SpectralAxis([500.0, 600], "nm")))
    with pytest.raises(ValueError, match=r"few.npz has 2 bands, .* does not cover the cube's"):
        Reflectance(white_file=tmp_path / "few.npz").on(cube)
    with pytest.raises(FileNotFoundError, match="there is no reference"):
        Reflectance(dark_file=tmp_path / "none.npz").on(cube)


def test_a_model_prepares_all_of_a_cube_by_steps_that_look_further_than_a_spectrum(rng):
    cube = Cube(mixtures(rng, noise=0.2), SpectralAxis(np.arange(500.0, 512), "nm"))
    chain = Chain(steps=(GaussianBlur(), PCATruncation(components=3)))
    plain = Recipe(
        task=Denoise(), method=Pixelwise.smallest(), training=Training(epochs=1, batch_size=64)
    )
    recipe = plain.model_copy(update={"preprocessing": chain})
    model = fit(recipe, [recipe.example(noisy=cube, clean=cube)])
    prepared = chain.on(cube)
    by_hand = fit(plain, [plain.example(noisy=prepared, clean=prepared)])
    one, other = predict(model, cube), predict(by_hand, prepared)
    assert np.array_equal(one.data, other.data)
    assert one.history == other.history
