"""Whittaker and wavelet smoothing agree with the libraries, and holes are no data."""

import numpy as np
import pytest
import pywt
from pybaselines.utils import whittaker_smooth

from napari_hyperspectral.spectra.smoothing.wavelet import wavelet_smooth
from napari_hyperspectral.spectra.smoothing.whittaker import whittaker

BANDS = np.arange(151.0)
CLEAN = (100 * np.exp(-0.5 * ((BANDS - 70) / 6) ** 2) + 0.2 * BANDS)[:, None, None]


@pytest.fixture
def noisy(rng):
    return CLEAN * rng.uniform(0.5, 1, (4, 5)) + rng.normal(0, 2, (151, 4, 5))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("smoothness", [1.0, 1e4])
def test_whittaker_is_that_of_pybaselines(noisy, order, smoothness):
    smooth = whittaker(noisy, smoothness, order)
    for pixel in np.ndindex(4, 5):
        at = (slice(None), *pixel)
        expected = whittaker_smooth(noisy[at], smoothness, order)
        np.testing.assert_allclose(smooth[at], expected, rtol=1e-6, atol=1e-6 * expected.max())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_holes_and_bad_bands_have_no_weight_in_whittaker(noisy, order):
    holed = noisy.copy()
    holed[10:14, 1, 1] = np.nan
    holed[100, 2, 2] = np.nan
    holed[50] = 1e6
    good = BANDS != 50
    smooth = whittaker(holed, 10.0, order, good=good)
    weights = np.isfinite(holed) & good[:, None, None]
    for pixel in [(0, 0), (1, 1), (2, 2)]:
        at = (slice(None), *pixel)
        known = np.where(weights[at], holed[at], 0)
        expected = whittaker_smooth(known, 10.0, order, weights[at].astype(float))
        used = weights[at]
        np.testing.assert_allclose(smooth[at][used], expected[used], rtol=1e-5, atol=1e-4)
    assert np.array_equal(np.isnan(smooth), np.isnan(holed))
    assert (smooth[50] == 1e6).all()


def test_whittaker_keeps_straight_lines_and_refuses_nonsense():
    line = (3 - 0.5 * BANDS)[:, None, None]
    np.testing.assert_allclose(whittaker(line, 1e4), line, atol=1e-4)
    with pytest.raises(ValueError, match="smoothness is 0"):
        whittaker(line, 0)
    with pytest.raises(ValueError, match="order 5"):
        whittaker(line, 1, 5)


def test_wavelets_are_those_of_pywavelets(noisy):
    smooth = wavelet_smooth(noisy, "db4")
    for pixel in np.ndindex(4, 5):
        at = (slice(None), *pixel)
        level = pywt.dwt_max_level(151, "db4")
        coarse, *details = pywt.wavedec(noisy[at], "db4", level=level)
        threshold = np.median(np.abs(details[-1])) / 0.6745 * np.sqrt(2 * np.log(151))
        details = [pywt.threshold(detail, threshold, "soft") for detail in details]
        expected = pywt.waverec([coarse, *details], "db4")[:151]
        np.testing.assert_allclose(smooth[at], expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("method", [whittaker, wavelet_smooth])
def test_smoothing_brings_spectra_nearer_to_the_truth(method, rng):
    noisy = CLEAN + rng.normal(0, 2, (151, 4, 5))
    error = np.abs(method(noisy) - CLEAN).mean()
    assert error < 0.6 * np.abs(noisy - CLEAN).mean()


def test_wavelets_bridge_holes_and_unknown_ones_are_refused(noisy):
    holed = noisy.copy()
    holed[30:33, 1, 1] = np.nan
    holed[:, 3, 3] = np.nan
    smooth = wavelet_smooth(holed)
    assert np.array_equal(np.isnan(smooth), np.isnan(holed))
    np.testing.assert_allclose(smooth[:, 0], wavelet_smooth(noisy)[:, 0], rtol=1e-6)
    with pytest.raises(ValueError, match="no wavelet 'sym'; choose one of"):
        wavelet_smooth(noisy, "sym")
