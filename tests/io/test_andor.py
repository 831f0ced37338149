"""Frames of Andor Solis open as spectra, of several versions of the format."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

FRAMES = np.arange(3 * 2 * 4, dtype=np.float32).reshape(3, 2, 4)  # (frame, line, band)
NM = b"499.5 0.5 0 0"


def set_of(
    frames, *, quantity=b"Wavelength", calibration=NM, line=b"422", version=65541, user=b"", bins=1
):
    count, lines, width = frames.shape
    head = b"65567 0 0 1 1690545064 -25 \0 \0 \0 \3 \1 0 3 3.0221 3.0221 1 \0 0.25 1e-06 0 1\n"
    head += b"DU420\n 1024 256 5\nC:\\a.sif \n65538 2048\n" + user + b"\n65540 \0 \1 \2\n"
    axes = calibration + b"\n0 1 0 0\n0 1 0 0\n" + line + b"\n26\n26\n1\n"
    titles = b"%d\n%s6\nCounts12\nPixel number" % (len(quantity), quantity)
    size = b"%d 1 %d %d 1 %d 1 %d %d\n" % (
        *(version, lines, width, count, frames.size, frames[0].size),
    )
    size += b"65538 1 %d %d 1 %d %d 0\n" % (lines * bins, width, bins, 1)
    times = b"         0\n" * count
    flag = {65541: b"0\n", 65538: b""}[version]
    return head + axes + titles + size + times + flag + frames.astype("<f4").tobytes()


def written(path, frames=FRAMES, background=None, **changes):
    raw = b"Andor Technology Multi-Channel File\n65538 1\n" + set_of(frames, **changes) + b"0\n"
    raw += b"0\n" if background is None else b"1\n" + set_of(background)
    path.write_bytes(raw + b"0\n0\n")
    return path


@pytest.mark.parametrize("changes", [{}, {"version": 65538}, {"bins": 100}])
def test_frames_are_rows_and_lines_are_columns(tmp_path, changes):
    cube = read(written(tmp_path / "a.sif", **changes))
    assert np.array_equal(cube.data, FRAMES.transpose(2, 0, 1))
    assert cube.axis == SpectralAxis([500, 500.5, 501, 501.5], "nm")
    assert cube.intensity_unit == "counts"
    assert cube.metadata["Andor"]["exposure (s)"] == 3


def test_raman_shifts_are_those_of_the_stated_laser(tmp_path):
    path = written(tmp_path / "a.sif", quantity=b"Raman shift", line=b"490")
    axis = read(path).axis
    shifts = 1e7 / 490 - 1e7 / np.array([500, 500.5, 501, 501.5])
    assert np.allclose(axis.centres, shifts)
    assert (axis.kind, axis.unit, axis.excitation_nm) == ("raman_shift", "1/cm", 490)


def test_pictures_of_the_detector_are_frames_over_time(tmp_path):
    path = written(tmp_path / "a.sif", quantity=b"Pixel number", calibration=b"0 1 0 0")
    cube = read(path)
    assert cube.dims == ("t", "band", "y", "x")
    assert np.array_equal(cube.data[:, 0], FRAMES)
    assert (cube.t.step, cube.t.unit) == (0.25, "s")


def test_the_background_is_read_by_name(tmp_path):
    path = written(tmp_path / "a.sif", background=FRAMES[:1, :1] + 7)
    assert np.array_equal(read(f"{path}::background").data[:, 0, 0], FRAMES[0, 0] + 7)
    with pytest.raises(FileFormatError, match="there are signal, background"):
        read(f"{path}::live")


def test_frames_with_different_calibrations_are_told(tmp_path):
    user = b"".join(
        b"Calibration data for frame %d: %d,1,0,0\n" % (number, 100 * number)
        for number in (1, 2, 3)
    )
    with pytest.warns(UserWarning, match="its frames have different calibrations"):
        cube = read(written(tmp_path / "a.sif", user=user))
    assert cube.axis.centres[0] == 101


def test_missing_frames_are_told(tmp_path):
    path = written(tmp_path / "a.sif")
    raw = path.read_bytes()
    path.write_bytes(raw[:-12])
    with pytest.raises(FileFormatError, match="has 2 whole frames, its header states 3"):
        read(path)


@pytest.mark.parametrize("length", [0, 10, 40, 60, 200, 300])
def test_a_cut_header_is_refused(tmp_path, length):
    path = written(tmp_path / "a.sif")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(FileFormatError):
        read(path)
