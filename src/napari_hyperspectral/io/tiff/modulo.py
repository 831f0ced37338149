"""Spectra that OME keeps as a part of another axis: `Modulo` annotations along C, T or Z.

Source: The Open Microscopy Environment, "6D, 7D and 8D storage",
https://docs.openmicroscopy.org/ome-model/latest/developers/6d-7d-and-8d-storage.html ; within an
axis the modulo varies fastest, as in FormatTools.getZCTModuloCoords of Bio-Formats.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from ...axis import Axis, ChannelAxis, SpectralAxis
from ..metadata.axes import axis_from_names, band_axis
from ..metadata.units import stated_unit
from .metadata import Sizes

CHANNEL: Final = "c"
"""Letter of an axis of channels beside one of bands: each channel is an image of its own."""
_TAG: Final = "ModuloAlong"
_LETTERS: Final = {"T": "t", "Z": "z", "C": "b"}
_SPECTRAL: Final = "lambda"


@dataclass(frozen=True)
class Modulo:
    """A spectrum within another axis."""

    along: str
    """Letter of the axis that it is a part of: t, z or b."""
    axis: Axis

    def split(self, sizes: Sizes) -> Sizes | None:
        """Return the axes of planes with the spectrum as one of its own; None where it does not fit."""
        bands = len(self.axis)
        axes: list[tuple[str, int]] = []
        for letter, size in sizes:
            if letter != self.along:
                axes.append((CHANNEL if letter == "b" else letter, size))
                continue
            if size % bands:
                return None
            outer = CHANNEL if letter == "b" else letter
            axes += [(outer, size // bands), ("b", bands)]
        return tuple((letter, size) for letter, size in axes if letter == "b" or size > 1)


def modulo_of(root: Element, image: Element, sizes: Sizes) -> Modulo | None:
    """Return the spectrum that an annotation of an image puts into one of its axes, if any does.

    What is modulo something else, as a lifetime, stays in its axis; that is told. Without a last value,
    the spectrum is guessed to go on to the end of its axis.
    """
    lengths = dict(sizes)
    spectra = []
    for element in _elements(root, image):
        letter = element.tag.rpartition(_TAG)[2]
        kind = element.get("Type", "other").lower()
        length = lengths.get(_LETTERS.get(letter, ""), 1)
        axis = _axis(element, length) if kind == _SPECTRAL else None
        if axis is not None and letter in _LETTERS:
            spectra.append(Modulo(_LETTERS[letter], axis))
        elif _count(element) > 1:
            warnings.warn(
                f"{_count(element)} steps of {kind} along {letter} are not told apart from it: they "
                f"are read as more planes along {letter}",
                stacklevel=2,
            )
    return spectra[0] if spectra else None


def _elements(root: Element, image: Element) -> Iterator[Element]:
    """Yield the ModuloAlong… of an image: those it refers to, or that no image refers to."""
    of_image = _references(image)
    of_any = _references(root)
    for annotation in root.iterfind(".//{*}XMLAnnotation"):
        identity = annotation.get("ID", "")
        if identity in of_any and identity not in of_image:
            continue
        for element in annotation.iter():
            if _TAG in element.tag:
                yield element


def _references(element: Element) -> set[str]:
    return {each.get("ID", "") for each in element.iterfind(".//{*}AnnotationRef")}


def _labels(element: Element) -> list[str]:
    return [(label.text or "").strip() for label in element.iterfind("{*}Label")]


def _steps(element: Element, length: int | None = None) -> tuple[float, float, int] | None:
    """Return first value, step and number of values, which `length` replaces; None where they make no axis."""
    try:
        start = float(element.get("Start", "nan"))
        step = float(element.get("Step", "1"))
        last = "nan" if length is None else start + step * (length - 1)
        end = float(element.get("End", last))
    except ValueError:
        return None
    if not (math.isfinite(start) and math.isfinite(end) and step):
        return None
    return start, step, round((end - start) / step) + 1


def _count(element: Element) -> int:
    steps = _steps(element)
    return len(_labels(element)) or (1 if steps is None else steps[2])


def _axis(element: Element, length: int) -> Axis | None:
    """Return the axis of labels, or of start, step and end; None where there is neither.

    Without an end, there are as many steps as planes.
    """
    unit = element.get("Unit", "")
    labels = _labels(element)
    if labels:
        return _labelled(labels, unit)
    is_open = "Start" in element.attrib and "End" not in element.attrib
    steps = _steps(element, length) if is_open else _steps(element)
    if steps is None or steps[2] < 1:
        return None
    start, step, count = steps
    centres = start + step * np.arange(count)
    if not unit and (start, step) == (0, 1):  # they are only counted
        return SpectralAxis.index(count)
    axis = band_axis([*centres], stated_unit(unit, "wavelength"))
    return replace(axis, guessed=True) if is_open else axis


def _labelled(labels: Sequence[str], unit: str) -> Axis:
    named = axis_from_names(labels, stated=True)
    if named is not None:
        return named
    try:
        centres = [float(label) for label in labels]
    except ValueError:  # they are names
        return ChannelAxis(tuple(labels))
    return band_axis(centres, stated_unit(unit, "wavelength"))
