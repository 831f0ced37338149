"""Texts that were cut short, or hold other numbers of rows than they state, are told of."""

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read


def written(path, lines, end="\n"):
    path.write_text("\n".join(lines) + end, encoding="latin-1")
    return path


def test_a_last_row_without_its_last_numbers_is_told(tmp_path):
    lines = ["nm,a,b", "400,1,2", "410,3,4", "420,5,"]
    with pytest.warns(UserWarning, match="its last row lacks 1 of 3 numbers"):
        cube = read(written(tmp_path / "a.csv", lines))
    assert np.isnan(cube.data[2, 0, 1])


def test_columns_that_end_earlier_all_along_are_no_cut(tmp_path, recwarn):
    read(written(tmp_path / "a.csv", ["nm,a,b", "400,1,2", "410,3,", "420,5,"]))
    assert not [note for note in recwarn if "last row" in str(note.message)]


@pytest.mark.parametrize(
    "rows", [["400,1,2", "410,3,4", "420,5"], ["400\t1\t2", "410\t3\t4", "420"]]
)
def test_a_shorter_last_row_is_refused(tmp_path, rows):
    with pytest.raises(FileFormatError, match="columns, those above 3"):
        read(written(tmp_path / "a.txt", rows))


def test_a_shorter_last_row_with_a_name_is_refused(tmp_path):
    lines = ["name,400,410,420", "oak,1,2,3", "elm,4,5,6", "ash,7,8"]
    with pytest.raises(FileFormatError, match="line 4 has 3 columns, those above 4"):
        read(written(tmp_path / "a.csv", lines))


LABSPEC = ["#Acq. time (s)=1", "#AxisType[0]=Intens", "#AxisType[1]=Spectr", "#AxisUnit[1]=1/cm"]
LABSPEC += ["#AxisType[2]=Y", "#AxisUnit[2]=µm", "#AxisType[3]=X", "#AxisUnit[3]=µm"]
ROWS = [f"{y}\t{x}\t{x + y}\t{x - y}" for y in range(2) for x in range(3)]


def test_a_labspec_map_that_lacks_spectra_is_told(tmp_path):
    with pytest.warns(UserWarning, match="5 spectra on a map of 2 × 3 = 6 pixels"):
        cube = read(written(tmp_path / "a.txt", [*LABSPEC, "\t\t400\t500", *ROWS[:-1]]))
    assert np.isnan(cube.data[:, 1, 2]).all()


def test_a_labspec_header_that_states_other_sizes_is_told(tmp_path):
    sizes = ["#AxisSize[0]=0", "#AxisSize[1]=2", "#AxisSize[2]=3", "#AxisSize[3]=3"]
    with pytest.warns(UserWarning, match="6 spectra, its header states 9"):
        read(written(tmp_path / "a.txt", [*LABSPEC, *sizes, "\t\t400\t500", *ROWS]))


def test_a_witec_map_that_lacks_pixels_is_told(tmp_path):
    pixels = [(x, y) for y in range(2) for x in range(3)][:-1]
    titles = ["X-Axis", *(f"Map({x}/{y})" for x, y in pixels)]
    rows = ["\t".join(f"{value:.5E}" for value in (centre, *range(5))) for centre in (100.0, 200.0)]
    with pytest.warns(UserWarning, match="5 spectra on a map of 2 × 3"):
        read(written(tmp_path / "a.txt", ["\t".join(titles), *rows]))
