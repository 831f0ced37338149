"""ENVI files are read as the manual means them, and written so that other programs read them."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import spectral

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, describe
from napari_hyperspectral.io import FileFormatError, read, read_labels, write
from napari_hyperspectral.io.arrays.positional import Positional

TRUTH = np.arange(4 * 3 * 5).reshape(4, 3, 5)  # (band, y, x), every number another
FILE_ORDER = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}


@pytest.fixture
def envi(tmp_path):
    """Write an ENVI file of TRUTH by hand; entries given change its header, None removes one."""

    def made(name="scan", suffix=".img", interleave="bsq", dtype="<i2", offset=0, **entries):
        data = TRUTH.transpose(FILE_ORDER[interleave]).astype(dtype)
        (tmp_path / f"{name}{suffix}").write_bytes(b"\1" * offset + data.tobytes())
        code = next(
            code for code, name in TYPES.items() if np.dtype(name) == data.dtype.newbyteorder("=")
        )
        header = {"samples": 5, "lines": 3, "bands": 4, "header offset": offset}
        header |= {"data type": code, "interleave": interleave, "byte order": int(dtype[0] == ">")}
        header |= {key.replace("_", " "): value for key, value in entries.items()}
        lines = [f"{key} = {value}" for key, value in header.items() if value is not None]
        path = tmp_path / f"{name}.hdr"
        path.write_text("\n".join(["ENVI", *lines]) + "\n")
        return path

    return made


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", TYPES.values())
@pytest.mark.parametrize("interleave", FILE_ORDER)
def test_every_interleave_type_and_byte_order_gives_the_same_cube(envi, interleave, dtype, order):
    cube = read(envi(interleave=interleave, dtype=order + dtype, offset=7))
    assert np.array_equal(cube.data, TRUTH)
    assert cube.data.dtype.newbyteorder("=") == np.dtype(dtype)


def test_data_stay_on_disk_until_they_are_looked_at(envi):
    assert isinstance(read(envi(interleave="bip")).data, Positional)


def test_wavelengths_widths_and_bad_bands_are_those_of_the_header(envi):
    path = envi(
        wavelength="{0.4, 0.5,\n ; a remark\n 0.6, 0.7}", wavelength_units="Micrometers",
        fwhm="{.01,.02,.03,.04}", bbl="{1, 0, 1, 1}",
    )  # fmt: skip
    expected = SpectralAxis(
        [0.4, 0.5, 0.6, 0.7], "um", widths=[0.01, 0.02, 0.03, 0.04], bad=[False, True, False, False]
    )
    assert read(path).axis == expected


@pytest.mark.parametrize(
    ("entries", "unit", "kind", "guessed"),
    [
        ({"wavelength_units": "Nanometers"}, "nm", "wavelength", False),
        ({"wavelength_units": "Wavenumber"}, "1/cm", "wavenumber", False),
        ({"z_plot_titles": "{Wavenumbers (cm-1), Absorbance}"}, "1/cm", "wavenumber", False),
        ({"wavelength_units": "Unknown"}, "nm", "wavelength", True),
        ({"offset": 1020}, "1/cm", "wavenumber", True),
        ({"wavelength": "{1, 2, 3, 4}"}, "um", "wavelength", True),
        ({"wavelength": "{4000, 3000, 2000, 1000}"}, None, "wavelength", True),
    ],
)
def test_the_unit_is_stated_or_the_one_that_fits_and_says_so(envi, entries, unit, kind, guessed):
    axis = read(envi(**{"wavelength": "{400, 500, 600, 700}"} | entries)).spectral_axis
    assert (axis.unit, axis.kind, axis.guessed) == (unit, kind, guessed)


def test_angstroms_and_metres_become_nanometres(envi):
    axis = read(
        envi(wavelength="{4000,5000,6000,7000}", wavelength_units="Angstroms")
    ).spectral_axis
    assert axis.unit == "nm"
    assert axis.centres == pytest.approx([400, 500, 600, 700])


def test_wavelengths_of_another_number_of_bands_are_left_out_with_a_warning(envi):
    path = envi(wavelength="{400, 500, 600}")
    with pytest.warns(UserWarning, match="3 values for 4 bands"):
        assert read(path).axis == SpectralAxis.index(4)


@pytest.mark.parametrize(
    ("centres", "message"),
    [
        ("{500, 500, 500, 500}", "its 4 wavelengths take only 1 values"),
        ("{400, 600, 500, 700}", "its 4 wavelengths are not in order"),
    ],
)
def test_wavelengths_that_repeat_or_jump_back_are_kept_with_a_warning(envi, centres, message):
    path = envi(wavelength=centres, wavelength_units="nm")
    with pytest.warns(UserWarning, match=message):
        found = read(path).spectral_axis.centres
    assert found.tolist() == [float(text) for text in centres.strip("{}").split(",")]


def test_a_link_to_a_header_finds_the_data_next_to_its_target(envi, tmp_path):
    link = tmp_path / "elsewhere" / "link.hdr"
    link.parent.mkdir()
    link.symlink_to(envi())
    assert np.array_equal(read(link).data, TRUTH)


def test_names_of_stains_are_channels_and_numbered_bands_are_not(envi):
    assert read(envi(band_names="{DAPI, lipid, water, red}")).axis == ChannelAxis(
        ("DAPI", "lipid", "water", "red")
    )
    assert read(envi(band_names="{Band 1, Band 2, Band 3, Band 4}")).axis == SpectralAxis.index(4)


def test_what_else_the_header_says_is_kept(envi):
    cube = read(envi(reflectance_scale_factor="10000", data_ignore_value="-1", sensor_type="FX10"))
    kept = cube.metadata["envi"]
    assert kept["reflectance scale factor"] == "10000"
    assert kept["data ignore value"] == "-1"
    assert np.array_equal(cube.data, TRUTH)  # neither is applied
    assert cube.history == ("read scan.hdr",)


def test_map_and_pixel_size_survive_a_round_trip_word_for_word(envi, tmp_path):
    info = "UTM, 1.0, 1.0, 4000.5, 3e6, 30.0, 20.0, 33, North, WGS-84, units=Meters"
    cube = read(envi(map_info=f"{{{info}}}", coordinate_system_string='{PROJCS["WGS 84"]}'))
    assert (cube.pixel_size, cube.pixel_unit) == ((20, 30), "m")
    write(tmp_path / "copy.hdr", cube)
    assert f"map info = {{{info}}}\n" in (tmp_path / "copy.hdr").read_text()
    assert describe(read(tmp_path / "copy.hdr")) == describe(cube)


@pytest.mark.parametrize(
    ("encode"),
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("ENVI\n", "ENVI\n; made by hand\n\n").encode(),
        lambda text: (text + "operator = Zoë\n").encode("latin-1"),
        lambda text: text.replace("}", "").encode(),
        lambda text: (
            text.replace("byte order = 0\n", "").replace("header offset = 0\n", "").encode()
        ),
        lambda text: text.replace(" = ", "\t=").replace("{", "{,\n").encode(),
        lambda text: text.upper().replace("{", "{\n").encode(),
    ],
)
def test_headers_of_many_hands_are_understood(envi, encode):
    path = envi(description="{two = words}", wavelength="{400, 500,\n600, 700}", fwhm="{1,2,3,4}")
    path.write_bytes(encode(path.read_text()))
    cube = read(path)
    assert np.array_equal(cube.data, TRUTH)
    assert cube.axis == SpectralAxis([400, 500, 600, 700], "nm", widths=[1, 2, 3, 4], guessed=True)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"data_type": 6}, "complex.*absolute value"),
        ({"data_type": 99}, "no data type 99; ENVI knows 1, 2"),
        ({"interleave": "bup"}, "'bup'; it must be one of bsq, bil, bip"),
        ({"interleave": None}, "lacks 'interleave'"),
        ({"samples": None}, "lacks 'samples'"),
        ({"samples": "many"}, "no whole number"),
        ({"bands": 0}, "contains no data"),
        ({"lines": -3}, "contains no data"),
        ({"lines": 10**12}, "has 120 bytes, the header needs 40000000000000"),
        ({"header_offset": 8}, "has 120 bytes, the header needs 128 .*offset 8"),
        ({"header_offset": -8}, "header offset is -8"),
        ({"byte_order": 2}, "byte order is 2"),
        ({"file_compression": 1}, "compressed"),
        ({"major_frame_offsets": "{0, 12}"}, "without frame offsets"),
    ],
)
def test_a_header_that_cannot_be_is_refused_with_the_remedy(envi, entries, message):
    path = envi()
    text = path.read_text()
    for key, value in entries.items():
        key = key.replace("_", " ")
        lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
        text = "\n".join(lines + ([] if value is None else [f"{key} = {value}"]))
    path.write_text(text)
    with pytest.raises(FileFormatError, match=f"^scan.hdr: .*{message}"):
        read(path)


def test_truncated_data_are_refused_with_both_sizes_and_what_is_there(envi):
    path = envi(interleave="bil")
    data = path.with_suffix(".img")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(
        FileFormatError, match=r"119 bytes, the header needs 120 .*2 complete lines"
    ):
        read(path)


def test_missing_data_and_missing_header_are_named(envi):
    path = envi()
    moved = path.with_name("other.img")
    path.with_suffix(".img").rename(moved)
    with pytest.raises(
        FileFormatError, match=r"scan.hdr: its data file is missing \(looked for scan, scan.img"
    ):
        read(path)
    with pytest.raises(FileFormatError, match=r"other.img: no ENVI header beside it"):
        read(moved)


@pytest.mark.parametrize("name", ["", ".IMG", ".Dat", ".raw", ".bip", ".hyspex"])
def test_the_data_file_is_found_whatever_its_suffix(envi, name):
    assert np.array_equal(read(envi(suffix=name)).data, TRUTH)


def test_a_data_file_leads_to_its_header(envi, tmp_path):
    path = envi(suffix=".dat")
    assert np.array_equal(read(path.with_suffix(".dat")).data, TRUTH)
    path.rename(tmp_path / "scan.dat.HDR")
    assert np.array_equal(read(tmp_path / "scan.dat").data, TRUTH)
    assert np.array_equal(read(tmp_path / "scan.dat.HDR").data, TRUTH)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x5c\x01\0\0\0", "not an ENVI header .*binary"),
        (b"", "not an ENVI header .*empty"),
        (b"#?RADIANCE\n", "first line is '#\\?RADIANCE'"),
    ],
)
def test_other_headers_are_recognised(tmp_path, content, message):
    (tmp_path / "a.hdr").write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        read(tmp_path / "a.hdr")


def test_a_spectral_library_is_a_cube_of_one_row(tmp_path):
    spectra = np.arange(12, dtype="<f4").reshape(3, 4)  # (spectrum, band)
    spectra.tofile(tmp_path / "minerals.sli")
    (tmp_path / "minerals.hdr").write_text(
        "ENVI\nsamples = 4\nlines = 3\nbands = 1\ndata type = 4\nfile type = ENVI Spectral Library\n"
        "wavelength units = nm\nwavelength = {1,2,3,4}\nspectra names = {quartz, calcite, clay}\n"
    )
    cube = read(tmp_path / "minerals.sli")
    assert np.array_equal(cube.spectra(), spectra)
    assert cube.shape == (4, 1, 3)
    assert cube.axis == SpectralAxis([1, 2, 3, 4], "nm")
    assert cube.metadata["spectra names"] == ["quartz", "calcite", "clay"]


def test_a_classification_is_labels_with_the_names_of_its_classes(tmp_path):
    (tmp_path / "map.img").write_bytes(bytes([0, 1, 2, 2, 1, 0]))
    (tmp_path / "map.hdr").write_text(
        "ENVI\nsamples = 3\nlines = 2\nbands = 1\ndata type = 1\nfile type = ENVI Classification\n"
        "classes = 3\nclass names = {Unclassified, corn, wood}\nclass lookup = {0,0,0,255,0,0,0,255,0}\n"
    )
    labels = read_labels(tmp_path / "map.hdr")
    assert labels.classes == ("corn", "wood")
    assert labels.data.tolist() == [[0, 1, 2], [2, 1, 0]]
    assert "255,0,0" in labels.metadata["envi"]["class lookup"]
    assert labels.colours == ("#ff0000", "#00ff00")


@pytest.mark.parametrize("lookup", ["0,0,0,255,0,0", "0,0,0,256,0,0,0,255,0", "red, green"])
def test_colours_that_are_not_one_a_class_are_left_out(tmp_path, lookup):
    (tmp_path / "map.img").write_bytes(bytes([0, 1, 2]))
    (tmp_path / "map.hdr").write_text(
        "ENVI\nsamples = 3\nlines = 1\nbands = 1\ndata type = 1\nfile type = ENVI Classification\n"
        f"class names = {{Unclassified, corn, wood}}\nclass lookup = {{{lookup}}}\n"
    )
    assert read_labels(tmp_path / "map.hdr").colours == ()


def test_spy_reads_the_colours_that_somebody_chose(tmp_path, labels):
    coloured = replace(labels, colours=("#FF8000", "#0080ff"))
    write(tmp_path / "classes.hdr", coloured)
    theirs = spectral.envi.open(tmp_path / "classes.hdr")
    assert [int(v) for v in theirs.metadata["class lookup"]] == [0, 0, 0, 255, 128, 0, 0, 128, 255]
    assert read_labels(tmp_path / "classes.hdr").colours == ("#ff8000", "#0080ff")


def test_spy_reads_our_cubes_with_their_wavelengths(tmp_path, cube):
    write(tmp_path / "cell.hdr", cube)
    theirs = spectral.envi.open(tmp_path / "cell.hdr")
    assert np.array_equal(np.moveaxis(theirs.load(), 2, 0), cube.data)
    assert theirs.bands.centers == cube.spectral_axis.centres.tolist()
    assert theirs.bands.bandwidths == cube.spectral_axis.widths.tolist()
    assert theirs.bands.band_unit == "Wavenumber"
    assert [float(good) for good in theirs.metadata["bbl"]] == [1, 1, 0, 1, 1, 1]


def test_spy_reads_our_labels_with_their_classes(tmp_path, labels):
    write(tmp_path / "classes.hdr", labels)
    theirs = spectral.envi.open(tmp_path / "classes.hdr")
    assert np.array_equal(theirs.read_band(0), labels.data)
    assert theirs.metadata["class names"] == ["Unclassified", "nucleus", "lipid droplet"]
    assert len(theirs.metadata["class lookup"]) == 9


def test_bands_that_another_program_took_out_leave_the_rest_of_the_description(tmp_path, cube):
    write(tmp_path / "cell.hdr", cube)
    theirs = spectral.envi.open(tmp_path / "cell.hdr")
    about = {k: v for k, v in theirs.metadata.items() if k not in ("wavelength", "fwhm", "bbl")}
    about["wavelength"] = theirs.metadata["wavelength"][:2]
    spectral.envi.save_image(tmp_path / "two.hdr", theirs.load()[:, :, :2], metadata=about)
    two = read(tmp_path / "two.hdr")
    assert two.axis == SpectralAxis(
        cube.axis.centres[:2], "1/cm", "raman_shift", excitation_nm=532.1
    )
    assert two.history == cube.history
    assert two.metadata == cube.metadata


@pytest.mark.parametrize("dtype", ["int8", "bool", "float16"])
def test_types_that_envi_lacks_are_refused_and_nothing_is_left(tmp_path, plain_cube, dtype):
    with pytest.raises(FileFormatError, match=f"ENVI has no type for {dtype}; convert"):
        write(tmp_path / "a.hdr", replace(plain_cube, data=plain_cube.data.astype(dtype)))
    assert list(tmp_path.iterdir()) == []


def test_a_time_series_is_refused_with_the_formats_that_can(tmp_path, stack):
    with pytest.raises(FileFormatError, match=r"\(t, z, band, y, x\); write .ome.zarr"):
        write(tmp_path / "a.hdr", stack)


def test_a_wrong_byte_order_is_noticed(envi):
    path = envi(dtype="<f4")
    path.write_text(path.read_text().replace("byte order = 0", "byte order = 1"))
    with pytest.warns(UserWarning, match="is byte order = 1 right"):
        read(path)


def test_channels_and_wide_names_come_back(tmp_path, plain_cube):
    named = replace(plain_cube, axis=ChannelAxis(("a{b}", "c, d", "é", "4")))
    write(tmp_path / "a.hdr", named)
    assert read(tmp_path / "a.hdr").axis == named.axis


def test_a_stated_layout_comes_first(envi):
    cube = read(f"{envi()}@zyx")
    assert isinstance(cube, Cube)
    assert cube.shape == (4, 1, 3, 5)


def test_labels_without_names_get_some(tmp_path):
    write(tmp_path / "a.hdr", Labels(np.array([[0, 3]], np.uint8)))
    assert "class 3" in (tmp_path / "a.hdr").read_text()
    assert read_labels(tmp_path / "a.hdr").classes == ()


def test_four_gigabytes_open_at_once_and_take_no_memory(tmp_path):
    with (tmp_path / "big.img").open("wb") as file:
        file.truncate(4 * 2**30)
    (tmp_path / "big.hdr").write_text(
        "ENVI\nsamples = 2048\nlines = 2048\nbands = 256\ndata type = 4\ninterleave = bsq\n"
    )
    code = (
        "import json, resource, sys, time; from napari_hyperspectral.io import read\n"
        "from napari_hyperspectral.io.raw import envi\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before, start = peak(), time.perf_counter(); cube = read(sys.argv[1])\n"
        "seconds = time.perf_counter() - start; band = cube.data[100].sum()\n"
        "print(json.dumps([seconds, peak() - before, cube.shape]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "big.hdr"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes, shape = json.loads(run.stdout)
    assert shape == [256, 2048, 2048]
    assert seconds < 1
    assert megabytes < 60  # one band is 16 MB


def test_a_data_file_without_suffix_is_recognised_by_its_header(tmp_path, cube):
    write(tmp_path / "scan.hdr", cube)
    (tmp_path / "scan.img").rename(tmp_path / "scan")
    assert np.array_equal(read(tmp_path / "scan").data, cube.data)
    assert np.array_equal(read(tmp_path / "scan.hdr").data, cube.data)
