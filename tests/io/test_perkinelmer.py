"""Spectra in blocks of PerkinElmer open with axis, unit and settings."""

import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

VALUES = np.array([0.5, 0.25, 0.125, 1.0])


def block(number, content):
    return struct.pack("<hi", number, len(content)) + content


def text(number, words):
    raw = words.encode()
    return block(number, b"#u" + struct.pack("<H", len(raw)) + raw)


def written(path, *, end=994.0, points=4, label="cm-1", values=VALUES):
    detector = block(122, text(35841 - 2**16, "MCT"))
    members = (
        block(-29825, detector)
        + block(-29838, b"\x1du" + struct.pack("<2d", 1000.0, end))
        + block(-29836, b"\x1bu" + struct.pack("<d", -2.0))
        + block(-29835, b"+u" + struct.pack("<i", points))
        + text(-29833, label)
        + text(-29832, "A")
        + text(-29823, "film")
        + block(-29828, b"\x16u" + struct.pack("<i", values.nbytes) + values.tobytes())
    )
    title = b"PEPE2D constant interval DataSet file".ljust(44, b"\0")
    path.write_bytes(title + block(120, members))
    return path


def test_a_spectrum_has_the_axis_unit_and_settings_that_the_blocks_state(tmp_path):
    cube = read(written(tmp_path / "a.sp"))
    assert cube.axis == SpectralAxis([1000, 998, 996, 994], "1/cm")
    assert np.array_equal(cube.data[:, 0, 0], VALUES)
    assert cube.intensity_unit == "absorbance"
    settings = cube.metadata["PerkinElmer"]
    assert (settings["name"], settings["detector"]) == ("film", "MCT")


def test_wavelengths_are_in_their_unit(tmp_path):
    assert read(written(tmp_path / "a.sp", label="nm")).axis == SpectralAxis(
        [1000, 998, 996, 994], "nm"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": 5}, "5 points in a spectrum of 32 bytes"),
        ({"end": 900.0}, "do not end at 900"),
    ],
)
def test_an_axis_that_does_not_fit_is_refused(tmp_path, changes, message):
    with pytest.raises(FileFormatError, match=message):
        read(written(tmp_path / "a.sp", **changes))


@pytest.mark.parametrize("cut", range(1, 440, 37))
def test_a_cut_file_is_refused(tmp_path, cut):
    path = written(tmp_path / "a.sp")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FileFormatError):
        read(path)


def test_tables_of_text_are_told_apart(tmp_path):
    path = tmp_path / "a.sp"
    path.write_text("PE UV       SUBTECH     SPECTRUM    ASCII")
    with pytest.raises(FileFormatError, match=r"give a table of text \(PEDS\) the suffix .asc"):
        read(path)
