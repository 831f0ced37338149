"""Ranges of the axis become maps, ratios and pictures; known peaks give known numbers."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.spectra.ranges.axis_range import range_of
from napari_hyperspectral.spectra.ranges.colours import false_colours, rgb_of_ranges
from napari_hyperspectral.spectra.ranges.range_map import RangeMap, range_map, ratio_map

CENTRES = np.array([400.0, 500, 510, 530, 550, 700])
ORDERS = {"up": slice(None), "down": slice(None, None, -1)}


def spectrum(values, centres=CENTRES, unit="nm", **about):
    data = np.asarray(values, np.float32)[:, None, None]
    return Cube(data, SpectralAxis(centres, unit), intensity_unit="counts", **about)


def value(cube, measure, start, end, *, above_line=False):
    settings = RangeMap(start=start, end=end, measure=measure, above_line=above_line)
    return range_map(cube, settings).data.item()


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("ends", [(450, 620), (620, 450), (500, 550), (502, 508)])
def test_mean_and_area_of_a_line_are_exact_wherever_the_ends_are(order, ends):
    line = 2 + 0.1 * CENTRES
    cube = spectrum(line[order], CENTRES[order])
    middle = 2 + 0.1 * np.mean(ends)
    assert value(cube, "mean", *ends) == pytest.approx(middle, rel=1e-6)
    assert value(cube, "area", *ends) == pytest.approx(middle * abs(ends[1] - ends[0]), rel=1e-6)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_parabola_has_its_maximum_where_it_is_between_bands(order):
    cube = spectrum((100 - (CENTRES - 517.25) ** 2 / 100)[order], CENTRES[order])
    assert value(cube, "position", 495, 555) == pytest.approx(517.25, abs=1e-3)


def test_a_line_below_a_peak_changes_none_of_its_measures():
    centres = np.linspace(500, 600, 101)
    peak = 20 * np.exp(-(((centres - 552) / 6) ** 2))
    tilted = spectrum(peak + 3 + 0.2 * centres, centres)
    for measure in ("mean", "area", "maximum", "position", "centroid"):
        above = value(tilted, measure, 520, 580, above_line=True)
        assert above == pytest.approx(value(spectrum(peak, centres), measure, 520, 580), rel=2e-4)
    assert value(tilted, "centroid", 520, 580, above_line=True) == pytest.approx(552, abs=0.05)
    assert value(tilted, "maximum", 520, 580, above_line=True) == pytest.approx(20, abs=1e-3)


def test_bad_bands_are_bridged_and_missing_values_are_missing():
    line = 2 + 0.1 * CENTRES
    cube = spectrum(np.where(CENTRES == 530, 1e6, line))
    bad = replace(cube.axis, bad=CENTRES == 530)
    assert value(replace(cube, axis=bad), "mean", 505, 545) == pytest.approx(2 + 52.5, rel=1e-6)
    missing = spectrum(np.where(CENTRES == 530, np.nan, line))
    assert np.isnan(value(missing, "mean", 505, 545))
    assert value(missing, "mean", 400, 510) == pytest.approx(2 + 45.5, rel=1e-6)


def test_a_range_beyond_the_axis_ends_with_it_and_says_so():
    cube = spectrum(np.ones(6))
    settings = RangeMap(start=650, end=900, above_line=False)
    image = range_map(cube, settings)
    assert image.data.item() == pytest.approx(50)
    assert "the axis ends there: 650–700" in image.history[-1]
    with pytest.raises(ValueError, match="no good band lies between 800 and 900; the axis has 6"):
        range_map(cube, RangeMap(start=800, end=900))


def test_bands_of_two_detectors_that_overlap_are_taken_in_their_order():
    centres = np.array([400.0, 420, 440, 430, 450, 470])
    cube = spectrum(0.5 * centres, centres)
    assert value(cube, "mean", 405, 465) == pytest.approx(0.5 * 435, rel=1e-6)
    repeated = np.array([400.0, 420, 420, 440])
    assert value(spectrum([1, 2, 2, 3], repeated), "area", 400, 440) == pytest.approx(80)


def test_peaks_of_a_mass_spectrum_are_added_up_not_interpolated():
    cube = spectrum([1, 5, 7, 2], [100.0, 200.1, 200.3, 900], "m/z")
    assert value(cube, "area", 200, 201, above_line=True) == pytest.approx(12)
    assert value(cube, "mean", 200, 201) == pytest.approx(6)
    image = range_map(cube, RangeMap(start=200, end=201, measure="mean"))
    assert image.axis.names == ("mean of m/z 200–201",)
    with pytest.raises(ValueError, match="no peak lies between m/z 300 and 400"):
        value(cube, "mean", 300, 400)


def test_a_map_has_unit_name_history_and_place():
    cube = spectrum(np.ones(6), name="cell", pixel_size=(2, 3), origin=(1, 5))
    area = range_map(cube, RangeMap(start=450, end=540))
    assert area.intensity_unit == "counts nm"
    assert area.name == "cell · area of 450–540 nm (above a line)"
    assert area.history[-1] == "took the area of 450–540 nm above a straight line"
    assert (area.pixel_size, area.origin) == ((2, 3), (1, 5))
    position = range_map(cube, RangeMap(start=450, end=540, measure="position"))
    assert position.intensity_unit == "nm"
    assert np.isnan(position.data.item())  # nothing rises above the line


def test_a_ratio_is_the_quotient_of_its_maps_and_missing_where_there_is_no_denominator(rng):
    data = rng.uniform(1, 2, (6, 3, 4)).astype(np.float32)
    data[1:3, 0, 0] = -1
    cube = Cube(data, SpectralAxis(CENTRES, "nm"), name="cell")
    upper = RangeMap(start=520, end=560, measure="mean", above_line=False)
    lower = RangeMap(start=500, end=510, measure="mean", above_line=False)
    ratio = ratio_map(cube, upper, lower)
    expected = range_map(cube, upper).data / range_map(cube, lower).data
    assert np.isnan(ratio.data[0, 0, 0])
    np.testing.assert_allclose(ratio.data.ravel()[1:], expected.ravel()[1:])
    assert ratio.name == "cell · mean of 520–560 nm / mean of 500–510 nm"


def test_of_a_lazy_stack_only_the_bands_of_the_range_are_read(rng):
    read = []

    class File:
        dtype, ndim = np.dtype(np.float32), 4
        data = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)
        shape = data.shape

        def __getitem__(self, key):
            read.append(key[1])
            return self.data[key]

    axis = SpectralAxis(CENTRES, "nm")
    settings = RangeMap(start=505, end=540)
    lazy = range_map(Cube(File(), axis, z=Sampling()), settings)
    assert set(map(str, read)) == {"slice(1, 5, None)"}
    plain = range_map(Cube(File.data, axis, z=Sampling()), settings)
    np.testing.assert_array_equal(lazy.data, plain.data)
    of_dask = range_map(Cube(dask.array.from_array(File.data), axis, z=Sampling()), settings)
    np.testing.assert_array_equal(of_dask.data, plain.data)


def test_three_ranges_are_red_green_and_blue(rng):
    data = rng.uniform(0, 1, (6, 8, 9)).astype(np.float32)
    data[0, 0, 0] = 1e9  # a spike makes nothing else black
    data[:, 1, 1] = np.nan
    cube = Cube(data, SpectralAxis(CENTRES, "nm"), name="cell")
    ranges = [RangeMap(start=c, end=c, measure="mean", above_line=False) for c in (400, 510, 700)]
    picture = rgb_of_ranges(cube, ranges)
    assert picture.axis.names == ("red", "green", "blue")
    assert picture.data.dtype == np.uint8
    assert picture.data[:, 1, 1].tolist() == [0, 0, 0]
    for colour, band in enumerate((0, 2, 5)):
        known = np.isfinite(data[band]) & (data[band] < 1)
        order = np.corrcoef(data[band][known], picture.data[colour][known])
        assert order[0, 1] > 0.99
    with pytest.raises(ValueError, match="three colours, got 2 ranges"):
        rgb_of_ranges(cube, ranges[:2])


def test_false_colours_show_where_spectra_differ_whatever_their_scale(rng):
    shares = rng.dirichlet([1, 1, 1, 1], (9, 11))
    data = np.einsum("yxm,mb->byx", shares, rng.uniform(0, 1, (4, 20))).astype(np.float32)
    cube = Cube(data, SpectralAxis(np.linspace(400, 700, 20), "nm"))
    picture = false_colours(cube)
    assert picture.data.reshape(3, -1).std(axis=1).min() > 20
    scaled = false_colours(replace(cube, data=data * 1e-12)).data.astype(int)
    np.testing.assert_allclose(scaled, picture.data, atol=1)
    constant = false_colours(replace(cube, data=np.ones_like(data)))
    assert not constant.data.any()


def test_a_range_of_one_band_is_that_band():
    axis = SpectralAxis([500.0], "nm")
    span = range_of(axis, 400, 600)
    assert span.points.tolist() == [500]
    assert span.clipped
