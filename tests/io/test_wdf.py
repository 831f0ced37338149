"""Renishaw files: each spectrum where it was measured, whatever way the stage went."""

import random
import struct
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_all
from napari_hyperspectral.io.arrays.positional import Positional
from napari_hyperspectral.io.renishaw.properties import Damaged, properties

RANDOM, COLUMNS_FIRST, ALTERNATING, LINE = 1, 2, 4, 128
BANDS = 5
SECOND = 10_000_000


def block(name, content):
    return struct.pack("<4sIQ", name, 0, 16 + len(content)) + content


def header(spectra, collected, *, points=BANDS, kind=3, laser=1e7 / 532, unit=6, flags=0, tracks=0):
    raw = bytearray(496)
    struct.pack_into("<Q", raw, 0, flags)
    struct.pack_into("<IIIQQI", raw, 36, tracks, 0, points, spectra, collected, 3)
    struct.pack_into("<III", raw, 68, 1, BANDS, 0)
    raw[80:84] = b"WiRE"
    struct.pack_into("<IIQQIf", raw, 112, 6, kind, 0, 0, unit, laser)
    raw[224:232] = "µ-map".encode().ljust(8, b"\0")
    return block(b"WDF1", raw)


def origin(kind, unit, values, dtype="<f8"):
    return struct.pack("<II16s", kind, unit, b"") + np.asarray(values, dtype).tobytes()


def wdf(path, spectra, *more, xlist=None, collected=None, axis=(19, 1), **about):
    """Write a file of spectra, (spectrum, band), and further blocks."""
    spectra = np.asarray(spectra, "<f4")
    centres = np.linspace(1800, 200, BANDS, dtype="<f4") if xlist is None else xlist
    path.write_bytes(
        header(len(spectra), len(spectra) if collected is None else collected, **about)
        + block(b"DATA", spectra.tobytes())
        + block(b"XLST", struct.pack("<II", *axis) + centres.tobytes())
        + block(b"YLST", struct.pack("<IIf", 4, 16, 1))
        + b"".join(more)
    )
    return path


def area(counts, step=(1, 1, 0), start=(0, 0, 0), flags=0):
    return block(b"WMAP", struct.pack("<II6f3III", flags, 0, *start, *step, *counts, 0, 0))


def origins(*columns):
    return block(b"ORGN", struct.pack("<I", len(columns)) + b"".join(columns))


def scanned(cube, flags=0):
    """Return (spectra, x, y) of a cube, (band, y, x), in the order of a scan."""
    _, height, width = cube.shape
    lines = (
        [[(y, x) for y in range(height)] for x in range(width)]
        if flags & COLUMNS_FIRST
        else [[(y, x) for x in range(width)] for y in range(height)]
    )
    if flags & ALTERNATING:
        lines = [line[:: -1 if n % 2 else 1] for n, line in enumerate(lines)]
    y, x = np.array([place for line in lines for place in line]).T
    return cube[:, y, x].T, x, y


@pytest.fixture
def cube():
    return np.random.default_rng(0).normal(size=(BANDS, 3, 4)).astype("f4")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.wdf"


@pytest.mark.parametrize("told", [True, False], ids=["with positions", "without"])
@pytest.mark.parametrize("flags", [0, COLUMNS_FIRST, ALTERNATING, COLUMNS_FIRST | ALTERNATING])
def test_a_map_is_put_together_whatever_way_it_was_scanned(path, cube, flags, told):
    spectra, x, y = scanned(cube, flags)
    places = origins(origin(3, 5, 10 + 2 * x), origin(4, 5, 3 * y - 7)) if told else b""
    wdf(path, spectra, area((4, 3, 0), (2, 3, 0), (10, -7, 0), flags), places)
    found = read(path)
    np.testing.assert_array_equal(found.data, cube)
    assert (found.pixel_size, found.origin, found.pixel_unit) == ((3, 2), (-7, 10), "um")
    assert isinstance(found.data, Positional) == (not flags & ALTERNATING)
    assert found.data.dtype == "f4"


@pytest.mark.parametrize("flags", [0, COLUMNS_FIRST, ALTERNATING])
def test_where_the_stage_was_is_truer_than_what_the_flags_say(path, cube, flags):
    spectra, x, y = scanned(cube, ALTERNATING)
    jitter = np.random.default_rng(1).uniform(-0.1, 0.1, (2, len(x)))
    places = origins(origin(3, 5, x + jitter[0]), origin(4, 5, y + jitter[1]))
    wdf(path, spectra, area((4, 3, 1), flags=flags), places)
    np.testing.assert_array_equal(read(path).data, cube)


def test_positions_on_no_grid_leave_the_order_of_the_scan(path, cube):
    spectra, x, y = scanned(cube)
    wdf(path, spectra, area((4, 3, 1)), origins(origin(3, 5, x * 1.3), origin(4, 5, y)))
    np.testing.assert_array_equal(read(path).data, cube)


def test_steps_may_go_back(path, cube):
    spectra, x, y = scanned(cube)
    places = origins(origin(3, 5, 9 - 2 * x), origin(4, 5, y))
    wdf(path, spectra, area((4, 3, 1), (-2, 1, 0), (9, 0, 0)), places)
    found = read(path)
    np.testing.assert_array_equal(found.data, cube)
    assert (found.pixel_size, found.origin) == ((1, -2), (0, 9))


@pytest.mark.parametrize("flags", [0, ALTERNATING])
def test_what_an_interrupted_map_lacks_is_nan(path, cube, flags):
    spectra, x, y = scanned(cube, flags)
    spectra = np.where(np.arange(12)[:, None] < 7, spectra, 0)
    places = origins(origin(3, 5, x * (np.arange(12) < 7)), origin(4, 5, y))
    wdf(path, spectra, area((4, 3, 1), flags=flags), places, collected=7)
    found = np.asarray(read(path).data)
    assert np.isnan(found[0]).sum() == 5
    np.testing.assert_array_equal(found[:, y[:7], x[:7]], cube[:, y[:7], x[:7]])
    assert np.isnan(found[:, y[7:], x[7:]]).all()


def test_maps_at_several_depths_lead_with_z(path):
    stack = np.random.default_rng(0).normal(size=(2, BANDS, 3, 4)).astype("f4")
    spectra = np.concatenate([scanned(one)[0] for one in stack])
    wdf(path, spectra, area((4, 3, 2), (1, 1, -5), (0, 0, 30)))
    found = read(path)
    assert found.dims == ("z", "band", "y", "x")
    np.testing.assert_array_equal(found.data, stack)
    assert (found.z.step, found.z.start, found.z.unit) == (-5, 30, "um")


def test_a_slanting_line_has_the_length_of_its_steps(path, cube):
    spectra = cube.reshape(BANDS, -1).T
    wdf(path, spectra, area((12, 1, 1), (3, 4, 0), flags=LINE))
    found = read(path)
    np.testing.assert_array_equal(found.data[:, 0], spectra.T)
    assert found.pixel_size == (5, 5)


@pytest.mark.parametrize(
    "more",
    [(), (area((4, 3, 1), flags=RANDOM),), (area((1, 1, 12)),)],
    ids=["series", "points", "depths"],
)
def test_points_are_a_list_that_knows_where_and_when(path, cube, more):
    spectra = cube.reshape(BANDS, -1).T
    where, when = np.arange(12) ** 2, 131_000_000 * SECOND + np.arange(12) * SECOND // 2
    columns = origin(3 | 1 << 31, 5, where), origin(11, 24, when, "<u8"), origin(17, 0, where)
    wdf(path, spectra, *more, origins(*columns), kind=2)
    found = read(path)
    np.testing.assert_array_equal(found.data[:, 0], spectra.T)
    positions = found.metadata["Renishaw"]["positions"]
    assert positions["x"] == {"unit": "um", "values": (where * 1.0).tolist()}
    assert positions["time"] == {"unit": "s", "values": (np.arange(12) / 2).tolist()}
    assert set(positions) == {"x", "time"}


def test_a_map_of_another_size_than_the_spectra_is_a_list(path, cube):
    wdf(path, cube.reshape(BANDS, -1).T, area((4, 4, 1)))
    with pytest.warns(UserWarning, match=r"a\.wdf: 12 spectra, but a map of 4 × 4 × 1"):
        assert read(path).shape == (BANDS, 1, 12)


def test_more_data_than_spectra_are_told(path, cube):
    wdf(path, cube.reshape(BANDS, -1).T)
    path.write_bytes(header(11, 11) + path.read_bytes()[512:])
    with pytest.warns(UserWarning, match=r"a\.wdf: 11 spectra of 5 points do not fill block DATA"):
        assert read(path).shape == (BANDS, 1, 11)


@pytest.mark.parametrize(
    ("code", "unit", "kind", "guessed"),
    [
        (1, "1/cm", "raman_shift", False),
        (2, "1/cm", "wavenumber", False),
        (3, "nm", "wavelength", False),
        (4, "eV", "energy", False),
        (5, "um", "wavelength", False),
        (0, "1/cm", "raman_shift", True),
    ],
)
def test_the_axis_keeps_its_order_and_has_the_unit_of_the_file(
    path, cube, code, unit, kind, guessed
):
    centres = np.array([9, 7, 4, 2, 1], "<f4")
    found = read(wdf(path, cube.reshape(BANDS, -1).T, xlist=centres, axis=(19, code)))
    wanted = SpectralAxis(
        centres, unit, kind, excitation_nm=found.axis.excitation_nm, guessed=guessed
    )
    assert found.axis == wanted
    assert found.axis.excitation_nm == pytest.approx(532)
    assert found.intensity_unit == "counts"
    assert found.history == ("read a.wdf",)
    about = found.metadata["Renishaw"]
    assert (about["title"], about["scan"], about["accumulations"]) == ("µ-map", "StreamLine", 3)


def test_pixels_of_the_detector_are_no_spectral_axis(path, cube):
    assert read(wdf(path, cube[:, 0].T, axis=(19, 16))).axis.kind == "index"


def picture(size=(8, 6), **place):
    image = Pillow.fromarray(np.full((size[1], size[0], 3), (200, 100, 50), np.uint8))
    exif = Pillow.Exif()
    if place:
        exif[0xFEA0] = place["corner"]
        exif[0x8769] = {0xA20E: place["width"], 0xA20F: place["height"], 0xA210: place["unit"]}
    stream = BytesIO()
    image.save(stream, "JPEG", exif=exif, quality=95)
    return block(b"WHTL", stream.getvalue())


def test_the_white_light_image_lies_where_it_was_taken(path, cube):
    photo = picture(corner=(-10.0, 20.0), width=16.0, height=3.0, unit=5)
    spectra, light = read_all(wdf(path, cube[:, 0].T, photo))
    assert spectra.shape == (BANDS, 1, 4)
    assert light.axis == ChannelAxis(("red", "green", "blue"))
    assert light.shape == (3, 6, 8)
    assert np.asarray(light.data)[:, 2, 2] == pytest.approx([200, 100, 50], abs=4)
    assert (light.pixel_size, light.pixel_unit) == (pytest.approx((0.5, 2)), "um")
    assert light.origin == pytest.approx((20.25, -9))
    assert read(path).name == spectra.name == "a"


def test_a_white_light_image_may_not_say_where_it_lies(path, cube):
    assert read_all(wdf(path, cube[:, 0].T, picture()))[1].pixel_unit is None


def test_a_damaged_white_light_image_is_left_out(path, cube):
    wdf(path, cube[:, 0].T, block(b"WHTL", picture()[16:200]))
    with pytest.warns(UserWarning, match=r"white-light image was left out: a\.wdf"):
        assert len(read_all(path)) == 1


def item(kind, key, content, flags=0):
    return struct.pack("<cBH", kind, flags, key) + content


def long(kind, key, content):
    return item(kind, key, struct.pack("<I", len(content)) + content)


def property_set(*items):
    content = b"".join(items)
    return b"PSET" + struct.pack("<I", len(content)) + content


def test_settings_are_kept_by_their_names(path, cube):
    inner = item(b"r", 0x8001, struct.pack("<f", 0.5)) + long(b"k", 0x8002, b"power")
    settings = property_set(
        long(b"p", 1019, inner),
        item(b"i", 0x8001, struct.pack("<I3i", 3, 7, 8, 9), 0x80),
        long(b"u", 1023, "×50".encode()),
        item(b"t", 4, struct.pack("<Q", 132_000_000_000 * 1_000_000)),
        long(b"b", 1012, bytes(9)),
        long(b"k", 0x8001, b"exposures"),
        long(b"k", 0x8003, b"_nitems"),
        item(b"i", 0x8003, struct.pack("<i", 1)),
    )
    found = read(wdf(path, cube[:, 0].T, block(b"WXDA", settings), block(b"TEXT", b"my cell\0")))
    assert found.metadata["Renishaw"]["comment"] == "my cell"
    assert found.metadata["Renishaw"]["file settings"] == {
        "exposures": [7, 8, 9],
        "Objective name": "×50",
        "StartTime": "2019-04-17T18:40:00+00:00",
        "Laser": {"exposures": 0.5},
    }


def test_damaged_settings_are_told_and_the_spectra_are_read(path, cube):
    wdf(path, cube[:, 0].T, block(b"WXDA", property_set(item(b"!", 1, b""))))
    with pytest.warns(UserWarning, match=r"a\.wdf: the file settings are not readable"):
        assert read(path).shape == (BANDS, 1, 4)


def test_property_sets_are_read_or_refused_whatever_is_in_them():
    whole = property_set(long(b"u", 1, b"a"), item(b"i", 2, struct.pack("<I2i", 2, 1, 2), 0x80))
    chance = random.Random(0)
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        with suppress(Damaged):
            properties(bytes(damaged))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: b"WDF2" + raw[4:], "not a Renishaw WDF file"),
        (lambda raw: raw[:300], "not a Renishaw WDF file"),
        (lambda raw: raw[:-1], "block 'YLST' at byte .* the file ends"),
        (lambda raw: raw + b"END", "a block needs bytes"),
        (lambda raw: raw + struct.pack("<4sIQ", b"LOOP", 0, 0), "block 'LOOP'"),
        (lambda raw: raw.replace(b"DATA", b"data"), "there is no block DATA"),
        (lambda raw: raw.replace(b"XLST", b"xlst"), "there is no block XLST"),
        (lambda raw: header(13, 13) + raw[512:], "13 spectra of 5 points do not fill 240 bytes"),
        (lambda raw: header(2**60, 12) + raw[512:], f"{2**60} spectra of 5 points do not fill"),
        (lambda raw: header(12, 0) + raw[512:], "0 of 12 spectra .* nothing to show"),
        (lambda raw: header(12, 13) + raw[512:], "13 of 12 spectra"),
        (
            lambda raw: header(6, 6, points=10) + raw[512:],
            "10 points a spectrum on an axis of 5 × 1",
        ),
        (lambda raw: header(12, 12, flags=8, tracks=3) + raw[512:], "block XLST has 28 bytes"),
    ],
)
def test_what_does_not_fit_together_is_refused(path, cube, change, message):
    wdf(path, cube.reshape(BANDS, -1).T)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FileFormatError, match=rf"^a\.wdf: .*({message})"):
        read(path)


def test_axes_of_several_tracks_must_be_one(path, cube):
    axis = np.linspace(0, 1, BANDS, dtype="<f4")
    spectra = cube[:, 0].T
    assert read(wdf(path, spectra, xlist=np.tile(axis, 4), flags=8, tracks=4)).shape == (5, 1, 4)
    wdf(path, spectra, xlist=np.arange(4 * BANDS, dtype="<f4"), flags=8, tracks=4)
    with pytest.raises(FileFormatError, match="4 tracks with axes of their own"):
        read(path)


@pytest.mark.filterwarnings("ignore")
def test_flipped_bytes_are_refused_or_survived(path, cube):
    spectra, x, y = scanned(cube, ALTERNATING)
    places = origins(origin(3, 5, x), origin(4, 5, y), origin(11, 24, x, "<u8"))
    settings = block(b"WXDM", property_set(long(b"u", 1, b"a")))
    wdf(path, spectra, area((4, 3, 1), flags=ALTERNATING), places, settings, picture())
    whole = path.read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with suppress(FileFormatError):
            for image in read_all(path):
                assert np.asarray(image.data).size < 10_000


def test_ten_gigabytes_open_without_being_read(path):
    count, points = 2_500_000, 1000
    with path.open("wb") as file:
        top = bytearray(header(count, count, points=points))
        struct.pack_into("<I", top, 88, points)
        file.write(top + struct.pack("<4sIQ", b"DATA", 0, 16 + 4 * points * count))
        file.seek(4 * points * count, 1)
        file.write(
            block(b"XLST", struct.pack("<II", 19, 1) + np.arange(points, dtype="<f4").tobytes())
        )
        file.write(area((2500, 1000, 1), flags=ALTERNATING))
    found = read(path)
    assert found.shape == (1000, 1000, 2500)
    assert not np.asarray(found.data[:, 5, 7]).any()


def test_a_nick_in_the_settings_at_the_end_is_told_and_a_cut_is_refused(path, cube):
    spectra = cube[:, 0].T
    whole = wdf(path, spectra, block(b"WXDM", bytes(40))).read_bytes()
    path.write_bytes(whole[:-2])
    with pytest.warns(UserWarning, match="its last 2 bytes are missing; they are of the settings"):
        found = np.asarray(read(path).data)
    assert np.array_equal(found, read(wdf(path, spectra)).data)
    path.write_bytes(whole[:-20])
    with pytest.raises(FileFormatError, match="block 'WXDM' at byte"):
        read(path)
