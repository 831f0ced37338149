"""The axis of the plot: that of the main cube, in the quantity that a person chose."""

from __future__ import annotations

from typing import Final

from ...axis import Axis, SpectralAxis
from ...spectra.conversion import UNIT_AND_KIND, Quantity, converted

_LABELS: Final = {"um": "µm", "1/cm": "cm⁻¹"}


def in_quantity(axis: Axis, quantity: Quantity | None) -> Axis | None:
    """Return an axis in another quantity, or None where no formula leads to it.

    Parameters
    ----------
    axis : SpectralAxis or ChannelAxis
        Of a cube.
    quantity : str, optional
        What it is to measure; default: what it does.
    """
    if quantity is None:
        return axis
    if not isinstance(axis, SpectralAxis):
        return None
    try:
        return converted(axis, quantity)
    except ValueError:
        return None


def check_quantity(axis: Axis, quantity: Quantity) -> None:
    """Raise a ValueError that says why, where no formula leads from an axis to a quantity."""
    if not isinstance(axis, SpectralAxis):
        raise ValueError(f"{axis} are no places on a spectrum: they have no other unit")
    converted(axis, quantity)


def quantity_of(axis: Axis) -> Quantity | None:
    """Return what an axis measures, or None for channels and units of others."""
    if not isinstance(axis, SpectralAxis):
        return None
    for quantity, (unit, kind) in UNIT_AND_KIND.items():
        if (unit, kind) == (axis.unit, axis.kind):
            return quantity
    return None


def quantities_for(axis: Axis) -> list[Quantity]:
    """Return the quantities that an axis can be shown in, its own first."""
    own = quantity_of(axis)
    if own is None:
        return []
    others = [quantity for quantity in UNIT_AND_KIND if quantity != own]
    return [own, *(quantity for quantity in others if in_quantity(axis, quantity) is not None)]


def label_of(quantity: Quantity) -> str:
    """Return a quantity as people write it: "Raman shift (cm⁻¹)"."""
    label: str = quantity
    for unit, symbol in _LABELS.items():
        label = label.replace(f"({unit})", f"({symbol})")
    return label[0].upper() + label[1:] if label != "m/z" else label
