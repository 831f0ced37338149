"""WITec's tables open as maps where their titles say so, else as lists."""

import warnings

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read
from napari_hyperspectral.io.text.witec import is_witec

CENTRES = np.array([87.7367, 91.031, 94.3239])
UNITS = "rel. 1/cm"


def written(path, spectra, *titles):
    lines = ["\t".join(title) for title in titles]
    for centre, values in zip(CENTRES, np.transpose(spectra), strict=True):
        lines.append("\t".join(f" {value:.5E}" for value in (centre, *values)))
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    return path


SPECTRA = np.arange(18.0).reshape(6, 3)
NAMES = ["X-Axis", *(f"Map_0_F({x}/{y})" for y in range(2) for x in range(3))]


def test_titles_with_places_make_a_map_with_x_along_the_rows(tmp_path):
    cube = read(written(tmp_path / "a.txt", SPECTRA, NAMES, [UNITS, *["CCD cts"] * 6]))
    assert np.array_equal(cube.data, SPECTRA.T.reshape(3, 2, 3))
    axis = cube.spectral_axis
    assert (axis.unit, axis.kind, axis.guessed) == ("1/cm", "raman_shift", False)
    assert cube.intensity_unit == "counts"


def test_places_in_another_order_are_put_right(tmp_path):
    order = [4, 0, 2, 1, 3, 5]
    names = ["X-Axis", *(NAMES[1 + n] for n in order)]
    cube = read(written(tmp_path / "a.txt", SPECTRA[order], names, ["nm", *["CCD cts"] * 6]))
    assert np.array_equal(np.sort(cube.data, axis=None), np.sort(SPECTRA, axis=None))
    assert cube.spectral_axis.unit == "nm"
    assert np.array_equal(
        cube.data[0, 0, ::-1] if cube.data[0, 0, 0] > 6 else cube.data[0, 0], [0, 3, 6]
    )


def test_without_titles_it_is_a_list_and_folding_is_told_of(tmp_path):
    path = written(tmp_path / "a.txt", SPECTRA[:4])
    with pytest.warns(UserWarning, match="4 spectra without positions .a square of 2 × 2"):
        cube = read(path)
    assert cube.shape == (3, 1, 4)
    assert cube.spectral_axis.guessed
    assert cube.spectral_axis.kind == "raman_shift"


def test_titles_that_do_not_fit_the_columns_are_refused(tmp_path):
    path = written(tmp_path / "a.txt", SPECTRA, NAMES[:-1], [UNITS, *["CCD cts"] * 6])
    with pytest.raises(FileFormatError, match="7 columns of numbers under titles for 6, 7"):
        read(path)


@pytest.mark.parametrize("titles", [(NAMES,), ([UNITS, *["CCD cts"] * 6],)])
def test_either_line_of_titles_may_be_missing(tmp_path, titles):
    path = written(tmp_path / "a.txt", SPECTRA, *titles)
    assert is_witec(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cube = read(path)
    assert cube.shape == ((3, 2, 3) if titles == (NAMES,) else (3, 1, 6))
    assert cube.spectral_axis.kind == "raman_shift"
    assert cube.spectral_axis.guessed == (titles == (NAMES,))


@pytest.mark.parametrize("text", ["X-Axis,Y-Axis\n1,2\n", "my X-Axis\tnotes\n", "1.0\t2.0\n3\t4\n"])
def test_tables_of_others_are_left_to_others(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    assert not is_witec(tmp_path / "a.txt")
