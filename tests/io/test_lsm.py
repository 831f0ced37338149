"""Zeiss LSM: the spectrum, geometry and planes of its description, whatever else is in the file."""

import contextlib
import random
import struct
import warnings

import numpy as np
import pytest
import tifffile

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Sampling
from napari_hyperspectral.io import FileFormatError, read, read_all

STARTS = 417.8 + 10 * np.arange(8)


def info(channels, *, planes=1, frames=1, positions=1, scan=0, spectral=1, offsets=(0, 0, 0)):
    """Return the structure CZ_LSMINFO; `offsets` are of colours, time stamps and wavelengths."""
    colours, stamps, wavelengths = offsets
    return (
        struct.pack("<I9i", 67127628, 464, 7, 5, planes, channels, frames, 1, 2, 2)
        + struct.pack("<6d", 2e-7, 1e-7, 5e-7, 0, 0, 0)
        + struct.pack("<HHI", scan, spectral, 0)
        + struct.pack("<4Id", 0, 0, 0, colours, 1.5)
        + struct.pack("<8I", 0, 0, 0, stamps, 0, 0, 0, 0)
        + bytes(32)
        + struct.pack("<5I", *(0,) * 5)
        + struct.pack("<II", wavelengths, 0)
        + bytes(12 + 12 + 24 + 4)
        + struct.pack("<ii", positions, 1)
    ).ljust(464, b"\0")


def lsm(path, data, *, ranges=None, names=(), times=(), compression=None, **about):
    """Write planes (plane, channel, y, x) with a thumbnail behind each, as the microscope does."""
    channels = data.shape[1]
    raw = info(channels, **about)
    thumbnail = np.full((2, 2, 3), 9, data.dtype)
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number, plane in enumerate(data):
            file.write(
                plane,
                photometric="minisblack",
                planarconfig="separate" if channels > 1 else None,
                metadata=None,
                compression=compression,
                extratags=[(34412, "B", len(raw), raw, True)] if not number else [],
                contiguous=False,
            )
            file.write(thumbnail, photometric="rgb", metadata=None, subfiletype=1)
    content = bytearray(path.read_bytes())
    coded = b"".join(struct.pack("<I", len(name) + 1) + name.encode() + b"\0" for name in names)
    noffset = 24 + 4 * len(names)
    blocks = [
        struct.pack("<6I", noffset + len(coded), len(names), len(names), 24, noffset, 0)
        + bytes(4 * len(names))
        + coded,
        struct.pack(f"<ii{len(times)}d", 8 + 8 * len(times), len(times), *times),
        b""
        if ranges is None
        else struct.pack("<i", len(ranges)) + np.asarray(ranges, "<f8").tobytes(),
    ]
    offsets = []
    for block, there in zip(blocks, (names, len(times), ranges is not None), strict=True):
        offsets.append(len(content) if there else 0)
        content += block if there else b""
    begin = content.find(raw)
    content[begin : begin + len(raw)] = info(channels, offsets=offsets, **about)
    path.write_bytes(content)
    return path


@pytest.fixture
def spectra(rng):
    return rng.permutation(8 * 5 * 7).reshape(1, 8, 5, 7).astype(np.uint16)


def metres(starts):
    return np.stack([starts, starts + 10], axis=1) * 1e-9


def test_wavelengths_are_ranges_in_metres_of_which_the_middle_is_the_centre(tmp_path, spectra):
    cube = read(lsm(tmp_path / "a.lsm", spectra, ranges=metres(STARTS)))
    np.testing.assert_allclose(cube.axis.centres, STARTS + 5)
    np.testing.assert_allclose(cube.axis.widths, 10)
    assert (cube.axis.unit, cube.axis.kind, cube.axis.guessed) == ("nm", "wavelength", False)
    assert cube.pixel_size == pytest.approx((0.1, 0.2))
    assert (cube.pixel_unit, cube.name) == ("um", "a")
    np.testing.assert_array_equal(np.asarray(cube.data), spectra[0])


def test_thumbnails_are_left_out(tmp_path, spectra):
    (cube,) = read_all(lsm(tmp_path / "a.lsm", spectra, ranges=metres(STARTS)))
    assert cube.shape == (8, 5, 7)


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_frames_and_slices_keep_their_order_and_distances(tmp_path, rng, compression):
    data = rng.integers(0, 999, (6, 8, 5, 7)).astype(np.uint16)
    path = lsm(
        tmp_path / "a.lsm",
        data,
        ranges=metres(STARTS),
        times=(10.0, 12.5),
        planes=3,
        frames=2,
        scan=6,
        compression=compression,
    )
    cube = read(path)
    assert cube.dims == ("t", "z", "band", "y", "x")
    assert cube.t == Sampling(2.5, 0.0, "s")
    assert (cube.z.step, cube.z.unit) == (pytest.approx(0.5), "um")
    np.testing.assert_array_equal(np.asarray(cube.data), data.reshape(2, 3, 8, 5, 7))


def test_positions_are_images_of_their_own(tmp_path, rng):
    data = rng.integers(0, 999, (4, 8, 5, 7)).astype(np.uint16)
    path = lsm(tmp_path / "a.lsm", data, ranges=metres(STARTS), planes=2, positions=2)
    images = read_all(path)
    assert [image.name for image in images] == ["a position 1", "a position 2"]
    np.testing.assert_array_equal(np.asarray(images[1].data), data[2:])


@pytest.mark.parametrize("nothing", [(0, 0), (-1e-9, -1e-9), (np.nan, np.nan)])
def test_a_detector_outside_the_spectrum_is_an_image_of_its_own(tmp_path, spectra, nothing):
    ranges = metres(STARTS)
    ranges[-1] = nothing
    names = (*(f"{start:.0f}" for start in STARTS[:-1]), "T-PMT")
    path = lsm(tmp_path / "a.lsm", spectra, ranges=ranges, names=names)
    spectrum, transmission = read_all(path)
    np.testing.assert_allclose(spectrum.axis.centres, STARTS[:-1] + 5)
    assert transmission.axis == ChannelAxis(("T-PMT",))
    assert [spectrum.name, transmission.name] == ["a spectrum", "a transmission"]
    np.testing.assert_array_equal(np.asarray(spectrum.data), spectra[0, :-1])
    np.testing.assert_array_equal(np.asarray(transmission.data), spectra[0, -1:])
    assert read(path).shape == spectrum.shape


def test_dyes_keep_their_names_and_get_no_spectrum(tmp_path, spectra):
    ranges = metres(np.array([410.0, 500.0, 600.0]))
    names = ("Ch1-T1", "Ch2-T2", "Ch2-T3")
    path = lsm(tmp_path / "a.lsm", spectra[:, :3], ranges=ranges, names=names, spectral=0)
    assert read(path).axis == ChannelAxis(names)


def test_channels_without_wavelengths_are_only_counted(tmp_path, spectra):
    assert read(lsm(tmp_path / "a.lsm", spectra)).axis == SpectralAxis.index(8)


def test_fewer_planes_than_the_microscope_took_are_refused(tmp_path, spectra):
    path = lsm(tmp_path / "a.lsm", spectra, ranges=metres(STARTS), planes=3)
    with pytest.raises(FileFormatError, match=r"a\.lsm: .*copy it again"):
        read(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(tmp_path, spectra, kept):
    path = lsm(tmp_path / "a.lsm", np.repeat(spectra, 3, axis=0), planes=3)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(FileFormatError, match="copy"):
        read(path)


def test_flipped_bytes_give_an_image_or_a_refusal(tmp_path, spectra):
    path = lsm(tmp_path / "a.lsm", spectra, ranges=metres(STARTS), times=(1, 2), names=("a",) * 8)
    whole, chance = path.read_bytes(), random.Random(1)
    warnings.simplefilter("ignore")
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= chance.choice([0xFF, 0x80, 0x01])
        path.write_bytes(damaged)
        with contextlib.suppress(FileFormatError):
            images = read_all(path)
            assert all(np.asarray(image.data).size < 10**6 for image in images)
