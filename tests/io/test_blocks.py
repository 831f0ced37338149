"""A lazy array is written a piece at a time, and no piece of it is worked out twice."""

import dask.array as da
import numpy as np
import pytest

from napari_hyperspectral.io.arrays import blocks as module
from napari_hyperspectral.io.arrays.blocks import blocks


@pytest.mark.parametrize("shape", [(7, 5, 3), (2, 7, 5, 3), (2, 3, 7, 5, 3), (5, 3)])
@pytest.mark.parametrize("limit", [1, 100, 10**6])
def test_the_pieces_make_the_whole_in_order(monkeypatch, shape, limit):
    monkeypatch.setattr(module, "_BYTES", limit)
    truth = np.arange(np.prod(shape)).reshape(shape)
    pieces = [block.ravel() for _, block in blocks(truth)]
    assert np.array_equal(np.concatenate(pieces), truth.ravel())
    copy = np.zeros_like(truth)
    for index, block in blocks(truth):
        copy[index] = block
    assert np.array_equal(copy, truth)


def test_a_piece_is_no_larger_than_it_may_be(monkeypatch):
    monkeypatch.setattr(module, "_BYTES", 3 * 5 * 3 * 8)
    assert [len(block) for _, block in blocks(np.zeros((7, 5, 3)))] == [3, 3, 1]


def test_each_chunk_is_worked_out_once(monkeypatch):
    monkeypatch.setattr(module, "_BYTES", 1)
    worked = []

    def count(block, block_id=None):
        worked.append(block_id)
        return block

    zeros = da.zeros((8, 6, 4), chunks=(4, 3, 4))
    lazy = da.map_blocks(count, zeros, dtype=float, meta=np.empty((0, 0, 0)))
    worked.clear()
    assert sum(len(block) for _, block in blocks(lazy)) == 8
    assert len(worked) == len(set(worked)) == 4
