"""Spectra of JASCO open from their compound file: each channel, each scan."""

import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_all

END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
WAVELENGTH = 0x10000103


def compound(streams):
    """Return a compound file: sectors of 512 bytes, small streams in sectors of 64."""
    small = b""
    small_table = []
    sectors = [b"", b""]  # the table of chains, and the folder's first one
    table = [TABLE, None]
    entries = []

    def add(content):
        count = -(-len(content) // 512)
        first = len(sectors)
        for number in range(count):
            sectors.append(content[512 * number : 512 * (number + 1)].ljust(512, b"\0"))
            table.append(first + number + 1)
        table[-1] = END
        return first

    for name, content in streams.items():
        if len(content) >= 4096:
            entries.append((name, 2, add(content), len(content)))
            continue
        entries.append((name, 2, len(small_table), len(content)))
        count = -(-len(content) // 64)
        small_table += [len(small_table) + n + 1 for n in range(count - 1)] + [END]
        small += content.ljust(64 * count, b"\0")
    entries.insert(0, ("Root Entry", 5, add(small), len(small)))
    table_of_small = add(struct.pack(f"<{len(small_table)}I", *small_table).ljust(512, b"\xff"))
    folder = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HBB", 2 * len(name) + 2, kind, 1)
        + struct.pack("<3I", FREE, FREE, FREE).ljust(48, b"\0")
        + struct.pack("<IQ", first, size)
        for name, kind, first, size in entries
    )
    folder = folder.ljust(-(-len(folder) // 512) * 512, b"\0")
    sectors[1], table[1] = folder[:512], END
    if len(folder) > 512:
        table[1] = add(folder[512:])
    sectors[0] = struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0")
    header += struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6).ljust(20, b"\0")
    header += struct.pack("<4I", 1, 1, 0, 4096)
    header += struct.pack("<4I", table_of_small, 1, END, 0) + struct.pack("<I", 0)
    return header.ljust(512, b"\xff") + b"".join(sectors)


def written(path, spectra, *, codes=(0x3,), axis=WAVELENGTH, scans=1, behind=b"", more=None):
    points = spectra.shape[-1]
    info = struct.pack("<6I3d", 3, scans, bool(behind), len(codes), 1, points, 700, 400, 0)
    info += struct.pack(f"<{1 + len(codes)}I", axis, *codes) + behind
    sample = struct.pack("<2I", 1, 10) + "film\0".encode("utf-16-le") + struct.pack("<I", 0)
    streams = {"DataInfo": info, "Y-Data": spectra.astype("<f4").tobytes(), "SampleInfo": sample}
    path.write_bytes(compound(streams | (more or {})))
    return path


def test_channels_are_images_with_their_units(tmp_path):
    spectra = np.arange(3 * 500.0).reshape(3, 500)  # long enough for sectors of their own
    path = written(tmp_path / "a.jws", spectra, codes=(0x1001, 0x2001, 0x3))
    images = read_all(path)
    assert [image.name for image in images] == ["a CD", "a HT", "a absorbance"]
    assert [image.intensity_unit for image in images] == ["mdeg", "V", "absorbance"]
    assert images[0].axis == SpectralAxis(np.linspace(700, 400, 500), "nm")
    assert np.array_equal([image.data[:, 0, 0] for image in images], spectra)
    assert np.array_equal(read(f"{path}::HT").data[:, 0, 0], spectra[1])
    assert images[0].metadata["JASCO"]["sample"] == "film"


def test_scans_are_a_list_of_spectra_with_what_changed(tmp_path):
    spectra = np.arange(8.0).reshape(2, 4)
    behind = struct.pack("<2I3dI2d", 0, 2, 20, 30, 0, 0x30000301, 20, 30)
    cube = read(written(tmp_path / "a.jwb", spectra, scans=2, behind=behind))
    assert np.array_equal(cube.data[:, 0].T, spectra)
    assert cube.metadata["JASCO"]["temperatures (°C)"] == [20, 30]


def test_light_is_emitted_above_the_fixed_wavelength(tmp_path):
    settings = struct.pack("<3I", 1, 1, 2) + struct.pack("<IHI", 3, 3, 10)
    settings += struct.pack("<IHd", 9, 5, 380.0)
    path = written(tmp_path / "a.jws", np.ones((1, 4)), codes=(14,), more={"MeasParam": settings})
    assert read(path).axis.excitation_nm == 380


def test_an_axis_of_an_unknown_code_is_told(tmp_path):
    with pytest.warns(UserWarning, match="the code of its axis, 0x77, is not known here"):
        cube = read(written(tmp_path / "a.jws", np.ones((1, 4)), axis=0x77))
    assert cube.axis == SpectralAxis([700, 600, 500, 400])


def test_values_that_are_missing_are_refused(tmp_path):
    path = written(tmp_path / "a.jws", np.ones((1, 4)), codes=(3, 4))
    with pytest.raises(FileFormatError, match="16 bytes of values for 2 channels of 1 × 4"):
        read(path)


@pytest.mark.parametrize("length", [0, 5, 100, 700, 1200, 2500])
def test_a_cut_file_is_refused(tmp_path, length):
    path = written(tmp_path / "a.jws", np.ones((1, 2000)))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(FileFormatError):
        read(path)


def test_a_chain_of_sectors_in_a_circle_is_refused(tmp_path):
    path = written(tmp_path / "a.jws", np.ones((1, 2000)))
    raw = bytearray(path.read_bytes())
    for number in range(2, 20):
        struct.pack_into("<I", raw, 512 + 4 * number, 2)
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="in a circle"):
        read(path)
