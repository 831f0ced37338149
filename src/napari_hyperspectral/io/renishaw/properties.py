"""Property sets: the settings of instrument and measurement inside a Renishaw file.

Source: Renishaw plc, Python package "renishaw-wdf" 1.4 (Pset, PsetType, its predefined keys)
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

MAGIC: Final = b"PSET"
_ARRAY, _COMPRESSED, _CUSTOM = 0x80, 0x40, 0x8000
_NUMBERS: Final = {
    "?": "?", "c": "b", "s": "h", "i": "i", "w": "q", "r": "f", "q": "d", "t": "Q",
}  # fmt: skip
"""Layout of `struct` by the letter of the type."""
_NAME, _TEXT, _BINARY, _SET = "k", "u", "b", "p"
_NAMES: Final = {
    1: "WiRE2 Version", 2: "ErrorCode", 3: "CreationTime", 4: "StartTime", 5: "EndTime", 8: "ExpectedDatasetCount",
    7: "wizardclsid", 9: "AcquisitionCount", 10: "NumberOfPoints", 11: "FileHandlerVersion", 13: "MeasurementType",
    14: "responseCalibration", 15: "restoreInstrumentState", 16: "closeLaserShutter", 17: "FocusTrackEnabled", 18: "FocusTrackInterval",
    19: "LineFocusMode", 20: "yStepSize", 201: "DepthSeriesInterval",
    202: "DepthSeriesStartPos", 203: "DepthSeriesFinalPos", 301: "ScanCompletionStatus",
    302: "usingPixelIntensityVariationFunction",
    401: "Results", 402: "Property", 403: "Properties", 411: "Label", 412: "MapType",
    430: "Operator", 431: "Time", 432: "Version", 1001: "Name", 1002: "Description",
    1003: "Language", 1005: "Status", 1006: "System", 1007: "DataFileFormat",
    1008: "DataSaveMode", 1009: "DataSaveFile", 1010: "Result", 1011: "NamedItems", 1012: "Image", 1013: "AreaKey",
    1014: "InstrumentState",
    1015: "Laser Name", 1016: "BeamPath", 1017: "Focus Mode", 1018: "Grating Name", 1019: "Laser",
    1020: "Camera", 1021: "Instrument", 1022: "Objective magnification", 1023: "Objective name",
}  # fmt: skip
"""Names of the keys that a set does not name itself."""
_MAX_LENGTH: Final = 500
"""Letters of a text, or numbers of a list; what is longer are programs and images."""
_MAX_DEPTH: Final = 12


class Damaged(ValueError):
    """A property set ends early, or holds what none does."""


class _Item(NamedTuple):
    """An entry of a set."""

    kind: str
    key: int
    value: Any
    """None where it is too long to be kept."""
    end: int
    """First byte of the next item."""


def properties(raw: bytes) -> dict[str, Any]:
    """Return a property set, from its "PSET" on, as plain JSON.

    Raises
    ------
    Damaged
        If it is none.
    """
    if raw[:4] != MAGIC or len(raw) < 8:
        raise Damaged("no property set")
    (length,) = struct.unpack_from("<I", raw, 4)
    return _set(raw[8 : 8 + length], {}, 0)


def time_of(filetime: int) -> str | None:
    """Return a Windows FILETIME (tenths of a µs since 1601) in the ISO format; None for 0."""
    if not 0 < filetime < 2**61:  # the year 8900
        return None
    return (datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=filetime // 10)).isoformat()


def _set(raw: bytes, names: Mapping[int, str], depth: int) -> dict[str, Any]:
    """Return what a set holds; its names come after what they name, and hold for sets inside."""
    values: list[tuple[int, Any]] = []
    own_names = dict(names)
    inner_sets: list[tuple[int, bytes]] = []
    offset = 0
    while offset < len(raw):
        item = _item(raw, offset)
        offset = item.end
        if item.kind == _NAME:
            own_names[item.key] = str(item.value)
        elif item.kind == _SET:
            inner_sets.append((item.key, item.value))
        elif item.value is not None:
            values.append((item.key, item.value))
    if depth < _MAX_DEPTH:
        for key, content in inner_sets:
            values.append((key, _set(content, own_names, depth + 1)))
    named = {}
    for key, value in values:
        name = _name(key, own_names)
        if value != {} and not _is_technical(name):
            named[name] = value
    return named


def _item(raw: bytes, offset: int) -> _Item:
    """Return the item at an offset: type, flags and key, then its value."""
    try:
        code, flags, key = struct.unpack_from("<BBH", raw, offset)
        offset += 4
        kind = chr(code)
        if kind not in _NUMBERS:
            return _long_item(raw, offset, kind, flags, key)
        count = 1
        if flags & _ARRAY:
            (count,) = struct.unpack_from("<I", raw, offset)
            offset += 4
        layout = f"<{min(count, len(raw))}{_NUMBERS[kind]}"
        numbers = struct.unpack_from(layout, raw, offset)
    except struct.error as error:
        raise Damaged(str(error)) from error
    end = offset + struct.calcsize(layout)
    if count > _MAX_LENGTH:
        return _Item(kind, key, None, end)
    values = [_plain(kind, number) for number in numbers]
    return _Item(kind, key, values if flags & _ARRAY else values[0], end)


def _long_item(raw: bytes, offset: int, kind: str, flags: int, key: int) -> _Item:
    """Return an item that begins with the number of its bytes: a name, a text, bytes or a set."""
    (length,) = struct.unpack_from("<I", raw, offset)
    start = offset + 4
    end = start + length
    if kind not in (_NAME, _TEXT, _BINARY, _SET) or end > len(raw):
        raise Damaged(f"no item of type {kind!r} with {length} bytes")
    content = raw[start:end]
    if kind == _SET:
        return _Item(kind, key, content, end)
    if kind == _BINARY or flags & (_ARRAY | _COMPRESSED) or length > _MAX_LENGTH:
        return _Item(kind, key, None, end)
    return _Item(kind, key, content.decode("utf-8", "replace").rstrip("\0"), end)


def _plain(kind: str, value: Any) -> Any:
    """Return a value as JSON has it, which knows no infinity and no time."""
    if kind == "t":
        return time_of(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _name(key: int, names: Mapping[int, str]) -> str:
    if key & _CUSTOM:
        return names.get(key, f"key {key & ~_CUSTOM}")
    return _NAMES.get(key, f"key {key}")


def _is_technical(name: str) -> bool:
    """Whether a value says how programs built the set, and people nothing."""
    return name.startswith("_") or name.endswith("lsid")
