"""A table without an axis is refused, or told: no spectrum is taken for one, and none is cut."""

import numpy as np
import pytest

from napari_hyperspectral import read
from napari_hyperspectral.io import FileFormatError

ROWS = 60
X = np.linspace(0, 1, ROWS)
NOISE = np.random.default_rng(0).normal(0, 0.002, (ROWS, 3))
RISING = np.column_stack([X**2, 0.9 * X**3, 0.5 + 0.4 * np.sin(9 * X)])  # reflectances
DIPPING = RISING.copy()
DIPPING[-4:, 0] = [0.99, 0.98, 0.97, 0.96]  # 93 % of its steps rise
NO_AXIS = "nor the first column is an axis"


def text(table, titles=None, delimiter=","):
    lines = [] if titles is None else [delimiter.join(titles)]
    for row in table:
        lines.append(delimiter.join("" if np.isnan(cell) else repr(float(cell)) for cell in row))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "table", [RISING, DIPPING, RISING + NOISE], ids=["rising", "dipping", "noisy"]
)
@pytest.mark.parametrize("titles", [None, ["glass", "film", "wall"], ["s1", "s2", "s3"]])
def test_the_first_spectrum_is_no_axis(tmp_path, table, titles):
    (tmp_path / "a.csv").write_text(text(table, titles))
    with pytest.raises(FileFormatError, match=NO_AXIS):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "titles",
    [
        ["Spectrum 1", "Spectrum 2", "Spectrum 3"],
        ["Intensity A", "Intensity B", "Intensity C"],
        ["Counts", "Dark", "White"],
        ["Raman 1", "Raman 2", "Raman 3"],
    ],
)
def test_a_title_of_intensities_is_none_of_an_axis(tmp_path, titles):
    table = RISING + np.arange(ROWS)[:, None] if "Raman" not in titles[0] else NOISE
    (tmp_path / "a.csv").write_text(text(table, titles))
    with pytest.raises(FileFormatError, match=NO_AXIS):
        read(tmp_path / "a.csv")


def test_the_way_out_that_the_refusal_names_reads_all_spectra(tmp_path):
    (tmp_path / "a.csv").write_text(text(RISING))
    cube = read(tmp_path / "a.csv", axes="bx")
    assert np.array_equal(cube.data[:, 0], RISING)
    assert cube.axis.kind == "index"


@pytest.mark.parametrize("suffix", [".txt", ".dat"])
def test_numbers_as_witec_writes_them_have_no_made_up_axis(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    np.savetxt(path, NOISE, fmt="%.6E", delimiter="\t")
    with pytest.raises(FileFormatError, match=NO_AXIS):
        read(path)


def test_columns_longer_than_the_first_are_never_cut(tmp_path):
    table = np.column_stack([np.arange(ROWS) + 400.0, RISING])
    table[40:, 0] = np.nan
    (tmp_path / "a.csv").write_text(text(table))
    with pytest.raises(FileFormatError, match="has 40 numbers, another one 60"):
        read(tmp_path / "a.csv")


def test_rows_without_a_place_on_a_titled_axis_are_told(tmp_path):
    table = np.column_stack([np.arange(ROWS) + 400.0, RISING])
    table[40:, 0] = np.nan
    (tmp_path / "a.csv").write_text(text(table, ["nm", "a", "b", "c"]))
    with pytest.warns(UserWarning, match="20 rows have intensities but no place on the axis"):
        assert read(tmp_path / "a.csv").shape == (40, 1, 3)


def test_spectra_shorter_than_their_axis_are_told_and_filled(tmp_path):
    table = np.column_stack([np.arange(ROWS) + 400.0, RISING])
    table[50:, 2] = np.nan
    (tmp_path / "a.csv").write_text(text(table, ["nm", "a", "b", "c"]))
    with pytest.warns(UserWarning, match=r"1 of 3 spectra are shorter .*b has 50 of 60 bands"):
        cube = read(tmp_path / "a.csv")
    assert cube.shape == (ROWS, 1, 3)
    assert np.isnan(cube.data[50:, 0, 1]).all()


def test_rows_that_lose_a_column_are_refused(tmp_path):
    table = np.column_stack([np.arange(ROWS) + 400.0, RISING[:, :2]])
    lines = text(table, delimiter=" ").splitlines()
    lines[20:] = [line.rsplit(" ", 1)[0] for line in lines[20:]]
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(FileFormatError, match="line 20 has 3 columns, those below 2"):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "axis",
    [
        400 + 5 * np.arange(ROWS),  # of a monochromator
        3500 - 30 * np.arange(ROWS) - 0.1 * np.arange(ROWS) ** 2,  # of a grating
        np.r_[400 + np.arange(30), 425 + np.arange(30)],  # of two detectors that overlap
        np.cumsum(np.random.default_rng(1).uniform(0.1, 9, ROWS)) + 100,  # of peaks
    ],
    ids=["uniform", "grating", "overlap", "peaks"],
)
def test_an_axis_without_a_title_is_still_one(tmp_path, axis):
    (tmp_path / "a.csv").write_text(text(np.column_stack([axis, RISING])))
    cube = read(tmp_path / "a.csv")
    assert np.array_equal(cube.spectral_axis.centres, axis)
    assert np.array_equal(cube.data[:, 0], RISING)
