"""PerkinElmer images: each spectrum in its pixel, x fastest, the axis as it runs in the file."""

import random
import struct
import warnings
from contextlib import suppress

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read
from napari_hyperspectral.io.arrays.positional import Positional

TRUTH = np.arange(3 * 4 * 5, dtype="<f4").reshape(3, 4, 5)  # (y, x, band)


def text(words):
    return struct.pack("<H", len(words)) + words.encode()


def block(number, content):
    return struct.pack("<Hi", number, len(content)) + content


def axes(counts=(4, 3, 5), end=992.0, step=-2.0, labels=("cm-1", "%T")):
    numbers = struct.pack("<10d3i", 6.25, 12.5, step, 1000, end, 0, 0, 70, -30, 1000, *counts)
    names = ("Y - micrometers", "X - micrometers", *labels)
    return block(5100, text("Image") + numbers + b"".join(map(text, names)))


def told(number, words):
    return block(number, b"#u" + text(words))


def instrument():
    inner = told(35700, "Mon Oct 28") + block(35840, b",u" + struct.pack("<h", 32))
    group = block(35705, block(124, block(123, told(35841, "MCT Array"))))
    return block(5104, block(120, block(35711, block(122, block(121, inner) + group))))


def fsm(path, spectra=TRUTH, first=None, after=b""):
    """Write an image, (y, x, band), the blocks before the spectra as given."""
    rows = spectra.reshape(-1, spectra.shape[-1])
    content = b"PEPE" + b"DataSet".ljust(40, b"\0") + (first or axes()) + instrument()
    content += b"".join(block(5105, row.astype("<f4").tobytes()) for row in rows) + after
    path.write_bytes(content)
    return path


@pytest.fixture
def file(tmp_path):
    return fsm(tmp_path / "tissue.fsm")


def test_x_runs_fastest_and_spectra_stay_in_the_file(file):
    cube = read(file)
    assert np.array_equal(cube.data, TRUTH.transpose(2, 0, 1))
    assert isinstance(cube.data, Positional)
    assert np.array_equal(cube.data[:, 2, 1], TRUTH[2, 1])


def test_the_axis_descends_as_in_the_file(file):
    axis = read(file).spectral_axis
    assert axis.centres.tolist() == [1000, 998, 996, 994, 992]
    assert (axis.unit, axis.kind, axis.guessed) == ("1/cm", "wavenumber", False)


def test_pixels_are_where_the_stage_was(file):
    cube = read(file)
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((12.5, 6.25), (-30, 70), "um")


@pytest.mark.parametrize(
    ("label", "unit"), [("%T", "%T"), ("A", "absorbance"), ("%R", "%R"), ("odd", "odd")]
)
def test_the_intensity_has_the_unit_that_the_file_tells(tmp_path, label, unit):
    file = fsm(tmp_path / "a.fsm", first=axes(labels=("cm-1", label)))
    assert read(file).intensity_unit == unit


def test_settings_are_found_in_blocks_within_blocks(file):
    about = read(file).metadata["PerkinElmer"]
    assert about["date"] == "Mon Oct 28"
    assert about["accumulations"] == 32
    assert about["detector"] == "MCT Array"


def test_blocks_after_the_spectra_do_no_harm(tmp_path):
    file = fsm(tmp_path / "a.fsm", after=block(5110, b"more"))
    assert np.array_equal(read(file).data, TRUTH.transpose(2, 0, 1))


def test_an_axis_without_a_known_unit_is_marked_as_guessed(tmp_path):
    axis = read(fsm(tmp_path / "a.fsm", first=axes(labels=("", "A")))).spectral_axis
    assert (axis.unit, axis.guessed) == ("1/cm", True)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (axes(counts=(4, 4, 5)), "the file ends at byte"),
        (axes(counts=(4, 3, 4), end=994), "spectrum 1 of 12 is block 5105 of 20 bytes, not 5105"),
        (axes(counts=(0, 3, 5)), "an image of 0 × 3 × 5 values"),
        (axes(end=500), "5 bands from 1000 every -2 do not end at 500"),
        (block(5101, b""), "no axes, or no spectra"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, first, message):
    with pytest.raises(FileFormatError, match=f"^a.fsm: .*{message}"):
        read(fsm(tmp_path / "a.fsm", first=first))


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "a.fsm").write_bytes(b"hello")
    with pytest.raises(FileFormatError, match="not a PerkinElmer FSM file"):
        read(tmp_path / "a.fsm")


def test_a_file_cut_short_is_refused_wherever_it_was_cut(file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read(file)


def test_blocks_within_blocks_without_end_are_survived(tmp_path):
    deep = b""
    for _ in range(3000):
        deep = block(122, deep)
    file = fsm(tmp_path / "a.fsm", first=axes() + block(5104, deep))
    assert read(file).shape == (5, 3, 4)


def test_flipped_bytes_in_the_head_raise_nothing_else(file):
    whole, chance = file.read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(400)] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        file.write_bytes(damaged)
        with warnings.catch_warnings(), suppress(FileFormatError):
            warnings.simplefilter("ignore")
            assert np.asarray(read(file).data).size <= 60
