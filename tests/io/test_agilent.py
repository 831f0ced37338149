"""Agilent tiles and mosaics: rows as in the ENVI twin, settings and pictures as they are told."""

import random
import struct
import warnings
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, read, read_all

SPECTRA = np.arange(5 * 2 * 3, dtype="<f4").reshape(5, 2, 3)  # (band, y, x)
RAW = np.arange(7 * 2 * 3, dtype="<f4").reshape(7, 2, 3) / 8


def tile(path, values):
    """Write values, (band, y, x), after their head."""
    bands, height, width = values.shape
    head = struct.pack("<xII", 18290, 0) + struct.pack("<I", bands)
    head = head.ljust(24, b"\0") + struct.pack("<HH", width, height)
    path.write_bytes(head.ljust(1020, b"\0") + values.astype("<f4").tobytes())
    return path


def words(name, value):
    """Return a setting that is a text."""
    fours = struct.pack("<7I", 4, 1, 4, 2, 4, 4, 4)
    length = len(value)
    return name + fours + struct.pack("<4I", length, 4, length, length) + value


def number(name, value):
    """Return a setting that is a number."""
    head = name + struct.pack("<3I", 0, 2, 8) + b"PropType" + struct.pack("<5I", 1, 1, 4, 0, 4)
    return head + b"1.00" + struct.pack("<3Id", 1, 1, 8, value)


def sampling(step, start, count):
    return b"1.00" + struct.pack("<3IdIiIi", 1, 4, 8, step, 4, start, 4, count)


def settings(path, bands=5, *, summed=b"16", extra=b""):
    """Write a .bsp or .dmt."""
    parts = [
        sampling(15.5, 100, bands),
        b"Wavenumber" + struct.pack("<3I", 4, 10, 10) + b"Absorbance\x04",
        words(b"Time Stamp", b""),
        words(b"Time Stamp", b"Tuesday, January 02, 2018 14:01:52"),
        words(b"FPA Size X", b"96"),
        words(b"PixelAggregationSize", summed),
        number(b"FPA Pixel Size", 5.5),
        extra,
        b"Interferogram" + sampling(0.25, -2, 7),
    ]
    path.write_bytes(compound(b"\0\0\0\0".join(parts).ljust(4096, b"\0")))
    return path


def compound(stream):
    """Return a compound file of one stream, whose sectors lie in it last to first."""
    sectors = [stream[start : start + 512] for start in range(0, len(stream), 512)]
    count = len(sectors)
    table = [0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFE, *range(2, count + 1)]
    entry = bytes(66) + b"\2" + bytes(49) + struct.pack("<IQ", count + 1, len(stream)) + bytes(4)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + struct.pack("<H", 9)
    head = head.ljust(44, b"\0") + struct.pack("<II", 1, 1)
    head = head.ljust(76, b"\0") + struct.pack("<I", 0)
    told = b"".join(struct.pack("<I", number) for number in table).ljust(512, b"\xff")
    return head.ljust(512, b"\xff") + told + entry.ljust(512, b"\0") + b"".join(sectors[::-1])


@pytest.fixture
def single(tmp_path):
    tile(tmp_path / "Sample.dat", SPECTRA)
    settings(tmp_path / "sample.bsp")  # in lower case, as Agilent has it
    return tile(tmp_path / "Sample.seq", RAW)


@pytest.fixture
def mosaic(tmp_path):
    """Two columns of three tiles; tile (column 1, row 2) was not measured."""
    folder = tmp_path / "scan"
    folder.mkdir()
    for column in range(2):
        for row in range(3):
            if (column, row) != (1, 2):
                tile(folder / f"Scan_000{column}_000{row}.dmd", SPECTRA + 100 * (2 * row + column))
    extent = words(b"MosaicExtentX", b"2") + words(b"MosaicExtentY", b"3")
    return settings(folder / "scan.dmt", extra=extent)


def test_a_tile_has_its_spectra_and_where_asked_for_its_interferograms(single):
    (spectra,) = read_all(single)
    assert np.array_equal(spectra.data, SPECTRA)
    raw = read(f"{single}::interferograms")
    assert np.array_equal(raw.data, RAW)
    assert raw.name == "Sample interferograms"
    assert raw.axis.centres.tolist() == [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1]
    assert raw.metadata["axis"] == "optical retardation (cm)"


def test_the_settings_tell_axis_unit_pixel_size_and_time(single):
    cube = read(single)
    assert cube.spectral_axis.centres.tolist() == [1550, 1565.5, 1581, 1596.5, 1612]
    assert (cube.axis.unit, cube.axis.kind) == ("1/cm", "wavenumber")
    assert cube.intensity_unit == "absorbance"
    assert (cube.pixel_size, cube.pixel_unit) == ((88, 88), "um")
    assert cube.metadata["Agilent"]["Time Stamp"] == "Tuesday, January 02, 2018 14:01:52"


def test_how_many_pixels_were_summed_up_is_had_from_the_detector_too(single):
    settings(single.with_name("sample.bsp"), summed=b"")
    assert read(single).pixel_size == (5.5 * 32, 5.5 * 32)  # 96 pixels of it make 3


def test_the_envi_twin_has_the_same_pixels(single):
    header = "ENVI\nsamples=3\nlines=2\nbands=5\nheader offset=1020\ndata type=4\ninterleave=bsq\n"
    single.with_suffix(".hdr").write_text(header + "wavelength={1550,1565.5,1581,1596.5,1612}")
    twin = read(single.with_suffix(".hdr"))
    assert np.array_equal(twin.data, SPECTRA)
    assert (twin.pixel_size, twin.pixel_unit) == ((88, 88), "um")


def test_interferograms_alone_will_do(single):
    single.with_name("Sample.dat").unlink()
    assert np.array_equal(read(single).data, RAW)


def test_there_are_no_other_arrays(single):
    with pytest.raises(FileFormatError, match=r"no array 'phase'; .*Sample.seq::interferograms"):
        read(f"{single}::phase")


def test_tiles_are_numbered_from_the_top_and_rows_run_from_below(mosaic):
    with pytest.warns(
        UserWarning, match=r"scan.dmt: 1 of 6 tiles are missing, they are left empty"
    ):
        cube = read(mosaic)
    assert cube.shape == (5, 6, 6)
    whole = np.asarray(cube.data)
    assert np.array_equal(whole[:, :2, :3], SPECTRA + 400)
    assert np.array_equal(whole[:, 4:, 3:], SPECTRA + 100)
    assert np.isnan(whole[:, :2, 3:]).all()
    assert not np.isnan(whole[:, 2:]).any()


@pytest.mark.filterwarnings("ignore:scan.dmt")
def test_a_part_of_a_mosaic_is_that_part_of_the_whole(mosaic):
    cube = read(mosaic)
    whole = np.asarray(cube.data)
    for part in (
        np.s_[2],
        np.s_[:, 3, 4],
        np.s_[1:4, 1:6:2, 5],
        np.s_[::2, ::-1, 2:5],
        np.s_[4, 5],
    ):
        assert np.array_equal(np.asarray(cube.data[part]), whole[part], equal_nan=True)


@pytest.mark.filterwarnings("ignore:scan.dmt")
def test_only_the_tiles_that_are_looked_at_are_read(mosaic):
    cube = read(mosaic)
    mosaic.with_name("Scan_0000_0000.dmd").unlink()
    assert np.array_equal(np.asarray(cube.data[:, 0, :3]), SPECTRA[:, 0] + 400)


@pytest.mark.filterwarnings("ignore:scan.dmt")
def test_the_pictures_of_the_microscope_lie_on_the_mosaic(mosaic):
    shades = np.arange(12, dtype=np.uint8).reshape(4, 3)
    Pillow.fromarray(shades).convert("RGB").save(mosaic.with_name("IrCutout.bmp"))
    told = "[MicronMeasurements]\nIrCollectWidthMicrons=528\nIrCollectHeightMicrons=528\n"
    mosaic.with_name("IrMosaicInfo.cfg").write_text(told)
    cube, picture = read_all(mosaic)
    assert read(mosaic).name == cube.name == "scan"
    assert picture.axis == ChannelAxis(("red", "green", "blue"))
    assert np.array_equal(picture.data[0], shades[::-1])
    assert picture.pixel_size == (132, 176)
    assert picture.origin == (-44 + 66, -44 + 88)


def test_a_mosaic_has_interferograms_too(mosaic):
    tile(mosaic.with_name("Scan_0001_0002.drd"), RAW)
    with pytest.warns(UserWarning, match="5 of 6 tiles are missing"):
        cube = read(f"{mosaic}::interferograms")
    assert np.array_equal(np.asarray(cube.data)[:, :2, 3:], RAW)
    assert np.isnan(np.asarray(cube.data)).sum() == 5 * RAW.size


@pytest.mark.filterwarnings("ignore")
def test_a_picture_that_is_damaged_is_left_out(mosaic):
    mosaic.with_name("IrCutout.bmp").write_bytes(b"BM" + bytes(100))
    assert len(read_all(mosaic)) == 1


def test_what_is_missing_is_named(single):
    single.with_name("sample.bsp").unlink()
    with pytest.raises(FileFormatError, match=r"its settings, Sample.bsp, are missing"):
        read(single)
    settings(single.with_name("alone.dmt"))
    with pytest.raises(
        FileFormatError, match=r"alone.dmt: none of its tiles .*alone_0000_0000.dmd"
    ):
        read(single.with_name("alone.dmt"))


def test_files_of_different_measurements_are_not_mixed(single):
    tile(single.with_name("Sample.dat"), SPECTRA[:, :1])
    with pytest.raises(FileFormatError, match=r"3 × 2 pixels, Sample.dat 3 × 1"):
        read(single)
    tile(single.with_name("Sample.dat"), SPECTRA[:4])
    with pytest.raises(FileFormatError, match="4 bands, but 5 wavenumbers"):
        read(single)


@pytest.mark.filterwarnings("ignore:scan.dmt")
def test_tiles_of_another_shape_are_refused(mosaic):
    tile(mosaic.with_name("Scan_0001_0000.dmd"), SPECTRA[:, :1])
    with pytest.raises(FileFormatError, match="its tiles differ in shape"):
        read(mosaic)


@pytest.mark.parametrize("name", ["Sample.seq", "Sample.dat", "sample.bsp"])
def test_values_cut_short_are_refused_wherever_they_were_cut(single, name):
    file = single.with_name(name)
    whole = file.read_bytes()
    for length in range(0, len(whole), 61):
        file.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read(single)


@pytest.mark.filterwarnings("ignore:scan.dmt")
def test_a_tile_cut_short_is_refused(mosaic):
    file = mosaic.with_name("Scan_0001_0000.dmd")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=r"Scan_0001_0000.dmd: 1139 bytes, but 5 bands"):
        read(mosaic)


def test_flipped_bytes_in_settings_and_heads_raise_nothing_else(single):
    chance = random.Random(0)
    for name in ("sample.bsp", "Sample.seq"):
        file = single.with_name(name)
        whole = file.read_bytes()
        for _ in range(200):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(whole))] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
            file.write_bytes(damaged)
            with warnings.catch_warnings(), suppress(FileFormatError):
                warnings.simplefilter("ignore")
                assert np.asarray(read(single).data).shape == (5, 2, 3)
        file.write_bytes(whole)
