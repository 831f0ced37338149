import json

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling, describe, image_from


@pytest.mark.parametrize("image", ["cube", "plain_cube", "stack", "labels"])
def test_a_description_brings_back_all_but_the_data(request, image):
    image = request.getfixturevalue(image)
    about = json.loads(json.dumps(describe(image)))
    assert describe(image_from(image.data, about)) == describe(image)


def test_a_step_is_remembered_and_the_old_cube_stays(cube):
    doubled = cube.after("doubled", data=cube.data * 2)
    assert doubled.history == (*cube.history, "doubled")
    assert cube.history == ("measured", "removed spikes")
    assert doubled.axis == cube.axis


def test_the_dimensions_follow_from_what_is_there(cube, stack, labels):
    assert cube.dims == ("band", "y", "x")
    assert stack.dims == ("t", "z", "band", "y", "x")
    assert labels.dims == ("y", "x")


def test_point_spectra_are_a_cube_of_one_row():
    spectra = np.arange(12.0).reshape(4, 3)
    cube = Cube.from_spectra(spectra, SpectralAxis.index(3))
    assert cube.shape == (3, 1, 4)
    assert np.array_equal(cube.spectra(), spectra)


def test_bands_are_chosen_by_range_and_by_nearness(cube):
    part = cube.between(503, 521)
    assert part.axis.centres.tolist() == cube.axis.centres[1:4].tolist()
    assert np.array_equal(part.data, cube.data[1:4])
    assert part.history[-1] == "cropped to 503–521"
    assert np.array_equal(cube.nearest(511), cube.data[2])


def test_a_selection_of_bands_does_not_load_a_lazy_cube(stack):
    import dask.array as da

    lazy = stack.after("made lazy", data=da.from_array(stack.data))
    part = lazy.take([1, 3])
    assert isinstance(part.data, da.Array)
    assert np.array_equal(part.numpy(), stack.data[:, :, [1, 3]].astype(np.float32))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 4)), r"a cube is \(band, y, x\), got shape \(3, 4\)"),
        (np.zeros((0, 4, 4)), r"contains no data \(shape \(0, 4, 4\)\)"),
        (np.zeros((2, 4, 4)), "has 2 bands, its axis has 3 bands"),
        (np.zeros((3, 4, 4), complex), "absolute value or the real part"),
    ],
)
def test_what_is_no_cube_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        Cube(data, SpectralAxis.index(3))


def test_channels_are_no_spectrum(plain_cube):
    stains = Cube(plain_cube.data, ChannelAxis(tuple("abcd")), name="stains")
    with pytest.raises(ValueError, match=r"'stains' has 4 channels \(a, b, c, d\), not a spectrum"):
        stains.between(1, 2)


def test_labels_are_whole_numbers():
    with pytest.raises(ValueError, match="wanted whole numbers"):
        Labels(np.zeros((2, 2)))


def test_a_description_of_a_later_version_is_refused(cube):
    with pytest.raises(ValueError, match="update it to read this"):
        image_from(cube.data, describe(cube) | {"schema": 99})


def test_a_stack_needs_its_leading_axes(cube):
    with pytest.raises(ValueError, match=r"a cube is \(z, band, y, x\)"):
        cube.after("stacked", z=Sampling())


def test_labels_of_a_cube_lie_where_it_lies(stack):
    classes = np.ones((*stack.shape[:2], *stack.shape[-2:]), np.uint8)
    labels = stack.as_labels(classes, ("cell",), ("#e6484d",), name="cells")
    assert (labels.dims, labels.classes, labels.name) == (("t", "z", "y", "x"), ("cell",), "cells")
    for attribute in ("pixel_size", "origin", "pixel_unit", "t", "z", "history", "metadata"):
        assert getattr(labels, attribute) == getattr(stack, attribute)


def test_labels_become_a_cube_of_one_channel_and_come_back(labels):
    cube = labels.as_cube()
    assert cube.channel_axis == ChannelAxis(("labels",))
    back = cube.as_labels(cube.data[..., 0, :, :], labels.classes, labels.colours)
    assert describe(back) == describe(labels)
    assert np.array_equal(back.data, labels.data)


def test_a_spectrum_has_no_channels(cube):
    with pytest.raises(ValueError, match="not named channels; choose a cube of channels"):
        cube.channel_axis  # noqa: B018
