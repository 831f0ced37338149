"""Compressed TIFF: a block is decoded when it is looked at, and no more than it."""

import pickle

import numpy as np
import pytest
import tifffile

from napari_hyperspectral.io import FileFormatError, read

SHAPES = {  # how a page may be divided
    "one strip": {},
    "short strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
}


@pytest.fixture
def cubes(rng):
    """Six bands that are no multiple of any tile: (6, 45, 70)."""
    return rng.integers(0, 60000, (6, 45, 70)).astype(np.uint16)


@pytest.mark.parametrize("division", SHAPES)
@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_apart_are_decoded_one_by_one(tmp_path, cubes, division, compression, order):
    tifffile.imwrite(
        tmp_path / "a.tif",
        cubes,
        photometric="minisblack",
        planarconfig="separate",
        compression=compression,
        predictor=True,
        byteorder=order,
        metadata=None,
        **SHAPES[division],
    )
    cube = read(tmp_path / "a.tif")
    assert cube.data.chunks[0] == (1,) * 6
    np.testing.assert_array_equal(np.asarray(cube.data), cubes)
    np.testing.assert_array_equal(np.asarray(cube.data[4, 10:30, 40:]), cubes[4, 10:30, 40:])


@pytest.mark.parametrize("division", SHAPES)
@pytest.mark.parametrize("block", [10, 3000, 2**24])
def test_neighbouring_samples_are_decoded_by_strips_and_tiles(
    tmp_path, cubes, division, block, monkeypatch
):
    monkeypatch.setattr("napari_hyperspectral.io.tiff.segments._BLOCK", block)
    chunky = np.ascontiguousarray(cubes.transpose(1, 2, 0))
    tifffile.imwrite(
        tmp_path / "a.tif",
        chunky,
        photometric="minisblack",
        planarconfig="contig",
        compression="zlib",
        metadata=None,
        **SHAPES[division],
    )
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), cubes)
    np.testing.assert_array_equal(np.asarray(cube.data[:, 17, 33]), cubes[:, 17, 33])
    if block == 10 and division == "tiles":
        assert cube.data.chunks == ((6,), (16, 16, 13), (32, 32, 6))


def test_uncompressed_tiles_are_read_tile_by_tile(tmp_path, cubes):
    tifffile.imwrite(tmp_path / "a.tif", cubes, photometric="minisblack", tile=(16, 16))
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.tif").data), cubes)


def test_a_hole_in_a_sparse_file_holds_what_the_file_says_of_missing_values(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ones((32, 32), np.int16),
        tile=(16, 16),
        compression="zlib",
        metadata=None,
        extratags=[(42113, "s", 0, "-9", True)],
    )
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        for tag in (324, 325):  # offset and size of the second tile
            entry = file.pages[0].tags[tag]
            size = entry.valuebytecount // 4
            content[entry.valueoffset + size : entry.valueoffset + 2 * size] = bytes(size)
    (tmp_path / "a.tif").write_bytes(content)
    data = np.asarray(read(tmp_path / "a.tif").data)[0]
    assert (data[:16, 16:] == -9).all()
    assert (data[16:] == 1).all()


def test_what_reads_a_file_can_be_sent_to_another_process(tmp_path, cubes):
    tifffile.imwrite(tmp_path / "a.tif", cubes, photometric="minisblack", compression="zlib")
    data = read(tmp_path / "a.tif").data
    np.asarray(data[0])
    sent = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(np.asarray(sent), cubes)


def test_damaged_strips_are_refused_when_they_are_read(tmp_path, cubes):
    tifffile.imwrite(
        tmp_path / "a.tif", cubes, photometric="minisblack", compression="zlib", metadata=None
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[2].dataoffsets[0]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[place : place + 40] = bytes(40)
    (tmp_path / "a.tif").write_bytes(content)
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.asarray(cube.data[0]), cubes[0])
    with pytest.raises(FileFormatError, match=r"a\.tif: not a whole TIFF file"):
        np.asarray(cube.data[2])


def test_strips_beyond_the_end_are_refused_at_once(tmp_path, cubes):
    tifffile.imwrite(
        tmp_path / "a.tif", cubes[:1], photometric="minisblack", compression="zlib", metadata=None
    )
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:-1000])
    with pytest.raises(FileFormatError, match=r"page 0 ends at [\d,]+; the file was cut short"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_samples_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4, 5), dtype), photometric="minisblack")
    with pytest.raises(FileFormatError, match="wanted real numbers; take the absolute value"):
        read(tmp_path / "a.tif")
