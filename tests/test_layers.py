"""What a layer keeps of a cube, and what people may change in napari."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling, describe
from napari_hyperspectral.layers import (
    METADATA_KEY,
    contrast_limits,
    from_layer,
    labels_for,
    labels_layer,
    metadata_of,
    to_layer,
    to_layers,
)


@pytest.mark.parametrize(
    "which", ["cube", "plain_cube", "stack", "labels", "channels", "film", "picture"]
)
def test_a_layer_gives_back_the_image_it_was_made_of(which, request):
    image = request.getfixturevalue(which)
    back = from_layer(*to_layer(image))
    assert type(back) is type(image)
    assert describe(back) == describe(image)
    assert np.array_equal(back.data, image.data)
    assert back.data.dtype == image.data.dtype


def test_the_description_in_a_layer_is_plain_json_with_every_digit(cube):
    metadata = to_layer(cube)[1]["metadata"]
    about = json.loads(json.dumps(metadata[METADATA_KEY], allow_nan=False))
    assert np.array_equal(about["axis"]["centres"], cube.axis.centres)


def test_other_plugins_find_the_wavelengths_where_they_look(cube):
    metadata = to_layer(cube)[1]["metadata"]
    assert [float(centre) for centre in metadata["wavelength"]] == cube.axis.centres.tolist()
    assert (metadata["wavelength units"], metadata["signal_axis"]) == ("1/cm", 0)
    assert metadata["type"] == "hyperspectral_cube"
    assert metadata["wav"] == metadata["centers"] == cube.axis.centres.tolist()


def test_bands_are_counted_and_space_is_measured(stack):
    attributes = to_layer(stack)[1]
    assert attributes["axis_labels"] == ("t", "z", "band", "y", "x")
    assert attributes["scale"] == (30.0, 1.5, 1.0, 0.5, 0.25)
    assert attributes["translate"] == (5.0, -3.0, 0.0, 1.0, 2.0)
    assert attributes["units"] == ("s", "um", "pixel", "um", "um")


@pytest.mark.parametrize("unit", ["furlongs per second", "°", "m/z", ""])
def test_a_unit_that_napari_does_not_know_is_shown_as_pixels_and_kept(cube, unit):
    odd = replace(cube, pixel_unit=unit)
    data, attributes, kind = to_layer(odd)
    assert attributes["units"] == ("pixel",) * 3
    assert from_layer(data, attributes, kind).pixel_unit == unit


def test_what_is_changed_in_napari_wins(cube):
    data, attributes, kind = to_layer(cube)
    changed = attributes | {
        "name": "mine",
        "scale": (1, 2, 3),
        "translate": (0, -1, -2),
        "units": ("pixel", "millimeter", "millimeter"),
    }
    back = from_layer(data, changed, kind)
    assert (back.name, back.pixel_size, back.origin) == ("mine", (2.0, 3.0), (-1.0, -2.0))
    assert back.pixel_unit == "mm"
    assert back.axis == cube.axis


def test_planes_and_frames_moved_in_napari_move(stack):
    data, attributes, kind = to_layer(stack)
    back = from_layer(data, attributes | {"scale": (10, 2, 1, 1, 1)}, kind)
    assert (back.t.step, back.z.step, back.z.unit) == (10.0, 2.0, "um")


def test_a_layer_that_is_not_ours_gets_no_made_up_axis():
    image = from_layer(np.zeros((3, 4, 5)), {"name": "c", "scale": (1, 0.5, 0.5)}, "image")
    assert image.axis == SpectralAxis.index(3)
    assert (image.name, image.pixel_size) == ("c", (0.5, 0.5))
    assert from_layer(np.zeros((4, 5)), {"scale": (2, 2)}, "image").shape == (1, 4, 5)
    assert from_layer(np.zeros((2, 3, 4, 5)), {}, "image").dims == ("z", "band", "y", "x")


def test_a_description_that_no_longer_fits_is_not_believed(cube):
    _, attributes, kind = to_layer(cube)
    cropped = from_layer(cube.data[:4], attributes, kind)
    assert cropped.axis == SpectralAxis.index(4)


def test_what_is_no_image_is_refused_by_name():
    with pytest.raises(ValueError, match="'dots' is a points layer"):
        from_layer(np.zeros((4, 2)), {"name": "dots"}, "points")
    with pytest.raises(ValueError, match="'photo' is an RGB picture"):
        from_layer(np.zeros((4, 5, 3)), {"name": "photo", "rgb": True}, "image")
    with pytest.raises(ValueError, match="has 1 axes"):
        from_layer(np.zeros(4), {"name": "line"}, "image")


def test_labels_painted_on_any_band_are_one_image():
    painted = np.zeros((6, 5, 7), np.int32)
    painted[0, 1, 2], painted[4, 3, 3], painted[5, 3, 3] = 1, 1, 2
    labels = from_layer(painted, {"scale": (1, 0.5, 0.25), "translate": (0, 10, -3)}, "labels")
    assert labels.shape == (5, 7)
    assert (labels.data[1, 2], labels.data[3, 3], labels.data.sum()) == (1, 2, 3)
    assert (labels.pixel_size, labels.origin) == ((0.5, 0.25), (10.0, -3.0))


def test_labels_for_a_cube_lie_on_it(cube):
    labels = labels_for(cube)
    assert labels.shape == cube.shape[1:]
    assert not labels.data.any()
    assert (labels.pixel_size, labels.origin, labels.pixel_unit) == (
        cube.pixel_size,
        cube.origin,
        cube.pixel_unit,
    )


def test_labels_for_a_stack_reach_over_all_its_bands_and_come_back_without_them(stack):
    data, attributes, kind = labels_layer(stack)
    assert data.shape == (2, 3, 1, 5, 7)
    band, start = attributes["scale"][-3], attributes["translate"][-3]
    assert (start - band / 2, start + band / 2) == (-0.5, 5.5)
    data[1, 2, 0, 3, 4] = 2
    back = from_layer(data, attributes, kind)
    assert (back.shape, back.data[1, 2, 3, 4]) == ((2, 3, 5, 7), 2)
    assert (back.z, back.t, back.pixel_size) == (stack.z, stack.t, stack.pixel_size)


def test_class_names_are_shown_and_come_back(labels):
    data, attributes, kind = to_layer(labels)
    assert attributes["features"]["class"] == ["unlabelled", "nucleus", "lipid droplet"]
    assert from_layer(data, attributes, kind).classes == labels.classes


def test_colours_of_classes_are_shown_and_come_back(labels, make_napari_viewer):
    coloured = replace(labels, colours=("#ff0000", "#0080FF"))
    data, attributes, kind = to_layer(coloured)
    assert from_layer(data, attributes, kind).colours == ("#ff0000", "#0080ff")
    layer = make_napari_viewer().add_labels(data, **attributes)
    assert layer.get_color(2) == pytest.approx([0, 128 / 255, 1, 1], abs=1e-3)
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    assert layer.get_color(9)[3] == 1, "a class that was painted later is seen"
    assert from_layer(*layer.as_layer_data_tuple()).colours == ("#ff0000", "#0080ff")


def test_colours_that_were_changed_in_napari_win(labels, make_napari_viewer):
    data, attributes, _ = to_layer(labels)
    layer = make_napari_viewer().add_labels(data, **attributes)
    assert from_layer(*layer.as_layer_data_tuple()).colours == ()
    layer.colormap = {1: "blue", None: "white"}
    assert from_layer(*layer.as_layer_data_tuple()).colours == ("#0000ff", "#ffffff")


def test_what_others_wrote_into_the_metadata_stays(cube, channels):
    before = to_layer(cube)[1]["metadata"] | {"mine": 5}
    after = metadata_of(channels, before)
    assert after["mine"] == 5
    assert "wavelength" not in after, "named channels have none"
    assert after[METADATA_KEY] == describe(channels)


@pytest.mark.parametrize("name", ["georeference", "intensity_unit"])
def test_what_a_file_says_of_place_and_intensity_survives_a_layer(cube, name):
    about = {"georeference": {"crs": "EPSG:32633", "origin": [1.5, 2]}, "intensity_unit": "%T"}
    back = from_layer(*to_layer(replace(cube, **about)))
    assert getattr(back, name) == about[name]


def test_a_picture_is_shown_in_its_colours(picture, make_napari_viewer):
    data, attributes, _ = to_layer(picture, in_colour=True)
    layer = make_napari_viewer().add_image(data, **attributes)
    assert layer.rgb
    assert layer.data.shape == (4, 5, 3)
    assert np.array_equal(layer.scale, picture.pixel_size)
    back = from_layer(*layer.as_layer_data_tuple())
    assert describe(back) == describe(picture)
    assert np.array_equal(back.data, picture.data)


def test_a_picture_beside_spectra_does_not_cover_them(picture, cube):
    survey = Cube(np.zeros((1, 4, 5)), SpectralAxis.index(1))
    images = [survey, cube, picture, survey]
    seen = [attributes.get("visible", True) for _, attributes, _ in to_layers(images)]
    assert seen == [True, True, False, False]
    ((data, attributes, _),) = to_layers([picture])
    assert (data.shape, attributes["rgb"]) == ((3, 4, 5), False), "alone it is to be worked with"
    assert "visible" not in attributes


def test_a_list_of_spectra_is_a_strip_of_pixels(axis, rng, make_napari_viewer):
    data, attributes, _ = to_layer(Cube.from_spectra(rng.normal(size=(25, 6)), axis))
    layer = make_napari_viewer().add_image(data, **attributes)
    assert layer.data.shape == (6, 1, 25)
    assert from_layer(*layer.as_layer_data_tuple()).axis == axis


def test_contrast_ignores_what_is_missing():
    data = np.linspace(0, 1, 6 * 50 * 70).reshape(6, 50, 70)
    data[:, ::2] = np.nan
    data[0, 1, 1] = np.inf
    low, high = contrast_limits(data)
    assert 0 <= low < 0.1
    assert 0.9 < high <= 1
    assert contrast_limits(np.full((2, 3, 4), np.nan)) == (0.0, 1.0)
    data[1] = -32768
    assert contrast_limits(data, missing=-32768) == pytest.approx((low, high), abs=0.2)
    assert contrast_limits(np.full((2, 3, 4), 7)) == (7.0, 14.0)


def test_contrast_of_a_large_file_is_known_from_few_bands():
    seen = []

    class File:
        shape, dtype = (1000, 2000, 2000), np.dtype(np.uint16)

        def __getitem__(self, key):
            seen.append(np.prod([len(range(*k.indices(n))) for k, n in zip(key, self.shape)]))
            return np.arange(24)

    contrast_limits(File())
    assert sum(seen) <= 24**3


@pytest.fixture
def channels(rng):
    return Cube(rng.normal(size=(2, 4, 5)), ChannelAxis(("DAPI", "actin")), name="stains")


@pytest.fixture
def film(rng):
    data = rng.integers(0, 3, (2, 4, 5)).astype(np.uint8)
    return Labels(data, ("one", "two"), t=Sampling(2.0, 1.0, "s"))


@pytest.fixture
def picture(rng):
    """What a camera beside the spectrometer saw."""
    return Cube(
        rng.integers(0, 255, (3, 4, 5)).astype(np.uint8),
        ChannelAxis(("red", "green", "blue")),
        pixel_size=(2.0, 3.0),
        origin=(-1.0, 5.0),
        pixel_unit="um",
        name="white light",
    )


def test_a_survey_beside_a_spectrum_lies_under_each_band_and_comes_back(cube):
    survey = replace(
        cube, data=cube.data[:1], axis=ChannelAxis(("total ion current",)), name="survey"
    )
    _, (data, attributes, _) = to_layers([cube, survey])
    assert data.shape == survey.shape[-2:]
    assert len(attributes["scale"]) == len(attributes["axis_labels"]) == 2
    assert attributes["visible"] is False
    back = from_layer(data, attributes, "image")
    assert describe(back) == describe(survey)
    assert np.array_equal(back.data, survey.data)
    ((alone, _, _),) = to_layers([survey])
    assert alone.shape == survey.shape
