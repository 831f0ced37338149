"""The first picture in colours."""

import numpy as np
import pytest

from napari_hyperspectral import ChannelAxis, Cube, SpectralAxis
from napari_hyperspectral.picture.colours import colormap_of, in_true_colours

VISIBLE = SpectralAxis(np.arange(400.0, 701, 10), "nm")


def test_a_red_thing_is_red():
    data = np.zeros((31, 10, 12))
    data[VISIBLE.centres > 600, :5] = 7.0
    data[VISIBLE.centres < 480, 5:] = 3.0
    data[10, 0, 0] = np.nan
    cube = Cube(data, VISIBLE, pixel_size=(2.0, 3.0), origin=(1.0, -4.0), pixel_unit="um")
    picture = in_true_colours(cube)
    assert picture.data.dtype == np.uint8
    assert picture.data[:, 2, 2].tolist() == [255, 0, 0]
    assert picture.data[:, 7, 2].tolist() == [0, 0, 255]
    assert (picture.pixel_size, picture.origin, picture.pixel_unit) == ((2, 3), (1, -4), "um")
    assert picture.history[-1] == "true colours from the bands at 640, 550, 460 nm"


def test_of_a_large_image_the_picture_is_coarser_and_covers_the_same_ground(monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.picture.colours._PIXELS", 100)
    cube = Cube(np.ones((31, 40, 40)), VISIBLE, pixel_size=(0.5, 0.5))
    picture = in_true_colours(cube)
    assert picture.shape == (3, 10, 10)
    assert picture.pixel_size == (2.0, 2.0)
    first_edge = picture.origin[0] - picture.pixel_size[0] / 2
    assert first_edge == pytest.approx(cube.origin[0] - cube.pixel_size[0] / 2)


def test_missing_pixels_are_black():
    data = np.random.default_rng(0).uniform(1, 2, (31, 6, 6))
    data[:, 3] = -999
    picture = in_true_colours(Cube(data, VISIBLE, metadata={"nodata": -999}))
    assert not picture.data[:, 3].any()
    assert picture.data[:, :3].max() == 255
    assert not in_true_colours(Cube(np.full((31, 6, 6), np.nan), VISIBLE)).data.any()


def test_without_visible_bands_there_is_no_picture():
    infrared = SpectralAxis(np.arange(900.0, 1700, 10), "nm")
    assert in_true_colours(Cube(np.ones((80, 4, 4)), infrared)) is None


def test_each_kind_of_axis_has_a_colormap():
    assert colormap_of(VISIBLE) == "gray"
    assert colormap_of(SpectralAxis([500.0, 600.0], "1/cm", "raman_shift")) == "viridis"
    assert colormap_of(SpectralAxis([500.0, 600.0], "m/z")) == "inferno"
    assert colormap_of(ChannelAxis(("DAPI",))) == "gray"
