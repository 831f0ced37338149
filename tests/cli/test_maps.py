"""Maps from the command line: files beside each other, and how far they agree."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read, read_labels, write


@pytest.fixture
def files(tmp_path, rng):
    """The same mixtures twice, the second time at half the light."""
    axis = SpectralAxis(np.linspace(400, 700, 16), "nm")
    pure = np.exp(-(((axis.centres - np.array([[450], [550], [650]])) / 60) ** 2))
    shares = rng.dirichlet([1, 1, 1], (6, 8))
    cube = Cube(np.einsum("yxm,mb->byx", shares, pure).astype(np.float32), axis, pixel_unit="um")
    write(tmp_path / "cell.npz", cube)
    write(tmp_path / "dim.npz", cube.after("dimmed", data=cube.data / 2))
    return cube


def test_components_of_a_cube_are_mapped_there_and_in_another(run, files):
    words = ("components", "cell.npz", "--apply", "dim.npz", "--count", "3", "-o", "maps")
    code, out, _ = run(*words)
    assert code == 0
    assert "dim.npz: 100.0% of the pixels have the same component as in cell.npz" in out
    bright, dim = (read(f"maps/{name}_abundances.ome.tif") for name in ("cell", "dim"))
    np.testing.assert_allclose(dim.numpy(), bright.numpy() / 2, atol=1e-5)
    assert bright.axis.names == ("component 1", "component 2", "component 3")
    assert read("maps/components.csv").shape == (16, 1, 3)
    assert read("maps/cell_composite.ome.tif").shape == (3, 6, 8)
    classes = read_labels("maps/dim_classes.ome.tif")
    np.testing.assert_array_equal(classes.numpy(), dim.numpy().argmax(axis=0) + 1)
    code, _, err = run(*words)
    assert code == 1
    assert "--force overwrites it" in err


@pytest.mark.parametrize("path", ["one.npz", "missing.npz"])
def test_components_that_are_not_found_leave_no_folder(run, files, tmp_path, path):
    write("one.npz", files.take([0]))
    code, _, err = run("components", path, "--apply", "dim.npz", "-o", "all/maps")
    assert code == 1
    assert "1 bands" not in err
    assert not (tmp_path / "all").exists()


def test_maps_are_not_written_into_a_file(run, files, tmp_path):
    code, _, err = run("components", "missing.npz", "-o", "cell.npz/maps")
    assert code == 2
    assert "cell.npz is a file" in err


def test_a_band_and_a_peak_become_images(run, files):
    run("map", "cell.npz", "--at", "505", "-o", "band.npz")
    np.testing.assert_array_equal(read("band.npz").numpy()[0], files.data[5])
    run("map", "cell.npz", "--from", "500", "--to", "600", "-o", "peak.npz")
    assert read("peak.npz").axis.names == ("area of 500–600 nm",)


@pytest.mark.parametrize("words", [(), ("--from", "500"), ("--at", "500", "--from", "1")])
def test_a_map_is_of_a_band_or_of_a_range(run, files, words):
    code, _, err = run("map", "cell.npz", *words, "-o", "map.npz")
    assert code == 2
    assert "give either --at, or both --from and --to" in err
