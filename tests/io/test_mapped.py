"""A mapped array is the array, however it is turned and cut, and a spectrum of it comes quickly."""

import mmap
import pickle

import numpy as np
import pytest

from napari_hyperspectral.io.mapped import Mapped, mapped

SHAPE = (40, 64, 128)
OFFSET = 1020
VALUES = np.arange(np.prod(SHAPE), dtype=">f4").reshape(SHAPE)


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(OFFSET) + VALUES.tobytes())
    return mapped(path, ">f4", SHAPE, OFFSET)


def is_paged(view):
    """Whether a view is of the mapping that is not read ahead."""
    return type(view) is np.ndarray and not view.flags.owndata


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


@pytest.mark.skipif(not hasattr(mmap, "MADV_RANDOM"), reason="this system takes no such advice")
def test_a_spectrum_is_read_page_by_page_and_a_band_is_not(array):
    assert is_paged(array[:, 5, 7])
    assert is_paged(array.transpose(1, 2, 0)[5, 7])
    assert isinstance(array[3], Mapped)
    assert isinstance(array[3:5], Mapped)


def test_nothing_can_be_written_into_the_file(array):
    for view in (array[0], array[:, 5, 7]):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0


def test_what_is_computed_is_in_memory(array):
    assert type(array + 1) is np.ndarray
    assert isinstance(array.max(), np.floating)
    assert np.array_equal(pickle.loads(pickle.dumps(array)), VALUES)
