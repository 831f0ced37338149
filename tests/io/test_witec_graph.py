"""WITec's graph of three text files, or of one, opens as the map that its header states."""

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read

SPECTRA = np.arange(2 * 3 * 4).reshape(2, 3, 4) + 0.5  # (y, x, band)
CENTRES = [100.0, 150.5, 200.0, 260.0]
HEADER = """//Exported ASCII-File
[Header]
FileName = scan
GraphName = Map_000_Spec
SizeX = 3
SizeY = 2
SizeGraph = 4
ScanUnit = µm
ScanWidth = 1.5
ScanHeight = 2
ScanOriginX = 10
ScanOriginY = 20
XAxisUnit = rel. 1/cm
DataUnit = CCD cts
"""


def numbers(values):
    return "\n".join(map(str, np.ravel(values))) + "\n"


def written(folder, spectra=SPECTRA):
    parts = {"Header": HEADER, "X-Axis": numbers(CENTRES), "Y-Axis": numbers(spectra)}
    for part, text in parts.items():
        (folder / f"scan ({part}).txt").write_text(text, encoding="latin-1")
    return folder


@pytest.mark.parametrize("part", ["Header", "X-Axis", "Y-Axis"])
def test_any_of_three_files_opens_the_map(tmp_path, part):
    cube = read(written(tmp_path) / f"scan ({part}).txt")
    assert np.array_equal(cube.data, SPECTRA.transpose(2, 0, 1))
    assert cube.axis.centres.tolist() == CENTRES
    assert (cube.axis.unit, cube.axis.kind, cube.intensity_unit) == (
        "1/cm",
        "raman_shift",
        "counts",
    )
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((1.0, 0.5), (20, 10), "um")


def test_one_file_with_sections_opens_the_map(tmp_path):
    path = tmp_path / "scan.txt"
    path.write_text(
        f"{HEADER}[XData]\n{numbers(CENTRES)}[GraphData]\n{numbers(SPECTRA)}", "latin-1"
    )
    assert np.array_equal(read(path).data, SPECTRA.transpose(2, 0, 1))


def test_other_numbers_of_values_than_the_header_states_are_refused(tmp_path):
    path = written(tmp_path, SPECTRA.ravel()[:-3]) / "scan (Header).txt"
    with pytest.raises(FileFormatError, match=r"21 values, the header states 4 and 3 × 2 × 4 = 24"):
        read(path)


def test_a_missing_part_is_named(tmp_path):
    (written(tmp_path) / "scan (Y-Axis).txt").unlink()
    with pytest.raises(
        FileFormatError, match=r"scan \(Y-Axis\).txt: this part of the graph is missing"
    ):
        read(tmp_path / "scan (Header).txt")
