"""Peaks are fitted in every pixel as one by one, and their errors are those of curve_fit."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest
from scipy.optimize import curve_fit

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.progress import run
from napari_hyperspectral.spectra.peaks.fit import PeakFit, fit_peaks
from napari_hyperspectral.spectra.peaks.maps import peak_maps, peak_maps_steps, peaks_of_mean

CENTRES = np.concatenate([np.linspace(960, 1000, 25), np.linspace(1001, 1060, 45)])
LN2 = np.log(2)


def gaussian(x, position, width, height):
    return height * np.exp(-4 * LN2 * ((x - position) / width) ** 2)


def lorentzian(x, position, width, height):
    return height / (1 + 4 * ((x - position) / width) ** 2)


def pseudo_voigt(x, position, width, height, share):
    peaks = (shape(x, position, width, height) for shape in (lorentzian, gaussian))
    return np.dot((share, 1 - share), [*peaks])


SHAPES = {"gaussian": gaussian, "lorentzian": lorentzian, "pseudo_voigt": pseudo_voigt}


def spectra(rng, shape, count=12, noise=0.05):
    """Peaks near 1004 and 1032 of several widths and heights, on lines of several slopes."""
    table = []
    for _ in range(count):
        share = () if shape != "pseudo_voigt" else (rng.uniform(0.3, 0.7),)
        peak = SHAPES[shape]
        first = peak(CENTRES, 1004 + rng.normal(), rng.uniform(8, 12), rng.uniform(3, 6), *share)
        second = peak(CENTRES, 1032 + rng.normal(), rng.uniform(8, 12), rng.uniform(3, 6), *share)
        table.append(first + second + 2 + rng.normal() * (CENTRES - 1000) / 100)
    return np.array(table) + noise * rng.normal(size=(count, len(CENTRES)))


@pytest.mark.parametrize("shape", SHAPES)
def test_fits_and_their_errors_are_those_of_scipy_one_by_one(rng, shape):
    table = spectra(rng, shape)
    settings = PeakFit(start=960, end=1060, peaks=2, shape=shape)
    found = fit_peaks(table, CENTRES, settings)
    extra = 1 if shape == "pseudo_voigt" else 0
    per_peak = 3 + extra

    def model(x, *p):
        peaks = sum(SHAPES[shape](x, *p[k : k + per_peak]) for k in (0, per_peak))
        return peaks + p[-2] + p[-1] * (x - 1000)

    start = [1004, 10, 4, *[0.5] * extra, 1032, 10, 4, *[0.5] * extra, 2, 0]
    for row, spectrum in enumerate(table):
        best, covariance = curve_fit(model, CENTRES, spectrum, start, xtol=1e-12, ftol=1e-12)
        errors = np.sqrt(np.diag(covariance))
        for peak in range(2):
            at = peak * per_peak
            ours = [found.position, found.width, found.height]
            np.testing.assert_allclose([q[row, peak] for q in ours], best[at : at + 3], rtol=1e-4)
            ours = [found.position_error, found.width_error, found.height_error]
            np.testing.assert_allclose([q[row, peak] for q in ours], errors[at : at + 3], rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_areas_are_those_of_lmfit(rng, shape):
    models = pytest.importorskip("lmfit.models")
    table = spectra(rng, shape, 4)
    name = {"gaussian": "Gaussian", "lorentzian": "Lorentzian", "pseudo_voigt": "PseudoVoigt"}
    kind = getattr(models, f"{name[shape]}Model")
    model = kind(prefix="a") + kind(prefix="b") + models.LinearModel()
    start = {"acenter": 1004, "bcenter": 1032, "asigma": 5, "bsigma": 5}
    start |= {"aamplitude": 40, "bamplitude": 40, "slope": 0, "intercept": 2}
    found = fit_peaks(table, CENTRES, PeakFit(start=960, end=1060, peaks=2, shape=shape))
    tight = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
    for row, spectrum in enumerate(table):
        fit = model.fit(spectrum, x=CENTRES, **start, fit_kws=tight)
        for peak, prefix in enumerate("ab"):
            for ours, theirs in ((found.area, "amplitude"), (found.width, "fwhm")):
                value = fit.params[prefix + theirs].value
                assert ours[row, peak] == pytest.approx(value, rel=1e-4)
            error = fit.params[f"{prefix}amplitude"].stderr
            assert found.area_error[row, peak] == pytest.approx(error, rel=1e-3)


def test_exact_peaks_come_back_exactly_and_so_do_their_curves(rng):
    table = spectra(rng, "gaussian", noise=0)
    found = fit_peaks(table, CENTRES, PeakFit(start=960, end=1060, peaks=2))
    np.testing.assert_allclose(found.curves(CENTRES), table, atol=1e-6)
    first, second = (found.peak(number, CENTRES) for number in range(2))
    np.testing.assert_allclose(first + second - found.line(CENTRES), table, atol=1e-6)
    np.testing.assert_allclose(found.residual, 0, atol=1e-6)
    expected = found.height * found.width * np.sqrt(np.pi / (4 * LN2))
    np.testing.assert_allclose(found.area, expected)


def test_missing_values_do_not_count_and_spectra_without_a_peak_have_none(rng):
    table = spectra(rng, "gaussian", noise=0)
    settings = PeakFit(start=960, end=1060, peaks=2)
    holes = table.copy()
    holes[:, 20:23] = np.nan
    found = fit_peaks(holes, CENTRES, settings)
    np.testing.assert_allclose(found.position, fit_peaks(table, CENTRES, settings).position)
    holes[0] = np.nan
    holes[1] = 0
    found = fit_peaks(holes, CENTRES, settings)
    assert np.isnan(found.position[0]).all()
    assert not np.any(found.height[1] > 1e-6)
    np.testing.assert_allclose(found.curves(CENTRES)[2:], table[2:], atol=1e-6)


def cube_of(table, centres=CENTRES, shape=(3, 4)):
    data = table.T.reshape(len(centres), *shape)
    axis = SpectralAxis(centres, "1/cm", "raman_shift")
    return Cube(data.astype(np.float32), axis, name="cell", intensity_unit="counts")


def test_maps_of_peaks_are_the_fits_whatever_the_order_of_bands_and_the_class_of_array(rng):
    table = spectra(rng, "lorentzian")
    cube = cube_of(table)
    settings = PeakFit(start=1060, end=960, peaks=2, shape="lorentzian")
    maps = peak_maps(cube, settings)
    found = fit_peaks(table, CENTRES, settings)
    for name in ("position", "width", "height", "area", "area_error"):
        expected = getattr(found, name).T.reshape(2, 3, 4)
        np.testing.assert_allclose(getattr(maps, name).data, expected, rtol=1e-4)
    order = rng.permutation(len(CENTRES))
    mixed = replace(
        cube,
        data=dask.array.from_array(cube.data[order]),
        axis=SpectralAxis(CENTRES[order], "1/cm", "raman_shift"),
    )
    np.testing.assert_allclose(peak_maps(mixed, settings).position.data, maps.position.data)
    assert maps.position.intensity_unit == "cm⁻¹"
    assert maps.area.intensity_unit == "counts cm⁻¹"
    assert maps.width.axis.names == ("peak 1", "peak 2")
    assert maps.area.name == "cell · peak area (Lorentzian, 960–1060 cm⁻¹)"
    assert maps.area.history[-1] == "fitted 2 Lorentzian peaks in 960–1060 cm⁻¹: area"


def test_bad_bands_do_not_count_in_maps(rng):
    cube = cube_of(spectra(rng, "gaussian", noise=0))
    settings = PeakFit(start=960, end=1060, peaks=2)
    expected = peak_maps(cube, settings).position.data
    spoilt = cube.data.copy()
    spoilt[30] = 1e6
    bad = np.arange(len(CENTRES)) == 30
    cube = replace(cube, data=spoilt, axis=replace(cube.axis, bad=bad))
    np.testing.assert_allclose(peak_maps(cube, settings).position.data, expected, rtol=1e-6)
    assert peaks_of_mean(cube, settings).position.shape == (1, 2)


def test_too_many_peaks_for_the_range_are_refused_with_the_remedy(rng):
    cube = cube_of(spectra(rng, "gaussian"))
    with pytest.raises(ValueError, match="2 peaks on a line have 8 parameters, the range 6 bands"):
        run(peak_maps_steps(cube, PeakFit(start=1020, end=1028, peaks=2)))
    with pytest.raises(ValueError, match="1 positions for 2 peaks"):
        PeakFit(start=1, end=2, peaks=2, positions=(1.5,))
    with pytest.raises(ValueError, match="3 is no position between 1 and 2"):
        PeakFit(start=1, end=2, positions=(3.0,))
