"""WITec projects, as far as their description goes: no real one is public."""

import random
from contextlib import suppress

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, read, read_all

pytest.importorskip("witio", reason="the extra 'wip' is not installed")

from witio.tag import WitTag, write_bytes

TREE, DOUBLE, INT, BYTE, BOOL, TEXT = 0, 2, 5, 7, 8, 9


def tree(name, *children):
    return WitTag(name, TREE, children=list(children))


def number(name, value):
    return WitTag(name, INT, data=[value])


def floats(name, *values):
    return WitTag(name, DOUBLE, data=values)


def text(name, value):
    return WitTag(name, TEXT, data=value)


def entry(kind, number_, caption, *payload):
    """Return an entry of the project: its class, and its tags."""
    about = tree("TData", number("ID", number_), text("Caption", caption))
    return kind, [about, *payload]


SPECTRAL = entry(
    "TDSpectralTransformation",
    10,
    "pixels to nm",
    tree("TDTransformation", text("StandardUnit", "nm"), number("UnitKind", 2)),
    tree(
        "TDSpectralTransformation",
        number("SpectralTransformationType", 0),
        floats("Polynom", 540, 2, 0),
    ),
)
SHIFT = entry(
    "TDSpectralInterpretation",
    11,
    "nm to shift",
    tree("TDInterpretation", number("UnitIndex", 3)),
    tree("TDSpectralInterpretation", floats("ExcitationWaveLength", 532)),
)
COUNTS = entry(
    "TDZInterpretation", 12, "counts", tree("TDZInterpretation", text("UnitName", "CCD cts"))
)
SPACE = entry(
    "TDSpaceTransformation",
    13,
    "pixels to µm",
    tree("TDTransformation", text("StandardUnit", "µm"), number("UnitKind", 1)),
    tree(
        "TDSpaceTransformation",
        tree(
            "ViewPort3D",
            floats("ModelOrigin", 0, 0, 0),
            floats("WorldOrigin", 10, 20, 0),
            floats("Scale", 0.5, 0, 0, 0, 2, 0, 0, 0, 1),
            floats("Rotation", 1, 0, 0, 0, 1, 0, 0, 0, 1),
        ),
    ),
)


def graph(data, valid=None):
    """Return an entry of spectra, (band, y, x) of uint16; y runs before x in the file."""
    bands, height, width = data.shape
    raw = data.transpose(2, 1, 0).astype("<u2").tobytes()
    lines = [] if valid is None else [WitTag("LineValid", BOOL, data=valid)]
    return entry(
        "TDGraph",
        1,
        "map",
        tree(
            "TDGraph",
            number("SizeX", width),
            number("SizeY", height),
            number("SizeGraph", bands),
            number("XTransformationID", 10),
            number("XInterpretationID", 11),
            number("ZInterpretationID", 12),
            number("SpaceTransformationID", 13),
            tree(
                "GraphData",
                number("DataType", 6),
                WitTag("Data", BYTE, data=np.frombuffer(raw, "u1")),
            ),
            *lines,
        ),
    )


def project(path, *entries):
    children = [number("NumberOfData", len(entries))]
    for place, (kind, tags) in enumerate(entries):
        children += [text(f"DataClassName {place}", kind), tree(f"Data {place}", *tags)]
    root = tree("WITec Project ", number("Version", 7), tree("Data", *children))
    path.write_bytes(write_bytes(b"WIT_PR06", root))
    return path


@pytest.fixture
def cube():
    return np.random.default_rng(0).integers(0, 2**16, (7, 3, 4))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.wip"


def test_spectra_have_their_shift_their_laser_and_their_place(path, cube):
    found = read(project(path, SPECTRAL, SHIFT, COUNTS, SPACE, graph(cube)))
    np.testing.assert_array_equal(found.data, cube)
    wavelengths = 540 + 2 * np.arange(7)
    assert found.axis.centres == pytest.approx(1e7 * (1 / 532 - 1 / wavelengths))
    assert (found.axis.unit, found.axis.kind) == ("1/cm", "raman_shift")
    assert found.axis.excitation_nm == 532
    assert (found.pixel_size, found.origin, found.pixel_unit) == ((2, 0.5), (20, 10), "um")
    assert (found.intensity_unit, found.name) == ("counts", "map")
    assert found.history == ("read a.wip",)


def test_rows_that_were_never_measured_are_nan(path, cube):
    found = np.asarray(read(project(path, SPECTRAL, SHIFT, graph(cube, [True, True, False]))).data)
    np.testing.assert_array_equal(found[:, :2], cube[:, :2])
    assert np.isnan(found[:, 2]).all()


def test_without_a_calibration_bands_are_counted_and_it_is_told(path, cube):
    project(path, graph(cube))
    with pytest.warns(UserWarning, match=r"a\.wip: map has no spectral axis"):
        found = read(path)
    assert found.axis.kind == "index"
    assert (found.pixel_unit, found.intensity_unit) == (None, None)


def test_images_and_bitmaps_come_along(path, cube):
    heights = np.arange(12.0).reshape(3, 4)
    image = entry(
        "TDImage",
        2,
        "topography",
        tree(
            "TDImage",
            number("SizeX", 4),
            number("SizeY", 3),
            number("PositionTransformationID", 13),
            tree(
                "ImageData",
                number("DataType", 10),
                WitTag("Data", BYTE, data=np.frombuffer(heights.T.tobytes(), "u1")),
            ),
        ),
    )
    colours = np.random.default_rng(1).integers(0, 256, (3, 4, 4), np.uint8)  # (y, x, RGBA)
    bitmap = entry(
        "TDBitmap",
        3,
        "video",
        tree(
            "TDBitmap",
            number("SizeX", 4),
            number("SizeY", 3),
            tree(
                "BitmapData",
                number("DataType", 2),
                WitTag("Data", BYTE, data=np.frombuffer(colours.tobytes(), "u1")),
            ),
        ),
    )
    spectra, topography, video = read_all(
        project(path, SPECTRAL, SHIFT, SPACE, graph(cube), image, bitmap)
    )
    assert spectra.shape == (7, 3, 4)
    np.testing.assert_array_equal(topography.data, heights[None])
    assert topography.pixel_size == (2, 0.5)
    np.testing.assert_array_equal(video.data, colours[..., :3].transpose(2, 0, 1))
    assert video.axis == ChannelAxis(("red", "green", "blue"))


def test_a_project_without_an_image_says_what_it_has(path):
    with pytest.raises(FileFormatError, match=r"^a\.wip: neither spectra nor an image among TDZ"):
        read(project(path, COUNTS))


def test_what_is_none_is_refused(path):
    for content in (b"x", b"WIT_PR07" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"^a\.wip: not a WITec project"):
            read(path)


def test_a_project_cut_short_is_refused(path, cube):
    whole = project(path, SPECTRAL, SHIFT, SPACE, graph(cube)).read_bytes()
    for cut in range(20):
        path.write_bytes(whole[: len(whole) * cut // 20])
        with pytest.raises(FileFormatError, match=r"^a\.wip: "):
            read(path)


@pytest.mark.filterwarnings("ignore")
def test_flipped_bytes_are_refused_or_survived(path, cube):
    whole = project(path, SPECTRAL, SHIFT, COUNTS, SPACE, graph(cube)).read_bytes()
    chance = random.Random(0)
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with suppress(FileFormatError):
            read_all(path)
