"""A lazy array is the array, whatever is cut out of it and turned, and reads only what it must."""

import random

import dask.array as da
import numpy as np
import pytest

from napari_hyperspectral.io.arrays.lazy import Lazy

VALUES = np.arange(6 * 5 * 7 * 3).reshape(6, 5, 7, 3).astype(np.int32)


@pytest.fixture
def read():
    """A source that remembers how many values were taken from it."""

    def take(box):
        assert all(part.step >= 1 and 0 <= part.start < part.stop for part in box)
        values = VALUES[box]
        take.count += values.size
        return values

    take.count = 0
    return take


@pytest.fixture
def lazy(read):
    return Lazy(read, VALUES.shape, VALUES.dtype, chunks=(1, 5, 7, 3))


INDICES = [
    2, -1, slice(None), slice(1, 4), slice(None, None, -1), slice(-2, None), slice(4, 1, -2),
    slice(0, 0), None, [2, 0, 0], np.array([True, False, True]),
]  # fmt: skip


def random_index(chance, shape):
    items = []
    for size in shape[: chance.randrange(len(shape) + 1)]:
        item = chance.choice(INDICES)
        if isinstance(item, np.ndarray):
            item = np.arange(size) % 2 == 0
        if isinstance(item, list) and size < 3:
            item = slice(None)
        if not isinstance(item, list | np.ndarray) or not any(
            isinstance(other, list | np.ndarray) for other in items
        ):
            items.append(item)
    if chance.random() < 0.3:
        items.insert(chance.randrange(len(items) + 1), Ellipsis)
    return tuple(items)


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_done_to_it_is_what_numpy_does(lazy, seed):
    chance, wanted, found = random.Random(seed), VALUES, lazy
    for _ in range(chance.randrange(1, 5)):
        if chance.random() < 0.4 and isinstance(found, Lazy):
            order = chance.sample(range(wanted.ndim), wanted.ndim)
            wanted, found = wanted.transpose(order), found.transpose(*order)
        index = random_index(chance, wanted.shape)
        try:
            expected = wanted[index]
        except IndexError:
            with pytest.raises(IndexError):
                np.asarray(found[index])
            return
        wanted, found = expected, found[index]
        assert np.shape(found) == np.shape(wanted)
        assert np.array_equal(np.asarray(found), wanted)


def test_slices_read_nothing_and_loading_reads_no_more_than_is_used(lazy, read):
    part = lazy[1:3, ..., 0].transpose(2, 0, 1)[None, ::2]
    assert part.shape == (1, 4, 2, 5)
    assert read.count == 0
    assert np.array_equal(part, VALUES[1:3, ..., 0].transpose(2, 0, 1)[None, ::2])
    assert read.count == part.size


def test_bands_in_a_list_stay_unread(lazy, read):
    bands = lazy[..., [2, 0]]
    assert read.count == 0
    assert np.array_equal(bands, VALUES[..., [2, 0]])


def test_one_value_is_a_number(lazy):
    assert lazy[1, 2, 3, 0] == VALUES[1, 2, 3, 0]
    assert np.ndim(lazy[1, 2, 3, 0]) == 0


def test_it_computes_as_an_array(lazy):
    assert np.array_equal(2 * lazy + 1, 2 * VALUES + 1)
    assert np.sum(lazy) == lazy.sum() == VALUES.sum()
    assert (lazy.min(), lazy.max(), lazy.mean()) == (VALUES.min(), VALUES.max(), VALUES.mean())
    assert np.array_equal(np.moveaxis(lazy, -1, 0), np.moveaxis(VALUES, -1, 0))
    assert np.array_equal(lazy.T, VALUES.T)
    assert np.array_equal(da.from_array(lazy, chunks=(2, 5, 7, 3)).mean(0), VALUES.mean(0))


def test_an_index_too_many_is_refused(lazy):
    with pytest.raises(IndexError):
        lazy[0, 0, 0, 0, 0]
    with pytest.raises(IndexError):
        lazy[6]
    with pytest.raises(ValueError, match="is no order of 4 axes"):
        lazy.transpose(0, 0, 1, 2)
