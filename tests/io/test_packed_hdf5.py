"""Damaged chunks of HDF5 are an error, whatever the filter would do with them; whole ones are read."""

import struct
import subprocess
import sys

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read
from napari_hyperspectral.io.hdf5.file import loaded_vector

h5py = pytest.importorskip("h5py")
filters = pytest.importorskip("hdf5plugin")

FILTERS = {
    "bitshuffle": lambda: filters.Bitshuffle(),
    "bitshuffle zstd": lambda: filters.Bitshuffle(cname="zstd"),
    "bitshuffle alone": lambda: filters.Bitshuffle(cname="none"),
    "bitshuffle of 64": lambda: filters.Bitshuffle(nelems=64),
    "LZ4": lambda: filters.LZ4(),
    "LZ4 of 512": lambda: filters.LZ4(nbytes=512),
    "Blosc": lambda: filters.Blosc(),
}


def written(path, name, values, chunks):
    with h5py.File(path, "w") as file:
        options = dict(FILTERS[name]())
        file.create_dataset("cube", data=values, chunks=chunks, **options)
    return path


@pytest.mark.parametrize(
    ("chunks", "dtype"), [((3, 7, 5), "u1"), ((2, 48, 61), ">u4"), ((1, 16, 9), "<f8")]
)
@pytest.mark.parametrize("name", FILTERS)
def test_whole_chunks_are_read(tmp_path, name, chunks, dtype):
    values = np.random.default_rng(0).integers(0, 200, (5, 48, 61)).astype(dtype)
    cube = read(written(tmp_path / "a.h5", name, values, chunks), axes="byx")
    assert np.array_equal(np.asarray(cube.data), values)
    assert np.array_equal(np.asarray(cube.data[3, 5:30:2, -9:]), values[3, 5:30:2, -9:])


def test_chunks_that_were_never_written_are_what_fills_them(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        options = dict(filters.Bitshuffle())
        data = file.create_dataset(
            "cube", (4, 6, 8), "<f4", chunks=(1, 6, 8), fillvalue=7, **options
        )
        data[1] = 1.0
    cube = read(tmp_path / "a.h5", axes="byx")
    assert np.asarray(cube.data).mean((1, 2)).tolist() == [7, 1, 7, 7]


DAMAGES = {
    "cut": lambda raw: raw[: len(raw) // 2],
    "cut within its head": lambda raw: raw[:7],
    "more values": lambda raw: struct.pack(">Q", 2**40) + raw[8:],
    "fewer values": lambda raw: struct.pack(">Q", 16) + raw[8:],
    "blocks of nothing": lambda raw: raw[:8] + bytes(4) + raw[12:],
    "a long block": lambda raw: raw[:12] + b"\x7f\xff\xff\xff" + raw[16:],
}
LOOK = """
import sys
import numpy as np
from napari_hyperspectral.io import FileFormatError, read
for path in sys.argv[1:]:
    try:
        np.asarray(read(path, axes="byx").data)
    except FileFormatError as error:
        assert "damaged" in str(error) or "not a whole" in str(error), error
    else:
        raise AssertionError(path)
"""


def damaged(folder, name, damage):
    values = np.random.default_rng(0).integers(0, 200, (3, 48, 64)).astype("<u2")
    path = written(folder / f"{name} {damage}.h5".replace(" ", "_"), name, values, (1, 48, 64))
    with h5py.File(path, "r+") as file:
        dataset = file["cube"]
        raw = dataset.id.read_direct_chunk((1, 0, 0))[1]
        dataset.id.write_direct_chunk((1, 0, 0), DAMAGES[damage](raw))
    return path


def test_damaged_chunks_end_no_process(tmp_path):
    names = [name for name in FILTERS if name not in ("Blosc", "bitshuffle alone")]
    paths = [str(damaged(tmp_path, name, damage)) for name in names for damage in DAMAGES]
    command = [sys.executable, "-c", LOOK, *paths]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_damaged_chunk_is_named_and_the_others_are_read(tmp_path, damage):
    path = damaged(tmp_path, "bitshuffle", damage)
    cube = read(path, axes="byx")
    with pytest.raises(FileFormatError, match=r"chunk \(1, 0, 0\) of /cube is damaged"):
        np.asarray(cube.data[1])
    assert np.asarray(cube.data[2]).any()


def test_a_damaged_axis_is_an_error_too(tmp_path):
    path = written(tmp_path / "a.h5", "bitshuffle", np.arange(5000.0), (1000,))
    with h5py.File(path, "r+") as file:
        raw = file["cube"].id.read_direct_chunk((2000,))[1]
        file["cube"].id.write_direct_chunk((2000,), raw[:30])
    with (
        h5py.File(path) as file,
        pytest.raises(FileFormatError, match=r"chunk \(2000,\) of /cube is damaged"),
    ):
        loaded_vector(file["cube"])
