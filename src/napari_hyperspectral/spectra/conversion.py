"""A spectral axis in another quantity: wavelength, wavenumber, Raman shift, energy, frequency.

Intensities are never changed: an axis that is converted keeps the value and the order of its bands.
Wavelengths are those in vacuum, for the relations between them and energies to hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np

from ..axis import Kind, SpectralAxis, Unit
from .arrays import Array

Quantity: TypeAlias = Literal[
    "wavelength (nm)",
    "wavelength (um)",
    "wavenumber (1/cm)",
    "Raman shift (1/cm)",
    "energy (eV)",
    "frequency (THz)",
    "m/z",
    "band",
]
"""What an axis measures, and in which unit."""

UNIT_AND_KIND: Final[Mapping[Quantity, tuple[Unit | None, Kind]]] = {
    "wavelength (nm)": ("nm", "wavelength"),
    "wavelength (um)": ("um", "wavelength"),
    "wavenumber (1/cm)": ("1/cm", "wavenumber"),
    "Raman shift (1/cm)": ("1/cm", "raman_shift"),
    "energy (eV)": ("eV", "energy"),
    "frequency (THz)": ("THz", "frequency"),
    "m/z": ("m/z", "mz"),
    "band": (None, "index"),
}
"""The `unit` and the `kind` of a spectral axis that measures a quantity."""

_EV: Final = 6.62607015e-34 * 29979245800 / 1.602176634e-19
"""Energy of 1/cm in eV: h, c and e are exact since 2019 (https://www.bipm.org/en/si-brochure)."""
_THZ: Final = 0.029979245800
"""Frequency of 1/cm in THz."""
_RECIPROCAL: Final[Mapping[str | None, float]] = {"nm": 1e7, "um": 1e4}
"""Unit: what its values are divided into to be wavenumbers in 1/cm, and the other way round."""
_PROPORTIONAL: Final[Mapping[str | None, float]] = {"1/cm": 1.0, "eV": _EV, "THz": _THZ}
"""Unit: how much of it 1/cm is."""


def quantity_of(axis: SpectralAxis) -> Quantity | None:
    """Return what an axis measures, or None where it is a wavelength in no known unit."""
    for quantity, unit_and_kind in UNIT_AND_KIND.items():
        if unit_and_kind == (axis.unit, axis.kind):
            return quantity
    return None


def converted(
    axis: SpectralAxis, quantity: Quantity, excitation_nm: float | None = None
) -> SpectralAxis:
    """Return an axis in another quantity: λ in nm, 1e7/λ in 1/cm, shift 1e7/λ₀ − 1e7/λ.

    Parameters
    ----------
    axis : SpectralAxis
        Of wavelengths, wavenumbers, Raman shifts, energies or frequencies, shape (band,).
    quantity : str
        What it is to measure; neither m/z nor bands, which no formula leads to.
    excitation_nm : float, optional
        Excitation wavelength λ₀ in nm, for Raman shifts; default: that of the axis.

    Returns
    -------
    SpectralAxis
        Shape (band,), in the unit of `quantity`; band widths are converted too.

    Raises
    ------
    ValueError
        If there is no formula, the excitation wavelength is needed and not known, or a value has
        no counterpart (a wavelength of 0; a Raman shift beyond the excitation line).
    """
    unit, kind = UNIT_AND_KIND[quantity]
    if (unit, kind) == (axis.unit, axis.kind):
        return axis
    line = axis.excitation_nm if excitation_nm is None else excitation_nm
    if "raman_shift" in (kind, axis.kind) and line is None:
        raise ValueError(
            "converting to or from Raman shifts needs the excitation wavelength, which this axis "
            "does not have; set it"
        )
    if not {axis.unit, unit} <= {*_RECIPROCAL, *_PROPORTIONAL}:
        raise ValueError(
            f"no formula converts {axis.title} to {quantity}; set first what the axis measures"
        )

    wavenumbers = _wavenumbers(axis, line)
    if kind == "raman_shift" and line is not None:
        values = 1e7 / line - wavenumbers
    else:
        values = _in_unit(wavenumbers, unit)
    widths = axis.widths
    if widths is not None:
        # narrow bands: a width changes as the values around it do
        widths = widths * (_slope(axis.unit, axis.centres) / _slope(unit, values))
    return replace(axis, centres=values, unit=unit, kind=kind, widths=widths, excitation_nm=line)


def shifted_axis(axis: SpectralAxis, by: float) -> SpectralAxis:
    """Return an axis whose centres are `by` greater, in the unit of the axis."""
    return replace(axis, centres=axis.centres + by)


def with_excitation(
    axis: SpectralAxis, line_nm: float, *, keep_wavelengths: bool = False
) -> SpectralAxis:
    """Return an axis with another excitation wavelength.

    Parameters
    ----------
    axis : SpectralAxis
        Any; shape (band,).
    line_nm : float
        Excitation wavelength, in nm.
    keep_wavelengths : bool
        Whether Raman shifts are recalculated, so that absolute wavelengths stay: right where the
        instrument measured wavelengths and subtracted the wrong line.

    Raises
    ------
    ValueError
        If shifts are to be recalculated, and the line they were calculated from is not known.
    """
    if keep_wavelengths and axis.kind == "raman_shift":
        if axis.excitation_nm is None:
            raise ValueError(
                "Raman shifts cannot be recalculated: the excitation wavelength they were "
                "calculated from is not known; set it first"
            )
        axis = shifted_axis(axis, 1e7 / line_nm - 1e7 / axis.excitation_nm)
    return replace(axis, excitation_nm=line_nm)


def _wavenumbers(axis: SpectralAxis, line: float | None) -> Array:
    """Return the absolute wavenumber of each band, (band,), in 1/cm, all of them positive."""
    if axis.kind == "raman_shift" and line is not None:
        wavenumbers = 1e7 / line - axis.centres
    else:
        with np.errstate(divide="ignore"):
            wavenumbers = _from_unit(axis.centres, axis.unit)
    if not np.all((wavenumbers > 0) & np.isfinite(wavenumbers)):
        raise ValueError(
            f"{axis}: not all of it can be converted, as light has a positive wavelength; check "
            "the values and the excitation wavelength"
        )
    return wavenumbers


def _from_unit(values: Array, unit: Unit | None) -> Array:
    """Return wavenumbers in 1/cm from values in a unit."""
    if unit in _RECIPROCAL:
        return _RECIPROCAL[unit] / values
    return values / _PROPORTIONAL[unit]


def _in_unit(wavenumbers: Array, unit: Unit | None) -> Array:
    """Return values in a unit from wavenumbers in 1/cm."""
    if unit in _RECIPROCAL:
        return _RECIPROCAL[unit] / wavenumbers
    return wavenumbers * _PROPORTIONAL[unit]


def _slope(unit: Unit | None, values: Array) -> Array:
    """Return by how much the wavenumber changes with the value, without the sign."""
    if unit in _RECIPROCAL:
        return _RECIPROCAL[unit] / values**2
    return np.full(len(values), 1 / _PROPORTIONAL[unit])
