"""A spectrum that OME keeps within another axis, or planes in another order, are found."""

import numpy as np
import pytest
from tifffile import imwrite

from napari_hyperspectral import read
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import read_all

BANDS = 4
STEPS = 'Start="500" Step="10" End="530" Unit="nm"'
LABELS = "".join(f"<Label>{centre}</Label>" for centre in (500, 510, 520, 530))
AXIS = SpectralAxis([500, 510, 520, 530], "nm")
SIZES = {"C": 1, "Z": 1, "T": 1}


def ome(path, data, along, content, *, order="XYCZT", referred=True, **sizes):
    """Write planes (plane, y, x) with a Modulo annotation along an axis."""
    counts = SIZES | sizes
    dimensions = " ".join(f'Size{letter}="{count}"' for letter, count in counts.items())
    channels = "".join(f'<Channel ID="Channel:0:{n}"/>' for n in range(counts["C"]))
    reference = '<AnnotationRef ID="Annotation:3"/>' if referred else ""
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="5" SizeY="3" '
        f"{dimensions}>{channels}<TiffData/></Pixels>{reference}</Image><StructuredAnnotations>"
        '<XMLAnnotation ID="Annotation:3" Namespace="openmicroscopy.org/omero/dimension/modulo">'
        '<Value><Modulo namespace="http://www.openmicroscopy.org/Schemas/Additions/2011-09">'
        f"<ModuloAlong{along} {content[0]}>{content[1]}</ModuloAlong{along}></Modulo></Value>"
        "</XMLAnnotation></StructuredAnnotations></OME>"
    )
    imwrite(path, data, description=xml.encode(), metadata=None, photometric="minisblack")
    return path


def planes(*lengths):
    count = int(np.prod(lengths))
    return np.arange(count * 15, dtype=np.uint16).reshape(count, 3, 5)


SPELLED = {
    "steps": (f'Type="lambda" {STEPS}', ""),
    "labels": ('Type="lambda" Unit="nm"', LABELS),
    "labels with units": ('Type="lambda"', LABELS.replace("</", " nm</")),
}


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("along", "CTZ")
def test_a_spectrum_along_any_axis_is_the_spectral_axis(tmp_path, along, spelled):
    data = planes(BANDS)
    path = ome(tmp_path / "a.ome.tif", data, along, spelled, **{along: BANDS})
    cube = read(path)
    assert cube.axis == AXIS
    assert np.array_equal(np.asarray(cube.data), data)


@pytest.mark.parametrize(("along", "letter"), [("T", "t"), ("Z", "z")])
def test_what_the_axis_counts_otherwise_stays_an_axis(tmp_path, along, letter):
    data = planes(3, BANDS)  # the spectrum is the fastest part of its axis
    path = ome(tmp_path / "a.ome.tif", data, along, SPELLED["steps"], **{along: 3 * BANDS})
    cube = read(path)
    assert cube.dims == (letter, "band", "y", "x")
    assert np.array_equal(np.asarray(cube.data), data.reshape(3, BANDS, 3, 5))


@pytest.mark.parametrize("order", ["XYCZT", "XYTZC"])
def test_channels_beside_a_spectrum_are_cubes_of_their_own(tmp_path, order):
    lengths = (BANDS, 2) if order == "XYCZT" else (2, BANDS)  # (t, c) or (c, t)
    data = planes(*lengths)
    path = ome(tmp_path / "a.ome.tif", data, "T", SPELLED["steps"], order=order, C=2, T=BANDS)
    cubes = read_all(path)
    by_channel = data.reshape(*lengths, 3, 5)
    if order == "XYCZT":
        by_channel = by_channel.swapaxes(0, 1)
    assert [cube.axis for cube in cubes] == [AXIS, AXIS]
    assert all(
        np.array_equal(np.asarray(c.data), d) for c, d in zip(cubes, by_channel, strict=True)
    )


def test_real_channels_along_the_axis_of_the_spectrum_are_cubes(tmp_path):
    data = planes(2, BANDS)
    path = ome(tmp_path / "a.ome.tif", data, "C", SPELLED["steps"], C=2 * BANDS)
    first, second = read_all(path)
    assert np.array_equal(np.asarray(first.data), data[:BANDS])
    assert np.array_equal(np.asarray(second.data), data[BANDS:])


def test_an_annotation_that_no_image_refers_to_is_of_all(tmp_path):
    path = ome(tmp_path / "a.ome.tif", planes(4), "T", SPELLED["steps"], referred=False, T=BANDS)
    assert read(path).axis == AXIS


def test_a_spectrum_that_does_not_divide_its_axis_is_told(tmp_path):
    path = ome(tmp_path / "a.ome.tif", planes(6), "C", SPELLED["steps"], referred=False, C=6)
    with pytest.warns(UserWarning, match="do not divide 6 planes"):
        assert read(path).axis == SpectralAxis.index(6)


def test_lifetimes_are_told_and_left_in_their_axis(tmp_path):
    content = ('Type="lifetime" Start="0" Step="50" End="150" Unit="ps"', "")
    path = ome(tmp_path / "a.ome.tif", planes(4), "T", content, T=BANDS)
    with pytest.warns(UserWarning, match="4 steps of lifetime along T"):
        assert read(path).dims == ("t", "band", "y", "x")


@pytest.mark.parametrize("order", ["czt", "ctz", "zct", "ztc", "tcz", "tzc", "XYZCT", "default"])
def test_an_imagej_hyperstack_is_read_in_its_order(tmp_path, order):
    truth = planes(2, 3, 4).reshape(2, 3, 4, 3, 5)  # (t, z, c, y, x)
    axes = "czt" if order == "default" else order.lower().removeprefix("xy")
    slowest_first = ["tzc".index(letter) for letter in reversed(axes)]
    data = truth.transpose(*slowest_first, 3, 4).reshape(24, 3, 5)
    sizes = "channels=4\nslices=3\nframes=2\nhyperstack=true"
    description = f"ImageJ=1.54f\nimages=24\n{sizes}\norder={order}\n"
    imwrite(tmp_path / "a.tif", data, description=description, metadata=None)
    cube = read(tmp_path / "a.tif")
    assert cube.dims == ("t", "z", "band", "y", "x")
    assert np.array_equal(np.asarray(cube.data), truth)


def test_an_order_that_imagej_does_not_know_is_told(tmp_path):
    description = "ImageJ=1.54f\nimages=4\nchannels=2\nframes=2\nhyperstack=true\norder=abc\n"
    imwrite(tmp_path / "a.tif", planes(4), description=description, metadata=None)
    with pytest.warns(UserWarning, match="none of the orders that ImageJ knows"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("steps", "unit", "centres"),
    [
        ('Start="0.4" Step="0.05" End="0.55"', "um", [0.4, 0.45, 0.5, 0.55]),  # 0.15 / 0.05 > 3
        ('Start="700" Step="-50" End="550"', "nm", [700, 650, 600, 550]),
    ],
)
def test_steps_that_are_no_whole_numbers_and_that_fall_are_counted_right(
    tmp_path, steps, unit, centres
):
    content = (f'Type="lambda" {steps} Unit="{unit}"', "")
    cube = read(ome(tmp_path / "a.ome.tif", planes(BANDS), "Z", content, Z=BANDS))
    assert (cube.axis.unit, cube.axis.guessed) == (unit, False)
    assert np.allclose(cube.axis.centres, centres)


def test_without_an_end_the_spectrum_is_guessed_to_fill_its_axis(tmp_path):
    content = ('Type="lambda" Start="500" Step="10" Unit="nm"', "")
    axis = read(ome(tmp_path / "a.ome.tif", planes(BANDS), "T", content, T=BANDS)).axis
    assert axis.guessed
    assert axis.same_bands(AXIS)
