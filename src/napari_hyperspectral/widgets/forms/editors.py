"""Editors of single values, one for each type that settings use."""

from __future__ import annotations

import csv
import math
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QWidget,
)
from superqt import QLargeIntSpinBox

_LARGEST = 2**63 - 1
_DECIMALS = 20  # the most that a number can have; only those it needs are shown


class Editor(QWidget):
    """Edits one value."""

    changed = Signal()
    value: Any
    """The value in the editor."""

    def _wrap(self, widget: QWidget, changes: Any) -> None:
        """Fill the editor with one widget, whose signal says that the value changed."""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(widget)
        self.setFocusProxy(widget)
        changes.connect(self._emit_changed)

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()


class _IntBox(QLargeIntSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, super(), event)


class FloatBox(QDoubleSpinBox):
    """A number with all its digits, as Python writes it; a step is one of its second digit."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(_DECIMALS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(False)

    def textFromValue(self, v: float) -> str:
        short = f"{v:.12g}"
        return short if float(short) == v else repr(v)

    def valueFromText(self, text: str | None) -> float:
        return float(text or 0)

    def validate(self, input: str | None, pos: int) -> tuple[QValidator.State, str, int]:
        text = input or ""
        return self._state(text), text, pos

    def _state(self, text: str) -> QValidator.State:
        """Return whether a text is a number within bounds, or may become one."""
        try:
            number = float(text)
        except ValueError:
            if set(text) <= set("0123456789.eE+-"):
                return QValidator.State.Intermediate
            return QValidator.State.Invalid
        if self.minimum() <= number <= self.maximum():
            return QValidator.State.Acceptable
        return QValidator.State.Intermediate

    def stepBy(self, steps: int) -> None:
        value = self.value()
        magnitude = math.floor(math.log10(abs(value))) if value else -1
        step = 10.0 ** (magnitude - 1)
        self.setValue(round(value + steps * step, 2 - magnitude))

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        _wheel(self, super(), e)


class _ChoiceBox(QComboBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        _wheel(self, super(), e)


def _wheel(widget: QWidget, parent_class: Any, event: QWheelEvent | None) -> None:
    """Pass the wheel to a widget that has the focus: scrolling the form must change no value."""
    if event is not None and not widget.hasFocus():
        event.ignore()
    else:
        parent_class.wheelEvent(event)


class IntEditor(Editor):
    """A whole number within bounds."""

    def __init__(self, rules: Sequence[object]) -> None:
        super().__init__()
        self.box = cast(Any, _IntBox())  # its methods have no types
        low, high = _bounds(rules, _int_below, -_LARGEST, _LARGEST)
        self.box.setMinimum(int(low))
        self.box.setMaximum(int(high))
        self._wrap(self.box, self.box.valueChanged)

    @property
    def value(self) -> int:
        return int(self.box.value())

    @value.setter
    def value(self, value: int) -> None:
        self.box.setValue(value)


class FloatEditor(Editor):
    """A number within bounds."""

    def __init__(self, rules: Sequence[object]) -> None:
        super().__init__()
        self.box = FloatBox()
        self.box.setRange(*_bounds(rules, _float_below, -1e300, 1e300))
        self._wrap(self.box, self.box.valueChanged)

    @property
    def value(self) -> float:
        return float(self.box.value())

    @value.setter
    def value(self, value: float) -> None:
        self.box.setValue(value)


class BoolEditor(Editor):
    """Yes or no."""

    def __init__(self) -> None:
        super().__init__()
        self.box = QCheckBox()
        self._wrap(self.box, self.box.toggled)

    @property
    def value(self) -> bool:
        return self.box.isChecked()

    @value.setter
    def value(self, value: bool) -> None:
        self.box.setChecked(value)


class ChoiceEditor(Editor):
    """One of a few values."""

    def __init__(self, choices: Sequence[object]) -> None:
        super().__init__()
        self._choices = tuple(choices)
        self.box = _ChoiceBox()
        self.box.addItems([str(choice) for choice in self._choices])
        self._wrap(self.box, self.box.currentIndexChanged)

    @property
    def value(self) -> object:
        return self._choices[self.box.currentIndex()]

    @value.setter
    def value(self, value: object) -> None:
        self.box.setCurrentIndex(self._choices.index(value))


class TextEditor(Editor):
    """A line of text; or a path."""

    def __init__(self, kind: type[str] | type[Path] = str) -> None:
        super().__init__()
        self._kind = kind
        self.box = QLineEdit()
        self._wrap(self.box, self.box.textChanged)

    @property
    def value(self) -> str | Path:
        return self._kind(self.box.text())

    @value.setter
    def value(self, value: str | Path) -> None:
        self.box.setText(str(value))


class ListEditor(Editor):
    """Several values separated by commas; one that contains a comma is in double quotes."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._kind = kind
        self.box = QLineEdit()
        self.box.setPlaceholderText("none; separate values by commas")
        self._wrap(self.box, self.box.textChanged)

    @property
    def value(self) -> tuple[Any, ...]:
        words = next(csv.reader([self.box.text()], skipinitialspace=True), [])
        return tuple(self._read(word.strip()) for word in words if word.strip())

    @value.setter
    def value(self, values: Sequence[object]) -> None:
        self.box.setText(", ".join(_quoted(str(value)) for value in values))

    def _read(self, word: str) -> object:
        try:
            return self._kind(word)
        except ValueError:
            return word  # the settings class will explain what is wrong with it


class OptionalEditor(Editor):
    """A value, or none where its box is not ticked."""

    def __init__(self, inner: Editor) -> None:
        super().__init__()
        self.tick = QCheckBox()
        self.inner = inner
        self._wrap(self.tick, self.tick.toggled)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(inner)
        inner.setEnabled(False)
        inner.changed.connect(self._emit_changed)
        self.tick.toggled.connect(inner.setEnabled)

    @property
    def value(self) -> object:
        return self.inner.value if self.tick.isChecked() else None

    @value.setter
    def value(self, value: object) -> None:
        if value is not None:
            self.inner.value = value
        self.tick.setChecked(value is not None)


def editor_for(annotation: Any, rules: Sequence[object] = ()) -> Editor:
    """Return the editor of a type.

    Parameters
    ----------
    annotation : type
        bool, int, float, str, Path, a Literal, a tuple of one of these, or one of them or None.
    rules : sequence
        Bounds of annotated-types, such as ``Ge(1)``.

    Raises
    ------
    TypeError
        If there is no editor for the type.
    """
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is Annotated:
        return editor_for(arguments[0], (*rules, *arguments[1:]))
    if origin in (Union, types.UnionType) and types.NoneType in arguments:
        (kind,) = (argument for argument in arguments if argument is not types.NoneType)
        return OptionalEditor(editor_for(kind, rules))
    if origin is Literal:
        return ChoiceEditor(arguments)
    if origin is tuple:
        kind = arguments[0]
        return ListEditor(get_args(kind)[0] if get_origin(kind) is Annotated else kind)
    if annotation is bool:
        return BoolEditor()
    if annotation is int:
        return IntEditor(rules)
    if annotation is float:
        return FloatEditor(rules)
    if annotation in (str, Path):
        return TextEditor(annotation)
    raise TypeError(f"no editor for a setting of type {annotation}")


def _bounds(
    rules: Sequence[object], below: Callable[[float], float], low: float, high: float
) -> tuple[float, float]:
    """Return the least and the greatest value that rules allow.

    `below` returns the next smaller value: what must be less than 1 is at most ``below(1)``.
    """
    for rule in rules:
        low = max(low, getattr(rule, "ge", low))
        high = min(high, getattr(rule, "le", high))
        if hasattr(rule, "gt"):
            low = max(low, -below(-rule.gt))
        if hasattr(rule, "lt"):
            high = min(high, below(rule.lt))
    return low, high


def _int_below(value: float) -> float:
    return value - 1


def _float_below(value: float) -> float:
    """Return the next smaller number that the box can hold."""
    if value == 0:
        return -(10.0**-_DECIMALS)
    return math.nextafter(value, -math.inf)


def _quoted(word: str) -> str:
    """Return a word as in CSV: in quotes where it contains a comma or quotes."""
    if "," not in word and '"' not in word:
        return word
    doubled = word.replace('"', '""')
    return f'"{doubled}"'
