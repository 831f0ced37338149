"""Names of classes come from whatever column of features has them; gaps in numbers are no classes."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.layers import from_layer
from napari_hyperspectral.painting.classes import listed_classes, names_by_number, with_name
from napari_hyperspectral.tasks import ClassifySpectra, Segment
from napari_hyperspectral.tasks.classes import class_names

NAN = float("nan")
TABLES = {
    "ours": {"index": [0, 1, 2], "class": ["unlabelled", "corn", "wheat"]},
    "another column": {"index": [1, 2], "tissue": ["corn", "wheat"]},
    "rows count labels": {"Name": ["background", "corn", "wheat"]},
    "among numbers": {"area": [0, 9, 3], "crop": ["", "corn", "wheat"], "mean": [0.1, 0.2, 0.3]},
    "as scikit-image has it": {"label": [2, 1], "area": [3, 9], "kind": ["wheat", "corn"]},
    "names called label": {"index": [1, 2], "label": ["corn", "wheat"]},
    "a cell is empty": {"index": [0, 1, 2], "class_name": [NAN, "corn", "wheat"]},
}


@pytest.mark.parametrize("features", TABLES.values(), ids=TABLES.keys())
def test_any_column_of_texts_names_the_classes(features):
    assert names_by_number(features) == {1: "corn", 2: "wheat"}
    labels = from_layer(np.ones((3, 4), np.uint8), {"features": features}, "labels")
    assert labels.classes == ("corn", "wheat")


def test_a_table_of_pandas_in_a_layer_is_read_too():
    from napari.layers import Labels as LabelsLayer

    layer = LabelsLayer(np.ones((3, 4), int), features={"index": [0, 2], "organ": ["", "liver"]})
    assert from_layer(*layer.as_layer_data_tuple()).classes == ("class 1", "liver")


def test_numbers_alone_name_nothing():
    assert names_by_number({"index": [1, 2], "area": [5.0, 7.0]}) == {}
    assert names_by_number({}) == {}
    assert names_by_number(None) == {}


def test_naming_a_class_keeps_what_else_is_in_the_table():
    features = {"index": [3, 7], "tissue": ["a", "b"], "area": [1.0, 2.0]}
    renamed = with_name(with_name(features, 7, "c"), 9, "d")
    assert names_by_number(renamed) == {3: "a", 7: "c", 9: "d"}
    assert renamed["area"] == [1.0, 2.0, None]
    assert listed_classes({2: "x"}) == ("class 1", "x")


@pytest.fixture
def field(rng):
    return Cube(rng.normal(size=(3, 6, 5)).astype(np.float32), SpectralAxis([1.0, 2.0, 3.0], "um"))


def labels_of(*numbers, classes=(), colours=()):
    ids = np.zeros((6, 5), np.uint16)
    for row, number in enumerate(numbers):
        ids[row] = number
    return Labels(ids, classes, colours)


def test_ids_with_gaps_make_no_classes_in_between(field):
    example = Segment().example(cube=field, labels=labels_of(1, 5, 0, 900))
    assert class_names(example.output_axis) == ("class 1", "class 5", "class 900")
    assert np.unique(example.target).tolist() == [0, 1, 2, 3]
    assert np.unique(example.sampling_classes).tolist() == [0, 1, 2, 3]


def test_names_and_colours_follow_their_ids(field):
    shades = ("#000001", "#000002", "#000003", "#000004")
    named = labels_of(2, 4, classes=("class 1", "corn", "class 3", "wheat"), colours=shades)
    for task, name in ((Segment(), "cube"), (ClassifySpectra(), "spectra")):
        example = task.example(**{name: field, "labels": named})
        assert class_names(example.output_axis) == ("corn", "wheat")
        assert example.colours == ("#000002", "#000004")
        assert example.target[0, 0, :2, 0].tolist() == [1, 2]


def test_named_classes_stay_even_where_nobody_painted_them(field):
    example = Segment().example(cube=field, labels=labels_of(1, 3, classes=("a", "b", "c")))
    assert class_names(example.output_axis) == ("a", "b", "c")
    chosen = Segment(classes=("class 1", "class 2", "class 3"))
    assert len(chosen.example(cube=field, labels=labels_of(1, 3)).output_axis) == 3


def test_images_with_other_gaps_are_joined_by_number(field):
    task = Segment()
    pairs = [(1, 10), (1, 2, 10)]
    examples = [task.example(cube=field, labels=labels_of(*numbers)) for numbers in pairs]
    one, other = task.unify_classes(examples)
    assert class_names(one.output_axis) == ("class 1", "class 2", "class 10")
    assert one.target[0, 0, :2, 0].tolist() == [1, 3]
    assert other.target[0, 0, :3, 0].tolist() == [1, 2, 3]


class _Card:
    classes = ("class 1", "class 5")


class _Model:
    card = _Card()


def test_a_truth_with_gaps_is_numbered_as_the_model_was(field):
    test = np.ones((6, 5), bool)
    pair = EvaluationPair(field, labels_of(1, 5), train=~test, test=test)
    target = pair.with_class_numbers_of(_Model()).target
    assert (target.classes, target.numpy()[:2, 0].tolist()) == (_Card.classes, [1, 2])
