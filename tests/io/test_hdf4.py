"""HDF4 is named as such, and read where pyhdf is installed."""

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, MissingPackageError, read
from napari_hyperspectral.io.hdf5 import hdf4

BANDS = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)


@pytest.mark.parametrize("suffix", [".hdf", ".h5", ".nc", ".hdf4"])
def test_hdf4_is_named_with_the_extra_that_reads_it(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(hdf4, "find_spec", lambda name: None)
    path = tmp_path / f"AST_L1T{suffix}"
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(500))
    with pytest.raises(MissingPackageError, match=r"HDF4 file, needs pyhdf.*\[hdf4\]"):
        read(path)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes data sets of (name, values, names of dimensions, attributes)."""
    sd = pytest.importorskip("pyhdf.SD", reason="pyhdf is not installed: the extra hdf4")

    def write(*sets):
        path = tmp_path / "a.hdf"
        file = sd.SD(str(path), sd.SDC.WRITE | sd.SDC.CREATE)
        for name, values, dimensions, attributes in sets:
            stored = file.create(name, sd.SDC.INT16, values.shape)
            stored[:] = values
            for axis, dimension in enumerate(dimensions):
                stored.dim(axis).setname(dimension)
            for key, value in attributes.items():
                setattr(stored, key, value)
            stored.endaccess()
        file.end()
        return path

    return write


def test_a_data_set_of_bands_is_a_cube(written):
    lines = BANDS.transpose(1, 0, 2)
    cube = read(written(("EO1", lines, ("lines", "bands", "samples"), {"units": "DN"})))
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert np.array_equal(np.asarray(cube.data[1:, 2, ::2]), BANDS[1:, 2, ::2])
    assert cube.intensity_unit == "DN"


def test_a_data_set_a_band_is_a_cube(written):
    sets = [(f"Band{number}", band, (), {}) for number, band in enumerate(BANDS, 1)]
    assert np.array_equal(np.asarray(read(written(*sets)).data), BANDS)


def test_a_damaged_file_is_refused(written):
    path = written(("EO1", BANDS, (), {}))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FileFormatError):
        np.asarray(read(path).data)


def test_hdf4_is_never_taken_for_another_format(tmp_path):
    path = tmp_path / "AST_L1T.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(500))
    with pytest.raises((FileFormatError, ImportError), match="HDF4"):
        read(path)
