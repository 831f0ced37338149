"""What a denoiser removed is white if it is noise; removed signal is seen."""

import numpy as np
import pytest

from napari_hyperspectral.samples import raman_cell
from napari_hyperspectral.spectra.low_rank import LowRank
from napari_hyperspectral.spectra.noise import NoiseLaw, noise_law, white_noise
from napari_hyperspectral.spectra.smooth import savitzky_golay
from napari_hyperspectral.spectra.whiteness import standardised_residual, whiteness

WHITE = NoiseLaw(2.0, 0.0)


def test_white_noise_is_white():
    noise = white_noise((1, 60, 40, 44), WHITE)[0]
    found = whiteness(noise, WHITE)
    assert found.white
    assert found.std == pytest.approx(1, abs=0.01)
    assert found.components == 0
    assert "white (" in str(found)


def test_the_spread_of_correlations_is_the_one_expected():
    found = [whiteness(white_noise((1, 9, 20, 20), WHITE, seed), WHITE) for seed in range(40)]
    along_bands = np.array([one.spectral for one in found])
    assert along_bands.std() == pytest.approx(found[0].spread, rel=0.4)


@pytest.mark.parametrize("spatial", [(0.3, 0), (0, 0.45)])
def test_noise_that_neighbours_share_by_its_law_is_no_structure(spatial):
    law = NoiseLaw(2.0, 0.0, spatial_correlation=spatial)
    noise = white_noise((1, 60, 40, 44), law)[0]
    assert whiteness(noise, law).white
    assert not whiteness(noise, WHITE).white


def test_a_lost_band_of_one_material_is_seen():
    noise = white_noise((1, 60, 40, 44), WHITE)[0]
    noise[30, 10:20, 10:20] += 3
    found = whiteness(noise, WHITE)
    assert found.components == 1
    assert not found.white
    assert "structured" in str(found)


def test_the_unit_of_a_residual_is_the_noise():
    denoised = np.full((2, 3, 3), 12.0)
    law = NoiseLaw(2.0, 1.0)
    np.testing.assert_allclose(standardised_residual(denoised + 8, denoised, law), 2)
    with pytest.raises(ValueError, match="must be alike"):
        standardised_residual(denoised, denoised[:1], law)


def test_low_rank_removes_noise_and_a_filter_of_too_wide_a_window_signal():
    noisy = np.asarray(raman_cell(shape=(32, 36))[0].data, np.float64)[::2]
    law = noise_law(noisy)
    kept = whiteness(standardised_residual(noisy, LowRank.fit(noisy)(noisy), law), law)
    lost = whiteness(standardised_residual(noisy, savitzky_golay(noisy, 1, 21), law), law)
    assert kept.white
    assert not lost.white


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="holds no value"):
        whiteness(np.full((3, 3, 3), np.nan), WHITE)
