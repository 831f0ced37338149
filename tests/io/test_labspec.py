"""LabSpec exports come back as they were measured: spectrum, line, map, depths."""

import gzip

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read
from napari_hyperspectral.io.text.labspec import is_labspec

CENTRES = (1800.5, 1400.25, 1000.0)
HEADER = "#Acq. time (s)=\t2\n#Laser (nm)=\t532 \n#Title=\tcell\n"


def axes(*names, unit="1/cm"):
    told = [("Intens", "Cnt"), ("Spectr", unit), *((name, "µm") for name in names)]
    return "".join(f"#AxisType[{n}]={k}\n#AxisUnit[{n}]={u}\n" for n, (k, u) in enumerate(told))


def written(path, rows, *names, lead=(), text=HEADER, **about):
    """Write rows (positions, spectrum) as LabSpec does."""
    lines = ["\t" * len(names) + "\t".join(map(str, CENTRES))]
    lines += ["\t".join(map(str, [*place, *spectrum])) for place, spectrum in rows]
    whole = (text + axes(*names, **about) + "\n".join(lines) + "\n").encode("latin-1")
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


def spectrum(n):
    return np.array([1.0, 2.0, 3.0]) + 10 * n


@pytest.mark.parametrize("name", ["map.txt", "map.txt.gz"])
def test_a_map_that_was_written_column_by_column_is_upright(tmp_path, name):
    rows = [((x, y), spectrum(10 * x + y)) for x in (0, 2, 4) for y in (5, 6)]
    path = written(tmp_path / name, rows, "X", "Y")
    cube = read(path)
    assert is_labspec(path)
    assert cube.shape == (3, 2, 3)
    assert np.array_equal(cube.data[:, 1, 2], spectrum(46))
    assert (cube.pixel_size, cube.pixel_unit, cube.origin) == ((1.0, 2.0), "um", (5.0, 0.0))
    axis = cube.spectral_axis
    assert (axis.kind, axis.unit, axis.excitation_nm) == ("raman_shift", "1/cm", 532)
    assert tuple(axis.centres) == CENTRES
    assert cube.intensity_unit == "counts"
    assert cube.metadata["labspec"]["Title"] == "cell"


def test_a_line_is_a_list_with_its_positions(tmp_path):
    rows = [((y,), spectrum(y)) for y in (3, 2, 1)]
    cube = read(written(tmp_path / "line.txt", rows, "Y", unit="nm"))
    assert cube.shape == (3, 1, 3)
    assert np.array_equal(cube.data[:, 0, 0], spectrum(3))
    assert cube.metadata["positions"] == {"Y": [3, 2, 1]}
    assert cube.spectral_axis.kind == "wavelength"


def test_maps_at_several_depths_are_a_stack(tmp_path):
    rows = [
        ((x, y, z), spectrum(100 * z + 10 * y + x))
        for z in (0, 5) for y in (0, 1) for x in (0, 1, 2)
    ]  # fmt: skip
    cube = read(written(tmp_path / "stack.txt", rows, "X", "Y", "Z"))
    assert cube.dims == ("z", "band", "y", "x")
    assert (cube.z.step, cube.z.unit) == (5, "um")
    assert np.array_equal(cube.data[1, :, 1, 2], spectrum(512))


def test_a_map_that_was_stopped_is_nan_where_it_ended(tmp_path):
    rows = [((x, y), spectrum(10 * y + x)) for y in (0, 1, 2) for x in (0, 1, 2)][:8]
    cube = read(written(tmp_path / "part.txt", rows, "X", "Y"))
    assert np.isnan(cube.data[:, 2, 2]).all()
    assert np.isfinite(cube.data).sum() == 24


@pytest.mark.parametrize(
    ("key", "unit", "kind"),
    [
        ("#Range (nm)=\t425...625\n", "nm", "wavelength"),
        ("#Spectro (cm-\xb9)=\t289\n", "1/cm", "raman_shift"),
        ("#Spectro (cm-\xef)=\t289\n", "1/cm", "raman_shift"),
    ],
)
def test_the_unit_of_a_single_spectrum_is_that_of_the_spectrometer(tmp_path, key, unit, kind):
    path = tmp_path / "one.txt"
    path.write_bytes((HEADER + key + "500.5\t7\n501.5\t8\n").encode("latin-1"))
    cube = read(path)
    assert cube.shape == (2, 1, 1)
    assert (cube.spectral_axis.unit, cube.spectral_axis.kind) == (unit, kind)
    assert not cube.spectral_axis.guessed
    assert cube.data.ravel().tolist() == [7, 8]


def test_a_line_that_was_cut_short_is_named(tmp_path):
    path = written(tmp_path / "map.txt", [((0, 0), spectrum(1)), ((1, 0), [1.0, 2.0])], "X", "Y")
    with pytest.raises(FileFormatError, match=r"^map.txt: line 14 has 4 columns, the axis 5"):
        read(path)


def test_a_packed_file_that_was_cut_short_is_refused(tmp_path):
    path = written(tmp_path / "map.txt.gz", [((0, 0), spectrum(1))], "X", "Y")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileFormatError, match="cannot be unpacked"):
        read(path)
