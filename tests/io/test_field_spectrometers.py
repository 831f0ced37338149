"""Spectra of field spectrometers open as reflectance, and their target and reference by name."""

import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

TARGET = np.array([10.0, 30.0, 20.0, 5.0])
REFERENCE = np.array([20.0, 40.0, 80.0, 10.0])


def asd(path, kind=1, version=b"as7", number=2, reference=REFERENCE):
    header = bytearray(484)
    header[:3] = version
    header[3:7] = b"leaf"
    header[186] = kind
    struct.pack_into("<2f", header, 191, 350.0, 1.5)
    header[199] = number
    struct.pack_into("<H", header, 204, len(TARGET))
    dtype = {0: "<f4", 1: "<i4", 2: "<f8"}[number]
    raw = bytes(header) + TARGET.astype(dtype).tobytes()
    if reference is not None:
        note = b"white"
        raw += struct.pack("<hqqH", 1, 0, 0, len(note)) + note + reference.astype(dtype).tobytes()
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_reflectance_of_asd_is_target_over_reference(tmp_path, number):
    path = asd(tmp_path / "a.asd", number=number)
    cube = read(path)
    assert np.allclose(cube.data.ravel(), TARGET / REFERENCE)
    assert cube.axis == SpectralAxis([350, 351.5, 353, 354.5], "nm")
    assert (cube.intensity_unit, cube.metadata["asd"]["comment"]) == ("reflectance", "leaf")
    assert np.array_equal(read(f"{path}::target").data.ravel(), TARGET)
    assert np.array_equal(read(f"{path}::reference").data.ravel(), REFERENCE)


def test_a_radiance_of_asd_is_as_stored(tmp_path):
    cube = read(asd(tmp_path / "a.asd", kind=2, version=b"ASD", reference=None))
    assert np.array_equal(cube.data.ravel(), TARGET)
    assert cube.intensity_unit == "radiance"


def test_a_reflectance_without_its_reference_is_told(tmp_path):
    with pytest.warns(UserWarning, match="without a reference"):
        cube = read(asd(tmp_path / "a.asd", reference=None))
    assert np.array_equal(cube.data.ravel(), TARGET)


def test_a_file_of_asd_that_was_cut_is_refused(tmp_path):
    path = asd(tmp_path / "a.asd")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(FileFormatError, match="the file ends at byte"):
        read(path)


SED = """Comment:
Version: 2.2 [1.2.5266]
Instrument: SR-3500_SN1
Units: None
Columns [5]:
Data:
Chan.#\tWvl\tNorm. DN (Ref.)\tNorm. DN (Target)\tReflect. %
0\t350.0\t20\t10\t50.0
1\t351.5\t40\t30\t75.0
2\t353.0\t80\t20\t25.0
3\t354.5\t10\t5\t50.0
"""
SIG = """/*** Spectra Vista SIG Data ***/
name= leaf.sig
instrument= HI: 1182070 (HR-1024i)
units= Radiance, Radiance
data=
350.0  20.00  10.00  50.00
351.5  40.00  30.00  75.00
353.0  80.00  20.00  25.00
354.5  10.00  5.00  50.00
"""


@pytest.mark.parametrize(("name", "text"), [("a.sed", SED), ("a.sig", SIG)])
def test_tables_of_field_spectrometers_give_reflectance_first(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    cube = read(path)
    assert np.allclose(cube.data.ravel(), 100 * TARGET / REFERENCE)
    assert cube.axis == SpectralAxis([350, 351.5, 353, 354.5], "nm")
    assert cube.intensity_unit == "%R"
    assert np.array_equal(read(f"{path}::target").data.ravel(), TARGET)
    assert np.array_equal(read(f"{path}::reference").data.ravel(), REFERENCE)


@pytest.mark.parametrize(("name", "text"), [("a.sed", SED), ("a.sig", SIG)])
def test_tables_of_field_spectrometers_that_were_cut_are_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text.rstrip()[:-5])
    with pytest.raises(FileFormatError, match=r"row 4 of its table has . numbers, those above"):
        read(tmp_path / name)
