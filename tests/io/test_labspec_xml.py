"""LabSpec's XML opens with ascending axis and upright maps."""

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read

CENTRES = (771.8, 770.26, 768.73)


def node(number, text, **about):
    more = "".join(f' {key}="{value}"' for key, value in about.items())
    return f'<LSX ID="{number}"{more}>{text}</LSX>'


def axis(number, kind, unit, values):
    numbers = node("0x7D6CD4DB", " ".join(map(str, values)), Size=len(values))
    return node(number, numbers + node("0x6D707974", kind) + node("0x7C696E75", unit))


def written(path, rows, columns=3, lines=2, unit="nm"):
    intensity = node("0x0", node("0x6D707974", "Intens") + node("0x7C696E75", "Cnt/sec"))
    axes = [intensity, axis("0x1", "Spectr", unit, CENTRES)]
    if columns * lines > 1:
        axes += [axis("0x2", "X", "µm", 2 * np.arange(columns) - 2)]
        axes += [axis("0x3", "Y", "µm", 3 * np.arange(lines))]
    laser = node("0x1", node("0x6D6D616E", "Laser (nm)") + node("0x7D6C61DB", "633")
                 + node("0x8736F70", "632.817"))  # fmt: skip
    text = "".join(f"<LSX_Row>{' '.join(map(str, row))}</LSX_Row>" for row in rows)
    size = sum(map(len, rows))
    path.write_text(
        f"<LSX_Data><LSX_Tree>{node('0x7B697861', ''.join(axes))}{laser}</LSX_Tree>"
        f'<LSX_Matrix Size="{size}">{text}</LSX_Matrix></LSX_Data>',
        encoding="utf-8",
    )
    return path


ROWS = np.arange(18.0).reshape(6, 3)


def test_a_map_has_x_along_its_rows_and_an_ascending_axis(tmp_path):
    cube = read(written(tmp_path / "a.xml", ROWS))
    assert np.array_equal(cube.data, ROWS[:, ::-1].T.reshape(3, 2, 3))
    assert tuple(cube.spectral_axis.centres) == CENTRES[::-1]
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((3.0, 2.0), (0.0, -2.0), "um")
    assert cube.intensity_unit == "counts/s"
    assert cube.spectral_axis.excitation_nm == 632.817
    assert cube.metadata["labspec"]["Laser (nm)"] == "633"


def test_a_single_spectrum_in_wavenumbers_is_a_raman_shift(tmp_path):
    cube = read(written(tmp_path / "a.xml", ROWS[:1], 1, 1, unit="1/cm"))
    assert cube.shape == (3, 1, 1)
    assert cube.spectral_axis.kind == "raman_shift"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:5], "5 spectra for axes of"),
        ([*ROWS[:5], [1.0, 2.0]], "spectra of \\[2, 3\\] values, the axis has 3"),
    ],
)
def test_a_matrix_that_does_not_fit_its_axes_is_refused(tmp_path, rows, message):
    with pytest.raises(FileFormatError, match=f"^a.xml: {message}"):
        read(written(tmp_path / "a.xml", rows))


@pytest.mark.parametrize(
    ("text", "message"),
    [("<html></html>", "not LabSpec's XML"), ("<LSX_Data><LSX>", "not whole XML")],
)
def test_other_and_damaged_xml_is_refused(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(FileFormatError, match=message):
        read(tmp_path / "a.xml")


def test_a_map_turned_against_the_stage_keeps_its_rows_and_columns(tmp_path):
    path = written(tmp_path / "a.xml", ROWS)
    angle = node("0x6C676EC6", node("0x0", "-0.5") + node("0x1", "0"))
    text = path.read_text(encoding="utf-8").replace(">X<", ">XA<").replace(">Y<", ">YA<")
    path.write_text(text.replace("</LSX_Tree>", f"{angle}</LSX_Tree>"), encoding="utf-8")
    cube = read(path)
    assert np.array_equal(cube.data, ROWS[:, ::-1].T.reshape(3, 2, 3))
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((3.0, 2.0), (0.0, -2.0), "um")
    assert cube.metadata["labspec"]["Rotation of the map (°)"] == "-28.6479"
