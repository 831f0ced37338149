"""Files that are rewritten, cut or removed under a lazy cube are an error, however they are read."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, write

posix = pytest.mark.skipif(os.name == "nt", reason="Windows does not let open files be rewritten")
SHAPE = (3, 4, 5)
VALUES = np.arange(60, dtype=np.uint16).reshape(SHAPE)


def rewritten(path):
    """Write other bytes of the same number to a file, as a program does that saves it again."""
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(1, 1))


def is_an_error(cube, band):
    with pytest.raises(FileFormatError, match="since it was opened"):
        np.asarray(cube.data[band])


@posix
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("change", [rewritten, os.remove, lambda path: os.truncate(path, 300)])
def test_a_band_of_a_folder_that_is_changed_is_an_error_and_the_others_are_read(
    tmp_path, compression, change
):
    for number, band in enumerate(VALUES):
        tifffile.imwrite(tmp_path / f"band_{number}.tif", band, compression=compression)
    cube = read(tmp_path)
    assert np.array_equal(cube.data, VALUES)
    change(tmp_path / "band_1.tif")
    is_an_error(cube, 1)
    assert np.array_equal(np.asarray(cube.data[2]), VALUES[2])


@posix
def test_labels_and_bands_that_we_wrote_into_a_folder_are_watched(tmp_path):
    axis = SpectralAxis(np.array([1.0, 2.0, 3.0]), "nm")
    path = write(tmp_path / "a", Cube(VALUES, axis), format="TIFF folder")
    cube = read(path)
    rewritten(sorted(path.glob("*.tif"))[0])
    is_an_error(cube, 0)


@posix
def test_pictures_of_a_folder_are_watched(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for number, band in enumerate(VALUES.astype(np.uint8)):
        image.fromarray(band).save(tmp_path / f"band_{number}.png")
    cube = read(tmp_path)
    rewritten(tmp_path / "band_1.png")
    is_an_error(cube, 1)


class Planes:
    """What oiffile.OifFile shows of a file; `names` are those of its planes."""

    def __init__(self, names):
        self._planes = dict(zip(names, VALUES))
        axes = {"X": 5, "Y": 4, "L": 3}
        self.mainfile = {"Reference Image Parameter": {}}
        for number, (code, size) in enumerate(axes.items()):
            about = {"AxisCode": code, "MaxSize": size, "UnitName": "nm"}
            about |= {"StartPosition": 400.0, "EndPosition": 450.0}
            self.mainfile[f"Axis {number} Parameters Common"] = about

    def glob(self, _):
        return iter(self._planes)

    def asarray(self, name):
        return self._planes[name]

    def close(self):
        pass


@pytest.fixture
def olympus(tmp_path, monkeypatch):
    """An .oif with a folder of planes."""
    folder = tmp_path / "a.oif.files"
    folder.mkdir()
    names = [f"a.oif.files/s_L00{number + 1}.tif" for number in range(3)]
    for name in names:
        (tmp_path / name).write_bytes(b"plane")
    path = tmp_path / "a.oif"
    path.write_bytes(b"[settings]")
    monkeypatch.setitem(sys.modules, "oiffile", SimpleNamespace(OifFile=lambda path: Planes(names)))
    return path


def test_settings_and_planes_of_an_olympus_file_are_watched(olympus):
    cube = read(olympus)
    assert np.array_equal(np.asarray(cube.data[2]), VALUES[2])
    rewritten(olympus.parent / "a.oif.files" / "s_L002.tif")
    assert np.array_equal(np.asarray(cube.data[2]), VALUES[2])
    is_an_error(cube, 1)
    rewritten(olympus)
    is_an_error(cube, 2)
