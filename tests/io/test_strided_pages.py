"""Plain TIFF pages with gaps between them: mapped all the same, and only what is looked at is read."""

import numpy as np
import pytest
import tifffile

from napari_hyperspectral.io import read
from napari_hyperspectral.io.arrays.positional import Positional


@pytest.fixture(params=["<", ">"])
def order(request):
    return request.param


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_pages_at_even_distances_are_one_map(tmp_path, rng, order, dtype):
    data = rng.integers(0, 200, (9, 5, 7)).astype(dtype)
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=order) as file:
        for page in data:
            file.write(page, metadata=None, contiguous=False, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        starts = [page.dataoffsets[0] for page in file.pages]
    cube = read(tmp_path / "a.tif")
    assert isinstance(cube.data, Positional) == (len(set(np.diff(starts))) == 1)
    assert np.dtype(cube.data.dtype).newbyteorder("=") == dtype
    np.testing.assert_array_equal(np.asarray(cube.data), data)
    np.testing.assert_array_equal(np.asarray(cube.data[:, 3, 4]), data[:, 3, 4])
    np.testing.assert_array_equal(np.asarray(cube.data[2:8:2, 1:, :5]), data[2:8:2, 1:, :5])


def test_pages_at_uneven_distances_are_maps_too(tmp_path, rng, order):
    data = rng.integers(0, 200, (9, 6, 7)).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=order) as file:
        for number, page in enumerate(data):  # texts of different lengths lie between them
            file.write(page, description="x" * 40 * number, metadata=None, contiguous=False)
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), data)
    np.testing.assert_array_equal(np.asarray(cube.data[:, 3, 4]), data[:, 3, 4])


def test_samples_side_by_side_in_strided_pages_are_bands(tmp_path, rng):
    data = rng.integers(0, 200, (3, 6, 7, 5)).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in data:
            file.write(
                page,
                photometric="minisblack",
                planarconfig="contig",
                metadata=None,
                contiguous=False,
            )
    cube = read(tmp_path / "a.tif", axes="zyxb")
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(0, 3, 1, 2))
