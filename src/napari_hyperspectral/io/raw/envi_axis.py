"""The axis that an ENVI header states: wavelengths with widths and bad bands, or names of bands."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis, SpectralAxis
from ..metadata.axes import axis_from_names, fault_of_order
from ..metadata.units import axis_in, stated_axis
from .envi_header import EnviHeader, list_items, list_numbers, warn

_AGILENT_OFFSET: Final = "1020"
"""Bytes before the data of Agilent's infrared files, which count in 1/cm and do not say so."""
_USUAL_NM: Final = (200, 2600)
_USUAL_UM: Final = (0.2, 20)
"""Wavelengths of imaging spectrometers, by which numbers without a unit are guessed."""


def axis_from_header(path: Path, header: EnviHeader, bands: int) -> Axis:
    """Return the axis of so many bands; what does not fit them is left out with a warning."""
    items = list_items(header.get("wavelength", ""))
    each_with_unit = axis_from_names(items, stated=True) if len(items) == bands else None
    if each_with_unit is not None:
        return _with_widths(each_with_unit, path, header)
    centres = _numbers_a_band("wavelength", path, header, bands)
    if centres is None:
        names = list_items(header.get("band names", ""))
        axis = axis_from_names(names) if len(names) == bands else None
        if axis is not None:
            return _with_widths(axis, path, header)
        # "Band 1", "Band 2" … are no names of channels
        if len(names) == bands > 1 and not any(re.search(r"\d", name) for name in names):
            return ChannelAxis(tuple(names))
        return _with_widths(SpectralAxis.index(bands), path, header)
    axis = _in_unit(header, centres)
    fault = fault_of_order(axis)
    if fault:
        warn(path, f"{fault}; they are kept as they are")
    return _with_widths(axis, path, header)


def is_agilent(header: EnviHeader) -> bool:
    """Whether a header is one of those that Agilent's infrared microscopes write."""
    return header.get("header offset") == _AGILENT_OFFSET


def _in_unit(header: EnviHeader, centres: NDArray[np.float64]) -> SpectralAxis:
    """Return the axis of centres in the unit the header states, or the one that fits."""
    unit = header.get("wavelength units", "")
    if unit.lower() == "index":
        return SpectralAxis(centres)
    stated = axis_in(unit, centres)
    if stated is not None:
        return stated
    # the title of the x axis of a plot of spectra may name a unit where the key for it does not
    title = axis_in(header.get("z plot titles", "").split(",")[0], centres)
    if title is not None:
        return title
    unknown = stated_axis(unit, centres, name="wavelength")
    if unknown is not None:
        return unknown
    if is_agilent(header):
        return SpectralAxis(centres, "1/cm", "wavenumber", guessed=True)
    low = centres.min()
    high = centres.max()
    if _USUAL_NM[0] <= low and high <= _USUAL_NM[1]:
        return SpectralAxis(centres, "nm", guessed=True)
    if _USUAL_UM[0] <= low and high <= _USUAL_UM[1]:
        return SpectralAxis(centres, "um", guessed=True)
    return SpectralAxis(centres, None, "wavelength", guessed=True)


def _with_widths(axis: SpectralAxis, path: Path, header: EnviHeader) -> SpectralAxis:
    """Return the axis with widths and bad bands, where the header states them."""
    widths = _numbers_a_band("fwhm", path, header, len(axis))
    good = _numbers_a_band("bbl", path, header, len(axis))
    if widths is not None:
        converted = axis_in(header.get("wavelength units", ""), widths)
        if converted is not None:
            widths = converted.centres
    bad = None if good is None else good == 0
    return replace(axis, widths=widths, bad=bad)


def _numbers_a_band(
    key: str, path: Path, header: EnviHeader, bands: int
) -> NDArray[np.float64] | None:
    """Return a list with a number for each band; None, with a warning, where it does not fit."""
    if key not in header:
        return None
    try:
        values = np.array(list_numbers(header[key]))
    except ValueError as error:
        warn(path, f"{key} is left out: {error}")
        return None
    if len(values) != bands or not np.isfinite(values).all():
        warn(path, f"{key} is left out: {len(values)} values for {bands} bands")
        return None
    return values
