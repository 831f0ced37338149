"""Zarr stores that are damaged, or change while they are shown: told, and never as zeros."""

import json
import shutil
import subprocess
import sys
import textwrap
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, write
from napari_hyperspectral.io.zarr.packed import problem_of_chunk

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")

VALUES = np.random.default_rng(0).integers(0, 50, (4, 6, 8)).astype("f4")

STORES = {
    "version 2": {"zarr_format": 2, "compressors": numcodecs.Blosc("lz4")},
    "version 3": {"zarr_format": 3, "compressors": zarr.codecs.BloscCodec(cname="lz4")},
    "shards": {
        "zarr_format": 3,
        "shards": (4, 6, 8),
        "compressors": zarr.codecs.BloscCodec(cname="zstd"),
    },
}


def store(path, kind="version 2", values=VALUES, **options):
    """Write an array of bands with chunks of two bands."""
    array = zarr.create_array(
        str(path),
        shape=values.shape,
        dtype=values.dtype,
        chunks=(2, 6, 8),
        **STORES[kind] | options,
    )
    array[:] = values
    return path


def chunks(path):
    """Return the files of a store that hold values."""
    files = (file for file in path.rglob("*") if file.is_file())
    return sorted(file for file in files if "z" not in file.name)


def values_of(path):
    return np.asarray(read(f"{path}@byx").data)


@pytest.fixture(params=STORES)
def kind(request):
    return request.param


def test_stores_that_are_intact_are_read(tmp_path, kind):
    np.testing.assert_array_equal(values_of(store(tmp_path / "a.zarr", kind)), VALUES)


CUT = """
    import sys
    from pathlib import Path
    import numpy as np
    from napari_hyperspectral.io import FileFormatError, read
    for word in sys.argv[1:]:
        path, chunk = (Path(part) for part in word.split("|"))
        raw = chunk.read_bytes()
        for length in range(0, len(raw), 11):
            chunk.write_bytes(raw[:length])
            for band in (slice(0, 4), 0):
                try:
                    np.asarray(read(f"{path}@byx").data[band])
                except FileFormatError as error:
                    assert path.name in str(error)
                else:
                    raise AssertionError(length)
"""


def test_a_chunk_that_is_cut_anywhere_is_one_error_and_ends_no_process(tmp_path):
    words = []
    for kind in STORES:
        path = store(tmp_path / f"{kind}.zarr", kind)
        words.append(f"{path}|{chunks(path)[0]}")
    command = [sys.executable, "-c", textwrap.dedent(CUT), *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_blosc_chunks_with_damaged_heads_are_recognised():
    raw = bytearray(numcodecs.Blosc("lz4", shuffle=1).encode(np.arange(5000.0)))
    assert problem_of_chunk(memoryview(raw), "blosc", 40_000) is None
    for byte, value in ((7, 0x7F), (11, 0x7F), (15, 0x7F), (18, 0x7F)):
        damaged = raw.copy()
        damaged[byte] = value
        assert problem_of_chunk(memoryview(damaged), "blosc", 40_000) is not None


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "blosc"])
def test_chunks_that_unpack_to_more_than_a_chunk_are_refused(tmp_path, codec):
    names = {"gzip": "GZip", "lzma": "LZMA", "bz2": "BZ2", "lz4": "LZ4", "blosc": "Blosc"}
    compressor = getattr(numcodecs, names.get(codec, codec.title()))()
    path = store(tmp_path / "a.zarr", compressors=compressor)
    np.testing.assert_array_equal(values_of(path), VALUES)
    bomb = np.zeros(300 * 2**20, np.uint8)
    packed = compressor.encode(bomb)
    chunks(path)[0].write_bytes(packed)
    with pytest.raises(FileFormatError, match=r"a\.zarr: chunk 0.* is damaged: .* at most"):
        values_of(path)


def test_missing_chunks_are_counted_at_opening(tmp_path, kind):
    path = store(tmp_path / "a.zarr", kind)
    chunks(path)[-1].unlink()
    total = len(chunks(path)) + 1
    with pytest.warns(UserWarning, match=rf"1 of {total} chunks of the array are missing"):
        values_of(path)


def test_our_stores_have_all_their_chunks_also_those_of_zeros(tmp_path, axis):
    zeros = Cube(np.zeros((len(axis), 3, 4), np.float32), axis)
    path = write(tmp_path / "a.zarr", zeros)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.asarray(read(path).data).any()


def test_what_is_removed_under_the_reader_is_an_error(tmp_path, kind):
    path = store(tmp_path / "a.zarr", kind)
    cube = read(f"{path}@byx")
    chunks(path)[0].unlink()
    with pytest.raises(FileFormatError, match=r"chunk .* was removed since it was opened"):
        np.asarray(cube.data[0])
    shutil.rmtree(path)
    with pytest.raises(FileFormatError, match="was removed since it was opened"):
        np.asarray(cube.data[0])


def test_a_store_that_another_replaced_is_an_error(tmp_path):
    axis = SpectralAxis(np.array([500.0, 510.0]), "nm")
    path = write(tmp_path / "a.zarr", Cube(np.ones((2, 3, 4)), axis))
    cube = read(path)
    write(path, Cube(np.ones((2, 5, 4)), axis), overwrite=True)
    with pytest.raises(FileFormatError, match="changed or replaced since it was opened"):
        np.asarray(cube.data)


def test_a_zip_file_that_another_replaced_is_an_error(tmp_path):
    folder = store(tmp_path / "a.zarr")
    zipped = Path(shutil.make_archive(str(tmp_path / "a.zarr"), "zip", folder))
    cube = read(f"{zipped}@byx")
    np.testing.assert_array_equal(np.asarray(cube.data), VALUES)
    zipped.write_bytes(zipped.read_bytes() + b"\0")
    with pytest.raises(FileFormatError, match="changed or replaced since it was opened"):
        np.asarray(cube.data)


def test_changed_attributes_are_no_other_array(tmp_path, kind):
    path = store(tmp_path / "a.zarr", kind)
    cube = read(f"{path}@byx")
    zarr.open_array(str(path), mode="r+").attrs["note"] = "looked at"
    np.testing.assert_array_equal(np.asarray(cube.data), VALUES)


def test_the_damaged_sample_is_one_error(data_folder):
    path = data_folder / "damaged" / "blosc.zspy"
    if not path.is_dir():
        pytest.skip("the damaged samples are not here")
    with pytest.raises(FileFormatError, match="is damaged"):
        np.asarray(read(path).data)


def test_metadata_of_consolidated_stores_guard_their_chunks_too(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    array = group.create_array(
        "cube", shape=(4, 6, 8), dtype="f4", chunks=(4, 6, 8), compressors=numcodecs.Zlib()
    )
    array[:] = VALUES
    zarr.consolidate_metadata(str(tmp_path / "a.zarr"))
    assert (
        "cube/.zarray" in json.loads((tmp_path / "a.zarr" / ".zmetadata").read_text())["metadata"]
    )
    (tmp_path / "a.zarr" / "cube" / "0.0.0").write_bytes(zlib.compress(bytes(300 * 2**20)))
    with pytest.raises(FileFormatError, match="is damaged"):
        np.asarray(read(f"{tmp_path / 'a.zarr'}::cube@byx").data)
