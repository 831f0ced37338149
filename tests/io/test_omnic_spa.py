"""Spectra and groups of OMNIC open with their axes and names."""

import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

SPECTRA = np.arange(2 * 4, dtype=np.float32).reshape(2, 4)


def written(path, spectra=SPECTRA, unit=1, names=("air", "film")):
    header = bytearray(b"Spectral Data File\r\n".ljust(0x130, b"\0"))
    header[0x1E:0x22] = b"test"
    blocks = []
    for spectrum, name in zip(spectra, names, strict=False):
        axis = struct.pack("<4I2f", 0, spectrum.size, unit, 17, 4000.0, 1000.0)
        blocks += [(2, axis), (3, spectrum.tobytes()), (0x6B, name.encode() + b"\0")]
    struct.pack_into("<H", header, 0x126, len(blocks))
    directory = b""
    content = b""
    start = 0x130 + 16 * len(blocks)
    for key, block in blocks:
        directory += struct.pack("<BBIIIH", key, 0, start + len(content), len(block), 0, 0)
        content += block
    path.write_bytes(bytes(header) + directory + content)
    return path


def test_a_spectrum_begins_at_the_first_number_of_its_axis(tmp_path):
    cube = read(written(tmp_path / "a.spa", SPECTRA[:1]))
    assert cube.axis == SpectralAxis([4000, 3000, 2000, 1000], "1/cm")
    assert np.array_equal(cube.data.ravel(), SPECTRA[0])
    assert (cube.intensity_unit, cube.metadata["OMNIC"]["title"]) == ("absorbance", "test")


def test_a_group_is_a_list_of_spectra_with_their_names(tmp_path):
    cube = read(written(tmp_path / "a.spg"))
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)
    assert cube.metadata["spectra names"] == ["air", "film"]


def test_raman_shifts_are_named(tmp_path):
    assert read(written(tmp_path / "a.spa", unit=32)).axis.kind == "raman_shift"


def test_a_spectrum_that_was_cut_is_refused(tmp_path):
    path = written(tmp_path / "a.spa")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(FileFormatError, match="the file ends at byte"):
        read(path)
