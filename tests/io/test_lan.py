"""ERDAS files in both versions of the header, with and without companions that have wavelengths."""

import random
import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4) - 5  # (band, y, x)
PLACE = (88, "<H", 1), (106, "<H", 1), (112, "<ffff", 400.5, 5000.0, 20.0, 30.0)


def written(folder, *, magic=b"HEAD74", packing=2, sizes=(4, 3), fields=()):
    """Write a file, lines of all bands in turn; return where it is."""
    header = bytearray(128)
    header[:6] = magic
    struct.pack_into("<HH", header, 6, packing, len(VALUES))
    struct.pack_into("<ii" if magic == b"HEAD74" else "<ff", header, 16, *sizes)
    for start, layout, *values in fields:
        struct.pack_into(layout, header, start, *values)
    raw = VALUES.transpose(1, 0, 2).astype("<i2" if packing == 2 else "u1")
    path = folder / "scene.lan"
    path.write_bytes(bytes(header) + raw.tobytes())
    return path


@pytest.mark.parametrize("magic", [b"HEAD74", b"HEADER"])
@pytest.mark.parametrize(("packing", "dtype"), [(0, "u1"), (2, "i2")])
def test_bands_are_taken_from_between_the_lines(tmp_path, magic, packing, dtype):
    cube = read(written(tmp_path, magic=magic, packing=packing))
    assert np.array_equal(cube.data, VALUES.astype(dtype))
    assert cube.data.dtype == np.dtype(dtype)
    assert cube.axis == SpectralAxis.index(2)
    assert (cube.pixel_size, cube.pixel_unit, cube.georeference) == ((1, 1), None, None)


def test_pixels_are_as_large_as_the_map_says(tmp_path):
    cube = read(written(tmp_path, fields=PLACE))
    assert (cube.pixel_size, cube.pixel_unit) == ((30.0, 20.0), "m")
    assert cube.georeference == {"erdas": {"projection": 1, "x": 400.5, "y": 5000.0}}


def test_wavelengths_come_from_a_companion(tmp_path):
    path = written(tmp_path)
    path.with_suffix(".spc").write_text("centre fwhm\n  399.86   9.4\n  409.5   9.41\n")
    axis = SpectralAxis([399.86, 409.5], "nm", widths=[9.4, 9.41], guessed=True)
    assert read(path).axis == axis


def test_wavelengths_of_another_number_of_bands_are_not_taken(tmp_path):
    path = written(tmp_path)
    path.with_suffix(".spc").write_text("399.86\n409.5\n419.1\n")
    assert read(path).axis == SpectralAxis.index(2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"magic": b"HEAD75"}, "it begins with b'HEAD75'"),
        ({"packing": 1}, "pixels of 4 bits; save it with 8 or 16"),
        ({"packing": 7}, "pixels of type 7"),
        ({"sizes": (4, 4)}, "176 bytes for 2 bands of 4 × 4, they need 192"),
        ({"sizes": (2**31 - 1, 2**31 - 1)}, "176 bytes for 2 bands of"),
        ({"sizes": (0, 3)}, "176 bytes for 2 bands of 3 × 0"),
        ({"sizes": (-4, 3)}, "a size of -4"),
        ({"magic": b"HEADER", "sizes": (float("nan"), 3)}, "a size of nan"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, wrong, message):
    with pytest.raises(FileFormatError, match=f"^scene.lan: {message}"):
        read(written(tmp_path, **wrong))


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    for kept in range(len(whole)):
        path.write_bytes(whole[:kept])
        with pytest.raises(FileFormatError, match=r"^scene\.lan: "):
            read(path)


def test_a_flipped_byte_in_the_header_is_survived(tmp_path):
    path = written(tmp_path, fields=PLACE)
    whole, chance = path.read_bytes(), random.Random(0)
    for offset in range(128):
        damaged = bytearray(whole)
        damaged[offset] ^= chance.choice([0xFF, 0x80, 0x01])
        path.write_bytes(damaged)
        try:
            assert np.asarray(read(path).data).nbytes <= len(whole)
        except FileFormatError:
            continue
