"""Olympus: no file is public, so stand-ins for the libraries tell of one here."""

import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.io import FileFormatError, MissingPackageError, read, read_all

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.fixture
def chance():
    return np.random.default_rng(0)


def settings(sizes, *, start=400.0, end=450.0, channels=({},)):
    """Return the settings of a FluoView file whose axes have these sizes."""
    ends = {"L": ("nm", start, end), "Z": ("nm", 0.0, 3000.0), "T": ("ms", 0.0, 4000.0)}
    axes = {}
    for number, (code, size) in enumerate(sizes.items()):
        unit, first, last = ends.get(code, ("", 0.0, 0.0))
        axes[f"Axis {number} Parameters Common"] = {
            "AxisCode": code,
            "MaxSize": size,
            "UnitName": unit,
            "StartPosition": first,
            "EndPosition": last,
        }
    dyes = {f"Channel {n} Parameters": about for n, about in enumerate(channels, 1)}
    size = {"HeightConvertValue": 0.2, "HeightUnit": "um"}
    size |= {"WidthConvertValue": 0.1, "WidthUnit": "um"}
    return axes | dyes | {"Reference Image Parameter": size}


class Folder:
    """What oiffile.OifFile shows of planes by name."""

    def __init__(self, mainfile, planes):
        self.mainfile, self._planes = mainfile, planes

    def glob(self, pattern):
        assert pattern == "*.tif"
        return iter(self._planes)

    def asarray(self, name):
        return self._planes[name]

    def close(self):
        pass


def named(data, letters):
    """Return the planes of an array by the names that FluoView gives them."""
    return {
        "Storage00001/s_"
        + "".join(f"{letter}{at + 1:03}" for letter, at in zip(letters, where))
        + ".tif": data[where]
        for where in np.ndindex(data.shape[:-2])
    }


@pytest.fixture
def oib(tmp_path, monkeypatch):
    """Return a function that writes an .oib of which the library shows this."""

    def write(mainfile, planes):
        path = tmp_path / "a.oib"
        path.write_bytes(COMPOUND)
        library = SimpleNamespace(OifFile=lambda path: Folder(mainfile, planes))
        monkeypatch.setitem(sys.modules, "oiffile", library)
        return path

    return write


def test_wavelengths_are_a_spectrum(oib, chance):
    data = chance.integers(0, 4095, (1, 6, 4, 5), np.uint16)
    cube = read(oib(settings({"X": 5, "Y": 4, "L": 6, "C": 1}), named(data, "CL")))
    np.testing.assert_array_equal(cube.data, data[0])
    assert cube.axis.same_bands(SpectralAxis(np.linspace(400, 450, 6), "nm"))
    assert cube.pixel_size == (0.2, 0.1)
    assert (cube.pixel_unit, cube.name) == ("um", "a")


def test_times_and_depths_lead_and_dyes_are_named(oib, chance):
    data = chance.integers(0, 4095, (2, 4, 3, 6, 5), np.uint16)  # (c, z, t, y, x)
    dyes = [{"DyeName": "DAPI", "EmissionWavelength": 461}, {"CH Name": "CH2"}]
    sizes = {"X": 5, "Y": 6, "Z": 4, "T": 3, "C": 2}
    cube = read(oib(settings(sizes, channels=dyes), named(data, "CZT")))
    np.testing.assert_array_equal(cube.data, data.transpose(2, 1, 0, 3, 4))
    assert cube.axis == ChannelAxis(("DAPI", "CH2"))
    assert (cube.z.step, cube.z.unit) == (pytest.approx(1), "um")
    assert (cube.t.step, cube.t.unit) == (pytest.approx(2), "s")


def test_each_detector_of_a_spectrum_is_an_image(oib, chance):
    data = chance.integers(0, 4095, (2, 6, 4, 5), np.uint16)
    dyes = [{"CH Name": "CH1"}, {"CH Name": "CH2"}]
    sizes = {"X": 5, "Y": 4, "L": 6, "C": 2}
    cubes = read_all(oib(settings(sizes, channels=dyes), named(data, "CL")))
    assert [cube.name for cube in cubes] == ["a CH1", "a CH2"]
    np.testing.assert_array_equal(cubes[1].data, data[1])


def test_planes_that_are_missing_are_nan(oib, chance):
    data = chance.integers(0, 4095, (6, 4, 5), np.uint16)
    planes = named(data, "L")
    del planes["Storage00001/s_L003.tif"]
    with pytest.warns(UserWarning, match="1 of its planes are missing"):
        cube = read(oib(settings({"X": 5, "Y": 4, "L": 6}), planes))
    assert np.isnan(np.asarray(cube.data[2])).all()
    np.testing.assert_array_equal(cube.data[3:], data[3:])


def test_without_their_ends_wavelengths_are_counted(oib, chance):
    data = chance.integers(0, 4095, (6, 4, 5), np.uint16)
    sizes = {"X": 5, "Y": 4, "L": 6}
    cube = read(oib(settings(sizes, start="", end=""), named(data, "L")))
    assert cube.axis == SpectralAxis.index(6)


@pytest.mark.parametrize(
    ("mainfile", "planes", "message"),
    [
        ({}, {}, "no planes in it"),
        (
            settings({"X": 5, "Y": 4, "L": 600}),
            {"s_L001.tif": np.zeros((4, 5))},
            "1 of .600,. plan",
        ),
        (settings({"X": 5, "Y": 4}), {"s_C001.tif": np.zeros((4, 5, 3))}, "is no plane"),
        ({"Axis 0 Parameters Common": {}}, {}, "not a whole Olympus file"),
    ],
)
def test_what_makes_no_image_is_refused(oib, mainfile, planes, message):
    with pytest.raises(FileFormatError, match=rf"^a\.oib: .*{message}"):
        read(oib(mainfile, planes))


class Oir:
    """What oirfile.OirFile shows."""

    def __init__(self, data, dims, coords, channels=(), says=None):
        self.data, self.dims, self.coords, self.channels = data, tuple(dims), coords, channels
        self.shape, self.dtype, self.attrs = data.shape, data.dtype, {"colortype": "Gray"}
        self._says = says

    def asarray(self, out=None):
        if self._says:
            logging.getLogger("oirfile").warning(self._says)
        return self.data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def oir(tmp_path, monkeypatch):
    def write(shown):
        path = tmp_path / "a.oir"
        path.write_bytes(b"OLYMPUSRAWFORMAT")
        monkeypatch.setitem(sys.modules, "oirfile", SimpleNamespace(OirFile=lambda path: shown))
        return path

    return write


def test_an_oir_with_wavelengths_is_a_spectrum(oir, chance):
    data = chance.integers(0, 4095, (2, 6, 3, 4, 5), np.uint16)  # (t, lambda, z, y, x)
    coords = {
        "T": np.array([0.0, 2.5]),
        "L": 500 + 5.0 * np.arange(6),
        "Z": np.array([10.0, 9, 8]),
        "Y": 0.2 * np.arange(4),
        "X": 0.1 * np.arange(5),
    }
    cube = read(oir(Oir(data, "TLZYX", coords)))
    np.testing.assert_array_equal(cube.data, data.transpose(0, 2, 1, 3, 4))
    assert cube.axis == SpectralAxis(coords["L"], "nm")
    assert (cube.t.step, cube.z.step, cube.z.start) == (2.5, -1, 10)
    assert cube.pixel_size == pytest.approx((0.2, 0.1))


def test_channels_with_five_ranges_in_order_are_a_spectrum(oir, chance):
    data = chance.integers(0, 4095, (5, 4, 6), np.uint16)
    channels = [
        SimpleNamespace(
            name=f"CH{n}", start_wavelength=400.0 + 20 * n, end_wavelength=420.0 + 20 * n
        )
        for n in range(5)
    ]
    cube = read(oir(Oir(data, "CYX", {"C": np.array(["CH"] * 5)}, channels)))
    assert cube.axis.centres == pytest.approx(410 + 20 * np.arange(5))
    assert cube.axis.widths == pytest.approx(np.full(5, 20))
    assert read(oir(Oir(data[:2], "CYX", {}, channels[:2]))).axis == ChannelAxis(("CH0", "CH1"))


def test_an_oir_of_which_the_library_has_but_a_part_is_refused(oir, chance):
    data = chance.integers(0, 4095, (4, 6), np.uint16)
    with pytest.raises(FileFormatError, match=r"^a\.oir: parts of it are missing \(incomplete"):
        read(oir(Oir(data, "YX", {}, says="incomplete plane at t=0; padding with zeros")))
    with pytest.warns(UserWarning, match=r"a\.oir: unusual"):
        read(oir(Oir(data, "YX", {}, says="unusual")))


@pytest.mark.parametrize("suffix", [".oib", ".oif", ".oir"])
@pytest.mark.parametrize("content", [b"", b"hello, this is no such file"])
def test_other_files_are_refused_unasked(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="not an Olympus file"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "library"),
    [
        ("a.oib", COMPOUND, "oiffile"),
        ("a.oif", b"[ProfileSaveInfo]\n", "oiffile"),
        ("a.oir", b"OLYMPUSRAWFORMAT", "oirfile"),
    ],
)
def test_the_missing_library_is_asked_for(tmp_path, monkeypatch, name, content, library):
    monkeypatch.setitem(sys.modules, library, None)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MissingPackageError, match=rf"{library}.*\[microscopes\]"):
        read(path)


def test_the_real_library_is_understood(tmp_path, chance):
    """Its .oif is a folder of TIFF files, which can be written here."""
    pytest.importorskip("oiffile")
    tifffile = pytest.importorskip("tifffile")
    data = chance.integers(0, 4095, (6, 4, 5), np.uint16)
    folder = tmp_path / "a.oif.files"
    folder.mkdir()
    for name, plane in named(data[None], "CL").items():
        tifffile.imwrite(folder / name.rpartition("/")[2], plane)
    about = {"ProfileSaveInfo": {"Name": "FLUOVIEW", "Version": "1"}}
    about |= settings({"X": 5, "Y": 4, "L": 6, "C": 1})
    text = "".join(
        f"[{section}]\r\n" + "".join(f"{key}={value!r}\r\n" for key, value in values.items())
        for section, values in about.items()
    )
    (tmp_path / "a.oif").write_bytes(b"\xff\xfe" + text.replace("'", '"').encode("utf-16-le"))
    cube = read(tmp_path / "a.oif")
    np.testing.assert_array_equal(cube.data, data)
    assert cube.axis.centres == pytest.approx(np.linspace(400, 450, 6))
    assert cube.pixel_size == (0.2, 0.1)
