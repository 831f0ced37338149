"""imzML opens with every spectrum at its place, and a pair that is no pair is refused."""

import hashlib
import os
import random
import subprocess
import sys
import uuid
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, read, read_all
from napari_hyperspectral.io.arrays.indexed import IndexMappedArray
from napari_hyperspectral.io.arrays.positional import Positional
from napari_hyperspectral.io.imzml import binned, ibd
from napari_hyperspectral.io.imzml import reader as imzml
from napari_hyperspectral.progress import Progress

UUID = uuid.UUID("d4c3b2a1-6b5a-8f7e-0102-0304050607ff")
SHARED = np.array([100.5, 200.25, 300.0, 400.125])
TYPES = {"<f4": "MS:1000521", "<f8": "MS:1000523", "<i4": "MS:1000519", "<i8": "MS:1000522"}
MICROMETRES = 'unitAccession="UO:0000017" unitName="micrometer"'
SIZES = f"""<cvParam accession="IMS:1000046" name="pixel size (x)" value="50" {MICROMETRES}/>
<cvParam accession="IMS:1000047" name="pixel size y" value="25.5" {MICROMETRES}/>"""


def param(accession, value="", name="a"):
    return f'<cvParam cvRef="IMS" accession="{accession}" name="{name}" value="{value}"/>'


def array_xml(group, offset, values, encoded):
    return (
        f'<binaryDataArray encodedLength="0"><referenceableParamGroupRef ref="{group}"/>'
        f"{param('IMS:1000103', values)}{param('IMS:1000104', encoded)}"
        f"{param('IMS:1000102', offset)}<binary/></binaryDataArray>"
    )


def written(folder, spectra, *, mz="<f8", intensity="<f4", packed=False, settings="", file=""):
    """Write a pair; `spectra` are (position (x, y[, z]), m/z, intensities).

    m/z values that are the same object are written once.
    """
    path, places, body = folder / "scan.imzML", {}, []
    with path.with_suffix(".ibd").open("wb") as raws:

        def stored(values, dtype):
            raw = np.asarray(values, dtype).tobytes()
            raw = zlib.compress(raw) if packed else raw
            offset = raws.tell()
            raws.write(raw)
            return offset, len(values), len(raw)

        raws.write(UUID.bytes)
        for number, (position, masses, values) in enumerate(spectra):
            if id(masses) not in places:
                places[id(masses)] = stored(masses, mz)
            axes = zip(("IMS:1000050", "IMS:1000051", "IMS:1000052"), position, strict=False)
            body += [
                f'<spectrum id="s{number}" index="{number}">{param("MS:1000129")}',
                "<scanList><scan>",
                *(param(accession, place) for accession, place in axes),
                "</scan></scanList><binaryDataArrayList>",
                array_xml("mz", *places[id(masses)]),
                array_xml("intensity", *stored(values, intensity)),
                "</binaryDataArrayList></spectrum>\n",
            ]
    groups = "".join(
        f'<referenceableParamGroup id="{name}">{param(kind)}{param(TYPES[dtype])}'
        f"{param('MS:1000574' if packed else 'MS:1000576')}</referenceableParamGroup>\n"
        for name, kind, dtype in (("mz", "MS:1000514", mz), ("intensity", "MS:1000515", intensity))
    ).replace(
        f"{param('MS:1000515')}",
        f'{param("MS:1000515")[:-2]} unitName="number of detector counts"/>',
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<mzML version="1.1"><fileDescription><fileContent>'
        f"{param('IMS:1000080', '{' + str(UUID).upper() + '}')}{file}</fileContent>"
        f"</fileDescription>\n<referenceableParamGroupList>{groups}</referenceableParamGroupList>\n"
        f"<scanSettingsList><scanSettings>{settings}</scanSettings></scanSettingsList>\n"
        f'<instrumentConfiguration id="i">{param("MS:1", "lots", "laser")}'
        "</instrumentConfiguration>\n"
        f'<run id="r"><spectrumList count="{len(spectra)}">\n{"".join(body)}</spectrumList></run>'
        "</mzML>",
        encoding="utf-8",
    )
    return path


def changed(path, old, new, count=1):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def numbered(positions, masses=SHARED, bands=4):
    """Return spectra of which the values tell the place in the list, and the band."""
    return [
        (position, masses, 10 * number + np.arange(bands))
        for number, position in enumerate(positions)
    ]


def rows_of(width, height):
    return [(x + 1, y + 1) for y in range(height) for x in range(width)]


def peaks(rng, count=30):
    """Return sorted m/z values and intensities of one spectrum."""
    return np.sort(rng.uniform(100, 900, count)), rng.gamma(2, 10, count)


@pytest.fixture
def processed(tmp_path, rng):
    """Return a pair with its own m/z values in each spectrum, with a hole, and the spectra."""
    spectra = [
        (position, *peaks(rng, 20 + number % 7))
        for number, position in enumerate(rows_of(4, 3))
        if number != 5
    ]
    return written(tmp_path, spectra), spectra


def total_of(spectra, shape):
    total = np.full(shape, np.nan)
    for (x, y), _, values in spectra:
        total[y - 1, x - 1] = np.sum(values, dtype=np.float32)
    return total


# ---------------------------------------------------------------------------- spectra that share


def test_spectra_of_the_same_masses_are_mapped(tmp_path):
    path = written(tmp_path, numbered(rows_of(3, 2)), settings=SIZES)
    cube = read(path)
    assert isinstance(cube.data, Positional)
    expected = (10 * np.arange(6).reshape(2, 3) + np.arange(4)[:, None, None]).astype(np.float32)
    assert np.array_equal(cube.data, expected)
    assert np.array_equal(cube.data[2], expected[2])
    assert np.array_equal(cube.data[:, 1, 2], expected[:, 1, 2])
    assert np.array_equal(cube.axis.centres, SHARED)
    assert (cube.axis.kind, cube.axis.unit, cube.intensity_unit) == ("mz", "m/z", "counts")
    assert (cube.pixel_size, cube.pixel_unit, cube.origin) == ((25.5, 50.0), "um", (0.0, 0.0))
    assert (cube.name, cube.history) == ("scan", ("read scan.imzML",))
    assert cube.metadata["imzml"]["instrument"] == {"laser": "lots"}


def test_masses_that_are_repeated_in_every_spectrum_are_not_binned(tmp_path):
    spectra = [(p, SHARED.copy(), values) for p, _, values in numbered(rows_of(3, 2))]
    cube = read(written(tmp_path, spectra))
    assert isinstance(cube.data, Positional)
    assert np.array_equal(cube.axis.centres, SHARED)
    assert np.array_equal(cube.data[1], [[1, 11, 21], [31, 41, 51]])


@pytest.mark.parametrize("dropped", ["scan.ibd", "scan.imzML", "SCAN.IBD", "Scan.IMZML"])
def test_either_file_of_the_pair_will_do_whatever_its_case(tmp_path, dropped):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    old = path.with_suffix("." + dropped.split(".")[1].lower().replace("imzml", "imzML"))
    old.rename(tmp_path / dropped)
    assert read(tmp_path / dropped).shape == (4, 2, 3)


@pytest.mark.parametrize("gone", [".ibd", ".imzML"])
def test_a_lonely_file_asks_for_the_other(tmp_path, gone):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    path.with_suffix(gone).unlink()
    left = path.with_suffix(".imzML" if gone == ".ibd" else ".ibd")
    with pytest.raises(FileFormatError, match=rf"^{left.name}: scan{gone} is not in its folder"):
        read(left)


def test_the_positions_rule_whatever_the_order_of_the_scan(tmp_path):
    snake = [(x + 1 if y % 2 else 3 - x, y + 1) for y in range(2) for x in range(3)]
    down = [(x + 1, y + 1) for x in range(3) for y in range(2)]
    for positions in (snake, down):
        cube = read(written(tmp_path, numbered(positions)))
        assert isinstance(cube.data, IndexMappedArray)
        assert cube.data.dtype == np.float32
        for number, (x, y) in enumerate(positions):
            assert np.array_equal(cube.data[:, y - 1, x - 1], 10 * number + np.arange(4))


def test_an_outline_with_holes_is_nan_where_nothing_was_measured(tmp_path):
    positions = [(12, 7), (11, 8), (13, 8), (12, 9)]
    path = written(tmp_path, numbered(positions), intensity="<i4", settings=SIZES)
    cube = read(path)
    nan = np.nan
    assert np.array_equal(
        cube.data[3], [[nan, 3, nan], [13, nan, 23], [nan, 33, nan]], equal_nan=True
    )
    assert np.isnan(cube.data[:, 0, 0]).all()
    assert cube.origin == (6 * 25.5, 10 * 50.0)
    assert cube.data.dtype == np.float64  # what int32 holds, float32 does not


def test_planes_become_a_stack(tmp_path):
    positions = [(x, y, z) for z in (4, 5) for y in (1, 2) for x in (1, 2, 3)]
    cube = read(written(tmp_path, numbered(positions)))
    assert cube.dims == ("z", "band", "y", "x")
    assert isinstance(cube.data, Positional)
    assert np.array_equal(cube.data[1, 2], [[62, 72, 82], [92, 102, 112]])
    first = np.asarray(cube.data[0])  # before its file is written again
    holey = read(written(tmp_path, numbered(positions[:-1])))
    assert np.array_equal(holey.data[1, 2], [[62, 72, 82], [92, 102, np.nan]], equal_nan=True)
    assert np.array_equal(holey.data[0], first)


@pytest.mark.parametrize("intensity", ["<f4", "<f8", "<i4", "<i8"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_of_number_is_kept_packed_or_not(tmp_path, intensity, packed):
    path = written(tmp_path, numbered(rows_of(3, 2)), intensity=intensity, packed=packed)
    cube = read(path)
    assert cube.data.dtype == intensity
    assert np.array_equal(cube.data[3], [[3, 13, 23], [33, 43, 53]])


def test_one_pixel_is_a_cube(tmp_path):
    cube = read(written(tmp_path, numbered([(8, 8)])))
    assert cube.shape == (4, 1, 1)
    assert np.array_equal(cube.data[:, 0, 0], np.arange(4))


# ---------------------------------------------------------------------------- spectra that differ


def test_the_total_ion_current_comes_first_and_the_spectra_are_what_is_read(processed):
    path, spectra = processed
    total, cube = read_all(path)
    assert total.axis == ChannelAxis(("total ion current",))
    assert np.allclose(total.data[0], total_of(spectra, (3, 4)), equal_nan=True)
    assert read(path).axis == cube.axis
    assert len(cube.axis) <= 2000
    assert cube.axis.uniform
    assert cube.axis.kind == "mz"


@pytest.mark.parametrize("bands", ["", "::mz=0.1", "::mz=37", "::ppm=500", "::ppm=300000"])
def test_bands_share_out_the_whole_total_ion_current(processed, bands):
    path, spectra = processed
    cube = read(f"{path}{bands}")
    sums = np.asarray(cube.data).sum(axis=0, dtype=np.float64)
    assert np.allclose(sums, total_of(spectra, (3, 4)), rtol=1e-6, equal_nan=True)
    edges = cube.axis.centres - cube.axis.widths / 2
    assert np.allclose(edges[1:], (cube.axis.centres + cube.axis.widths / 2)[:-1])


def test_bands_are_of_the_width_that_is_asked_for(processed):
    path, _ = processed
    by_mass, by_ratio = read(f"{path}::mz=0.25"), read(f"{path}::ppm=100")
    assert np.allclose(by_mass.axis.widths, 0.25)
    assert np.allclose(by_mass.axis.centres % 0.25, 0)
    assert np.allclose(by_ratio.axis.widths / by_ratio.axis.centres, 100e-6, rtol=1e-4)
    assert by_ratio.history[-1] == f"summed up in {len(by_ratio.axis)} bands of 100 ppm"


@pytest.mark.parametrize("mz", ["<f4", "<f8"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_band_is_the_sum_of_what_lies_in_it_however_it_is_looked_at(tmp_path, rng, mz, packed):
    spectra = [(place, *peaks(rng, 21 + n % 4)) for n, place in enumerate(rows_of(5, 4))]
    cube = read(f"{written(tmp_path, spectra, mz=mz, packed=packed)}::mz=20")
    whole = np.asarray(cube.data)
    for band in (0, 3, len(cube.axis) - 1):
        low = cube.axis.centres[band] - 10
        expected = np.zeros((4, 5))
        for (x, y), masses, values in spectra:
            inside = (masses.astype(mz) >= low) & (masses.astype(mz) < low + 20)
            expected[y - 1, x - 1] = values[inside].astype(np.float32).sum()
        assert np.allclose(whole[band], expected, rtol=1e-6)
        assert np.array_equal(cube.data[band], whole[band])
    assert np.array_equal(cube.data[:, 2, 3], whole[:, 2, 3])
    assert np.array_equal(np.asarray(cube.data[3:9, 1:3]), whole[3:9, 1:3])


def test_masses_need_not_ascend(tmp_path, rng):
    tidy = [(place, *peaks(rng, 25 + n)) for n, place in enumerate(rows_of(4, 3))]
    order = [rng.permutation(len(masses)) for _, masses, _ in tidy]
    untidy = [(p, m[o], v[o]) for (p, m, v), o in zip(tidy, order, strict=True)]
    wanted = np.asarray(read(written(tmp_path, tidy)).data)
    found = read(written(tmp_path, untidy))
    assert np.allclose(found.data, wanted, rtol=1e-6)
    assert np.allclose(found.data[200], wanted[200], rtol=1e-6)


def test_an_empty_spectrum_was_measured_and_holds_nothing(tmp_path, rng):
    spectra = [(place, *peaks(rng, 5)) for place in rows_of(3, 2)]
    spectra[4] = ((2, 2), np.empty(0), np.empty(0))
    cube = read(written(tmp_path, spectra))
    assert (cube.data[:, 1, 1] == 0).all()
    with pytest.raises(FileFormatError, match="all its spectra are empty"):
        read(written(tmp_path, [((1, 1), np.empty(0), np.empty(0))]))


@pytest.mark.parametrize("ask", ["peaks=150.02,300.0±100ppm", "peaks=300,150.02,300+-0.03"])
def test_peaks_are_bands_of_their_own(tmp_path, ask):
    masses = [np.array([150.0, 150.02, 150.1, 299.98, 300.02]), np.array([299.9, 300.0])]
    values = [np.array([1.0, 2, 4, 8, 16]), np.array([32.0, 64])]
    path = written(tmp_path, [((1, 1), masses[0], values[0]), ((2, 1), masses[1], values[1])])
    cube = read(f"{path}::{ask}")
    assert np.array_equal(cube.axis.centres, [150.02, 300.0])
    near = 3 if ask.endswith("0.03") else 2
    assert np.array_equal(cube.data[:, 0], [[near, 0], [24, 64]])


def test_peaks_may_be_a_table_beside_the_file(processed):
    path, _ = processed
    path.with_name("lipids.csv").write_text('"m/z",name\n300.5,one\n200.25,two\n')
    cube = read(f"{path}::peaks=lipids.csv±5")
    assert np.array_equal(cube.axis.centres, [200.25, 300.5])
    direct = read(f"{path}::peaks=200.25,300.5±5")
    assert np.array_equal(cube.data, direct.data, equal_nan=True)


def test_the_total_can_be_had_alone_also_of_spectra_that_share(tmp_path):
    cube = read(f"{written(tmp_path, numbered(rows_of(3, 2)))}::tic")
    assert np.array_equal(cube.data[0], [[6, 46, 86], [126, 166, 206]])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ("counts", "'counts' names no bands; write ::mz=0.1"),
        ("ppm=0", "names no bands"),
        ("mz=nan", "names no bands"),
        ("mz=1e-8", "makes .* bands .*; ask for wider"),
        ("peaks=100,200", "does not say how wide"),
        ("peaks=100,x±1", "'100,x' is no list of m/z"),
        ("peaks=none.csv±1", "none.csv is not there"),
        ("peaks=words.csv±1", "no list of m/z values .'c' is none"),
    ],
)
def test_bands_that_cannot_be_are_refused(processed, ask, message):
    path, _ = processed
    path.with_name("words.csv").write_text("mass\n100\nc\n")
    with pytest.raises(FileFormatError, match=message):
        read(f"{path}::{ask}")


def test_of_large_files_a_look_at_some_spectra_gives_the_same(tmp_path, rng, monkeypatch):
    tidy = [(place, *peaks(rng, 25 + n % 3)) for n, place in enumerate(rows_of(4, 3))]
    untidy = [(place, masses[::-1], values[::-1]) for place, masses, values in tidy]
    shared = [(place, SHARED.copy(), values) for place, _, values in numbered(rows_of(3, 2))]
    for spectra in (tidy, untidy, shared):
        path = written(tmp_path, spectra)
        wanted = read(path)
        with monkeypatch.context() as patched:
            patched.setattr(ibd, "CHECKED", 0)
            patched.setattr(binned, "CHECKED", 0)
            found = read(path)
        assert found.axis == wanted.axis
        assert np.array_equal(found.data, wanted.data)


def test_the_total_of_a_large_file_is_as_stated_or_left_out(processed, monkeypatch):
    path, _ = processed
    monkeypatch.setattr(imzml, "_SUMMED", 0)
    assert [image.name for image in read_all(path)] == ["scan"]
    changed(path, param("MS:1000129"), param("MS:1000285", "7.5e3"), count=-1)
    total, _ = read_all(path)
    assert total.shape == (1, 3, 4)
    assert np.array_equal(np.argwhere(np.isnan(total.data)), [[0, 1, 1]])
    assert np.nanmin(total.data) == np.nanmax(total.data) == 7500


# ---------------------------------------------------------------------------- what the header says


@pytest.mark.parametrize(
    ("settings", "size", "unit"),
    [
        (param("IMS:1000046", 20), (20, 20), "um"),
        (SIZES.replace("25.5", "0.5").replace("micrometer", "millimeter"), (0.5, 50), "mm"),
        (SIZES.replace("micrometer", "square micrometer").replace("25.5", "2500"), None, "um"),
        (  # an area, though it does not say so: 10 pixels are 500 µm
            param("IMS:1000046", 2500) + param("IMS:1000042", 10) + param("IMS:1000044", 500),
            (50, 50),
            "um",
        ),
        (param("IMS:1000046", "big"), (1, 1), None),
        ("", (1, 1), None),
    ],
)
def test_pixels_are_as_large_as_stated(tmp_path, settings, size, unit):
    cube = read(written(tmp_path, numbered(rows_of(3, 2)), settings=settings))
    assert cube.pixel_size == pytest.approx(size or (50, 50**0.5))
    assert cube.pixel_unit == unit


def test_a_count_of_pixels_that_is_too_small_is_told(tmp_path):
    settings = param("IMS:1000042", 2) + param("IMS:1000043", 9)
    path = written(tmp_path, numbered(rows_of(3, 2)), settings=settings)
    with pytest.warns(UserWarning, match=r"positions x go up to 3, though it states 2"):
        assert read(path).shape == (4, 2, 3)


def test_of_two_spectra_at_one_place_the_later_is_kept(tmp_path):
    path = written(tmp_path, numbered([(1, 1), (2, 1), (1, 1)]))
    with pytest.warns(UserWarning, match="1 spectra lie where a later one does"):
        cube = read(path)
    assert np.array_equal(cube.data[0], [[20, 10]])


def test_a_list_of_another_length_than_stated_is_told(tmp_path):
    path = changed(written(tmp_path, numbered(rows_of(3, 2))), 'count="6"', 'count="7"')
    with pytest.warns(UserWarning, match="lists 6 spectra and states 7"):
        assert read(path).shape == (4, 2, 3)


def test_what_the_header_says_by_way_of_a_group_counts(tmp_path):
    path = written(tmp_path, numbered(rows_of(3, 2)), settings=SIZES)
    text = path.read_text(encoding="utf-8").replace(SIZES, '<referenceableParamGroupRef ref="px"/>')
    group = f'<referenceableParamGroup id="px">{SIZES}</referenceableParamGroup>'
    path.write_text(
        text.replace("</referenceableParamGroupList>", f"{group}</referenceableParamGroupList>")
    )
    assert read(path).pixel_size == (25.5, 50.0)


def test_chromatograms_behind_the_spectra_are_none_of_them(tmp_path):
    chromatogram = f"<chromatogramList><chromatogram>{array_xml('intensity', 16, 4, 16)}"
    path = changed(
        written(tmp_path, numbered(rows_of(3, 2))),
        "</run>",
        f"{chromatogram}</chromatogram></chromatogramList></run>",
    )
    assert np.array_equal(read(path).data[0], [[0, 10, 20], [30, 40, 50]])


def test_letters_of_another_encoding_than_stated_are_read(tmp_path):
    path = changed(written(tmp_path, numbered(rows_of(3, 2))), '"lots"', '"50 µJ"')
    path.write_bytes(path.read_bytes().replace("µ".encode(), b"\xb5"))
    assert read(path).metadata["imzml"]["instrument"] == {"laser": "50 µJ"}


def test_offsets_that_went_below_zero_in_32_bits_are_understood(tmp_path):
    path = written(tmp_path, numbered(rows_of(3, 1)))
    raw = path.with_suffix(".ibd").read_bytes()
    places = {64: 2**31 + 64, 80: 2**32 + 80}  # where the intensities of pixels 2 and 3 go
    with path.with_suffix(".ibd").open("r+b") as file:
        for place, far in places.items():
            file.seek(far)
            file.write(raw[place : place + 16])
            file.seek(place)
            file.write(bytes(16))
            low = (far + 2**31) % 2**32 - 2**31  # as an int32 has it
            changed(path, param("IMS:1000102", place), param("IMS:1000102", low))
    cube = read(path)
    assert np.array_equal(cube.data[1], [[1, 11, 21]])


def test_long_reading_tells_how_far_it_is_and_can_be_ended(tmp_path):
    path, seen = written(tmp_path, numbered(rows_of(3, 2))), []
    read(path, watch=seen.append)
    assert [step for step in seen if isinstance(step, Progress) and step.total]
    assert seen[-1].done == seen[-1].total == path.stat().st_size

    class Enough(Exception):
        pass

    def stop(_):
        raise Enough

    with pytest.raises(Enough):
        read(path, watch=stop)


# ---------------------------------------------------------------------------- what is refused


def test_a_file_of_another_measurement_is_refused(tmp_path):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    beside = path.with_suffix(".ibd")
    beside.write_bytes(uuid.uuid4().bytes + beside.read_bytes()[16:])
    with pytest.raises(FileFormatError, match=r"its UUID is .*, that of scan.ibd .* is [0-9a-f]"):
        read(path)


def test_a_uuid_as_windows_writes_it_is_the_same(tmp_path):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    beside = path.with_suffix(".ibd")
    beside.write_bytes(UUID.bytes_le + beside.read_bytes()[16:])
    assert read(path).shape == (4, 2, 3)


def test_a_pair_that_nobody_can_tell_is_read_with_a_warning(tmp_path):
    path = changed(written(tmp_path, numbered(rows_of(3, 2))), "IMS:1000080", "IMS:1")
    with pytest.warns(UserWarning, match="states no UUID"):
        assert read(path).shape == (4, 2, 3)


@pytest.mark.parametrize("cut", np.linspace(0, 0.99, 20))
def test_a_file_cut_short_is_refused(tmp_path, cut):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    for file in (path, path.with_suffix(".ibd")):
        whole = file.read_bytes()
        file.write_bytes(whole[: int(cut * len(whole))])
        with pytest.raises(
            FileFormatError, match=r"ends early|UUID|up to byte 144|cut short after"
        ):
            read(path)
        file.write_bytes(whole)


@pytest.mark.parametrize(("name", "term"), [("sha1", "91"), ("md5", "90"), ("sha256", "92")])
def test_a_flipped_byte_is_found_where_there_is_a_checksum(tmp_path, name, term):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    beside = path.with_suffix(".ibd")
    checksum = hashlib.new(name, beside.read_bytes()).hexdigest().upper()
    path = written(tmp_path, numbered(rows_of(3, 2)), file=param(f"IMS:10000{term}", checksum))
    assert read(path).shape == (4, 2, 3)
    damaged = bytearray(beside.read_bytes())
    damaged[70] ^= 1
    beside.write_bytes(damaged)
    with pytest.raises(FileFormatError, match=f"scan.ibd does not have the {name} checksum"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</mzML>", "", "the XML ends early; copy it again"),
        ("<mzML", "<html", "it begins with <html>"),
        ('version="1.1"', "version=1.1", "not XML at line 2"),
        ('encoding="UTF-8"', 'encoding="UTF-99"', "not readable|not XML"),
        (param("IMS:1000103", 4), param("IMS:1000103", 5), "5 values of float64 in 32 bytes"),
        (param("IMS:1000103", 4), param("IMS:1000103", -4), "has -4 values"),
        (param("IMS:1000102", 48), param("IMS:1000102", 45), "arrays that overlap"),
        (param("IMS:1000102", 48), param("IMS:1000102", 8), "arrays that overlap"),
        (param("IMS:1000102", 48), param("IMS:1000102", 10**18), "144 bytes, but .* up to byte"),
        (param("IMS:1000102", 48), param("IMS:1000102", 10**30), "holds a number that is none"),
        (param("IMS:1000102", 48), param("IMS:1000102", "x"), "holds a number that is none"),
        (param("IMS:1000102", 48), "", "spectrum 1 says nothing of an external offset"),
        (param("IMS:1000050", 1), "", "spectrum 1 says nothing of its position x"),
        (param("IMS:1000050", 1), param("IMS:1000050", 10**9), "as far apart as"),
        (param("MS:1000514"), "", "lacks its m/z or its intensity array"),
        (param("MS:1000523"), param("MS:1000520"), "a number type or a compression"),
        (param("MS:1000576"), param("MS:1002312"), "a number type or a compression"),
        ('ref="mz"', 'ref="my"', "refers to parameters 'my' that it does not hold"),
    ],
)
def test_damage_is_named(tmp_path, old, new, message):
    path = changed(written(tmp_path, numbered(rows_of(3, 2))), old, new)
    with pytest.raises(FileFormatError, match=message):
        read(path)


def test_spectra_of_other_numbers_than_the_first_are_refused(tmp_path):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    text = path.read_text()
    place = text.rindex('ref="intensity"/>')
    path.write_text(text[:place] + f'ref="intensity"/>{param("MS:1000574")}' + text[place + 17 :])
    with pytest.raises(FileFormatError, match="spectrum 6 is stored as other numbers"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<html></html>", "it begins with <html>"),
        ("<mzML/>", "no spectrum in it"),
        ("", "ends early"),
        ('<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><mzML>&b;</mzML>', "defines entities"),
        ('<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><mzML>&a;</mzML>', "entities"),
    ],
)
def test_other_xml_is_refused(tmp_path, content, message):
    path = written(tmp_path, numbered(rows_of(3, 2)))
    path.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        read(path)


def test_packed_numbers_that_are_not_whole_are_refused(tmp_path, rng):
    spectra = [(place, *peaks(rng)) for place in rows_of(3, 2)]
    path = written(tmp_path, spectra, packed=True)
    beside = path.with_suffix(".ibd")
    damaged = bytearray(beside.read_bytes())
    damaged[30] ^= 0xFF
    beside.write_bytes(damaged)
    with pytest.raises(FileFormatError, match="spectrum 1 cannot be unpacked"):
        np.asarray(read(path).data)


def test_masses_that_are_none_are_refused(tmp_path, rng):
    for bad in (np.nan, -5.0, np.inf):
        spectra = [(place, *peaks(rng)) for place in rows_of(3, 2)]
        spectra[2][1][-1] = bad
        with pytest.raises(FileFormatError, match=r"its m/z values go from"):
            read(written(tmp_path, spectra))


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_no_flipped_byte_is_anything_but_data_or_an_error(tmp_path, rng):
    spectra = [(place, *peaks(rng, 6)) for place in rows_of(3, 2)]
    for path in (written(tmp_path, spectra), written(tmp_path, spectra, packed=True)):
        whole, chance = path.read_bytes(), random.Random(0)
        for _ in range(300):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(whole))] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
            path.write_bytes(damaged)
            with suppress(FileFormatError):
                for image in read_all(path):
                    assert image.data.size < 10**7
                    np.asarray(image.data)


# ---------------------------------------------------------------------------- a real tissue


def test_the_peaks_of_a_real_tissue_are_those_that_others_picked(data_folder):
    folder = data_folder / "msi_tissue"
    published = read(folder / "tdf_peakcube_18x19x400.npz")
    listed = ",".join(map(repr, published.axis.centres.tolist()))
    cube = read(os.fspath(folder / f"tissue.imzML::peaks={listed}±15ppm"))
    assert np.array_equal(cube.axis.centres, published.axis.centres)
    same = (np.asarray(cube.data) == np.asarray(published.data)).all(axis=(1, 2))
    assert same.mean() > 0.5  # those that overlap were shared out otherwise there


def test_the_total_ion_current_of_a_real_tissue_is_as_its_file_states(data_folder):
    path = data_folder / "msi_tissue" / "tissue.imzML"
    text = Path(path).read_text(encoding="latin-1").split("total ion current")[1:]
    stated = [float(part.split('"')[2]) for part in text]
    total, cube = read_all(path)
    assert np.allclose(np.asarray(total.data).ravel(), stated, rtol=1e-6)
    assert np.allclose(np.asarray(cube.data).sum(axis=0), total.data[0], rtol=1e-6)


CUT = """
import os, sys
import numpy as np
from napari_hyperspectral.io import FileFormatError, read_all
images = read_all(sys.argv[1])
os.truncate(sys.argv[2], 64)
for image in images:
    for look in (np.s_[...], np.s_[0], np.s_[:, 0, 0]):
        try:
            np.asarray(image.data[look])
        except FileFormatError as error:
            assert "since it was opened" in str(error), error
        else:
            raise AssertionError(image.name)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let open files be cut")
@pytest.mark.parametrize("kind", ["even", "uneven", "processed"])
def test_a_file_that_is_cut_while_it_is_shown_ends_no_process(tmp_path, rng, kind):
    places = rows_of(40, 30)
    spectra = [(place, SHARED, np.arange(4) + n) for n, place in enumerate(places)]
    if kind == "processed":
        spectra = [(place, *peaks(rng)) for place in places]
    if kind == "uneven":  # a spectrum that is left out leaves a gap
        spectra = [*spectra[:7], *spectra[8:], spectra[7]]
    path = written(tmp_path, spectra)
    command = [sys.executable, "-c", CUT, str(path), str(path.with_suffix(".ibd"))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_no_array_of_a_pair_is_mapped_for_single_values():
    assert not hasattr(ibd, "mmap")


@pytest.mark.parametrize("part", [1, 3, 256])
def test_windows_are_found_however_little_is_read_at_a_time(processed, monkeypatch, part):
    path, spectra = processed
    monkeypatch.setattr(binned, "_SPECTRA", 4)
    monkeypatch.setattr(binned, "_PART", part)
    cube = read(f"{path}::mz=40")
    bands = np.stack([np.asarray(cube.data[band]) for band in range(len(cube.axis))])
    assert np.array_equal(bands, np.asarray(cube.data), equal_nan=True)
    assert np.nansum(bands) == pytest.approx(sum(each[2].sum() for each in spectra))
