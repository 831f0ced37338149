"""Savitzky–Golay keeps what a polynomial can follow, and what was never measured."""

import numpy as np
import pytest

from napari_hyperspectral.spectra.smooth import savitzky_golay

BANDS = np.arange(11.0)


def cube(*spectra):
    return np.stack(spectra, axis=-1)[:, None, :]


def test_a_parabola_passes_a_filter_of_order_two_unchanged():
    parabola = cube(1 + BANDS - 0.3 * BANDS**2, BANDS)
    np.testing.assert_allclose(savitzky_golay(parabola, 2, 7), parabola, atol=1e-5)


def test_order_two_on_three_bands_is_the_identity():
    noise = np.random.default_rng(0).normal(size=(11, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(savitzky_golay(noise, 2, 3), noise, atol=1e-6)


def test_order_zero_is_the_mean_of_the_window():
    spike = cube(np.where(BANDS == 5, 3.0, 0.0))
    assert savitzky_golay(spike, 0, 3)[:, 0, 0] == pytest.approx(
        np.where(abs(BANDS - 5) <= 1, 1, 0)
    )


def test_white_noise_loses_the_variance_that_theory_says():
    noise = np.random.default_rng(0).normal(size=(201, 20, 21))
    # order 1 is the mean of 9 bands, away from the ends
    assert savitzky_golay(noise, 1, 9)[5:-5].var() == pytest.approx(1 / 9, rel=0.03)


def test_missing_values_stay_missing_and_do_not_spread():
    line = cube(2 * BANDS, BANDS)
    holed = line.copy()
    holed[4, 0, 0] = np.nan
    smooth = savitzky_golay(holed, 1, 5)
    assert np.isnan(smooth[4, 0, 0])
    assert np.isfinite(smooth).sum() == smooth.size - 1
    np.testing.assert_allclose(smooth[np.isfinite(smooth)], line[np.isfinite(smooth)], atol=1e-5)


def test_a_spectrum_never_measured_stays_so():
    smooth = savitzky_golay(cube(np.full(11, np.nan), BANDS), 1, 5)
    assert np.isnan(smooth[..., 0]).all()
    assert np.isfinite(smooth[..., 1]).all()


def test_bad_bands_do_not_leak_into_good_ones_and_are_returned_as_they_came():
    line = cube(BANDS)
    line[6] = 1e6
    smooth = savitzky_golay(line, 1, 5, good=BANDS != 6)
    assert smooth[6, 0, 0] == 1e6
    assert np.delete(smooth[:, 0, 0], 6) == pytest.approx(np.delete(BANDS, 6), abs=1e-5)


@pytest.mark.parametrize(("order", "window"), [(1, 4), (3, 3), (1, 13), (-1, 3)])
def test_impossible_windows_are_refused(order, window):
    with pytest.raises(ValueError, match="the window must be odd"):
        savitzky_golay(cube(BANDS), order, window)
