"""An array that is read by position is the array, and outlives whatever is done to its file."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, write
from napari_hyperspectral.io.arrays.mapped import mapped
from napari_hyperspectral.io.arrays.positional import Positional, by_position

SHAPE = (40, 64, 128)
OFFSET = 1020
VALUES = np.arange(np.prod(SHAPE), dtype=">f4").reshape(SHAPE)
posix = pytest.mark.skipif(os.name == "nt", reason="Windows does not let open files be replaced")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(OFFSET) + VALUES.tobytes())
    return path


@pytest.fixture
def layout(path):
    return mapped(path, ">f4", SHAPE, OFFSET)


INDICES = [
    np.s_[3],
    np.s_[:, 5, 7],
    np.s_[..., 5:7, 100:],
    np.s_[::-1, 5, ::-40],
    np.s_[::7, ::8, ::9],
    np.s_[2, 3, 4],
    np.s_[[0, 39], 1:2],
    np.s_[:, [1, 5], [7, 2]],
    np.s_[:, VALUES[0] > 5000],
    np.s_[..., VALUES[0] > 1e9],
    np.s_[:0],
    np.s_[None, :, -1, -1],
]


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_every_cut_is_that_of_the_array(layout, index, order):
    turned, wanted = by_position(layout.transpose(order)), VALUES.transpose(order)
    assert isinstance(turned, Positional)
    try:
        expected = wanted[index]
    except IndexError:
        with pytest.raises(IndexError):
            np.asarray(turned[index])
        return
    found = np.asarray(turned[index])
    assert found.shape == np.shape(expected)
    assert np.array_equal(found, expected)


def test_fields_of_records_and_reversed_views_are_read(path):
    records = mapped(path, np.dtype([("number", ">f4", 3), ("value", ">f4")]), (1000,), OFFSET)
    expected = VALUES.ravel()[:4000].reshape(1000, 4)
    assert np.array_equal(by_position(records["value"][::-3]), expected[::-3, 3])
    assert np.array_equal(by_position(records["number"][5:, ::-1]), expected[5:, 2::-1])


def test_all_pieces_of_a_long_file_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.io.arrays.positional._PIECE", 1000)
    monkeypatch.setattr("napari_hyperspectral.io.arrays.positional._GAP", 300)
    values = np.arange(12 * 13 * 14, dtype="<i2").reshape(12, 13, 14)
    values.tofile(tmp_path / "a.raw")
    layout = mapped(tmp_path / "a.raw", "<i2", values.shape)
    for index in (np.s_[:], np.s_[:, 3], np.s_[..., 5], np.s_[::5, ::2], np.s_[:, ::-12, ::-13]):
        assert np.array_equal(by_position(layout[index]), values[index])


def test_what_is_not_mapped_stays_as_it_is(layout):
    plain = np.ones(3)
    assert by_position(plain) is plain
    computed = layout + 1
    assert by_position(computed) is computed


def test_copies_are_of_the_values(layout):
    array = by_position(layout)
    for copied in (pickle.loads(pickle.dumps(array)), copy.deepcopy(array)):
        assert type(copied) is np.ndarray
        assert np.array_equal(copied, VALUES)


FORMATS = ["a.hdr", "a.npy", "a.tif", "a.ome.tif", "a.hspy", "a.h5"]


def saved(folder, name):
    axis = SpectralAxis(np.linspace(500, 700, 40), "nm")
    return write(folder / name, Cube(VALUES.astype("<f4"), axis))


def data_file(path):
    return path.with_suffix(".img") if path.suffix == ".hdr" else path


CUT = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from napari_hyperspectral.io import FileFormatError, read, write
    for word in sys.argv[1:]:
        path, file = (Path(part) for part in word.split("|"))
        cube = read(path)
        os.truncate(file, file.stat().st_size // 2)
        for look in (
            lambda: np.asarray(cube.data),
            lambda: np.asarray(cube.data[-1]),
            lambda: np.asarray(cube.data[:, 3, 4]),
            lambda: cube.numpy(),
            lambda: write(path.parent / "copy.npz", cube),
        ):
            try:
                look()
            except FileFormatError as error:
                assert file.name in str(error), error
            else:
                raise AssertionError(path)
        assert not (path.parent / "copy.npz").exists()
"""


@posix
def test_a_file_that_is_cut_while_it_is_shown_ends_no_process(tmp_path):
    words = []
    for name in FORMATS:
        path = saved(tmp_path, name)
        words.append(f"{path}|{data_file(path)}")
    command = [sys.executable, "-c", textwrap.dedent(CUT), *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


@posix
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_rewritten_in_place_is_an_error(tmp_path, name):
    path = saved(tmp_path, name)
    cube = read(path)
    file = data_file(path)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2 :] = bytes(len(raw) - len(raw) // 2)
    file.write_bytes(raw)
    os.utime(file, ns=(1, 1))
    with pytest.raises(FileFormatError, match="since it was opened"):
        np.asarray(cube.data)


def test_a_packed_file_that_is_rewritten_is_an_error(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    values = VALUES[:4].astype("<u2")
    tifffile.imwrite(path, values, compression="zlib", photometric="minisblack", metadata=None)
    cube = read(path, axes="byx")
    assert np.array_equal(np.asarray(cube.data[1]), values[1])
    tifffile.imwrite(
        path, values[::-1], compression="zlib", photometric="minisblack", metadata=None
    )
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileFormatError, match="changed or replaced since it was opened"):
        np.asarray(cube.data[1])


@posix
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_another_replaces_is_told_or_its_own_values_are_shown(tmp_path, name):
    path = saved(tmp_path, name)
    cube = read(path)
    other = Cube(np.zeros_like(VALUES, "<f4"), cube.axis)
    write(path, other, overwrite=True)
    try:
        found = np.asarray(cube.data)
    except FileFormatError as error:
        assert "since it was opened" in str(error)  # noqa: PT017
    else:
        assert np.array_equal(found, VALUES)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
@pytest.mark.parametrize("name", [*FORMATS, "a.npz", "a.zarr", "a.csv"])
def test_no_descriptors_leak(tmp_path, name):
    axis = SpectralAxis(np.linspace(500, 700, 4), "nm")
    path = write(tmp_path / name, Cube(np.ones((4, 5, 6), "<f4"), axis))

    def descriptors_after(looks):
        for _ in range(looks):
            np.asarray(read(path).data[1])
        gc.collect()  # takes long where much is imported
        return len([*Path("/proc/self/fd").iterdir()])

    before = descriptors_after(looks=2)
    assert descriptors_after(looks=5) <= before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize(
    "name",
    ["a.npy", "a.hdr", "a.img", "a.tif", "a.csv", "a.h5", "a.wdf", "a.txt", "a.mat", "a.json"],
)
def test_pipes_are_refused_and_not_waited_for(tmp_path, name):
    saved(tmp_path, "a.hdr")
    (tmp_path / "a.json").unlink(missing_ok=True)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    opened = {"a.img": "a.hdr", "a.json": "b.npy"}.get(name, name)
    if name == "a.json":
        np.save(tmp_path / "a.npy", VALUES)
        read(tmp_path / "a.npy", axes="byx")
        return
    with pytest.raises(FileFormatError, match=r"a pipe|its data file is missing"):
        read(tmp_path / opened)


def test_devices_are_refused():
    if not Path("/dev/zero").is_char_device():
        pytest.skip("there is no /dev/zero")
    with pytest.raises(FileFormatError, match="a device, wanted a file"):
        read("/dev/zero", format="NumPy")
