"""Frames of a spectrograph's camera open as spectra, of both versions of the format."""

import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

FRAMES = np.arange(3 * 2 * 4, dtype=np.uint16).reshape(3, 2, 4)  # (frame, line, band)


def version_2(path, frames=FRAMES, *, calibrated=True, unit=3):
    header = bytearray(4100)
    count, height, width = frames.shape
    struct.pack_into("<H", header, 42, width)
    struct.pack_into("<h", header, 108, 3)
    struct.pack_into("<H", header, 656, height)
    struct.pack_into("<i", header, 1446, count)
    struct.pack_into("<f", header, 1992, 2.5)
    if calibrated:
        struct.pack_into("<3B", header, 3098, 1, 0, unit)
        struct.pack_into("<B", header, 3101, 1)
        struct.pack_into("<2d", header, 3263, 399.5, 0.5)
    path.write_bytes(bytes(header) + frames.tobytes())
    return path


def version_3(path, frames=FRAMES, *, extra=0, wavelengths="400,400.5,401,401.5"):
    header = bytearray(4100)
    count, height, width = frames.shape
    struct.pack_into("<f", header, 1992, 3.0)
    raw = b"".join(frame.tobytes() + bytes(extra) for frame in frames)
    struct.pack_into("<Q", header, 678, 4100 + len(raw))
    size = frames[0].nbytes
    xml = (
        '<SpeFormat version="3.0" xmlns="http://www.princetoninstruments.com/spe/2009"><DataFormat>'
        f'<DataBlock type="Frame" count="{count}" pixelFormat="MonochromeUnsigned16" size="{size}" '
        f'stride="{size + extra}"><DataBlock type="Region" count="1" width="{width}" '
        f'height="{height}" size="{size}" stride="{size}"/></DataBlock></DataFormat>'
        f"<Calibrations><WavelengthMapping><Wavelength>{wavelengths}</Wavelength>"
        "</WavelengthMapping></Calibrations></SpeFormat>"
    )
    path.write_bytes(bytes(header) + raw + xml.encode())
    return path


@pytest.mark.parametrize("written", [version_2, version_3, lambda p: version_3(p, extra=8)])
def test_frames_are_rows_and_lines_are_columns(tmp_path, written):
    cube = read(written(tmp_path / "a.spe"))
    assert np.array_equal(cube.data, FRAMES.transpose(2, 0, 1))
    assert cube.axis == SpectralAxis([400, 400.5, 401, 401.5], "nm")


@pytest.mark.parametrize("written", [version_2, version_3])
@pytest.mark.parametrize("frames", [FRAMES[:1], FRAMES[:, :1]])
def test_frames_of_one_line_and_one_frame_are_lists_of_spectra(tmp_path, written, frames):
    cube = read(written(tmp_path / "a.spe", frames))
    assert np.array_equal(cube.data[:, 0].T, frames.reshape(-1, 4))


def test_raman_shifts_are_named(tmp_path):
    assert read(version_2(tmp_path / "a.spe", unit=5)).axis.kind == "raman_shift"


def test_pictures_of_the_detector_have_no_made_up_axis(tmp_path):
    cube = read(version_2(tmp_path / "a.spe", calibrated=False))
    assert cube.dims == ("t", "band", "y", "x")
    assert np.array_equal(cube.data[:, 0], FRAMES)


def test_missing_frames_are_told(tmp_path):
    path = version_2(tmp_path / "a.spe")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FileFormatError, match="has 2 whole frames, its header states 3"):
        read(path)
