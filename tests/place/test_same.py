"""Images that are paired lie on each other, or it is said: in tasks, evaluations, layers and files."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.io import read, read_labels, write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.place.same import PlaceMismatchError, difference_in_pixels
from napari_hyperspectral.tasks import (
    Calibrate,
    ClassifySpectra,
    Denoise,
    PredictChannels,
    Segment,
)
from napari_hyperspectral.transform import Transform

SIZE = (20, 30)
AXIS = SpectralAxis([500.0, 600.0, 700.0], "nm")
STATED = {"pixel_size": (2.0, 2.0), "origin": (10.0, 5.0), "pixel_unit": "um"}
ELSEWHERE = {
    "origin": {"origin": (10.0, 6.2)},
    "origin in another unit": {
        "pixel_size": (0.002, 0.002), "origin": (0.010, 0.0062), "pixel_unit": "mm"
    },
    "pixel size": {"pixel_size": (2.0, 2.1)},
    "rotation": {"transform": Transform.turned(3)},
    "shear": {"transform": Transform.of(np.eye(2), [[1, 0.1], [0, 1]], np.eye(3))},
    "affine": {"transform": Transform.of(np.eye(2), np.eye(2), [[1, 0, 3], [0, 1, 0], [0, 0, 1]])},
    "falling rows": {"pixel_size": (-2.0, 2.0)},
}  # fmt: skip
NEAR = {
    "the same": {},
    "in another unit": {
        "pixel_size": (2000.0, 2000.0), "origin": (10000.0, 5000.0), "pixel_unit": "nm"
    },
    "by half a pixel": {"origin": (9.0, 6.0)},
    "not stated": {"pixel_size": (1.0, 1.0), "origin": (0.0, 0.0), "pixel_unit": None},
}  # fmt: skip


@pytest.fixture
def scan(rng):
    return Cube(rng.normal(100, 5, (3, *SIZE)).astype(np.float32), AXIS, name="scan", **STATED)


def classes(**place):
    ids = np.zeros(SIZE, np.uint8)
    ids[:5], ids[9:] = 1, 2
    return Labels(ids, name="roi", **STATED | place)


def pairs(scan, place):
    """Yield each kind of task with a pair of which the second image lies elsewhere."""
    other = replace(scan, name="roi", **place)
    yield Segment, {"cube": scan, "labels": classes(**place)}
    yield ClassifySpectra, {"spectra": scan, "labels": classes(**place)}
    yield Denoise, {"noisy": scan, "clean": other}
    yield PredictChannels, {"cube": scan, "target": other}
    yield Calibrate, {"measured": scan, "reference": other}


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_what_lies_elsewhere_is_refused_with_both_places_and_the_ways_out(scan, place):
    for task, images in pairs(scan, place):
        with pytest.raises(
            PlaceMismatchError, match=r"'roi' and .*'scan' differ in place"
        ) as error:
            task().example(**images)
        message = str(error.value)
        assert "first pixel at (y 10, x 5) um, pixels of 2 × 2 um" in message
        for way in ("resample", "register", "landmarks", "correlation", "same_pixels"):
            assert way in message
        trusting = task(same_pixels=True).example(**images)
        assert trusting.input.shape == (1, 3, *SIZE)


@pytest.mark.parametrize("place", NEAR.values(), ids=NEAR.keys())
def test_what_lies_within_half_a_pixel_or_does_not_say_is_paired(scan, place):
    for task, images in pairs(scan, place):
        task().example(**images)


def test_both_numbers_are_told(scan):
    message = r"up to 3 pixels: .*\(y 10, x 11\) um, .* against .*\(y 10, x 5\) um"
    with pytest.raises(PlaceMismatchError, match=message):
        Segment().example(cube=scan, labels=classes(origin=(10.0, 11.0)))


def test_places_in_units_that_cannot_be_converted_are_said_not_to_be_compared(scan):
    with pytest.warns(UserWarning, match="nobody can tell whether"):
        Segment().example(cube=scan, labels=classes(pixel_unit="deg", origin=(0.0, 0.0)))


def test_planes_are_compared_where_both_stacks_say_where_they_lie(stack):
    same = replace(stack, z=Sampling(0.0015, -0.003, "mm"))
    assert difference_in_pixels(stack, same) == pytest.approx(0, abs=1e-6)
    deeper = replace(stack, z=Sampling(1.5, 0.0, "um"))
    assert difference_in_pixels(stack, deeper) == pytest.approx(2)
    assert difference_in_pixels(stack, replace(stack, z=Sampling())) == 0


def as_layer(image, **attributes):
    data, known, kind = to_layer(image)
    return from_layer(data, known | attributes, kind)


def test_a_layer_lies_where_it_is_shown_even_if_nobody_gave_it_a_place(plain_cube):
    ids = np.ones(plain_cube.shape[-2:], np.uint8)
    ids[2:] = 2
    cube = as_layer(plain_cube)
    Segment().example(cube=cube, labels=as_layer(Labels(ids)))
    moved = as_layer(Labels(ids), translate=(0.0, 3.0))
    with pytest.raises(PlaceMismatchError, match="up to 3 pixels"):
        Segment().example(cube=cube, labels=moved)
    turned = as_layer(Labels(ids), rotate=20.0)
    with pytest.raises(PlaceMismatchError, match="turned by 20°"):
        Segment().example(cube=cube, labels=turned)


def test_files_are_compared_as_layers_are(scan, tmp_path):
    write(tmp_path / "scan.hdr", scan)
    write(tmp_path / "roi.ome.tif", classes(origin=(10.0, 9.0)))
    np.save(tmp_path / "plain.npy", classes().data)
    cube = read(tmp_path / "scan.hdr")
    with pytest.raises(PlaceMismatchError, match="up to 2 pixels"):
        Segment().example(cube=cube, labels=read_labels(tmp_path / "roi.ome.tif"))
    Segment().example(cube=cube, labels=read_labels(tmp_path / "plain.npy"))


def coarse(scan, **place):
    """The same ground in pixels of twice the size."""
    data = scan.numpy().reshape(3, 10, 2, 15, 2).mean(axis=(2, 4))
    own = {"pixel_size": (4.0, 4.0), "origin": (11.0, 6.0), "pixel_unit": "um", "name": "coarse"}
    return Cube(data, AXIS, **own | place)


def evaluated(input, target, **trust):
    test = np.ones(input.shape[-2:], bool)
    return EvaluationPair(input, target, train=~test, test=test, **trust)


def test_of_coarse_and_fine_images_the_extents_are_compared(scan):
    assert evaluated(coarse(scan), scan).offset == pytest.approx((0.5, 0.5))
    evaluated(coarse(scan, origin=(12.9, 6.0)), scan)  # within half a coarse pixel
    for place in ({"origin": (13.1, 6.0)}, {"pixel_size": (2.0, 2.0)}):
        shifted = coarse(scan, **place)
        with pytest.raises(PlaceMismatchError, match=r"from \(y 9, x 4\) to \(y 49, x 64\) um"):
            evaluated(shifted, scan)
        evaluated(shifted, scan, same_pixels=True)


def test_an_evaluation_refuses_a_truth_that_lies_elsewhere(scan):
    with pytest.raises(PlaceMismatchError):
        evaluated(scan, classes(origin=(0.0, 0.0)))
    with pytest.raises(PlaceMismatchError):
        evaluated(scan, replace(scan, transform=Transform.turned(90)))
