"""The table of classes: names and colours go to the layer, and from there to the model."""

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from napari.layers import Labels as LabelsLayer

from napari_hyperspectral.cube import Labels
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.widgets.forms.class_table import ClassTable


@pytest.fixture
def painted():
    """Three pixels of the first class, one of the third."""
    return np.array([[1, 1, 1, 0], [0, 0, 3, 0]])


@pytest.fixture
def table(qtbot):
    table = ClassTable()
    qtbot.addWidget(table)
    return table


def texts(table, column):
    return [table.item(row, column).text() for row in range(table.rowCount())]


def back(layer):
    return from_layer(*layer.as_layer_data_tuple())


def test_it_counts_what_was_painted_of_each_class(table, painted, qtbot):
    layer = LabelsLayer(painted)
    table.follow(layer)
    assert texts(table, 1) == ["class 1", "class 2", "class 3"]
    assert texts(table, 2) == ["3", "0", "1"]
    layer.data = np.full((2, 4), 2)
    qtbot.waitUntil(lambda: texts(table, 2) == ["0", "8"], timeout=2_000)


def test_a_name_typed_in_is_that_of_the_labels(table, painted, qtbot):
    layer = LabelsLayer(painted)
    table.follow(layer)
    with qtbot.waitSignal(table.changed):
        table.item(1, 1).setText("tumour")
    assert back(layer).classes == ("class 1", "tumour")
    with qtbot.waitSignal(table.changed):
        table.item(2, 1).setText("stroma")
    assert back(layer).classes == ("class 1", "tumour", "stroma")


def test_names_and_colours_of_labels_of_ours_are_shown_and_changed(table, painted):
    labels = Labels(painted.astype(np.uint8), ("a", "b", "c"), colours=("#ff0000",) * 3)
    data, attributes, _ = to_layer(labels)
    layer = LabelsLayer(data, **attributes)
    table.follow(layer)
    assert texts(table, 1) == ["a", "b", "c"]
    assert table.item(0, 0).background().color().name() == "#ff0000"
    table.colour(2, "#0000ff")
    assert table.item(1, 0).background().color().name() == "#0000ff"
    assert back(layer).colours == ("#ff0000", "#0000ff", "#ff0000")
    assert back(layer).classes == ("a", "b", "c")


def test_without_a_layer_there_is_no_table(table, painted):
    table.follow(LabelsLayer(painted))
    assert not table.isHidden()
    table.follow(None)
    assert table.isHidden()
