"""A number with all its digits: magicgui's spin box of floats shows, and keeps, two decimals."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, TypeAlias

from magicgui.backends._qtpy.widgets import QBaseRangedWidget
from magicgui.widgets.bases import RangedWidget
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox

DECIMALS: Final = 40  # the most that a number can have; only those it needs are shown
LARGEST_FLOAT: Final = 1e300


class FloatEdit(RangedWidget[float]):
    """Edit a number, which stays what it is to the last digit; a step is one of its second digit."""

    def __init__(self, **kwargs: Any) -> None:
        for bound, most in (("min", -LARGEST_FLOAT), ("max", LARGEST_FLOAT)):
            kwargs.setdefault(bound, most)
        kwargs["widget_type"] = _Backend  # magicgui passes the class that was asked for: this one
        super().__init__(**kwargs)


Number: TypeAlias = Annotated[float, {"widget_type": FloatEdit}]
"""The type of a number in functions that magicgui makes a form of."""


def in_digits(number: float) -> str:
    """Return a number with all its digits, and no more."""
    short = f"{number:.12g}"
    return short if float(short) == number else repr(number)


class _Box(QDoubleSpinBox):
    """Shows a number as Python writes it."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setDecimals(DECIMALS)
        self.setKeyboardTracking(False)

    def textFromValue(self, v: float) -> str:
        return in_digits(v)

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


class _Backend(QBaseRangedWidget):
    """What magicgui asks of a widget of Qt."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_Box, **kwargs)
