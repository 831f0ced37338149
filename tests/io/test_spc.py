"""Thermo SPC: every arrangement of axes, numbers and spectra, in three versions."""

import random
import struct
from contextlib import suppress

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_all
from napari_hyperspectral.io.arrays.positional import Positional

SHORT, MULTI, LABELS, OWN_X, X = 0x01, 0x04, 0x20, 0x40, 0x80
FLOATS = -128


def head(
    order="<", flags=0, exponent=FLOATS, points=0, ends=(0, 0), spectra=1, types=(1, 2, 0, 0),
    steps=(0, 0), planes=0, log=0, labels=b"", comment=b"",
):  # fmt: skip
    raw = bytearray(512)
    raw[0:4] = struct.pack("BBBb", flags, 0x4C if order == ">" else 0x4B, 11, exponent)
    struct.pack_into(f"{order}IddI", raw, 4, points, *ends, spectra)
    raw[28:31] = bytes(types[:3])
    struct.pack_into(f"{order}I", raw, 32, 2001 << 20 | 5 << 16 | 17 << 11 | 13 << 6 | 45)
    raw[88 : 88 + len(comment)] = comment
    raw[218 : 218 + len(labels)] = labels
    struct.pack_into(f"{order}I", raw, 248, log)
    struct.pack_into(f"{order}fIfB", raw, 312, steps[0], planes, steps[1], types[3])
    return bytes(raw)


def sub(order="<", exponent=FLOATS, z=0.0, w=0.0, points=0):
    layout = f"{order}BbHfffIIf4s"
    return struct.pack(layout, 0, exponent, 0, z, 0, 0, points, 0, w, b"")


@pytest.fixture
def write(tmp_path):
    def write(*parts):
        path = tmp_path / "a.spc"
        path.write_bytes(b"".join(parts))
        return path

    return write


@pytest.fixture
def values():
    """Six spectra of seven bands."""
    return np.random.default_rng(0).normal(size=(6, 7)).astype("f4")


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_even_axis_runs_from_first_to_last(write, values, order):
    top = head(order, points=7, ends=(4000, 1000), comment=b"a film")
    cube = read(write(top, sub(order), values[0].astype(f"{order}f4").tobytes()))
    np.testing.assert_array_equal(cube.data[:, 0, 0], values[0])
    assert cube.axis == SpectralAxis(np.linspace(4000, 1000, 7), "1/cm", "wavenumber")
    assert cube.intensity_unit == "absorbance"
    assert cube.history == ("read a.spc",)
    about = cube.metadata["SPC"]
    assert (about["comment"], about["date"]) == ("a film", "2001-05-17T13:45")
    assert about["technique"] == "Raman"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("flags", "size"), [(0, 4), (SHORT, 2)])
def test_whole_numbers_are_fractions_of_a_power_of_two(write, order, flags, size):
    top = head(order, flags=flags, exponent=3, points=4, ends=(0, 3))
    whole = np.array([-(2 ** (8 * size - 2)), 0, 1, 2 ** (8 * size - 3)], f"{order}i{size}")
    cube = read(write(top, sub(order, 0), whole.tobytes()))
    np.testing.assert_array_equal(cube.data[:, 0, 0], [-2, 0, 2.0 ** (3 - 8 * size), 1])


def test_each_of_several_spectra_has_its_own_exponent(write):
    top = head(flags=MULTI, exponent=1, points=2, ends=(0, 1), spectra=2)
    whole = np.array([2**30, 2**31 - 2**29], "<i4").tobytes()
    cube = read(write(top, sub(exponent=2), whole, sub(exponent=0), whole))
    np.testing.assert_array_equal(cube.data[:, 0, :], [[1, 0.25], [1.5, 0.375]])


def test_spectra_with_a_common_axis_in_numbers_are_a_mapped_list(write, values):
    axis = np.array([1, 2, 4, 8, 16, 32, 64], "<f4")
    top = head(flags=MULTI | X, points=7, spectra=6, types=(13, 4, 4, 0))
    rows = [sub(z=0.5 * n) + row.tobytes() for n, row in enumerate(values)]
    cube = read(write(top, axis.tobytes(), *rows))
    assert cube.shape == (7, 1, 6)
    np.testing.assert_array_equal(cube.data[:, 0, :], values.T)
    assert cube.axis == SpectralAxis(axis, "1/cm", "raman_shift")
    assert isinstance(cube.data, Positional)
    assert cube.metadata["positions"]["z"] == {"unit": "s", "values": [0, 0.5, 1, 1.5, 2, 2.5]}


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_grid_has_its_planes_below_each_other(write, values, order):
    top = head(
        order, MULTI, points=7, ends=(1, 7), spectra=6, types=(3, 4, 2, 2), steps=(0.5, 2), planes=3
    )
    rows = [sub(order, z=1) + row.astype(f"{order}f4").tobytes() for row in values]
    cube = read(write(top, *rows))
    np.testing.assert_array_equal(cube.data, values.reshape(3, 2, 7).transpose(2, 0, 1))
    assert (cube.pixel_size, cube.pixel_unit) == ((2, 0.5), "um")
    assert (cube.axis.unit, cube.axis.kind) == ("nm", "wavelength")


def test_a_grid_is_known_by_where_its_spectra_lie(write, values):
    top = head(flags=MULTI, points=7, ends=(1, 7), spectra=6, types=(1, 4, 29, 29))
    rows = [sub(z=10 + n % 3, w=5 + 4 * (n // 3)) + row.tobytes() for n, row in enumerate(values)]
    cube = read(write(top, *rows))
    np.testing.assert_array_equal(cube.data, values.reshape(2, 3, 7).transpose(2, 0, 1))
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((4, 1), (5, 10), "mm")


def own_axes(lengths, directory=True):
    """Return a file of spectra with axes of their own, and those (axis, values)."""
    spectra = [(np.arange(n, dtype="<f4") + n, np.full(n, n, "<f4")) for n in lengths]
    parts = [sub(points=len(x)) + x.tobytes() + y.tobytes() for x, y in spectra]
    if directory:  # the last spectrum comes first
        order = [len(parts) - 1, *range(len(parts) - 1)]
        places, start = {}, 512
        for number in order:
            places[number] = start
            start += len(parts[number])
        entries = [struct.pack("<IIf", places[n], len(p), 0) for n, p in enumerate(parts)]
        parts = [parts[n] for n in order] + entries
    end = 512 + sum(map(len, parts)) - 12 * len(spectra) if directory else 0
    top = head(flags=MULTI | X | OWN_X, points=end, spectra=len(spectra), types=(9, 4, 5, 0))
    return [top, *parts], spectra


@pytest.mark.parametrize("directory", [True, False])
def test_spectra_with_axes_of_their_own_are_images_of_their_own(write, directory):
    parts, spectra = own_axes((5, 3, 4), directory)
    cubes = read_all(write(*parts))
    assert [cube.name for cube in cubes] == ["a 1", "a 2", "a 3"]
    for cube, (x, y) in zip(cubes, spectra, strict=True):
        assert cube.axis == SpectralAxis(x, "m/z")
        np.testing.assert_array_equal(cube.data[:, 0, 0], y)


def test_equal_axes_are_one_axis(write):
    parts, spectra = own_axes((4, 4, 4))
    cube = read(write(*parts))
    assert cube.shape == (4, 1, 3)
    assert cube.axis == SpectralAxis(spectra[0][0], "m/z")


def test_very_many_axes_are_summed_up_in_common_bands(write):
    parts, spectra = own_axes(range(3, 153))
    cube = read(write(*parts))
    assert cube.shape == (2000, 1, 150)
    np.testing.assert_allclose(cube.data.sum((0, 1)), [y.sum() for _, y in spectra])
    assert cube.history[-1] == "summed up 150 axes in 2000 common bands"
    assert (cube.axis.centres[0], cube.axis.centres[-1]) == pytest.approx((3, 303), abs=0.1)


def old(points, flags=0, exponent=0, ends=(0, 1), comment=b""):
    raw = bytearray(224)
    struct.pack_into("<BBhfffBB", raw, 0, flags, 0x4D, exponent, points, *ends, 1, 128)
    struct.pack_into("<HBBBB", raw, 18, 1990, 2, 3, 4, 5)
    raw[64 : 64 + len(comment)] = comment
    return bytes(raw)


def old_numbers(whole):
    """Return 32-bit numbers, the upper half first."""
    return np.array(whole, "<i4").view("<u2").reshape(-1, 2)[:, ::-1].tobytes()


def test_an_old_file_has_short_heads_and_halves_of_numbers_the_other_way_round(write):
    top = old(3, exponent=4, ends=(400, 500), comment=b"LabCalc")
    cube = read(write(top, sub(exponent=0), old_numbers([2**28, -(2**27) + 5, 1])))
    np.testing.assert_array_equal(
        cube.data[:, 0, 0], np.array([2.0**28, -(2.0**27) + 5, 1]) / 2.0**28
    )
    assert cube.axis == SpectralAxis([400, 450, 500], "1/cm")
    assert cube.intensity_unit == "transmittance"
    assert cube.metadata["SPC"]["date"] == "1990-02-03T04:05"


def test_an_old_file_has_as_many_spectra_as_fit(write):
    part = sub(exponent=4) + old_numbers([2**28, 2**27])
    cube = read(write(old(2, MULTI), part, part, part))
    np.testing.assert_array_equal(cube.data[:, 0], [[1, 1, 1], [0.5, 0.5, 0.5]])


def test_labels_in_words_name_the_axis(write, values):
    top = head(
        flags=LABELS,
        points=7,
        ends=(1, 7),
        types=(0, 0, 0, 0),
        labels=b"Raman Shift (cm-1)\0Counts\0",
    )
    cube = read(write(top, sub(), values[0].tobytes()))
    assert (cube.axis.unit, cube.axis.kind) == ("1/cm", "raman_shift")
    assert cube.metadata["SPC"]["labels"] == ["Raman Shift (cm-1)", "Counts", ""]


@pytest.mark.parametrize("kind", [0, 4, 22, 27, 255])
def test_what_is_no_spectral_unit_makes_no_spectral_axis(write, values, kind):
    top = head(points=7, ends=(1, 7), types=(kind, 0, 0, 0))
    axis = read(write(top, sub(), values[0].tobytes())).axis
    assert (axis.unit, axis.kind) == (None, "index")


def logged(text, values):
    top = head(points=7, ends=(1, 7), log=512 + 32 + 28)
    log = struct.pack("<5I44s", 64 + len(text), 4096, 64, 0, 0, b"") + text
    return top, sub(), values[0].tobytes(), log


def test_the_log_is_kept(write, values):
    cube = read(write(*logged(b"LASER = 785\r\nPOWER=10 mW\r\n\0", values)))
    assert cube.metadata["SPC"]["log"] == {"LASER": "785", "POWER": "10 mW"}
    cube = read(write(*logged(b"measured by hand\r\nA=1\0", values)))
    assert cube.metadata["SPC"]["log"] == "measured by hand\nA=1"


def test_a_missing_log_is_told(write, values):
    path = write(*logged(b"A=1\0", values)[:3])
    with pytest.warns(UserWarning, match=r"a\.spc: its log is missing"):
        assert read(path).shape == (7, 1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), "Shimadzu file.*export it"),
        (b"  Band   Wavelength  FWHM\r\n" * 40, "a text, no Thermo SPC; rename it"),
        (bytes(600), "not a Thermo SPC file"),
        (head(points=7)[:100], "not a Thermo SPC file"),
        (head(points=7, ends=(np.nan, 1)) + bytes(60), "7 points from nan"),
        (head(points=2**31) + bytes(600), "needs 2147483648 points"),
        (head(flags=MULTI, points=7, spectra=2**31) + bytes(600), "do not fit"),
        (head(flags=MULTI, points=7, spectra=0) + bytes(600), "no spectrum"),
        (head(flags=X, points=2**31) + bytes(600), "the axis needs"),
        (old(float("nan")) + bytes(600), "nan points"),
    ],
)
def test_what_is_none_is_refused(write, content, message):
    with pytest.raises(FileFormatError, match=rf"^a\.spc: .*{message}"):
        read(write(content))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["list", "own axes", "old", "log"])
def test_damage_is_refused_or_survived(write, values, kind):
    rows = [sub(z=n) + row.tobytes() for n, row in enumerate(values)]
    parts = {
        "list": [head(flags=MULTI, points=7, ends=(1, 7), spectra=6), *rows],
        "own axes": own_axes((5, 3, 4))[0],
        "old": [old(2), sub(), old_numbers([1, 2])],
        "log": logged(b"A=1\0", values),
    }[kind]
    path = write(*parts)
    whole = path.read_bytes()
    wanted = [np.asarray(cube.data) for cube in read_all(path)]
    for cut in range(20):
        path.write_bytes(whole[: len(whole) * cut // 20])
        try:
            found = [np.asarray(cube.data) for cube in read_all(path)]
        except FileFormatError:
            continue
        assert all(map(np.array_equal, found, wanted))
    chance = random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with suppress(FileFormatError):
            read_all(path)
