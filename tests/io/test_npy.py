"""NumPy files are mapped, and find their axis in companions."""

import json

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import AmbiguousError, FileFormatError, read, read_all, write
from napari_hyperspectral.io.arrays.positional import Positional

TRUTH = np.arange(5 * 7 * 4, dtype=np.int32).reshape(5, 7, 4)  # (y, x, band)


@pytest.fixture
def bare(tmp_path):
    np.save(tmp_path / "scan.npy", TRUTH)
    return tmp_path / "scan.npy"


def test_a_bare_array_of_three_lengths_is_not_guessed_at(bare):
    with pytest.raises(AmbiguousError, match=r"which axis .* is spectral; give its layout, axes="):
        read(bare)


def test_a_guess_is_reported_where_the_file_leaves_the_layout_open(bare):
    guesses = []
    (cube,) = read_all(bare, on_guess=guesses.append)
    assert cube.shape == (4, 5, 7)
    assert "scan.npy (5, 7, 4) was taken as (y, x, b)" in guesses[0]


@pytest.mark.parametrize("ask", [lambda p: read(p, axes="yxb"), lambda p: read(f"{p}@yxb")])
def test_the_layout_can_be_stated(bare, ask):
    assert np.array_equal(ask(bare).data, TRUTH.transpose(2, 0, 1))


def test_an_axis_noted_by_hand_is_enough(bare):
    axis = {"centres": [1003.5, 1450, 1660, 2930], "unit": "1/cm", "kind": "raman_shift"}
    bare.with_suffix(".json").write_text(json.dumps({"axis": axis, "pixel_size": [2, 3]}))
    cube = read(bare)
    assert np.array_equal(cube.data, TRUTH.transpose(2, 0, 1))
    assert cube.axis == SpectralAxis([1003.5, 1450, 1660, 2930], "1/cm", "raman_shift")
    assert cube.pixel_size == (2, 3)


def test_a_sidecar_may_say_the_layout_only(bare):
    bare.with_suffix(".json").write_text('{"layout": "yxb"}')
    assert np.array_equal(read(bare).data, TRUTH.transpose(2, 0, 1))


def test_a_sidecar_that_does_not_fit_is_named(bare):
    bare.with_suffix(".json").write_text('{"axis": {"centres": [1, 2, 3]}}')
    with pytest.raises(FileFormatError, match=r"^scan.json: its axis has 3 bands"):
        read(bare)
    bare.with_suffix(".json").write_text("{")
    with pytest.raises(FileFormatError, match=r"^scan.json: not readable as JSON"):
        read(bare)


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".csv"])
def test_a_vector_in_a_companion_is_its_axis(bare, suffix):
    companion = bare.with_name(f"scan_wavelengths{suffix}")
    centres = np.array([400.5, 500, 600, 700])
    if suffix == ".npy":
        np.save(companion, centres)
    else:
        companion.write_text("400.5,500\n600\n700\n")
    assert read(bare).axis == SpectralAxis(centres, "nm", guessed=True)


def test_data_stay_on_disk(tmp_path, cube):
    write(tmp_path / "a.npy", cube)
    assert isinstance(read(tmp_path / "a.npy").data, Positional)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"(5, 7, 4)", b"(5, 7, 2)"), (b"(5, 7, 4)", b"(5, 5, 4)"), (b"{'descr'", b"{\x07descr'")],
)
def test_a_header_with_a_flipped_bit_is_refused(bare, old, new):
    bare.write_bytes(bare.read_bytes().replace(old, new))
    with pytest.raises(FileFormatError, match=r"^scan.npy: "):
        read(bare, axes="yxb")


def test_damaged_files_objects_and_complex_numbers_are_refused(bare):
    bare.write_bytes(bare.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=r"^scan.npy: not a whole NumPy file"):
        read(bare)
    np.save(bare, np.array([{}, 1], object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="holds Python objects"):
        read(bare)
    np.save(bare, TRUTH * 1j)
    with pytest.raises(FileFormatError, match="complex128, wanted real numbers; take the absolute"):
        read(bare, axes="yxb")
    np.save(bare, TRUTH[:0])
    with pytest.raises(FileFormatError, match=r"contains no data|not a whole NumPy file"):
        read(bare, axes="yxb")
    with pytest.raises(FileFormatError, match=r"contains no data: shape \(0, 7, 4\)"):
        read(bare)  # and its layout is not asked for
    bare.write_text("no data")
    with pytest.raises(FileFormatError, match=r"^scan.npy: not a NumPy file"):
        read(bare)
    bare.write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"^scan.npy: not a whole"):
        read(bare)
