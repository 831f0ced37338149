"""Choose the quantity and unit in which the plot shows spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import ComboBox

from ...spectra.conversion import Quantity
from ..forms.wheel import guard_from_wheel
from .units import label_of


class UnitBox(ComboBox):
    """The quantities that the axis of the main cube converts to; `value` is the chosen one."""

    def __init__(self, **kwargs: Any) -> None:
        self._quantities: list[Quantity] = []
        super().__init__(
            choices=self._named,
            tooltip="Unit of the spectra in the plot; the cubes keep theirs",
            **kwargs,
        )
        guard_from_wheel(self.native)

    def offer(self, quantities: Sequence[Quantity], chosen: Quantity | None) -> None:
        """Offer these quantities, and show the chosen one, or that of the axis; nobody is told."""
        with self.changed.blocked():
            if list(quantities) != self._quantities:
                self._quantities = list(quantities)
                self.reset_choices()
                self.native.setCurrentIndex(0)
            if chosen is not None:
                self.value = chosen
        self.enabled = len(quantities) > 1

    def _named(self, _box: object) -> list[tuple[str, Quantity]]:
        return [(label_of(quantity), quantity) for quantity in self._quantities]
