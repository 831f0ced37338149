"""Spectra with an index map are a cube like any other, and only what is looked at is read."""

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis, read, to_layer, write
from napari_hyperspectral.io.arrays.indexed import NOT_MEASURED, IndexMappedArray

BANDS = 9
INDEX_MAP = np.array(
    [
        [
            [4, 3, NOT_MEASURED, 2, 1],
            [0, NOT_MEASURED, 5, 6, 7],
            [NOT_MEASURED, NOT_MEASURED, 8, 10, 9],
        ],
        [[11, 12, 13, 14, 15], [20, 19, 18, 17, 16], [21, 22, 23, 24, NOT_MEASURED]],
    ]
)


class RecordedSpectra:
    """Spectra that remember what they were asked for."""

    bands = BANDS

    def __init__(self, dtype=np.float32):
        self.table = np.arange(25 * BANDS, dtype=dtype).reshape(25, BANDS)
        self.dtype, self.asked = self.table.dtype, []

    def read(self, rows, bands):
        assert (np.diff(rows) >= 0).all()
        self.asked.append((len(rows), len(bands)))
        return self.table[np.ix_(rows, bands)]


def whole(spectra, index_map):
    """Return the cube as it must be."""
    padded = np.vstack([spectra.table.astype(np.float32), np.full(BANDS, np.nan, np.float32)])
    return np.moveaxis(padded[index_map], -1, -3)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[3],
        np.s_[-1],
        np.s_[:, 1, 4],
        np.s_[..., 1:2, ::2],
        np.s_[::-1, ::-1],
        np.s_[2, 1, 4],
        np.s_[[0, 8, 8]],
        np.s_[:, [2, 0], 1:],
        np.s_[1:5, ...],
        np.s_[4, :, [1, 3]],
        np.s_[:, [0, 1], [1, 2]],
        np.s_[[1, 2], [0, 1], 2],
        np.s_[:, np.array([True, False, True])],
        np.s_[:, np.eye(3, 5, dtype=bool)],
        np.s_[:0],
        np.s_[[]],
        np.s_[None, :, 2],
        np.s_[...],
        np.s_[np.int64(2), ..., 0],
    ],
)
def test_every_cut_is_that_of_the_array(index):
    spectra = RecordedSpectra()
    array = IndexMappedArray(spectra, INDEX_MAP[0])
    expected = whole(spectra, INDEX_MAP[0])[index]
    assert np.shape(array[index]) == expected.shape
    assert np.array_equal(np.asarray(array[index]), expected, equal_nan=True)


@pytest.mark.parametrize("index", [np.s_[1], np.s_[:, 2], np.s_[0, 3, 1], np.s_[..., 4], np.s_[1:]])
def test_planes_come_before_bands(index):
    spectra = RecordedSpectra()
    cube, expected = IndexMappedArray(spectra, INDEX_MAP), whole(spectra, INDEX_MAP)
    assert cube.shape == expected.shape == (2, BANDS, 3, 5)
    assert np.array_equal(np.asarray(cube[index]), expected[index], equal_nan=True)


def test_only_what_is_looked_at_is_read():
    spectra = RecordedSpectra()
    array = IndexMappedArray(spectra, INDEX_MAP[1])
    part = array[2:6, 1:][..., :3]
    assert isinstance(part, IndexMappedArray)
    assert spectra.asked == []
    np.asarray(part)
    array[4]
    array[:, 0, 0]
    assert spectra.asked == [(6, 4), (14, 1), (1, BANDS)]


def test_whole_numbers_stay_whole_where_nothing_is_missing():
    spectra = RecordedSpectra(np.uint16)
    assert IndexMappedArray(spectra, INDEX_MAP[1][:2]).dtype == np.uint16
    assert IndexMappedArray(spectra, INDEX_MAP[0]).dtype == np.float32
    assert (
        IndexMappedArray(spectra, INDEX_MAP[0])[:, :1, :2].dtype == np.float32
    )  # a part is of the same type


@pytest.mark.parametrize("index", [9, (0, 3), (0, 0, 5), (0, 0, 0, 0), (slice(None), -4)])
def test_what_is_not_there_is_an_index_error(index):
    with pytest.raises(IndexError):
        IndexMappedArray(RecordedSpectra(), INDEX_MAP[0])[index]


@pytest.mark.parametrize("suffix", ["npy", "hdr", "h5", "npz", "ome.tif", "hspy", "mat", "zarr"])
def test_every_writer_takes_it(tmp_path, suffix):
    spectra = RecordedSpectra()
    cube = Cube(
        IndexMappedArray(spectra, INDEX_MAP[0]), SpectralAxis(np.arange(BANDS) + 100.0, "m/z")
    )
    path = write(tmp_path / f"a.{suffix}", cube)
    back = np.asarray(read(path).data)
    assert np.array_equal(back, whole(spectra, INDEX_MAP[0]), equal_nan=True)


def test_a_layer_is_made_of_it_by_looking_at_a_few_bands():
    data, attributes, _ = to_layer(
        Cube(IndexMappedArray(RecordedSpectra(), INDEX_MAP[0]), SpectralAxis.index(BANDS))
    )
    assert isinstance(data, IndexMappedArray)
    low, high = attributes["contrast_limits"]
    assert 0 <= low < high <= 25 * BANDS
