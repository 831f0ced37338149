"""Names and colours of the classes of a labels layer, where people keep them.

napari's features of a layer are a table with a row a label. The number of the label is in the column
"index" (or "label", as scikit-image calls it); without one, the first row is label 0, the next 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ..cube import Labels

NO_COLOUR: Final = "#808080"
"""Colour of a class that has none, where other classes have one."""
_INDEX_COLUMNS: Final = ("index", "label")
_NAME_COLUMNS: Final = (
    "class", "classes", "class name", "name", "names", "label", "labels", "category", "annotation"
)  # fmt: skip
"""Columns that are looked for first; then any other of texts will do."""
_MOST_CLASSES: Final = 2**16
"""Labels of greater numbers are objects, which have no names of classes."""


def class_attributes(labels: Labels) -> dict[str, Any]:
    """Return names and colours of classes as attributes of a layer; what labels lack is left out."""
    attributes: dict[str, Any] = {}
    if labels.classes:
        attributes["features"] = {
            "index": list(range(len(labels.classes) + 1)),
            "class": ["unlabelled", *labels.classes],
        }
    if labels.colours:
        colours = dict(enumerate(labels.colours, start=1))
        attributes["colormap"] = {None: NO_COLOUR, 0: "transparent", **colours}
    return attributes


def with_shown_classes(labels: Labels, attributes: Mapping[str, Any]) -> Labels:
    """Return labels with the names and colours of classes in their layer."""
    names = names_by_number(attributes.get("features"))
    classes = listed_classes(names) if names else labels.classes
    colours = labels.colours
    if "colormap" in attributes:
        colours = _colours(attributes["colormap"], len(classes))
    elif len(colours) != len(classes):  # classes were named since
        colours = ()
    return replace(labels, classes=classes, colours=colours)


def names_by_number(features: Any) -> dict[int, str]:
    """Return the names of classes 1, 2, … in the features of a layer; {} where it has none.

    Parameters
    ----------
    features : mapping of str to sequence, or DataFrame
        A row a label.
    """
    if features is None:
        return {}
    columns = {str(column): list(features[column]) for column in features}
    column = _name_column(columns)
    if column is None:
        return {}
    names: dict[int, str] = {}
    for number, name in zip(_numbers(columns, column), columns[column], strict=False):
        if number > 0 and not _is_missing(name):
            names[number] = str(name).strip()
    return _without_objects(names)


def with_name(features: Any, number: int, name: str) -> dict[str, list[Any]]:
    """Return the features of a layer with the name of one class; all else in them stays."""
    columns = {} if features is None else {str(key): list(features[key]) for key in features}
    column = _name_column(columns)
    if column is None:
        column = "class"
        count = len(next(iter(columns.values()), ()))
        columns[column] = [None] * count
    numbers = _numbers(columns, column)
    if not any(key in columns for key in _INDEX_COLUMNS if key != column):
        columns = {"index": list(numbers), **columns}
    if not numbers:
        _add_row(columns, column, 0, "unlabelled")
        numbers = [0]
    if number not in numbers:
        _add_row(columns, column, number, name)
        return columns
    columns[column][numbers.index(number)] = name
    return columns


def listed_classes(names: Mapping[int, str]) -> tuple[str, ...]:
    """Return names of classes 1, 2, … up to the last that has one; those without are numbered."""
    count = max(names, default=0)
    return tuple(names.get(number, placeholder(number)) for number in range(1, count + 1))


def placeholder(number: int) -> str:
    """Return what a class without a name is called."""
    return f"class {number}"


def _name_column(columns: Mapping[str, Sequence[Any]]) -> str | None:
    """Return the column with the names of classes; None where there is none."""
    by_word = {_word(column): column for column in columns}
    known = [by_word[word] for word in _NAME_COLUMNS if word in by_word]
    if "class" in columns and "index" in columns:  # ours: even if classes are called 1, 2, …
        return "class"
    for column in (*known, *columns):
        if column != "index" and _holds_texts(columns[column]):
            return column
    return None


def _word(column: str) -> str:
    return column.strip().casefold().replace("_", " ")


def _holds_texts(values: Iterable[Any]) -> bool:
    present = [value for value in values if not _is_missing(value)]
    return bool(present) and all(isinstance(value, str) for value in present)


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty; what pandas puts there does not equal itself, or is no boolean."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return type(value).__name__ == "NAType" or bool(value != value)


def _numbers(columns: Mapping[str, Sequence[Any]], names: str) -> list[int]:
    """Return the number of the label of each row."""
    for column in columns:
        if column == names or _word(column) not in _INDEX_COLUMNS:
            continue
        try:
            return [int(value) for value in columns[column]]
        except (TypeError, ValueError):  # texts, or cells that are empty
            continue
    return list(range(len(columns[names])))


def _without_objects(names: dict[int, str]) -> dict[int, str]:
    """Return names without those of numbers that are no classes; say so."""
    kept = {number: name for number, name in names.items() if number <= _MOST_CLASSES}
    if len(kept) < len(names):
        warnings.warn(
            f"{len(names) - len(kept)} labels with numbers above {_MOST_CLASSES} have names, which "
            "are not taken as those of classes; number classes from 1",
            stacklevel=3,
        )
    return kept


def _add_row(columns: dict[str, list[Any]], names: str, number: int, name: str) -> None:
    """Add a row for one more label to the columns of a table."""
    for column, values in columns.items():
        if column == names:
            values.append(name)
        elif _word(column) in _INDEX_COLUMNS:
            values.append(number)
        else:
            values.append(None)


def _colours(colormap: Any, classes: int) -> tuple[str, ...]:
    """Return the colours of classes in napari's colormap of labels; () where napari chooses them."""
    # a mapping as in our attributes, or napari's DirectLabelColormap
    colours = colormap if isinstance(colormap, Mapping) else getattr(colormap, "color_dict", None)
    if colours is None:
        return ()
    default = colours.get(None, NO_COLOUR)
    return tuple(_hex(colours.get(number, default)) for number in range(1, classes + 1))


def _hex(colour: str | Sequence[float]) -> str:
    """Return a colour as #rrggbb; napari has red, green, blue and alpha from 0 to 1."""
    if isinstance(colour, str):
        return colour
    red, green, blue = (round(255 * float(part)) for part in list(colour)[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
