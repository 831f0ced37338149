"""Labels painted on several bands: the newest paint wins, and where nobody knows it, it is said."""

import warnings

import numpy as np
import pytest

from napari_hyperspectral.layers import from_layer
from napari_hyperspectral.painting.bands import collapse_bands
from napari_hyperspectral.painting.history import strokes_of


def painted(*strokes, shape=(4, 5, 6)):
    """Return a layer of (band, y, x) and paint on it: (band, row, class), a row at a time."""
    from napari.layers import Labels

    layer = Labels(np.zeros(shape, np.uint8), name="roi")
    for band, row, number in strokes:
        columns = np.arange(shape[-1])
        layer.data_setitem(
            (np.full_like(columns, band), np.full_like(columns, row), columns), number
        )
    return layer


def classes_of(layer):
    data, attributes, kind = layer.as_layer_data_tuple()
    return from_layer(data, attributes, kind, strokes_of(layer)).numpy()


def test_the_newest_paint_wins_whichever_number_and_band_it_has():
    layer = painted((0, 1, 3), (2, 1, 1), (3, 2, 1), (1, 2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes = classes_of(layer)
    assert classes[1].tolist() == [1] * 6
    assert classes[2].tolist() == [2] * 6


def test_an_undone_stroke_does_not_win():
    layer = painted((0, 1, 3), (2, 1, 1))
    layer.undo()
    assert classes_of(layer)[1].tolist() == [3] * 6
    layer.redo()
    assert classes_of(layer)[1].tolist() == [1] * 6


def test_what_was_erased_since_does_not_win():
    layer = painted((0, 1, 3), (2, 1, 2), (3, 1, 1), (3, 1, 0))
    assert classes_of(layer)[1].tolist() == [2] * 6


def test_strokes_of_the_brush_and_of_fill_are_known():
    layer = painted((0, 1, 3))
    layer.brush_size = 1
    layer.paint((2, 1, 3), 1)
    classes = classes_of(layer)
    assert (classes[1, 3], classes[1, 0]) == (1, 3)
    layer.fill((0, 1, 0), 2)
    assert set(classes_of(layer)[1].tolist()) == {2}


def test_without_a_history_it_is_said_how_many_pixels_contradict():
    data = np.zeros((3, 4, 5), np.uint8)
    data[0, 1], data[2, 1, :2] = 1, 2
    data[1, 3] = data[2, 3] = 4  # the same class on two bands contradicts nothing
    with pytest.warns(UserWarning, match=r"'roi': 2 pixels have different classes"):
        labels = from_layer(data, {"name": "roi"}, "labels")
    assert labels.numpy()[1].tolist() == [2, 2, 1, 1, 1]


def test_paint_that_is_known_to_be_newer_wins_over_what_was_there_before():
    data = np.zeros((3, 4, 5), np.uint8)
    data[0, 1] = 9
    strokes = [(np.array([1, 1]), np.array([1, 1]), np.array([0, 1]))]
    data[1, 1, :2] = 2
    result, contradictions = collapse_bands(data, strokes)
    assert (result[1].tolist(), contradictions) == ([2, 2, 9, 9, 9], 0)


def test_planes_of_a_stack_are_collapsed_each_by_itself():
    layer = painted(shape=(4, 5, 6))
    data = np.zeros((2, 4, 5, 6), np.uint8)
    data[0, 1, 2], data[1, 3, 2] = 1, 2
    result, contradictions = collapse_bands(data, strokes_of(layer))
    assert (result[0, 2].tolist(), result[1, 2].tolist()) == ([1] * 6, [2] * 6)
    assert contradictions == 0


def test_a_layer_that_docks_are_given_has_the_newest_paint():
    pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
    from napari_hyperspectral.widgets.forms.layer_choice import image_of_layer

    layer = painted((0, 1, 1), (2, 1, 3), (0, 2, 3), (3, 2, 1))
    classes = image_of_layer(layer).numpy()
    assert (set(classes[1].tolist()), set(classes[2].tolist())) == ({3}, {1})
