"""Spectrum images of DigitalMicrograph open with their axes, of both versions of the format."""

import struct

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_all

CODES = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7}
TYPES = {"f4": 2, "u2": 10}
DATA = np.arange(5 * 2 * 3, dtype="<f4").reshape(5, 2, 3)  # (band, y, x)
MICROMETRE = (0.0, 0.5, "µm")


class Writer:
    """Writes tags of a version of the format; all numbers are little-endian."""

    def __init__(self, version):
        self.version = version
        self.whole = ">Q" if version == 4 else ">I"

    def number(self, value):
        return struct.pack(self.whole, value)

    def tag(self, name, kind, content):
        raw = name.encode("latin-1")
        head = struct.pack(">BH", kind, len(raw)) + raw
        return head + (struct.pack(">Q", len(content)) if self.version == 4 else b"") + content

    def value(self, codes, content):
        return b"%%%%" + self.number(len(codes)) + b"".join(map(self.number, codes)) + content

    def group(self, tags):
        content = b"\0\0" + self.number(len(tags))
        for name, value in tags:
            content += self.one(name, value)
        return content

    def one(self, name, value):
        if isinstance(value, list):
            return self.tag(name, 20, self.group(value))
        if isinstance(value, str):
            raw = value.encode("utf-16-le")
            return self.tag(name, 21, self.value((20, 4, len(value)), raw))
        if isinstance(value, np.ndarray):
            codes = (20, CODES[value.dtype.str[1:]], value.size)
            return self.tag(name, 21, self.value(codes, value.tobytes()))
        if isinstance(value, float):
            return self.tag(name, 21, self.value((6,), struct.pack("<f", value)))
        return self.tag(name, 21, self.value((5,), struct.pack("<I", value)))

    def write(self, path, images):
        body = self.group([("ImageList", [("", image) for image in images])])
        head = struct.pack(">I", self.version) + self.number(len(body)) + struct.pack(">I", 1)
        path.write_bytes(head + body + bytes(8))
        return path


def image(data, axes, *, form=None, name="map", kind=None):
    """Return the tags of an image; `axes` are (origin, scale, unit), the fastest first."""
    dimensions = [
        ("", [("Origin", origin), ("Scale", scale), ("Units", unit)])
        for origin, scale, unit in axes
    ]
    brightness = [("Origin", 0.0), ("Scale", 1.0), ("Units", "Counts")]
    sizes = [("", size) for size in reversed(data.shape)]
    tags = [
        ("Calibrations", [("Brightness", brightness), ("Dimension", dimensions)]),
        ("Data", data),
        ("DataType", kind or TYPES[data.dtype.str[1:]]),
        ("Dimensions", sizes),
    ]
    meta = [("Meta Data", [("Format", form)])] if form else []
    return [("ImageData", tags), ("ImageTags", meta), ("Name", name)]


PREVIEW = image(np.zeros((2, 2), "<i4"), [(0.0, 1.0, "")] * 2, kind=23, name="preview")


@pytest.mark.parametrize("version", [3, 4])
def test_a_spectrum_image_has_energies_pixel_size_and_no_preview(tmp_path, version):
    energies = (-300.0, 2.0, "eV")
    tags = image(DATA, [MICROMETRE, (2.0, 0.5, "µm"), energies], form="Spectrum image")
    cube = read(Writer(version).write(tmp_path / "a.dm4", [PREVIEW, tags]))
    assert np.array_equal(cube.data, DATA)
    assert cube.axis == SpectralAxis(600 + 2 * np.arange(5), "eV")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((0.5, 0.5), (-1.0, 0.0), "um")
    assert cube.intensity_unit == "counts"


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_axis_in_ev_is_the_spectrum_wherever_it_stands(tmp_path, position):
    axes = [MICROMETRE, MICROMETRE]
    axes.insert(position, (0.0, 1.0, "keV"))
    data = np.ascontiguousarray(np.moveaxis(DATA, 0, 2 - position))
    cube = read(Writer(3).write(tmp_path / "a.dm3", [image(data, axes)]))
    assert np.array_equal(cube.data, DATA)
    assert cube.axis == SpectralAxis(1000 * np.arange(5), "eV")


def test_a_line_of_spectra_in_nm_is_told_by_its_format(tmp_path):
    axes = [(-400.0, 1.0, "nm"), MICROMETRE]
    tags = image(DATA[:, 0].T.copy(), axes, form="Spectrum image")
    cube = read(Writer(4).write(tmp_path / "a.dm4", [tags]))
    assert np.array_equal(cube.data, DATA[:, :1])
    assert cube.axis == SpectralAxis(400 + np.arange(5), "nm")
    assert cube.pixel_size == (0.5, 0.5)


def test_pictures_have_no_made_up_axis_and_are_read_by_name(tmp_path):
    picture = image(np.ones((2, 3), "<u2"), [(0.0, 2.0, "nm")] * 2, name="HAADF")
    stack = image(DATA, [MICROMETRE] * 2 + [(0.0, 1.0, "")], name="stack")
    path = Writer(3).write(tmp_path / "a.dm3", [PREVIEW, picture, stack])
    first, second = read_all(path)
    assert (first.name, first.shape, first.pixel_unit) == ("HAADF", (1, 2, 3), "nm")
    assert (second.dims, second.shape) == (("z", "band", "y", "x"), (5, 1, 2, 3))
    assert read(f"{path}::stack").shape == second.shape


def test_colours_are_in_their_order(tmp_path):
    pixels = np.array([[[1, 2, 3, 255]]], "u1").view("<i4")[..., 0]  # blue, green, red, opacity
    tags = image(pixels, [(0.0, 1.0, "")] * 2, kind=23)
    cube = read(Writer(3).write(tmp_path / "a.dm3", [tags]))
    assert np.ravel(cube.data).tolist() == [3, 2, 1]


def test_complex_values_are_refused(tmp_path):
    tags = image(DATA[0], [MICROMETRE] * 2, kind=3)
    path = Writer(3).write(tmp_path / "a.dm3", [tags])
    with pytest.raises(FileFormatError, match="values of type 3, which are complex or packed"):
        read(path)


@pytest.mark.parametrize("part", [0.0, 0.03, 0.2, 0.5, 0.8, 0.9])
def test_a_cut_file_is_refused(tmp_path, part):
    tags = image(DATA, [MICROMETRE, MICROMETRE, (0.0, 1.0, "eV")])
    path = Writer(4).write(tmp_path / "a.dm4", [tags])
    raw = path.read_bytes()
    path.write_bytes(raw[: int(part * len(raw))])
    with pytest.raises(FileFormatError):
        read(path)
