"""The widget of a single setting: magicgui's for its type, or one of ours where that falls short."""

from __future__ import annotations

import csv
import math
import os
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from magicgui.types import FileDialogMode, Undefined
from magicgui.widgets import CheckBox, FileEdit, LineEdit, create_widget
from magicgui.widgets.bases import BaseValueWidget, ValuedContainerWidget
from qtpy.QtWidgets import QComboBox

from .numbers import DECIMALS, LARGEST_FLOAT, FloatEdit
from .wheel import guard_from_wheel

Field: TypeAlias = BaseValueWidget[Any]
"""The widget of a setting; its `value` is the setting."""
_LARGEST_INT: Final = 2**63 - 1
_NARROW: Final = 8
"""Characters that a box of choices is wide at least; the dock, not its longest choice, says more."""


def field_of(
    annotation: Any,
    rules: Sequence[object] = (),
    *,
    name: str = "",
    label: str | None = None,
    tooltip: str = "",
    value: object = Undefined,
) -> Field:
    """Return the widget of a setting.

    Parameters
    ----------
    annotation : type
        bool, int, float, str, Path, a Literal, a tuple of any number of one of these, or one of
        them or None; and any other type that magicgui has a widget for.
    rules : sequence
        Bounds of annotated-types, such as ``Ge(1)``.
    name, label, tooltip : str
        By which a script finds it, a person reads it, and its help text.
    value : object, optional
        What is shown first.

    Raises
    ------
    TypeError
        If there is no widget for the type.
    """
    kind, options = _kind_and_options(annotation, tuple(rules))
    try:
        field = create_widget(
            value=value,
            annotation=kind,
            name=name,
            label=label,
            options={"tooltip": tooltip, **options},
        )
    except ValueError as error:  # magicgui's: "No widget found for type"
        raise TypeError(f"no widget for a setting of type {annotation}") from error
    if not isinstance(field, BaseValueWidget):
        raise TypeError(f"no widget for a setting of type {annotation}")
    guard_from_wheel(field.native)
    if isinstance(field.native, QComboBox):
        narrow(field.native)
    return field


class ListLine(LineEdit):
    """Several values separated by commas; one that contains a comma is in double quotes.

    magicgui's `ListEdit` makes a box, side by side, for each of a hundred wavelengths, into which no
    list can be pasted; it also takes no empty list.
    """

    def __init__(self, *, item: type = str, **kwargs: Any) -> None:
        self._item = item
        super().__init__(**kwargs)
        self.native.setPlaceholderText("none; separate values by commas")

    def get_value(self) -> Any:
        words = words_of(super().get_value())
        return tuple(self._read(word) for word in words)

    def set_value(self, value: Any) -> None:
        super().set_value(line_of([str(item) for item in value]))

    def _on_value_change(self, value: Any = None) -> None:
        self.changed.emit(self.value)  # not the text

    def _read(self, word: str) -> object:
        try:
            return self._item(word)
        except ValueError:
            return word  # the settings class will explain what is wrong with it


class OptionalEdit(ValuedContainerWidget[Any]):
    """A value, or None where its box is not ticked: magicgui's number boxes cannot be empty."""

    def __init__(self, *, inner: Field, value: object = Undefined, **kwargs: Any) -> None:
        self.tick = CheckBox(name="tick")
        self.tick.text = ""
        self.inner = inner
        self.inner.enabled = False
        super().__init__(widgets=[self.tick, inner], layout="horizontal", labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.tick.changed.connect(self._ticked)
        self.inner.changed.connect(self._emit)
        if value is not Undefined:
            self.value = value

    def get_value(self) -> object:
        return self.inner.value if self.tick.value else None

    def set_value(self, value: Any) -> None:
        if value is not None:
            self.inner.value = value
        self.tick.value = value is not None

    def _ticked(self, ticked: bool) -> None:
        self.inner.enabled = ticked
        self._emit()

    def _emit(self) -> None:
        self.changed.emit(self.value)


class PathEdit(FileEdit):
    """A path as it is written: magicgui's `FileEdit` makes every path absolute."""

    def __init__(self, mode: str = "r", **kwargs: Any) -> None:
        super().__init__(mode=FileDialogMode(mode), **kwargs)

    @property
    def text(self) -> str:
        """What is written."""
        return str(self.line_edit.value).strip()

    def set_value(self, value: Any) -> None:
        self.line_edit.value = "" if value is None else os.fspath(value)


def words_of(line: str) -> list[str]:
    """Return the words of a line that are separated by commas, without quotes and empty ones."""
    words = next(csv.reader([line], skipinitialspace=True), [])
    return [word.strip() for word in words if word.strip()]


def line_of(words: Sequence[str]) -> str:
    """Return a line of words, as `words_of` reads it."""
    return ", ".join(_quoted(word) for word in words)


def narrow(box: QComboBox) -> None:
    """Make a box as wide as its dock, not as its longest choice."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(_NARROW)


def _kind_and_options(annotation: Any, rules: tuple[object, ...]) -> tuple[Any, dict[str, Any]]:
    """Return the type to ask magicgui for, and the options of its widget."""
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is Annotated:
        return _kind_and_options(arguments[0], (*rules, *arguments[1:]))
    if origin in (Union, types.UnionType) and types.NoneType in arguments:
        (kind,) = (argument for argument in arguments if argument is not types.NoneType)
        if get_origin(kind) is Literal:
            return annotation, {}  # a box of choices can be empty
        if kind is Path:
            return Path, {**_path_options(rules), "nullable": True}
        return Any, {"widget_type": OptionalEdit, "inner": field_of(kind, rules)}
    if origin is tuple and arguments[1:] == (...,):
        item = arguments[0]
        item = get_args(item)[0] if get_origin(item) is Annotated else item
        return Any, {"widget_type": ListLine, "item": item}
    if origin is tuple and len(set(arguments)) == 1:  # a fixed number of them, side by side
        item, options = _kind_and_options(arguments[0], ())
        return types.GenericAlias(tuple, (item,) * len(arguments)), {"options": options}
    return annotation, _OPTIONS[annotation](rules) if annotation in _OPTIONS else {}


def _int_options(rules: Sequence[object]) -> dict[str, Any]:
    low, high = -_LARGEST_INT, _LARGEST_INT
    for rule in rules:
        low = max(low, getattr(rule, "ge", low), getattr(rule, "gt", low - 1) + 1)
        high = min(high, getattr(rule, "le", high), getattr(rule, "lt", high + 1) - 1)
    return {"min": low, "max": high}


def _float_options(rules: Sequence[object]) -> dict[str, Any]:
    low, high = -LARGEST_FLOAT, LARGEST_FLOAT
    for rule in rules:
        low = max(low, getattr(rule, "ge", low))
        high = min(high, getattr(rule, "le", high))
        if hasattr(rule, "gt"):
            low = max(low, -_next_below(-rule.gt))
        if hasattr(rule, "lt"):
            high = min(high, _next_below(rule.lt))
    return {"widget_type": FloatEdit, "min": low, "max": high}


def _path_options(_rules: Sequence[object]) -> dict[str, Any]:
    return {"widget_type": PathEdit}


_OPTIONS: Final = {int: _int_options, float: _float_options, Path: _path_options}
"""Options of the widgets of these types, from the bounds of a setting."""


def _next_below(value: float) -> float:
    """Return the next smaller number that the box can hold."""
    if value == 0:
        return -(10.0**-DECIMALS)
    return math.nextafter(value, -math.inf)


def _quoted(word: str) -> str:
    """Return a word as in CSV: in quotes where it contains a comma or quotes."""
    if "," not in word and '"' not in word:
        return word
    doubled = word.replace('"', '""')
    return f'"{doubled}"'
