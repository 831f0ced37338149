"""What the files of microscopes have in common, whichever library decodes them.

Planes that are read one by one, settings kept as XML, channels that are a spectrum or are not,
and libraries that fail in their own ways.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Sampling
from ...errors import FileFormatError
from ..binary import COPY_AGAIN
from .axes import axis_from_names, is_spectrum

RGB: Final = ("red", "green", "blue")
_DEEPEST: Final = 40
"""Levels of settings that are kept; nobody nests deeper."""
_DAMAGE: Final = (
    *(ValueError, LookupError, ArithmeticError, AssertionError, AttributeError, NameError),
    *(TypeError, OSError, EOFError, RuntimeError, MemoryError, struct.error, zlib.error),
    ElementTree.ParseError,
)
"""What libraries raise on damaged files, because they trust what they read."""


@contextmanager
def refusing(path: Path, kind: str) -> Generator[None, None, None]:
    """Turn what a library raises on a damaged file into our one error."""
    try:
        yield
    except (FileFormatError, FileNotFoundError):
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FileFormatError(path, f"not a whole {kind} file ({reason})", COPY_AGAIN) from error


def planes(
    read: Callable[[tuple[int, ...]], NDArray[Any]],
    leading: Sequence[int],
    plane: tuple[int, ...],
    dtype: DTypeLike,
) -> Any:
    """Return a lazy array (…leading, …plane), of which `read` returns one plane by its indices.

    Parameters
    ----------
    read : callable
        Returns the plane at a position in `leading`, of the shape `plane`.
    leading : sequence of int
        Lengths of the axes that count planes.
    plane : tuple of int
        Shape of a plane.
    dtype : dtype
        Type of what `read` returns.
    """
    import dask.array as da

    count = len(leading)

    def block(block_id: tuple[int, ...]) -> NDArray[Any]:
        values = read(block_id[:count])
        return values.reshape((1,) * count + values.shape)  # a slice would ask the disk for all

    return da.map_blocks(  # type: ignore[no-untyped-call]
        block,
        chunks=(*((1,) * size for size in leading), *((size,) for size in plane)),
        dtype=dtype,
        meta=np.empty((0,) * (count + len(plane)), dtype),
        token=uuid.uuid4().hex,  # napari caches planes by name: no other file may have the same
    )


def xml_of(path: Path, text: str | bytes) -> ElementTree.Element:
    """Return the root of an XML text inside a file.

    Raises
    ------
    FileFormatError
        If it is none.
    """
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise FileFormatError(path, f"its description is damaged ({error})", COPY_AGAIN) from error


def settings(element: ElementTree.Element, depth: int = 0) -> Any:
    """Return an element of XML as plain JSON: its attributes, children and text by name."""
    entries: dict[str, Any] = dict(element.attrib)
    for child in element if depth < _DEEPEST else ():
        name = child.tag.rpartition("}")[2]  # without its namespace
        value = settings(child, depth + 1)
        if name not in entries:
            entries[name] = value
        elif isinstance(entries[name], list):
            entries[name].append(value)
        else:
            entries[name] = [entries[name], value]
    text = (element.text or "").strip()
    if not entries:
        return text
    return entries | {"text": text} if text else entries


def channel_axis(
    names: Sequence[str],
    *,
    emissions: Sequence[float | None] = (),
    ranges: Sequence[tuple[float, float] | None] = (),
    excitation_nm: float | None = None,
) -> SpectralAxis | ChannelAxis:
    """Return the axis of channels: a spectrum where five or more have wavelengths in order.

    Parameters
    ----------
    names : sequence of str
        A name a channel; "" where it has none.
    emissions : sequence of float or None
        Wavelength of emission of each channel, in nm.
    ranges : sequence of (float, float) or None
        First and last wavelength that each channel detected, in nm.
    excitation_nm : float, optional
        The line that excited all of them.
    """
    detected = [limits for limits in ranges if limits is not None]
    if len(detected) == len(names):
        centres = [(low + high) / 2 for low, high in detected]
        widths = [abs(high - low) for low, high in detected]
        axis = SpectralAxis(centres, "nm", widths=widths, excitation_nm=excitation_nm)
        if is_spectrum(axis):
            return axis
    emitted = [emission for emission in emissions if emission is not None]
    if len(emitted) == len(names):
        axis = SpectralAxis(emitted, "nm", excitation_nm=excitation_nm)
        if is_spectrum(axis):
            return axis
    return axis_from_names(names) or ChannelAxis(_unique(names))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, numbered where one is missing or comes twice."""
    filled = [name or f"channel {number}" for number, name in enumerate(names, 1)]
    if len(set(filled)) == len(filled):
        return tuple(filled)
    return tuple(f"{name} {number}" for number, name in enumerate(filled, 1))


def sampling(step: float | None, start: float = 0.0, unit: str | None = None) -> Sampling:
    """Return where slices or frames lie; where the file gives no distance, they are counted."""
    if not step or not np.isfinite([step, start]).all():
        return Sampling()
    return Sampling(float(step), float(start), unit)


def plain(value: Any) -> Any:
    """Return a value of a library as plain JSON; what JSON has no type for becomes a string."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None  # JSON has neither NaN nor infinity
    return value if isinstance(value, str | int | float | bool | None) else str(value)
