"""An image on the pixels of another has the values that lie there."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.place.resample import UnknownPlaceError, resample_onto
from napari_hyperspectral.place.same import difference_in_pixels
from napari_hyperspectral.tasks import Segment
from napari_hyperspectral.transform import Transform

AXIS = SpectralAxis([500.0, 600.0], "nm")


def plane(shape=(20, 30), **place):
    """A cube whose two bands are the positions y and x of its pixels, in µm."""
    blank = Cube(np.zeros((2, *shape), np.float32), AXIS, pixel_unit="um", **place)
    from napari_hyperspectral.place.grid import grid_of

    index = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1)
    positions = grid_of(blank).positions(index)
    return replace(blank, data=np.moveaxis(positions, -1, 0).astype(np.float32))


GRIDS = {
    "moved": {"origin": (3.3, 4.7)},
    "turned": {"transform": Transform.turned(25, centre=(10, 15))},
    "in larger pixels": {"pixel_size": (2.5, 3.0), "shape": (7, 9)},
    "in smaller pixels": {"pixel_size": (0.3, 0.4), "shape": (50, 40)},
    "falling": {"pixel_size": (-1.0, -1.0), "origin": (18.0, 27.0)},
    "sheared": {"transform": Transform.of(np.eye(2), [[1, 0.3], [0, 1]], np.eye(3))},
}


@pytest.mark.parametrize("place", GRIDS.values(), ids=GRIDS.keys())
def test_positions_are_found_where_they_are(place):
    onto = plane(**place)
    result = resample_onto(plane(), onto)
    assert difference_in_pixels(result, onto) == 0
    expected = onto.numpy()
    inside = np.isfinite(result.numpy()).all(axis=0)
    assert inside.mean() > 0.4
    # within a pixel of the edge, larger pixels are averaged over what is known of them
    middle = inside & (expected >= 2).all(axis=0) & (expected[0] <= 17) & (expected[1] <= 27)
    np.testing.assert_allclose(result.numpy()[:, middle], expected[:, middle], atol=1e-4)


def test_an_image_on_its_own_pixels_is_itself_and_missing_stays_missing(cube):
    data = cube.numpy().copy()
    data[2, 1, 3] = np.nan
    image = replace(cube, data=data)
    np.testing.assert_array_equal(resample_onto(image, cube).numpy(), data)


def test_larger_pixels_are_means_and_positions_in_another_unit_are_converted(rng):
    fine = Cube(rng.normal(size=(2, 8, 12)), AXIS, pixel_unit="um")
    onto = Cube(
        np.zeros((1, 4, 4)), SpectralAxis.index(1), pixel_size=(2e-3, 3e-3), origin=(0.5e-3, 1e-3),
        pixel_unit="mm",
    )  # fmt: skip
    means = fine.numpy().reshape(2, 4, 2, 4, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(resample_onto(fine, onto).numpy(), means, atol=1e-6)


def test_outside_is_missing_and_of_labels_unlabelled(cube, labels):
    moved = replace(cube, origin=(cube.origin[0] + 2 * 0.5, cube.origin[1]))
    result = resample_onto(cube, moved).numpy()
    assert np.isnan(result[:, 3:]).all()
    np.testing.assert_array_equal(result[:, :3], cube.numpy()[:, 2:])
    ids = resample_onto(labels, moved).numpy()
    np.testing.assert_array_equal(ids[:3], labels.numpy()[2:])
    assert not ids[3:].any()


def test_labels_keep_their_classes_and_the_most_frequent_wins_in_larger_pixels():
    ids = np.array([[1, 1, 2, 2], [1, 3, 2, 0]], np.uint8)
    fine = Labels(ids, ("a", "b", "c"), pixel_unit="um")
    onto = Labels(
        np.zeros((1, 2), np.uint8), pixel_size=(2.0, 2.0), origin=(0.5, 0.5), pixel_unit="um"
    )
    result = resample_onto(fine, onto)
    assert result.numpy().tolist() == [[1, 2]]
    assert (result.classes, result.data.dtype) == (fine.classes, np.uint8)


def test_resampled_labels_can_be_learned_from(cube, labels):
    elsewhere = replace(labels, transform=Transform.turned(10, centre=(11.0, -3.0)))
    with pytest.raises(ValueError, match="differ in place"):
        Segment().example(cube=cube, labels=elsewhere)
    resampled = resample_onto(elsewhere, cube)
    assert "resampled onto the pixels of cube 'cell'" in resampled.history[-1]
    Segment().example(cube=cube, labels=resampled)


def test_what_cannot_be_brought_onto_another_says_why(cube):
    far = replace(cube, origin=(1000.0, 0.0))
    with pytest.raises(ValueError, match="do not overlap"):
        resample_onto(cube, far)
    placeless = replace(cube, pixel_size=(1.0, 1.0), origin=(0.0, 0.0), pixel_unit=None)
    with pytest.raises(UnknownPlaceError, match="register one onto the other"):
        resample_onto(placeless, cube)
