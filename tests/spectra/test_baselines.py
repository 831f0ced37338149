"""Baselines agree with pybaselines, bridge holes, and treat every spectrum by itself."""

import warnings

import numpy as np
import pytest
from pybaselines import Baseline

from napari_hyperspectral.spectra.baselines.hull import rubber_band_baseline
from napari_hyperspectral.spectra.baselines.least_squares import (
    airpls_baseline,
    arpls_baseline,
    asls_baseline,
)
from napari_hyperspectral.spectra.baselines.modified import modified_polynomial_baseline
from napari_hyperspectral.spectra.baselines.windows import rolling_ball_baseline, snip_baseline

SHIFTS = np.sort(np.random.default_rng(1).uniform(600, 1800, 151))  # uneven


def spectra(shape=(5, 6), seed=0):
    """Return peaks of many heights on bent baselines, with noise, and the baselines alone."""
    random = np.random.default_rng(seed)
    u = ((SHIFTS - 600) / 1200)[:, None, None]
    baselines = 50 + random.uniform(-40, 80, shape) * u + random.uniform(0, 60, shape) * u**2
    data = baselines + random.normal(0, 0.5, (len(SHIFTS), *shape))
    for centre, width in [(800, 12), (1000, 8), (1450, 20)]:
        heights = random.uniform(0, 60, shape)
        data += heights * np.exp(-0.5 * ((SHIFTS - centre) / width) ** 2)[:, None, None]
    return data, baselines


METHODS = {
    "asls": (
        lambda data, x, **more: asls_baseline(data, 1e5, 0.02, **more),
        "asls",
        {"lam": 1e5, "p": 0.02},
    ),
    "arpls": (lambda data, x, **more: arpls_baseline(data, 1e4, **more), "arpls", {"lam": 1e4}),
    "airpls": (lambda data, x, **more: airpls_baseline(data, 1e4, **more), "airpls", {"lam": 1e4}),
    "modpoly": (
        lambda data, x, **more: modified_polynomial_baseline(data, x, 4, improved=False, **more),
        "modpoly",
        {"poly_order": 4},
    ),
    "imodpoly": (
        lambda data, x, **more: modified_polynomial_baseline(data, x, 4, **more),
        "imodpoly",
        {"poly_order": 4},
    ),
    "rubber band": (rubber_band_baseline, "rubberband", {}),
    "snip": (
        lambda data, x, **more: snip_baseline(data, 20, **more),
        "snip",
        {"max_half_window": 20, "decreasing": True},
    ),
    "growing snip": (
        lambda data, x, **more: snip_baseline(data, 20, decreasing=False, **more),
        "snip",
        {"max_half_window": 20},
    ),
    "rolling ball": (
        lambda data, x, **more: rolling_ball_baseline(data, 20, 7, **more),
        "rolling_ball",
        {"half_window": 20, "smooth_half_window": 7},
    ),
}
ALL = pytest.mark.parametrize("name", METHODS)
DATA, TRUTH = spectra()


@ALL
def test_a_baseline_is_that_of_pybaselines(name):
    method, theirs, settings = METHODS[name]
    library = getattr(Baseline(SHIFTS), theirs)
    baselines = method(DATA, SHIFTS)
    for pixel in np.ndindex(DATA.shape[1:]):
        at = (slice(None), *pixel)
        expected = library(DATA[at], **settings)[0]
        np.testing.assert_allclose(baselines[at], expected, rtol=1e-6, atol=1e-6 * expected.max())


@ALL
def test_a_baseline_is_near_the_truth_and_misses_no_peak(name):
    baselines = METHODS[name][0](DATA, SHIFTS)
    assert np.abs(baselines - TRUTH).mean() < 4
    assert (DATA - baselines).max() > 55


@ALL
def test_baselines_bridge_holes_and_bad_bands_and_leave_no_value_without_one(name):
    method = METHODS[name][0]
    holed = DATA.copy()
    holed[20:24, 0, 0] = np.nan
    holed[[0, 1, -1], 1, 1] = np.nan
    holed[:, 2, 2] = np.nan
    holed[70] = 1e6  # a bad band
    good = np.arange(len(SHIFTS)) != 70
    baselines = method(holed, SHIFTS, good=good)
    assert np.isfinite(baselines).all()
    assert not baselines[:, 2, 2].any()
    np.testing.assert_allclose(baselines[:, 0, 0], method(DATA, SHIFTS)[:, 0, 0], atol=6)
    np.testing.assert_allclose(baselines[2:-1, 1, 1], method(DATA, SHIFTS)[2:-1, 1, 1], atol=6)
    hidden = np.where(good[:, None, None], holed, np.nan)
    np.testing.assert_allclose(baselines, method(hidden, SHIFTS), rtol=1e-6)


@ALL
def test_parts_of_an_image_have_the_baselines_of_the_image(name):
    method = METHODS[name][0]
    holed = DATA.copy()
    holed[40, 3] = np.nan
    image = method(holed, SHIFTS)
    np.testing.assert_allclose(method(holed[:, 3:, 5:], SHIFTS), image[:, 3:, 5:], rtol=1e-6)
    np.testing.assert_allclose(method(holed[:, 0, 0], SHIFTS, band=0), image[:, 0, 0], rtol=1e-6)


@ALL
def test_the_direction_of_the_axis_does_not_matter(name):
    method = METHODS[name][0]
    turned = method(DATA[::-1], SHIFTS[::-1])[::-1]
    np.testing.assert_allclose(turned, method(DATA, SHIFTS), rtol=1e-5)


@ALL
@pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
def test_the_baseline_of_a_constant_spectrum_is_that_constant(name, value):
    flat = np.full((len(SHIFTS), 1, 1), value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        baselines = METHODS[name][0](flat, SHIFTS)
    np.testing.assert_allclose(baselines, flat, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in METHODS if "poly" not in name])
@pytest.mark.parametrize("bands", [1, 2, 3])
def test_a_few_bands_have_a_baseline_too(name, bands):
    data = np.arange(1.0, bands + 1)[:, None, None]
    assert np.isfinite(METHODS[name][0](data, SHIFTS[:bands])).all()


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="asymmetry is 1; it must be between 0 and 1"):
        asls_baseline(DATA, 1e5, 1)
    with pytest.raises(ValueError, match="half window is 0 bands; choose at least 1"):
        snip_baseline(DATA, 0)
    with pytest.raises(ValueError, match="leaves nothing of 3 bands"):
        modified_polynomial_baseline(np.ones((3, 1, 1)), np.arange(3.0), 2)
