"""The box that chooses the unit of the spectra in the plot."""

from __future__ import annotations

from magicgui.widgets import ComboBox

from ...axis import Axis
from ...spectra.conversion import Quantity
from ..forms.wheel import guard_from_wheel
from .units import check_quantity, label_of, quantities_for


class UnitBox(ComboBox):
    """Offers the quantities that the axis of the main cube converts to, its own first."""

    def __init__(self) -> None:
        self._quantities: list[Quantity] = []
        super().__init__(
            name="unit",
            choices=self._named,  # napari asks again whenever layers change
            tooltip="Unit of the spectra in the plot; the cubes keep theirs",
        )
        self.native.setMaximumWidth(190)
        guard_from_wheel(self.native)

    def offer(self, axis: Axis | None) -> None:
        """Offer the quantities of another axis; a choice stays where it is among them."""
        quantities = [] if axis is None else quantities_for(axis)
        if quantities == self._quantities:
            return
        chosen = self.value
        own_before = next(iter(self._quantities), None)
        self._quantities = quantities
        with self.changed.blocked():
            self.reset_choices()
            if chosen != own_before and chosen in quantities:
                self.value = chosen
            elif quantities:
                self.value = quantities[0]
        self.enabled = len(quantities) > 1

    def choose(self, quantity: Quantity, axis: Axis) -> None:
        """Choose a quantity for an axis.

        Raises
        ------
        ValueError
            If no formula leads there; the message says why.
        """
        check_quantity(axis, quantity)
        self.offer(axis)
        with self.changed.blocked():
            self.value = quantity

    def _named(self, _box: object) -> list[tuple[str, Quantity]]:
        return [(label_of(quantity), quantity) for quantity in self._quantities]
