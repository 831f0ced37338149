"""Of the arrays of an archive, the only sensible reading is taken, or the choice handed back."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import (
    AmbiguousError,
    FileFormatError,
    read,
    read_all,
    read_labels,
    write,
)

TRUTH = np.arange(5 * 7 * 4, dtype=np.uint16).reshape(5, 7, 4)  # (y, x, band)
BAND_FIRST = TRUTH.transpose(2, 0, 1)


@pytest.fixture
def npz(tmp_path):
    def made(**arrays):
        np.savez(tmp_path / "map.npz", **arrays)
        return tmp_path / "map.npz"

    return made


@pytest.mark.parametrize(
    ("name", "values", "unit", "kind"),
    [
        ("wavelengths", [400, 500, 600, 700], "nm", "wavelength"),
        ("lambda", [0.4, 0.5, 0.6, 0.7], "um", "wavelength"),
        ("raman_shift", [500, 600, 700, 800], "1/cm", "raman_shift"),
        ("wn", [4000, 3000, 2000, 1000], "1/cm", "wavenumber"),
        ("mz", [100.1, 200, 300, 400], "m/z", "mz"),
        ("photon_energy", [1, 2, 3, 4], "eV", "energy"),
    ],
)
def test_the_name_of_a_vector_tells_its_quantity(npz, name, values, unit, kind):
    cube = read(npz(cube=TRUTH, **{name: np.array(values)}))
    assert cube.axis == SpectralAxis(values, unit, kind, guessed=True)
    assert np.array_equal(cube.data, BAND_FIRST)


def test_a_vector_of_anything_else_is_no_axis(npz):
    path = npz(cube=TRUTH, exposure_time=np.array([1.0, 2, 3, 4]))
    assert read(f"{path}@yxb").axis == SpectralAxis.index(4)


def test_two_vectors_that_disagree_are_not_chosen_from(npz):
    with pytest.raises(AmbiguousError, match="2 vectors could be the spectral axis: wl, energy"):
        read(npz(cube=TRUTH, wl=np.arange(4) + 400, energy=np.arange(4)))


def test_a_square_image_leaves_one_axis_for_the_bands(npz):
    square = np.zeros((5, 4, 5))
    assert read(npz(cube=square)).shape == (4, 5, 5)


def test_a_picture_of_whole_numbers_is_one_band_and_a_table_is_not_guessed_at(npz):
    assert read(npz(gt=TRUTH[:, :, 0])).shape == (1, 5, 7)
    table = npz(table=TRUTH[0].astype(float))
    with pytest.raises(AmbiguousError, match=r'axes="xb" \(a list of spectra\) or "yx"'):
        read(table)
    assert np.array_equal(read(table, axes="xb").spectra(), TRUTH[0])


def test_leading_axes_are_named_by_the_layout(npz):
    cube = read(npz(a=np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)), axes="ztyx")
    assert cube.dims == ("t", "z", "band", "y", "x")
    assert cube.data[2, 1, 0, 3, 4] == 1 * 60 + 2 * 20 + 3 * 5 + 4


def test_a_layout_that_does_not_fit_is_refused(npz):
    with pytest.raises(FileFormatError, match=r"has 3 axes \(5, 7, 4\), the layout 'yx' has 2"):
        read(npz(cube=TRUTH), axes="yx")
    with pytest.raises(FileFormatError, match="'yyx' is no layout"):
        read(npz(cube=TRUTH), axes="yyx")


def test_labels_are_named_arrays_of_one_band(npz):
    path = npz(cube=TRUTH, wl=np.arange(4) + 400, gt=TRUTH[:, :, 0])
    assert np.array_equal(read_labels(f"{path}::gt").data, TRUTH[:, :, 0])
    with pytest.raises(FileFormatError, match="4 bands, labels have one; pick the label array"):
        read_labels(f"{path}::cube")
    assert np.array_equal(read_labels(npz(gt=TRUTH[:, :, 0] * 1.0)).data, TRUTH[:, :, 0])
    with pytest.raises(FileFormatError, match="not whole numbers"):
        read_labels(npz(gt=TRUTH[:, :, 0] + 0.5))


def test_pictures_are_refused_where_pickles_would_be_needed(npz):
    with pytest.raises(FileFormatError, match=r"^map.npz: not a readable NumPy archive"):
        read(npz(cube=np.array([{}, 1], object)))


def test_a_name_with_colons_in_it_is_a_file_before_it_is_an_array(tmp_path, plain_cube):
    write(tmp_path / "a::b@yx.npz", plain_cube)
    assert np.array_equal(read(tmp_path / "a::b@yx.npz").data, plain_cube.data)


def test_several_images_are_chosen_by_name_or_number(tmp_path, npz):
    path = npz(low=TRUTH, high=TRUTH + 1)
    both = read_all(path, axes="yxb", on_guess=lambda text: None)
    assert [image.name for image in both] == ["map low", "map high"]


def test_a_description_of_a_later_version_is_not_guessed_at(tmp_path, plain_cube, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.cube.METADATA_SCHEMA", 99)
    write(tmp_path / "a.npz", plain_cube)
    monkeypatch.undo()
    with pytest.raises(FileFormatError, match=r"later version of napari-hyperspectral .*update it"):
        read(tmp_path / "a.npz")


def test_what_is_missing_or_unknown_is_named(tmp_path, plain_cube):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "nowhere.npz")
    with pytest.raises(FileNotFoundError, match=r"no folder .* to write a.npz into"):
        write(tmp_path / "no" / "a.npz", plain_cube)
    (tmp_path / "a.unknown").write_bytes(b"")
    with pytest.raises(
        FileFormatError, match=r"a.unknown: this kind of file cannot be read; .*formats` lists"
    ):
        read(tmp_path / "a.unknown")
    with pytest.raises(FileFormatError, match="cannot be written"):
        write(tmp_path / "a.xyz", plain_cube)


def test_a_cube_of_nothing_but_nan_is_read_as_it_is(tmp_path, cube):
    empty = replace(cube, data=np.full_like(cube.data, np.nan))
    write(tmp_path / "a.npz", empty)
    assert np.isnan(read(tmp_path / "a.npz").data).all()


def test_a_flipped_byte_raises_nothing_but_the_one_error(tmp_path, plain_cube):
    whole = write(tmp_path / "a.npz", plain_cube).read_bytes()
    for offset in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[offset] ^= 0xFF
        (tmp_path / "b.npz").write_bytes(damaged)
        try:
            found = read(tmp_path / "b.npz")
        except FileFormatError:
            continue
        assert np.array_equal(found.data, plain_cube.data)


@pytest.mark.parametrize("key", ["unit", "wavelength_unit", "wavelengths_units"])
def test_a_unit_beside_the_wavelengths_is_not_guessed(tmp_path, key):
    arrays = {
        "cube": np.zeros((3, 5, 4)),
        "wavelengths": [4000.0, 5000, 6000, 7000],
        key: "Angstrom",
    }
    np.savez(tmp_path / "a.npz", **arrays)
    assert read(tmp_path / "a.npz").axis == SpectralAxis([400, 500, 600, 700], "nm")


def test_the_unit_of_the_intensities_is_none_of_the_axis(tmp_path):
    arrays = {"cube": np.zeros((3, 5, 4)), "wavelengths": [400.0, 500, 600, 700], "unit": "counts"}
    np.savez(tmp_path / "a.npz", **arrays)
    assert read(tmp_path / "a.npz").axis == SpectralAxis([400, 500, 600, 700], "nm", guessed=True)
