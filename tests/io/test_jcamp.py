"""JCAMP-DX opens in every form of its tables; what was cut or lost is refused."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_all

VALUES = [10, 12, 12, 12, 15, 9, -3, -3, 100, 0]
HEAD = {
    "TITLE": "polystyrene",
    "JCAMP-DX": "4.24 $$ made here",
    "DATA TYPE": "INFRARED SPECTRUM",
    "XUNITS": "1/CM",
    "YUNITS": "ABSORBANCE",
    "XFACTOR": "1.0",
    "YFACTOR": "0.5",
    "FIRSTX": "1000",
    "LASTX": "1018",
    "NPOINTS": "10",
}
AFFN = ["1000 10 12 12 12 15", "1010 9 -3 -3 100 0"]
PAC = ["1000+10+12+12+12+15", "1010+9-3-3+100+0"]
SQZ = ["1000A0A2A2A2A5", "1010Icc A00@".replace(" ", "")]
DIF = ["1000A0K%%L", "1008A5oj2%", "1014cJ03j00", "1018@"]
DUP = ["1000A0A2UA5I", "1012cTA00@"]
DIFDUP = ["1000A0K%TL", "1008A5oj2%", "1014cJ03j00", "1018@"]


def text(table, head=HEAD, form="(X++(Y..Y))", label="XYDATA"):
    records = [f"##{key}={value}" for key, value in head.items()]
    return "\n".join([*records, f"##{label}={form}", *table, "##END=", ""])


def written(path, content):
    path.write_text(content, encoding="latin-1")
    return path


@pytest.mark.parametrize("table", [AFFN, PAC, SQZ, DIF, DUP, DIFDUP])
@pytest.mark.parametrize("name", ["a.jdx", "a.dx"])
def test_all_forms_of_a_table_hold_the_same_spectrum(tmp_path, table, name):
    cube = read(written(tmp_path / name, text(table)))
    assert cube.data[:, 0, 0].tolist() == [value / 2 for value in VALUES]
    assert cube.axis == SpectralAxis(np.linspace(1000, 1018, 10), "1/cm")
    assert cube.intensity_unit == "absorbance"


def test_points_keep_their_own_abscissas(tmp_path):
    table = ["400.5, 1.5; 401.25, 2E+1", "403, -3"]
    head = HEAD | {"XUNITS": "NANOMETERS", "YFACTOR": "1", "NPOINTS": "3"}
    cube = read(written(tmp_path / "a.jdx", text(table, head, "(XY..XY)", "XYPOINTS")))
    assert cube.axis == SpectralAxis([400.5, 401.25, 403], "nm")
    assert cube.data.ravel().tolist() == [1.5, 20, -3]


def test_a_raman_spectrum_has_a_raman_shift(tmp_path):
    head = HEAD | {"DATA TYPE": "RAMAN SPECTRUM"}
    assert read(written(tmp_path / "a.jdx", text(AFFN, head))).axis.kind == "raman_shift"


def test_blocks_over_one_axis_are_a_list_of_spectra(tmp_path):
    linked = "##TITLE=all\n##DATA TYPE=LINK\n##BLOCKS=3\n"
    other = HEAD | {"TITLE": "water"}
    longer = HEAD | {"TITLE": "oil", "LASTX": "1036"}
    content = linked + text(AFFN) + text(DIFDUP, other) + text(["1000 " + "7 " * 10], longer)
    first, second = read_all(written(tmp_path / "a.jdx", content + "##END=\n"))
    assert (first.shape, second.shape) == ((10, 1, 2), (10, 1, 1))
    assert first.metadata["spectra names"] == ["polystyrene", "water"]
    assert np.array_equal(first.data[:, 0, 0], first.data[:, 0, 1])


def test_pages_of_ntuples_are_spectra(tmp_path):
    head = {
        "TITLE": "series",
        "DATA TYPE": "INFRARED SPECTRUM",
        "NTUPLES": "IR",
        "SYMBOL": "X, Y, T",
        "VAR_DIM": "10, 10, 2",
        "UNITS": "1/CM, TRANSMITTANCE, SECONDS",
        "FIRST": "1000, 0, 0",
        "LAST": "1018, 0, 1",
        "FACTOR": "1, 0.5, 1",
    }
    records = "".join(f"##{key}={value}\n" for key, value in head.items())
    pages = "".join(
        f"##PAGE=T={page}\n##DATA TABLE=(X++(Y..Y)), XYDATA\n" + "\n".join(table) + "\n"
        for page, table in enumerate([AFFN, DIF])
    )
    cube = read(written(tmp_path / "a.jdx", f"{records}{pages}##END NTUPLES=IR\n##END=\n"))
    assert cube.shape == (10, 1, 2)
    assert cube.data[:, 0, 1].tolist() == [value / 2 for value in VALUES]
    assert cube.intensity_unit == "transmittance"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (AFFN[:1], "has 5 values, its header states 10"),
        ([*AFFN[:1], "1014 9"], "begins at 1014, expected 1010|has 6 values"),
        (["1000A0K%%L", "1008A6oj2%"], "begins with 16, the one before ends with 15"),
    ],
)
def test_lost_lines_are_refused(tmp_path, table, message):
    with pytest.raises(FileFormatError, match=message):
        read(written(tmp_path / "a.jdx", text(table)))


def test_missing_values_are_nan(tmp_path):
    table = ["1000 10 ? 12 12 15", AFFN[1]]
    assert np.isnan(read(written(tmp_path / "a.jdx", text(table))).data[1, 0, 0])


def test_an_unknown_unit_is_told(tmp_path):
    with pytest.warns(UserWarning, match="'HZ', no spectral unit"):
        read(written(tmp_path / "a.jdx", text(AFFN, HEAD | {"XUNITS": "HZ"})))
