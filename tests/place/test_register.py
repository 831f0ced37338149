"""A registered image lies where its landmarks, or what it shows, say; what is left is told."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.place.grid import grid_of
from napari_hyperspectral.place.landmarks import read_landmarks
from napari_hyperspectral.place.register import register_by_correlation, register_by_landmarks
from napari_hyperspectral.place.resample import resample_onto
from napari_hyperspectral.transform import Transform

AXIS = SpectralAxis([500.0, 600.0], "nm")
MARKS = np.array([[2.0, 3.0], [40.0, 10.0], [20.0, 60.0], [30.0, 40.0]])


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    data = np.stack([gaussian_filter(rng.normal(size=(60, 70)), 2.0) for _ in range(2)])
    place = {"pixel_size": (2.0, 2.0), "origin": (10.0, 5.0), "pixel_unit": "um"}
    return Cube(data, AXIS, name="scene", **place)


def part_of(scene, shift, **changes):
    """A part of the scene that is said to lie `shift` pixels from where it is."""
    rows, columns = slice(8, 52), slice(6, 60)
    y = scene.origin[0] + 2 * (8 + shift[0])
    x = scene.origin[1] + 2 * (6 + shift[1])
    return replace(scene, data=scene.data[:, rows, columns], origin=(y, x), name="part", **changes)


@pytest.mark.parametrize("shift", [(0.4, -0.7), (3.3, -5.6), (-9.0, 6.5)])
def test_correlation_finds_the_shift_of_equal_and_of_other_bands(scene, shift):
    other = SpectralAxis([1000.0, 1600.0], "1/cm", "raman_shift")
    for axis, values in ((AXIS, lambda data: data), (other, lambda data: np.exp(-3 * data))):
        part = part_of(scene, shift, axis=axis)
        part = replace(part, data=values(part.data))
        found = register_by_correlation(part, scene)
        np.testing.assert_allclose(found.shift, np.negative(shift), atol=0.1)
        assert found.residual < 0.1
        assert "residual" in str(found)
        on_scene = resample_onto(found.image, scene).numpy()
        inside = np.isfinite(on_scene).all(axis=0)
        error = on_scene[:, inside] - values(scene.numpy())[:, inside]
        assert error.std() < 0.1 * on_scene[:, inside].std()


def test_correlation_of_images_without_a_place_begins_with_first_pixel_on_first(scene):
    placeless = Cube(scene.data[:, 3:, 5:], AXIS)
    found = register_by_correlation(placeless, scene)
    np.testing.assert_allclose(found.shift, (3, 5), atol=0.1)
    assert found.image.pixel_unit == "um"


def test_labels_are_registered_by_their_outlines(scene):
    ids = 1 + (scene.data[0] > 0) + (scene.data[0] > 0.08)
    labels = Labels(ids[8:52, 6:60], origin=(10.0 + 2 * 10, 5.0 + 2 * 4), pixel_size=(2.0, 2.0),
                    pixel_unit="um")  # fmt: skip
    found = register_by_correlation(labels, scene)
    np.testing.assert_allclose(found.shift, (-2, 2), atol=0.5)


def test_images_that_show_nothing_in_common_are_said_to(scene):
    noise = replace(scene, data=np.random.default_rng(5).normal(size=scene.shape))
    with pytest.warns(UserWarning, match="look whether they show the same place"):
        register_by_correlation(noise, scene)
    with pytest.raises(ValueError, match="nothing varies"):
        register_by_correlation(replace(scene, data=np.ones(scene.shape)), scene)


MOTIONS = {
    "shift": np.eye(2),
    "rigid": Transform.turned(20).linear,
    "similarity": 1.3 * Transform.turned(-50).linear,
    "affine": np.array([[1.1, 0.3], [-0.2, 0.9]]),
}


@pytest.mark.parametrize("motion", MOTIONS)
def test_landmarks_bring_an_image_back(scene, motion):
    where = grid_of(scene).positions(MARKS) @ MOTIONS[motion].T + [4.0, -7.0]
    onto_marks = grid_of(scene).pixels(where)
    found = register_by_landmarks(scene, scene, MARKS, onto_marks, motion)
    assert found.residual < 1e-6
    np.testing.assert_allclose(grid_of(found.image).positions(MARKS), where)


def test_what_landmarks_leave_is_told(scene):
    noisy = MARKS + np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])
    found = register_by_landmarks(scene, scene, MARKS, noisy)
    assert found.residual == pytest.approx(0.5, abs=0.1)
    assert "residual 0.5" in found.image.history[-1]


def test_without_a_stated_place_landmarks_give_the_pixel_size_too(scene):
    placeless = Cube(scene.data, AXIS)
    found = register_by_landmarks(placeless, scene, MARKS, 0.5 * MARKS + 3)
    np.testing.assert_allclose(grid_of(found.image).steps, [1.0, 1.0])
    assert found.image.pixel_unit == "um"


def test_landmarks_in_another_unit_and_of_turned_images_are_brought_back(scene):
    turned = replace(
        scene, pixel_size=(2e-3, 2e-3), origin=(0.01, 0.005), pixel_unit="mm",
        transform=Transform.turned(30, centre=(0.05, 0.05)),
    )  # fmt: skip
    found = register_by_landmarks(turned, scene, MARKS, MARKS)
    assert found.residual < 1e-6
    np.testing.assert_allclose(resample_onto(found.image, scene).numpy(), scene.numpy(), atol=1e-5)


def test_landmarks_that_do_not_suffice_are_refused(scene):
    with pytest.raises(ValueError, match="mark the same ones in both"):
        register_by_landmarks(scene, scene, MARKS, MARKS[:2])
    with pytest.raises(ValueError, match="2 landmarks are too few for a affine motion"):
        register_by_landmarks(scene, scene, MARKS[:2], MARKS[:2], "affine")
    line = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    with pytest.raises(ValueError, match="on one line"):
        register_by_landmarks(scene, scene, line, line, "affine")


def test_a_file_of_landmarks_needs_its_four_columns(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("row,column,onto_row,onto_column\n1,2,3,4\n5,6,7,8\n")
    points, onto_points = read_landmarks(path)
    assert points.tolist() == [[1, 2], [5, 6]]
    assert onto_points.tolist() == [[3, 4], [7, 8]]
    path.write_text("row,column\n1,2\n")
    with pytest.raises(ValueError, match="there is no column onto_column or onto_row"):
        read_landmarks(path)
