"""PNG and its like are bands of a folder, or masks whose values or colours are classes."""

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_labels
from napari_hyperspectral.io.folder import holds_bands, images_among
from napari_hyperspectral.io.formats import patterns_of_files

BANDS = np.arange(31 * 3 * 4, dtype=np.uint16).reshape(31, 3, 4) * 100
CLASSES = np.array([[0, 1, 2, 2], [1, 1, 0, 3]])


def folder_of(path, name="balloons_ms_{:02d}.png"):
    path.mkdir()
    for number, band in enumerate(BANDS, 1):
        Pillow.fromarray(band).save(path / name.format(number))
    return path


def test_a_folder_of_a_file_a_band_is_a_cube(tmp_path):
    folder = folder_of(tmp_path / "balloons_ms")
    assert holds_bands(folder)
    (folder / "balloons_RGB.bmp").write_bytes(b"BM")
    cube = read(folder)
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert cube.data.dtype == np.uint16
    assert cube.axis == SpectralAxis.index(31)
    assert np.array_equal(np.asarray(cube.data[3, 1:, ::2]), BANDS[3, 1:, ::2])


def test_a_folder_in_a_folder_of_the_same_name_is_found(tmp_path):
    (tmp_path / "balloons_ms").mkdir()
    folder_of(tmp_path / "balloons_ms" / "balloons_ms")
    assert read(tmp_path / "balloons_ms").shape == BANDS.shape


def test_wavelengths_in_names_of_pictures_are_the_axis(tmp_path):
    axis = read(folder_of(tmp_path / "a", "band{:02d}0nm.png")).axis
    assert (axis.unit, axis.centres[30]) == ("nm", 310)


def saved(path, values, mode=None, palette=None, **options):
    picture = Pillow.fromarray(np.asarray(values), mode) if mode else Pillow.fromarray(values)
    if palette:
        picture.putpalette(palette)
    picture.save(path, **options)
    return path


def test_values_of_a_grey_mask_are_classes(tmp_path):
    labels = read_labels(saved(tmp_path / "a.png", CLASSES.astype(np.uint8)))
    assert np.array_equal(labels.data, CLASSES)


def test_places_in_a_palette_are_classes(tmp_path):
    picture = Pillow.fromarray(CLASSES.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_labels(tmp_path / "a.png").data, CLASSES)


def test_colours_of_a_mask_are_classes_and_black_is_unlabelled(tmp_path):
    palette = np.array([[0, 0, 0], [0, 0, 255], [0, 255, 0], [255, 0, 0]], np.uint8)
    labels = read_labels(saved(tmp_path / "a.png", palette[CLASSES]))
    assert np.array_equal(labels.data, CLASSES)
    assert labels.colours == ("#0000ff", "#00ff00", "#ff0000")


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.jpg"])
def test_white_of_a_mask_in_black_and_white_is_class_1(tmp_path, name, recwarn):
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 8:40] = 255
    labels = read_labels(saved(tmp_path / name, mask))
    assert np.array_equal(labels.data, mask // 255)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_photograph_is_no_mask(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    with pytest.raises(FileFormatError, match="colours, a mask has one for each class"):
        read_labels(saved(tmp_path / name, noise))


def test_a_picture_in_colours_has_three_channels(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (3, 4, 3)).astype(np.uint8)
    cube = read(saved(tmp_path / "a.png", colours))
    assert cube.axis == ChannelAxis(("red", "green", "blue"))
    assert np.array_equal(np.asarray(cube.data), colours.transpose(2, 0, 1))


def test_a_picture_that_was_cut_is_refused(tmp_path):
    path = saved(tmp_path / "a.png", BANDS[0])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileFormatError, match="not a whole picture"):
        np.asarray(read(path).data)


def test_pictures_beside_cubes_only_show_them(tmp_path):
    for name in ("a.npy", "a.png", "b.npy", "overview.jpg"):
        (tmp_path / name).touch()
    images, others = images_among(tmp_path.iterdir())
    assert sorted(images) == ["a", "b"]
    assert sorted(path.name for path in others) == ["a.png", "overview.jpg"]


def test_napari_keeps_its_own_pictures():
    assert not {"*.png", "*.jpg"} & {*patterns_of_files()}
