"""Images are brought onto the pixels of others from the command line."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.io import read, read_labels, write
from napari_hyperspectral.transform import Transform


@pytest.fixture
def scan(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    data = gaussian_filter(rng.normal(size=(2, 30, 36)), (0, 2, 2))
    cube = Cube(data, SpectralAxis([500.0, 600.0], "nm"), pixel_size=(2.0, 2.0), pixel_unit="um")
    write("scan.npz", cube)
    ids = 1 + (cube.data[0] > 0).astype(np.uint8)
    place = {"pixel_size": (2.0, 2.0), "pixel_unit": "um"}
    write("moved.npz", Labels(ids, ("a", "b"), origin=(6.0, 0.0), **place))
    return cube


def test_an_image_is_resampled_onto_another(run, scan):
    code, out, _ = run("resample", "moved.npz", "scan.npz", "roi.npz", "--labels")
    assert (code, out.strip()) == (0, "roi.npz")
    labels = read_labels("roi.npz")
    np.testing.assert_array_equal(labels.numpy()[3:], read_labels("moved.npz").numpy()[:-3])
    assert (labels.classes, labels.pixel_size) == (("a", "b"), (2.0, 2.0))


def test_an_image_is_registered_by_correlation_and_the_residual_is_printed(run, scan):
    write("noisy.npz", replace(scan, origin=(8.0, -4.0)))
    code, out, _ = run("register", "noisy.npz", "scan.npz", "on.npz")
    assert code == 0
    assert "moved by (y -4.00, x 2.00) pixels, residual 0.00 pixels" in out
    np.testing.assert_allclose(read("on.npz").numpy(), scan.numpy(), atol=0.05)


def test_an_image_is_registered_by_landmarks(run, scan, tmp_path):
    turned = replace(scan, transform=Transform.turned(15))
    write("turned.npz", turned)
    marks = "row,column,onto_row,onto_column\n1,2,1,2\n25,3,25,3\n12,30,12,30\n"
    (tmp_path / "marks.csv").write_text(marks)
    words = ("register", "turned.npz", "scan.npz")
    code, out, _ = run(*words, "place.npz", "--landmarks", "marks.csv", "--keep-pixels")
    assert code == 0
    assert "residual 0.00" in out
    np.testing.assert_array_equal(read("place.npz").numpy(), scan.numpy())
    code, _, err = run(*words, "no.npz", "--motion", "rigid")
    assert code == 2
    assert "give --landmarks" in err


def test_a_training_on_images_that_lie_elsewhere_needs_trust(run, scan):
    words = ("preview", "--task", "segment", "--method", "pixelwise", "cube=scan.npz")
    words = (*words, "labels=moved.npz", "-o", "batch")
    code, _, err = run(*words)
    assert code == 1
    assert "differ in place by up to 3 pixels" in err
    assert "--same-pixels" in err
    code, _, _ = run(*words, "--same-pixels")
    assert code == 0


def test_a_task_of_one_image_has_no_pixels_to_trust(run, scan):
    words = ("preview", "--task", "super_resolve", "fine=scan.npz", "-o", "batch")
    code, _, err = run(*words, "--same-pixels")
    assert code == 2
    assert "one image at a time" in err
