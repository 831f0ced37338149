"""Low rank removes noise without a clean measurement, and knows how many components there are."""

import numpy as np
import pytest

from napari_hyperspectral.metrics import fitted_mse
from napari_hyperspectral.samples import raman_cell
from napari_hyperspectral.spectra.decompose import PrincipalComponents
from napari_hyperspectral.spectra.low_rank import LowRank
from napari_hyperspectral.spectra.noise import NoiseLaw

CELL = [np.asarray(cube.data, np.float64)[::2] for cube in raman_cell(shape=(32, 36))]
NOISY, CLEAN = CELL


def error(denoised):
    return np.square(denoised - CLEAN).mean()


def test_it_comes_closer_to_the_truth_than_any_truncation():
    denoised = LowRank.fit(NOISY)(NOISY)
    truncated = [
        error(PrincipalComponents.of(NOISY, rank).truncate(NOISY)) for rank in (1, 2, 3, 4, 5, 6)
    ]
    assert error(denoised) < 0.8 * min(truncated)
    assert error(denoised) < 0.02 * error(NOISY)


def test_too_high_a_rank_costs_little_where_maps_are_smoothed():
    smooth = LowRank.fit(NOISY, rank=12)(NOISY)
    rough = LowRank.fit(NOISY, rank=12, smooth=False)(NOISY)
    assert error(smooth) < 1.5 * error(LowRank.fit(NOISY)(NOISY))
    assert error(smooth) < 0.5 * error(rough)


@pytest.mark.parametrize("rank", [0, 1, 2, 5])
def test_the_rank_of_a_mixture_is_found(rank):
    rng = np.random.default_rng(rank)
    spectra = rng.normal(size=(60, rank))
    amounts = rng.normal(size=(rank, 30, 31))
    data = 50 + np.tensordot(spectra, amounts, 1) + rng.normal(0, 0.7, (60, 30, 31))
    assert len(LowRank.fit(data)) == rank


def test_without_smoothing_and_noise_law_it_is_truncation_to_principal_components():
    law = NoiseLaw(2.0, 0.0)  # additive: whitening divides all bands alike
    ours = LowRank.fit(NOISY, law=law, rank=3, smooth=False)(NOISY)
    theirs = PrincipalComponents.of(NOISY, 3).truncate(NOISY)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_scene_without_noise_stays_as_it_is():
    data = CLEAN + 0.0
    law = NoiseLaw(1e-4, 0.0)
    np.testing.assert_allclose(LowRank.fit(data, law=law)(data), data, rtol=1e-3, atol=1e-2)


def test_missing_values_stay_missing_and_bad_bands_as_they_are():
    data = NOISY.copy()
    data[:, 3, 4] = np.nan
    data[7, 10, 11] = np.nan
    data[20] = 1e5
    good = np.ones(len(data), bool)
    good[20] = False
    denoised = LowRank.fit(data, good=good)(data)
    np.testing.assert_array_equal(np.isnan(denoised), np.isnan(data))
    np.testing.assert_array_equal(denoised[20], data[20].astype(np.float32))
    known = np.isfinite(data) & good[:, None, None]
    assert np.square(denoised - CLEAN)[known].mean() < 1.1 * error(LowRank.fit(NOISY)(NOISY))


def test_it_denoises_another_cube_and_stacks_plane_by_plane():
    low_rank = LowRank.fit(NOISY)
    stack = np.stack([NOISY, NOISY[:, ::-1]])
    denoised = low_rank(stack)
    np.testing.assert_allclose(denoised[0], low_rank(NOISY), atol=1e-5)
    np.testing.assert_allclose(denoised[1], denoised[0][:, ::-1], atol=1e-4)


def test_rank_and_law_are_told():
    text = str(LowRank.fit(NOISY, rank=2))
    assert text.startswith("rank 2")
    assert "standard deviation of the noise √(" in text


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="no value is measured"):
        LowRank.fit(np.full((9, 9, 9), np.nan))


def test_real_raman_spectra_are_denoised_without_their_clean_half(data_folder):
    file = np.load(data_folder / "raman_pairs" / "pairs_11x44x500.npz")
    low, high = (np.moveaxis(file[name], -1, 0) for name in ("low", "high"))
    denoised = LowRank.fit(low / low.mean(axis=0))(low / low.mean(axis=0))
    assert fitted_mse(denoised, high) < 0.00065
