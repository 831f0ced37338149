"""A mapped array is the array, however it is turned and cut, and a spectrum of it comes quickly."""

import ctypes
import mmap
import os
import pickle

import numpy as np
import pytest

from napari_hyperspectral.io.arrays.mapped import mapped

SHAPE = (40, 64, 128)
OFFSET = 1020
VALUES = np.arange(np.prod(SHAPE), dtype=">f4").reshape(SHAPE)


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(OFFSET) + VALUES.tobytes())
    return mapped(path, ">f4", SHAPE, OFFSET)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[3],
        np.s_[:, 5, 7],
        np.s_[..., 5:7, 100:],
        np.s_[::-1, 5, ::-40],
        np.s_[::7, ::8, ::9],
        np.s_[2, 3, 4],
        np.s_[[0, 39], 1:2],
        np.s_[:, VALUES[0] > 5000],
        np.s_[:0],
        np.s_[None, :, -1, -1],
    ],
)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_every_cut_is_that_of_the_array(array, index, order):
    turned, wanted = array.transpose(order), VALUES.transpose(order)
    try:
        expected = wanted[index]
    except IndexError:
        with pytest.raises(IndexError):
            turned[index]
        return
    assert np.array_equal(turned[index], expected)
    assert np.asarray(turned[index]).shape == np.shape(expected)


def resident(path):
    """Return how many pages of the file lie in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    pages = -(-path.stat().st_size // mmap.PAGESIZE)
    found = (ctypes.c_ubyte * pages)()
    with path.open("rb") as file:
        whole = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    assert libc.mincore(ctypes.c_void_p(whole.ctypes.data), whole.nbytes, found) == 0
    return sum(page & 1 for page in found)


@pytest.fixture
def cold(tmp_path):
    """A file of 64 bands of 256 kB each that is on the disk only."""
    path = tmp_path / "cold.raw"
    path.write_bytes(np.arange(64 * 256 * 256, dtype="f4").tobytes())
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    array = mapped(path, "f4", (64, 256, 256))
    if resident(path):
        pytest.skip("this file system keeps files in memory")
    return array, path


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system cannot forget a file")
@pytest.mark.parametrize(
    ("index", "pages"),
    [
        (np.s_[5], 64),
        (np.s_[:, 100, 100], 64),
        (np.s_[7, 128], 1),
        (np.s_[:, 100:116, 3], 64 * 5),  # 16 rows of 1 kB lie on 4 pages, or on 5
        (np.s_[10:12], 128),
    ],
    ids=["a band", "a spectrum", "a row", "spectra of a column", "two bands"],
)
def test_what_is_looked_at_is_all_that_is_read(cold, index, pages):
    array, path = cold
    looked = np.array(array[index])
    assert resident(path) <= pages + 1
    assert np.array_equal(
        looked, np.arange(64 * 256 * 256, dtype="f4").reshape(64, 256, 256)[index]
    )


def test_nothing_can_be_written_into_the_file(array):
    for view in (array[0], array[:, 5, 7]):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0


def test_what_is_computed_is_in_memory(array):
    assert type(array + 1) is np.ndarray
    assert isinstance(array.max(), np.floating)
    assert np.array_equal(pickle.loads(pickle.dumps(array)), VALUES)
