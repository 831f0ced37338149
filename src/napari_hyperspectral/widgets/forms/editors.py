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
_DECIMALS = 20  # what a number may have; shown are as many as it takes


class Editor(QWidget):
    """Shows one value and lets a person change it."""

    changed = Signal()
    value: Any
    """The value; setting it shows it."""

    def _wrap(self, widget: QWidget, changes: Any) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(widget)
        self.setFocusProxy(widget)
        changes.connect(self._tell)

    def _tell(self, *_: object) -> None:
        self.changed.emit()


class _IntBox(QLargeIntSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, super(), event)


class FloatBox(QDoubleSpinBox):
    """A number as Python writes it, to the last digit; steps go by its own size."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(_DECIMALS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(False)

    def textFromValue(self, v: float) -> str:
        return f"{v:.12g}" if float(f"{v:.12g}") == v else repr(v)

    def valueFromText(self, text: str | None) -> float:
        return float(text or 0)

    def validate(self, input: str | None, pos: int) -> tuple[QValidator.State, str, int]:
        text = input or ""
        try:
            inside = self.minimum() <= float(text) <= self.maximum()
        except ValueError:
            begun = all(letter in "0123456789.eE+-" for letter in text)
            state = QValidator.State.Intermediate if begun else QValidator.State.Invalid
        else:
            state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text, pos

    def stepBy(self, steps: int) -> None:
        value = self.value()
        magnitude = math.floor(math.log10(abs(value))) if value else -1
        self.setValue(round(value + steps * 10.0 ** (magnitude - 1), 2 - magnitude))

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        _wheel(self, super(), e)


class _ChoiceBox(QComboBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        _wheel(self, super(), e)


def _wheel(widget: QWidget, above: Any, event: QWheelEvent | None) -> None:
    """Turn the wheel only on what has the focus: scrolling past must change nothing."""
    if event is not None and not widget.hasFocus():
        event.ignore()
    else:
        above.wheelEvent(event)


class IntEditor(Editor):
    """A whole number within bounds."""

    def __init__(self, rules: Sequence[object]) -> None:
        super().__init__()
        self.box = cast(Any, _IntBox())  # its methods have no types
        low, high = _bounds(rules, lambda value: value - 1, -_LARGEST, _LARGEST)
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
    """Several values with commas between; one that holds a comma stands in double quotes."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._kind = kind
        self.box = QLineEdit()
        self.box.setPlaceholderText("none; separate by commas")
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
            return word  # the settings class says what is wrong with it


class OptionalEditor(Editor):
    """A value, or none: a tick says which."""

    def __init__(self, inner: Editor) -> None:
        super().__init__()
        self.tick, self.inner = QCheckBox(), inner
        self._wrap(self.tick, self.tick.toggled)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(inner)
        inner.setEnabled(False)
        inner.changed.connect(self._tell)
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
        bool, int, float, str, Path, a Literal, a tuple of one of these, any of them or None.
    rules : sequence
        Bounds, as annotated-types writes them.

    Raises
    ------
    TypeError
        If it is another type.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return editor_for(inner[0], (*rules, *inner[1:]))
    if origin in (Union, types.UnionType) and types.NoneType in inner:
        (some,) = (one for one in inner if one is not types.NoneType)
        return OptionalEditor(editor_for(some, rules))
    if origin is Literal:
        return ChoiceEditor(inner)
    if origin is tuple:
        return ListEditor(get_args(inner[0])[0] if get_origin(inner[0]) is Annotated else inner[0])
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
    """Return the least and the greatest value.

    `below` gives the next smaller value: what is to be less than 1 is at most ``below(1)``.
    """
    for rule in rules:
        low = max(low, getattr(rule, "ge", low))
        high = min(high, getattr(rule, "le", high))
        if hasattr(rule, "gt"):
            low = max(low, -below(-rule.gt))
        if hasattr(rule, "lt"):
            high = min(high, below(rule.lt))
    return low, high


def _float_below(value: float) -> float:
    return math.nextafter(value, -math.inf) if value else -(10.0**-_DECIMALS)


def _quoted(word: str) -> str:
    if "," not in word and '"' not in word:
        return word
    doubled = word.replace('"', '""')
    return f'"{doubled}"'
