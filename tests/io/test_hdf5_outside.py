"""Values of an HDF5 file that lie in other files: missing ones are told, those outside not read."""

import os

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read
from napari_hyperspectral.io.hdf5.file import dataset_in, lazy_dataset, tree

VARIABLE = "NAPARI_HYPERSPECTRAL_OUTSIDE_FILES"
h5py = pytest.importorskip("h5py")
VALUES = np.arange(2 * 3 * 4, dtype="f4").reshape(2, 3, 4) + 1


@pytest.fixture
def parts(tmp_path):
    """Files of a band each, in a folder."""
    folder = tmp_path / "inside"
    folder.mkdir()
    for band in range(2):
        with h5py.File(folder / f"part{band}.h5", "w") as file:
            file["band"] = VALUES[band]
    return folder


def virtual(path, *sources, name="band"):
    layout = h5py.VirtualLayout(VALUES.shape, "f4")
    for band, source in enumerate(sources):
        layout[band] = h5py.VirtualSource(str(source), name, VALUES.shape[1:])
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("cube", layout, fillvalue=0)
    return path


def values_of(path):
    return np.asarray(read(f"{path}::cube@byx").data)


def test_virtual_sources_beside_the_file_are_read(parts):
    path = virtual(parts / "a.h5", "part0.h5", "part1.h5")
    np.testing.assert_array_equal(values_of(path), VALUES)


def test_missing_sources_are_counted_and_named(parts):
    path = virtual(parts / "a.h5", "part0.h5", "gone.h5")
    with pytest.warns(
        UserWarning, match=r"a\.h5: 1 of 2 sources of /cube are missing \(gone\.h5\)"
    ):
        values_of(path)


def test_sources_without_the_dataset_are_missing(parts):
    path = virtual(parts / "a.h5", "part0.h5", "part1.h5", name="other")
    with pytest.warns(UserWarning, match=r"2 of 2 sources of /cube are missing"):
        values_of(path)


def test_sources_removed_or_rewritten_under_the_reader_are_an_error(parts):
    path = virtual(parts / "a.h5", "part0.h5", "part1.h5")
    cube = read(f"{path}::cube@byx")
    (parts / "part1.h5").rename(parts / "moved.h5")
    with pytest.raises(FileFormatError, match=r"part1\.h5: it was removed since it was opened"):
        np.asarray(cube.data)
    with h5py.File(parts / "part1.h5", "w") as file:
        file["band"] = -VALUES[1]
    with pytest.raises(FileFormatError, match=r"part1\.h5: it was changed"):
        np.asarray(cube.data)


@pytest.fixture
def secret(tmp_path):
    """A file outside the folder of the measurement."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with h5py.File(outside / "secret.h5", "w") as file:
        file["band"] = VALUES[0]
        file["cube"] = VALUES
    (outside / "secret.raw").write_bytes(VALUES.tobytes())
    return outside


def of_virtual_sources(folder, secret):
    virtual(folder / "a.h5", secret / "secret.h5", secret / "secret.h5")


def of_relative_virtual_sources(folder, secret):
    virtual(folder / "a.h5", "../outside/secret.h5", "part1.h5")


def of_a_source_of_a_source(folder, secret):
    virtual(folder / "b.h5", secret / "secret.h5", secret / "secret.h5")
    layout = h5py.VirtualLayout(VALUES.shape, "f4")
    layout[...] = h5py.VirtualSource("b.h5", "cube", VALUES.shape)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("cube", layout)


def of_external_storage(folder, secret):
    with h5py.File(folder / "a.h5", "w") as file:
        external = [(str(secret / "secret.raw"), 0, VALUES.nbytes)]
        file.create_dataset("cube", VALUES.shape, "f4", external=external)


def of_a_symbolic_link(folder, secret):
    (folder / "link.h5").symlink_to(secret / "secret.h5")
    virtual(folder / "a.h5", "link.h5", "part1.h5")


OUTSIDE = [
    of_virtual_sources,
    of_relative_virtual_sources,
    of_a_source_of_a_source,
    of_external_storage,
    of_a_symbolic_link,
]


@pytest.mark.parametrize("written", OUTSIDE)
def test_files_outside_the_folder_are_not_read_unless_asked(parts, secret, written, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    written(parts, secret)
    with pytest.raises(FileFormatError, match="outside its folder"):
        values_of(parts / "a.h5")
    monkeypatch.setenv(VARIABLE, "1")
    assert VALUES[0, 0, 0] == values_of(parts / "a.h5")[0, 0, 0]


def linked(path, target):
    with h5py.File(path, "w") as file:
        file["entry/cube"] = h5py.ExternalLink(str(target), "/cube")
        file["cube"] = -VALUES
    return path


def test_an_external_link_inside_the_folder_is_followed_to_its_own_values(parts):
    with h5py.File(parts / "data.h5", "w") as file:
        file["cube"] = VALUES
    path = linked(parts / "a.h5", "data.h5")
    with h5py.File(path) as file:
        data = lazy_dataset(path, dataset_in(file, "entry/cube"))
    np.testing.assert_array_equal(np.asarray(data), VALUES)


def test_an_external_link_outside_the_folder_is_not_followed(parts, secret, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    path = linked(parts / "a.h5", secret / "secret.h5")
    with h5py.File(path) as file:
        with pytest.raises(FileFormatError, match="outside its folder"):
            dataset_in(file, "entry/cube")
        assert tree(file) == {}


def test_chunked_files_rewritten_under_the_reader_are_an_error(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=VALUES, chunks=(1, 3, 4))
    cube = read(f"{path}::cube@byx")
    np.testing.assert_array_equal(np.asarray(cube.data), VALUES)
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=-VALUES, chunks=(1, 3, 4))
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileFormatError, match="changed or replaced since it was opened"):
        np.asarray(cube.data)
