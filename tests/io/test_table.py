"""Tables of spectra in text, as instruments, spreadsheets and people write them."""

import csv
import gzip
import itertools
import random
import warnings
from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import FileFormatError, Source, read, read_all, write
from napari_hyperspectral.io.text.table import read_images

BANDS = [1641.69, 1640.5, 1639.25]
XS, YS = [1.0, 3.0, 5.0], [4.0, 7.0]
BARE = SpectralAxis([400.5, 410, 420.25])
NM = SpectralAxis([400.5, 410, 420.25], "nm")


@pytest.fixture
def saved(tmp_path):
    """Write a text; return where it is."""

    def save(text, name="scan.txt", encoding="utf-8"):
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode(encoding)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return save


@pytest.fixture
def truth(rng):
    """Intensities, (band, y, x), of a map at `XS`, `YS`."""
    return np.round(rng.normal(0.12, 0.01, (3, 2, 3)), 4)


def wide(truth, order, head="\t\t"):
    """Return a map as a row of bands, and a line for each position."""
    lines = [head + "\t".join(map(str, BANDS))]
    for y, x in order:
        spectrum = truth[:, YS.index(y), XS.index(x)]
        lines.append("\t".join(map(str, [x, y, *spectrum])))
    return "\n".join(lines) + "\n"


ROWS_FIRST = list(itertools.product(YS, XS))
COLUMNS_FIRST = [(y, x) for x in XS for y in YS]


@pytest.mark.parametrize("order", [ROWS_FIRST, COLUMNS_FIRST], ids=["x fast", "y fast"])
@pytest.mark.parametrize("head", ["\t\t", " \t \t", "x\ty\t", "", "x (um)\ty (um)\t"])
def test_a_map_is_put_together_by_its_positions(saved, truth, order, head):
    cube = read(saved(wide(truth, order, head), "map.xyz"))
    assert np.array_equal(cube.data, truth)
    assert cube.axis == SpectralAxis(BANDS)
    assert (cube.pixel_size, cube.origin) == ((3.0, 2.0), (4.0, 1.0))
    assert cube.pixel_unit == ("um" if "um" in head else None)


def test_what_is_missing_of_a_map_was_not_measured(saved, truth):
    cube = read(saved(wide(truth, ROWS_FIRST[:-1])))
    assert np.isnan(cube.data[:, 1, 2]).all()
    measured = ~np.isnan(cube.data)
    assert measured.sum() == 15
    assert np.array_equal(cube.data[measured], truth[measured])


def test_spectra_that_lie_anywhere_are_a_list_with_positions(saved):
    text = "\t\t500\t510\t520\n1\t2\t3\t9\t5\n1.7\t8.3\t4\t6\t5\n9.1\t4.4\t8\t6\t7\n"
    cube = read(saved(text))
    assert cube.data[:, 0, :].T.tolist() == [[3, 9, 5], [4, 6, 5], [8, 6, 7]]
    assert cube.metadata["positions"] == {"x": [1, 1.7, 9.1], "y": [2, 8.3, 4.4], "unit": None}


@pytest.mark.parametrize("head", ["", "x,y,wavenumber,intensity\n", "#X\t#Y\t#Wave\t#Intensity\n"])
@pytest.mark.parametrize("band_first", [True, False])
def test_lines_of_position_band_and_intensity_are_a_map(saved, truth, head, band_first):
    places = [(b, y, x) for y, x in ROWS_FIRST for b in range(3)]
    if band_first:
        places.sort(key=lambda place: place[0])
    lines = [
        (x, y, BANDS[b], truth[b, YS.index(y), XS.index(x)]) for b, y, x in places
    ]  # the columns of x and y come before band and intensity
    delimiter = "," if "," in head else "\t"
    cube = read(saved(head + "\n".join(delimiter.join(map(str, line)) for line in lines)))
    assert np.array_equal(cube.data, truth)
    assert (cube.pixel_size, cube.origin) == ((3.0, 2.0), (4.0, 1.0))
    kind = "wavenumber" if "wavenumber" in head else "index"
    assert (cube.axis.kind, cube.axis.centres.tolist()) == (kind, BANDS)


def test_each_column_of_intensities_in_such_lines_is_an_image(saved):
    text = "Row\tColumn\tWavenumber\tO1A\tO1P\n" + "".join(
        f"{row}\t{column}\t{900 + band}\t{row + band}\t{column}\n"
        for row in range(2)
        for column in range(3)
        for band in range(2)
    )
    amplitude, phase = read_all(saved(text))
    assert (amplitude.name, phase.name) == ("O1A", "O1P")
    assert amplitude.data[1].tolist() == [[1, 1, 1], [2, 2, 2]]
    assert phase.data[0].tolist() == [[0, 1, 2], [0, 1, 2]]


def test_lines_that_give_a_place_twice_are_refused(saved):
    text = "x,y,nm,counts\n" + "0,0,500,1\n0,0,510,1\n0,1,500,1\n0,1,510,1\n0,1,510,2\n"
    with pytest.raises(FileFormatError, match=r"^scan.csv: 5 lines do not make spectra of 2 bands"):
        read(saved(text, "scan.csv"))


def test_a_line_scan_of_position_band_and_intensity_is_a_row(saved):
    text = "Distance (um)\tRaman shift (cm-1)\tcounts\n" + "".join(
        f"{place}\t{band}\t{place * band}\n" for place in (0.5, 1.0) for band in (10, 20, 30)
    )
    cube = read(saved(text))
    assert cube.data[:, 0].tolist() == [[5, 10], [10, 20], [15, 30]]
    assert cube.axis == SpectralAxis([10, 20, 30], "1/cm", "raman_shift")
    assert cube.pixel_size[1] == 0.5


@pytest.mark.parametrize(
    ("name", "text", "axis"),
    [
        ("a.txt", "400.5\t1\n410\t2\n420.25\t3\n", BARE),
        ("a.txt", "\ufeff400.5 1\r\n410   2\r\n420.25 3\r\n", BARE),
        ("a.txt", "400,5\t1,0\n410\t2,0\n420,25\t3,0\n", BARE),
        ("a.txt", "400,5 1,0\n410,0 2,0\n420,25 3,0\n", BARE),
        ("a.csv", "400,5;1,0\n410,0;2,0\n420,25;3,0\n", BARE),
        ("a.csv", '"400.5","1"\n"410","2"\n"420.25","3"\n', BARE),
        ("a.csv", "400.5, 1\n410, 2,\n420.25, 3\n".replace("2,", "2"), BARE),
        ("a.asc", "400.5 ,   1\n410 ,   2\n420.25 ,   3\n", BARE),
        ("a.csv", "400.5,1,\r\n410,2,\r\n420.25,3,\r\n", BARE),
        ("a.dpt", "4.005e2,1e0\n4.1E+2,2\n420.25,+3.0\n", BARE),
        ("a.tsv", "Wavelength (nm)\tcounts\n400.5\t1\n410\t2\n420.25\t3\n", NM),
        ("a.csv", "# a\n# nm,counts\n400.5,1\n# pause\n410,2\n\n420.25,3\n", NM),
        ("a.txt", "% nm\tI\n400.5\t1\n410\t2\n420.25\t3\n", NM),
        ("a.txt", "! made by me\n; and you\n// all\n400.5\t1\n410\t2\n420.25\t3\n", BARE),
        ("a.txt", "XUNITS\tNANOMETERS\nNPOINTS\t3\nXYDATA\t\n400.5\t1\n410\t2\n420.25\t3\n", NM),
        ("a.csv", "400.5,1\n410,2\n420.25,3\n\nDetector: a, b\nGain 7\n", BARE),
        (
            "a.csv",
            "wavelength [µm],I\n0.4,1\n0.41,2\n0.42,3\n",
            SpectralAxis([0.4, 0.41, 0.42], "um"),
        ),
        (
            "a.csv",
            "Raman shift,I\n10,1\n20,2\n30,3\n",
            SpectralAxis([10, 20, 30], "1/cm", "raman_shift", guessed=True),
        ),
    ],
)
def test_two_columns_are_a_spectrum_whatever_parts_them(saved, name, text, axis):
    for encoding in ("utf-8", "utf-16"):
        cube = read(saved(text, name, encoding))
        assert cube.data.tolist() == [[[1]], [[2]], [[3]]]
        assert cube.axis == axis
        assert cube.history == (f"read {name}",)


def test_latin_1_and_packed_texts_are_read(saved):
    text = "Wellenlänge (µm)\tI\n0.4\t1\n0.41\t2\n"
    assert read(saved(text, encoding="latin-1")).axis.unit == "um"
    cube = read(saved(text, "scan.csv.gz"))
    assert (cube.name, cube.axis.unit) == ("scan", "um")


def test_more_columns_are_spectra_with_their_names(saved):
    cube = read(saved("nm,wall,cell\n400,1,\n410,nan,5\n420,3,6\n", "lib.csv"))
    wanted = [[1, np.nan, 3], [np.nan, 5, 6]]
    np.testing.assert_array_equal(cube.data[:, 0].T, wanted)
    assert cube.metadata["spectra names"] == ["wall", "cell"]
    assert cube.intensity_unit is None


@pytest.mark.parametrize(
    ("title", "unit"),
    [("Abs", "absorbance"), ("%T", "%T"), ("Intensity (counts)", "counts"), ("cell", None)],
)
def test_a_title_tells_the_unit_of_the_intensities(saved, title, unit):
    assert read(saved(f"nm\t{title}\n400\t1\n410\t2\n")).intensity_unit == unit


def test_of_several_axes_the_raman_shift_is_taken_and_the_laser_found(saved):
    text = (
        "laser_wavelength;532,14\nintegration;1\n"
        "Pixel;Wavelength;Raman Shift;Dark;Raw;\n"
        "0;530,77;-48,35;9,0;1,0;\n1;530,86;-45,28;9,0;2,0;\n2;  ;  ;9,0;3,0;\n"
    )
    cube = read(saved(text))
    wanted = SpectralAxis(
        [-48.35, -45.28], "1/cm", "raman_shift", excitation_nm=532.14, guessed=True
    )
    assert cube.axis == wanted
    assert cube.data[:, 0].tolist() == [[9, 1], [9, 2]]
    assert cube.metadata["columns"]["Wavelength"] == [530.77, 530.86]
    assert "integration;1" in cube.metadata["text"]


def test_pairs_of_columns_are_spectra_on_axes_of_their_own(saved):
    text = (
        "glass,,film,\nWavelength (nm),%T,Wavelength (nm),Abs\n800,9,400,1\n790,8,401,2\n,,402,3\n"
    )
    glass, film = read_all(saved(text, "cary.csv"))
    assert (glass.name, glass.intensity_unit) == ("glass", "%T")
    assert glass.axis == SpectralAxis([800, 790], "nm")
    assert (film.name, film.intensity_unit) == ("film", "absorbance")
    assert film.data.ravel().tolist() == [1, 2, 3]


def test_rows_of_spectra_keep_their_classes(saved):
    text = "type,1801.264,1797.407,1793.55\nd,c,c,c\nclass\n" + "".join(
        f"{name},{n}.5,{9 - n},{n}\n" for n, name in enumerate(["DNA", "DNA", "lipids", "lipids"])
    )
    cube = read(saved(text, "ftir.csv"))
    assert cube.axis == SpectralAxis([1801.264, 1797.407, 1793.55])
    assert cube.data[:, 0, 2].tolist() == [2.5, 7, 2]
    assert cube.metadata["classes"] == ["DNA", "DNA", "lipids", "lipids"]


def test_classes_may_stand_behind_the_spectra_and_bands_have_units(saved):
    text = "500 nm,510 nm,520 nm,class\n1,5,3,a\n4,9,6,a\n7,8,2,b\n7,9,9,b\n"
    cube = read(saved(text, "s.csv"))
    assert cube.axis == SpectralAxis([500, 510, 520], "nm")
    assert cube.data[:, 0, 1].tolist() == [4, 9, 6]
    assert cube.metadata["classes"] == ["a", "a", "b", "b"]


def test_a_spectrum_a_row_below_an_axis_without_a_title_is_seen(saved):
    cube = read(saved("wn,1000,1004,1008\ncell,0.1,0.4,0.2\n", "mie.csv"))
    assert cube.axis == SpectralAxis([1000, 1004, 1008], "1/cm", "wavenumber", guessed=True)
    assert cube.metadata == {"spectra names": ["cell"]}
    cube = read(saved("1000 1004 1008 1012\n3 9 5 7\n2 8 1 4\n4 9 3 6\n"))
    assert cube.axis == SpectralAxis([1000, 1004, 1008, 1012])
    assert cube.data[:, 0].T.tolist() == [[3, 9, 5, 7], [2, 8, 1, 4], [4, 9, 3, 6]]


def test_numbers_without_an_axis_are_what_one_says_they_are(saved):
    path = saved("3 1 2\n1 5 4\n2 0 9\n3 3 3\n")
    with pytest.raises(
        FileFormatError, match=r"neither the first row nor the first column .*axes="
    ):
        read(path)
    assert read(path, axes="xb").shape == (3, 1, 4)
    assert read(path, axes="bx").shape == (4, 1, 3)
    assert read(path, axes="yx").data.tolist() == [[[3, 1, 2], [1, 5, 4], [2, 0, 9], [3, 3, 3]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("  \n\n", "it is empty"),
        ("Dear all,\nplease find 2 files.\n", "no table of numbers"),
        ("400\n410.5\n420\n", "looks like an axis; load it in the dock Axis"),
        ("index,axis-0,axis-1\n0,1.5,2\n1,3,4\n", "napari's own table of points"),
        ("1 2 3\n4 5 6\n7 8\n", "line 3 has 2 columns, those above 3; export it again"),
        ("1,5\n2,6\n3,oops\n4,7\n", "'oops' among the numbers of column 2"),
        ("name,mass\na,1\nb,2\nc,3\n", "no table of numbers"),
        ("nm,1/cm\n500,20000\n501,19960\n", "no column of intensities beside its axis"),
        (b"\x00\x01\x02\x03" * 100, "binary"),
    ],
)
def test_what_is_no_table_of_spectra_is_refused_in_a_sentence(saved, text, message):
    with pytest.raises(FileFormatError, match=rf"^scan\.csv: .*{message}"):
        read(saved(text, "scan.csv"))


def test_further_tables_in_a_file_are_told_of(saved):
    table = "1 5\n2 6\n3 7\n"
    with pytest.warns(UserWarning, match="2 tables, of which the longest is read"):
        cube = read(saved(f"{table}4 8\n*BLOCK 2\n{table}"))
    assert cube.data.ravel().tolist() == [5, 6, 7, 8]


def test_a_large_table_says_how_far_it_is_and_can_be_stopped(saved, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.io.text.grid._BLOCK", 40)
    seen = []
    source = Source(saved("".join(f"{n} 7\n" for n in range(100))), watch=seen.append)
    read_images(source)
    parts = [moment.done / moment.total for moment in seen]
    assert parts == sorted(set(parts))
    assert len(parts) > 5

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_images(replace(source, watch=stop))


def test_a_damaged_text_is_read_or_refused(saved, truth):
    whole = wide(truth, ROWS_FIRST).encode()
    warnings.simplefilter("ignore")  # of tables that a flipped line end makes two of one
    chance = random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        try:
            cubes = read_all(saved(bytes(damaged)), on_guess=lambda text: None)
        except FileFormatError:
            continue
        assert all(np.size(cube.data) < 10**4 for cube in cubes)


# what we write


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.txt", "\t")])
def test_numpy_opens_what_we_write_with_its_axis(tmp_path, cube, name, delimiter):
    path = write(tmp_path / name, cube)
    table = np.genfromtxt(path, delimiter=delimiter, comments="#")
    assert np.array_equal(table[:, 0], cube.axis.centres)
    assert np.array_equal(table[:, 1:].astype(np.float32), cube.data.reshape(6, -1))


def test_a_spreadsheet_finds_a_number_a_cell(tmp_path, cube):
    path = write(tmp_path / "a.csv", cube)
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if not row[0].startswith("#")]
    assert [len(row) for row in rows] == [36] * 6
    assert float(rows[2][0]) == 510.0
    assert rows[0][1] == str(cube.data[0, 0, 0])  # in the digits of its type, no more


def test_whole_numbers_too_large_for_a_float_come_back(tmp_path):
    data = np.array([[[2**63 - 1, -(2**63)]], [[2**53 + 1, 0]]])
    cube = Cube(data, SpectralAxis([1.0, 2.0]))
    assert np.array_equal(read(write(tmp_path / "a.csv", cube)).data, data)


def test_a_cube_is_written_in_pieces(tmp_path, cube, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.io.text.columns._BLOCK", 4)
    found = read(write(tmp_path / "a.txt", cube))
    assert np.array_equal(found.data, cube.data)
    assert found.axis == cube.axis


def test_planes_have_no_room_in_a_table(tmp_path, stack):
    with pytest.raises(FileFormatError, match=r"no room for planes and frames; write \.ome\.tif"):
        write(tmp_path / "a.csv", stack)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"shape": [6', '"shape": [7', "6 bands of 7"),
        ('"shape": [6, 5', '"shape": [6, 4', "not all as long"),
        ('"shape"', '"sheep"', "description is damaged"),
        ('"float32"', '"object"', "description is none of ours"),
        ("\n510.0,", "\n511.0,", "not the axis that its header states"),
        ("\n510.0,", "\n510.0,x", "not all are numbers"),
        ("601.25,", "", "not all as long"),
    ],
)
def test_a_table_of_ours_that_was_changed_is_refused(tmp_path, cube, old, new, message):
    path = write(tmp_path / "scan.csv", replace(cube, metadata={}))
    text = path.read_text()
    assert old in text
    path.write_text(new.join(text.rsplit(old, 1)))
    with pytest.raises(FileFormatError, match=rf"^scan\.csv: .*{message}.*remove the lines with #"):
        read(path)


def test_without_its_header_our_table_is_a_plain_one(tmp_path, cube):
    path = write(tmp_path / "scan.csv", cube)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("#")))
    found = read(path)
    assert found.shape == (6, 1, 35)
    assert np.array_equal(found.axis.centres, cube.axis.centres)


def test_a_table_of_ours_cut_anywhere_is_refused(tmp_path, cube):
    path = write(tmp_path / "scan.csv", cube)
    whole = path.read_bytes()
    start = whole.index(b"\n500.1")
    for kept in [*range(start, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:kept])
        with pytest.raises(FileFormatError, match=r"^scan\.csv: "):
            read(path)


def test_tables_of_anything_are_read_or_refused(saved):
    warnings.simplefilter("ignore")
    chance = random.Random(0)
    cells = [
        "1",
        "2.5",
        "-3e2",
        "",
        "nan",
        "inf",
        "cell",
        "x",
        "y",
        "nm",
        "Wavelength (nm)",
        "0",
        "4,5",
    ]
    for _ in range(200):
        delimiter = chance.choice(["\t", ",", ";", " "])
        columns, rows = chance.randrange(1, 6), chance.randrange(1, 9)
        some = chance.sample(cells, chance.randrange(2, len(cells)))
        text = "\n".join(
            delimiter.join(chance.choice(some) for _ in range(columns)) for _ in range(rows)
        )
        try:
            cubes = read_all(saved(text), on_guess=lambda text: None)
        except FileFormatError:
            continue
        assert all(np.size(cube.data) <= 100 for cube in cubes)


@pytest.mark.parametrize("titles", ["Spectrum 1,Spectrum 2,Spectrum 3", "1,2,3", "0 s,10 s,20 s"])
def test_numbered_columns_are_no_bands(saved, titles):
    text = f"nm,{titles}\n400,1,5,3\n401,4,9,6\n402,4,8,6\n403,7,8,2\n"
    cube = read(saved(text, "s.csv"))
    assert cube.axis == SpectralAxis([400, 401, 402, 403], "nm")
    assert cube.data[:, 0, 1].tolist() == [5, 9, 8, 8]
    assert cube.metadata["spectra names"] == titles.split(",")
