"""OMNIC maps: each spectrum where the stage was, and the camera's picture over the same places."""

import random
import struct
import warnings
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, read, read_all
from napari_hyperspectral.io.arrays.positional import Positional

BANDS = 5
SPECTRA = np.arange(6 * BANDS, dtype="<f4").reshape(6, BANDS)
ROWS = [(x, y) for y in (-30.0, -20.0) for x in (100.0, 104.0, 108.0)]
"""Places of a scan, (x, y), line by line."""
SHADES = np.arange(12, dtype=np.uint8).reshape(4, 3)


def header(count=BANDS, unit=15, axis=1, first=1600.0, last=1608.0):
    head = struct.pack("<4I2f", 0, count, axis, unit, last, first)
    return head.ljust(140, b"\0")


def array(values):
    values = np.asarray(values, "<f4")
    return struct.pack("<3H", *values.shape, 0) + values.tobytes()


def together(spectra=SPECTRA, **about):
    """Return the one block of all spectra."""
    records = [bytes(100) + row.tobytes() for row in spectra]
    return header(**about) + bytes(56) + b"".join(records)


def picture():
    file = BytesIO()
    Pillow.fromarray(SHADES).convert("RGB").save(file, "BMP")
    return struct.pack("<I", len(file.getvalue())) + file.getvalue()


def omnic(path, blocks, *, later=True):
    """Write a file of (key, number, content) blocks; the last one ends it."""
    layout, magic = (
        ("<HQIII", b"Spectral Exte File") if later else ("<HIIIH", b"Spectral Data File")
    )
    place = 0x130 + struct.calcsize(layout) * len(blocks)
    directory, content = b"", b""
    for key, number, raw in blocks:
        directory += struct.pack(layout, key, place + len(content), len(raw), number, 0)
        content += raw
    head = magic.ljust(0x1E, b"\0") + b"a leaf"
    head = head.ljust(0x126, b"\0") + struct.pack("<HI", len(blocks), 3_600)
    path.write_bytes(head.ljust(0x130, b"\0") + directory + content)
    return path


def scan(path, places, spectra=SPECTRA, more=(), **about):
    """Write a map of spectra at places of the stage, (x, y)."""
    blocks = [(2, 1, header(**about)), (6, 1, array(places)), *more]
    return omnic(path, [*blocks, (0x12D, 1, together(spectra, **about))])


@pytest.fixture
def file(tmp_path):
    return scan(tmp_path / "leaf.map", ROWS)


def test_x_runs_fastest_and_spectra_stay_in_the_file(file):
    cube = read(file)
    assert np.array_equal(cube.data, SPECTRA.reshape(2, 3, BANDS).transpose(2, 0, 1))
    assert isinstance(cube.data, Positional)


def test_axis_and_intensity_are_those_of_the_header(file):
    cube = read(file)
    assert cube.spectral_axis.centres.tolist() == [1600, 1602, 1604, 1606, 1608]
    assert (cube.axis.unit, cube.axis.kind) == ("1/cm", "wavenumber")
    assert cube.intensity_unit == "single beam"
    assert cube.metadata["OMNIC"]["title"] == "a leaf"
    assert cube.metadata["OMNIC"]["time"] == "1899-12-31T01:00:00"


def test_pixels_are_where_the_stage_was(file):
    cube = read(file)
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((10, 4), (-30, 100), "um")


@pytest.mark.parametrize(("code", "unit"), [(16, "transmittance"), (17, "absorbance"), (99, None)])
def test_the_unit_of_the_intensity_is_told_by_its_code(tmp_path, code, unit):
    assert read(scan(tmp_path / "a.map", ROWS, unit=code)).intensity_unit == unit


def test_interferograms_count_points(tmp_path):
    assert read(scan(tmp_path / "a.map", ROWS, axis=2, unit=22)).axis.kind == "index"


def test_an_axis_that_descends_stays_as_it_is(tmp_path):
    axis = read(scan(tmp_path / "a.map", ROWS, first=1608.0, last=1600.0)).spectral_axis
    assert axis.centres.tolist() == [1608, 1606, 1604, 1602, 1600]


def test_a_scan_to_and_fro_is_put_in_order(tmp_path):
    snake = [*ROWS[:3], *ROWS[:2:-1]]
    cube = read(scan(tmp_path / "a.map", snake))
    assert np.array_equal(np.asarray(cube.data)[:, 1], SPECTRA[:2:-1].T)


def test_a_scan_column_by_column_is_an_image_too(tmp_path):
    columns = [(x, y) for x in (100.0, 104.0, 108.0) for y in (-30.0, -20.0)]
    cube = read(scan(tmp_path / "a.map", columns))
    assert np.array_equal(np.asarray(cube.data)[0], SPECTRA[:, 0].reshape(3, 2).T)


def test_where_the_scan_ended_within_a_line_the_rest_is_nan(tmp_path):
    cube = read(scan(tmp_path / "a.map", ROWS[:5], SPECTRA[:5]))
    assert cube.shape == (BANDS, 2, 3)
    assert np.isnan(np.asarray(cube.data)[:, 1, 2]).all()
    assert np.isnan(np.asarray(cube.data)).sum() == BANDS


@pytest.mark.parametrize(
    "places", [[(9.0 * n, 5.0 * n) for n in range(6)], [(0, 0)] * 6, [(np.nan, 0)] * 6]
)
def test_points_that_make_no_raster_are_a_list(tmp_path, places):
    cube = read(scan(tmp_path / "a.map", places))
    assert np.array_equal(cube.data, SPECTRA.T[:, None, :])


def test_a_line_along_x_is_an_image_of_one_row(tmp_path):
    cube = read(scan(tmp_path / "a.map", [(3.0 * n, 5.0) for n in range(6)]))
    assert (cube.shape, cube.pixel_size) == ((BANDS, 1, 6), (3, 3))


@pytest.mark.parametrize("gap", [0, 12])
def test_older_files_have_a_block_a_spectrum(tmp_path, gap):
    blocks = [(2, 1, header()), (6, 1, array(ROWS))]
    for number, row in enumerate(SPECTRA, 1):
        blocks += [(0x94, number, bytes(96 + gap)), (3, number, row.tobytes())]
    cube = read(omnic(tmp_path / "a.map", blocks, later=False))
    assert np.array_equal(cube.data, SPECTRA.reshape(2, 3, BANDS).transpose(2, 0, 1))


def test_spectra_that_lie_anyhow_are_found_all_the_same(tmp_path):
    blocks = [(2, 1, header()), (6, 1, array(ROWS))]
    for number in (3, 1, 2, 6, 5, 4):
        blocks += [(3, number, SPECTRA[number - 1].tobytes())]
    cube = read(omnic(tmp_path / "a.map", blocks, later=False))
    assert np.array_equal(np.asarray(cube.data)[0].ravel(), SPECTRA[:, 0])


@pytest.mark.parametrize("downwards", [False, True])
def test_the_picture_lies_on_the_map_whichever_way_it_was_scanned(tmp_path, downwards):
    places = [*ROWS[3:], *ROWS[:3]] if downwards else ROWS
    rectangle = [[98, -35, 110, -15]]  # (left, bottom, right, top): pixels of 4 × 5 µm
    more = [(6, 2, array(rectangle)), (0x93, 1, picture())]
    cube, seen = read_all(scan(tmp_path / "leaf.map", places, more=more))
    assert seen.axis == ChannelAxis(("red", "green", "blue"))
    assert (seen.name, seen.pixel_sides, seen.pixel_unit) == ("leaf camera", (5, 4), "um")
    lower = np.asarray(seen.data)[0]
    row_of_lowest = -1 if downwards else 0  # of the picture, in the layer
    assert np.array_equal(lower[row_of_lowest], SHADES[-1])
    direction = -1 if downwards else 1
    assert (seen.pixel_size[0], cube.pixel_size[0]) == (5 * direction, 10 * direction)
    y_of_lowest = seen.origin[0] + (3 * seen.pixel_size[0] if downwards else 0)
    y_of_lower_row = cube.origin[0] + (cube.pixel_size[0] if downwards else 0)
    assert (y_of_lowest, y_of_lower_row) == (-32.5, -30)
    assert seen.origin[1] == 100


def test_a_damaged_picture_is_left_out(tmp_path):
    file = scan(tmp_path / "a.map", ROWS, more=[(0x93, 1, picture()[:60])])
    with pytest.warns(UserWarning, match="a picture was left out: a.map"):
        assert len(read_all(file)) == 1


def test_what_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "a.map"
    with pytest.raises(FileFormatError, match=r"^a.map: spectra of 4 points do not fill"):
        read(omnic(path, [(2, 1, header(count=4)), (0x12D, 1, together())]))
    with pytest.raises(FileFormatError, match=r"^a.map: no spectra in it"):
        read(omnic(path, [(2, 1, header())]))
    with pytest.raises(FileFormatError, match=r"^a.map: no block states its axis"):
        read(omnic(path, [(0x12D, 1, together())]))
    with pytest.raises(FileFormatError, match=r"^a.map: spectrum 1 has not 5 points"):
        read(omnic(path, [(2, 1, header()), (3, 1, bytes(16))]))
    path.write_bytes(b"another map")
    with pytest.raises(FileFormatError, match=r"^a.map: not a map of Thermo OMNIC"):
        read(path)


def test_a_file_cut_short_is_refused_wherever_it_was_cut(file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 17):
        file.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read(file)


def test_flipped_bytes_raise_nothing_else(file):
    whole, chance = file.read_bytes(), random.Random(0)
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[chance.randrange(0x120, 0x120 + 700)] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        file.write_bytes(damaged)
        with warnings.catch_warnings(), suppress(FileFormatError):
            warnings.simplefilter("ignore")
            assert all(np.asarray(image.data).size <= 1000 for image in read_all(file))


def test_a_series_is_a_list_of_spectra_with_their_times(tmp_path):
    records = [
        struct.pack("<2I", 16, 1558 * number).ljust(100, b"\0") + row.tobytes()
        for number, row in enumerate(SPECTRA, 1)
    ]
    series = header(unit=17) + bytes(56) + b"".join(records)
    blocks = [(0x02, 1, header(unit=17)), (0x12D, 1, series)]
    cube = read(omnic(tmp_path / "tga.srs", blocks))
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)
    assert cube.intensity_unit == "absorbance"
    assert cube.metadata["OMNIC"]["times (s)"][:2] == [15.58, 31.16]
    assert cube.axis.unit == "1/cm"
