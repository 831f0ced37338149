"""Images that are turned, sheared or otherwise transformed stay so, in layers, results and files."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.cube import describe, image_from
from napari_hyperspectral.io import FORMATS, read, read_labels, write
from napari_hyperspectral.layers import from_layer, labels_for, on_all_bands, to_layer
from napari_hyperspectral.tasks import ClassifyImages, Segment, SuperResolve
from napari_hyperspectral.transform import Transform

AFFINE = np.array([[1.0, 0.2, 7.0], [-0.1, 2.0, -4.0], [0.0, 0.0, 1.0]])
"""Of rows and columns: sheared, stretched and moved."""


def embedded(affine):
    """Return an affine matrix of (y, x) as one of (band, y, x)."""
    wider = np.eye(4)
    wider[1:, 1:] = affine
    return wider


def ways():
    turned = {"rotate": 30.0}
    sheared = {"shear": (0.0, 0.0, 0.4)}
    mapped = {"affine": embedded(AFFINE)}
    return {"rotate": turned, "shear": sheared, "affine": mapped, "all": turned | sheared | mapped}


@pytest.fixture(params=ways().values(), ids=ways().keys())
def layer(request, cube):
    """A layer of napari that is not upright."""
    from napari.layers import Image

    data, attributes, _ = to_layer(cube)
    return Image(data, **attributes | request.param)


def corners(layer):
    """Return where napari shows the corners of a layer of 5 × 7 pixels, (corner, (y, x))."""
    leading = (0,) * (layer.ndim - 2)
    pixels = [(0, 0), (0, 6), (4, 0), (4, 6)]
    return np.array([layer.data_to_world((*leading, *pixel))[-2:] for pixel in pixels])


def image_of(layer):
    return from_layer(*layer.as_layer_data_tuple())


def as_layer(image):
    from napari.layers import Layer

    return Layer.create(*to_layer(image))


def test_a_layer_comes_back_with_rotation_shear_and_affine(layer):
    back = as_layer(image_of(layer))
    np.testing.assert_allclose(corners(back), corners(layer))
    np.testing.assert_allclose(back.rotate, layer.rotate)
    np.testing.assert_allclose(back.shear, layer.shear)
    np.testing.assert_allclose(back.affine.affine_matrix, layer.affine.affine_matrix)


def test_labels_for_a_layer_and_classes_of_it_lie_on_it(layer):
    cube = image_of(layer)
    scores = np.zeros((2, 5, 7), np.float32)
    classes = Segment().result(scores, ChannelAxis(("a", "b")), cube)
    of_image = ClassifyImages().result(scores[:, :1, :1], ChannelAxis(("a", "b")), cube)
    for result in (labels_for(cube), classes, of_image):
        np.testing.assert_allclose(corners(as_layer(result)), corners(layer))


def test_a_super_resolved_layer_lies_on_its_source(layer):
    cube = image_of(layer)
    task = SuperResolve(scale=2, degradation="area")
    fine = task.result(np.zeros((6, 10, 14), np.float32), cube.axis, cube)
    shown = as_layer(fine)
    # the middle of the four fine pixels in each coarse one
    middles = [shown.data_to_world((0, 2 * y + 0.5, 2 * x + 0.5))[1:] for y, x in [(0, 0), (4, 6)]]
    np.testing.assert_allclose(middles, corners(layer)[[0, 3]])


def test_a_turned_stack_keeps_its_transform_with_and_without_bands(stack):
    turned = replace(stack, transform=Transform.turned(30, centre=(3, 4)))
    back = from_layer(*to_layer(turned))
    assert back.transform == turned.transform.over(4)
    labels = from_layer(*on_all_bands(to_layer(labels_for(turned)), len(turned.axis)))
    assert labels.transform == back.transform


def test_a_layer_turned_into_its_bands_is_said_to_be_taken_upright(cube):
    data, attributes, kind = to_layer(cube)
    with pytest.warns(UserWarning, match=r"layer 'cell' .* into its bands"):
        upright = from_layer(data, attributes | {"rotate": (20.0, 0.0, 0.0)}, kind)
    assert upright.transform is None


def test_the_description_brings_a_transform_back(cube):
    turned = replace(cube, transform=Transform.turned(12.5))
    assert image_from(turned.data, describe(turned)).transform == turned.transform


def test_a_transform_that_puts_pixels_onto_each_other_is_refused():
    with pytest.raises(ValueError, match="different pixels at one position"):
        Transform.of(np.zeros((2, 2)), np.eye(2), np.eye(3))


def suffixes():
    for known in FORMATS:
        if known.writer is not None:
            pattern = (known.writes or known.patterns)[0]
            yield pytest.param(known, pattern.strip("*/"), id=known.name)


@pytest.mark.parametrize(("known", "suffix"), list(suffixes()))
def test_files_keep_a_transform_or_it_is_said(known, suffix, cube, labels, tmp_path, recwarn):
    transform = Transform.turned(30, centre=(3, 4))
    images = [(cube, read)]
    if known.labels:
        images.append((labels, read_labels))
    for number, (image, read_back) in enumerate(images):
        path = tmp_path / f"turned{number}{suffix}"
        write(path, replace(image, transform=transform), format=known.name)
        back = read_back(path)
        said = [
            str(warning.message) for warning in recwarn if "turned by 30°" in str(warning.message)
        ]
        assert back.transform == transform or said


@pytest.mark.parametrize("size", [(-0.5, 0.25), (0.5, -0.25), (-0.5, -0.25)])
def test_a_turned_image_whose_positions_fall_comes_back_from_its_layer(cube, size):
    shear = np.array([[1, 0.3], [0, 1]])
    transform = Transform.of(Transform.turned(30).linear, shear, AFFINE)
    falling = replace(cube, pixel_size=size, transform=transform)
    back = from_layer(*to_layer(falling))
    assert (back.pixel_size, back.origin) == (falling.pixel_size, falling.origin)
    np.testing.assert_allclose(back.transform.rotate, transform.rotate, atol=1e-12)
    np.testing.assert_allclose(back.transform.shear, transform.shear, atol=1e-12)
    np.testing.assert_allclose(back.transform.affine, transform.affine, atol=1e-12)


def test_a_layer_that_is_saved_and_opened_again_lies_where_it_was_shown(layer, tmp_path):
    path = write(tmp_path / "turned.npz", image_of(layer))
    np.testing.assert_allclose(corners(as_layer(read(path))), corners(layer), atol=1e-9)
