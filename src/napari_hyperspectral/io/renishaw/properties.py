"""Property sets: the settings of instrument and measurement inside a Renishaw file.

Source: Renishaw plc, Python package "renishaw-wdf" 1.4 (Pset, PsetType, its predefined keys)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
_LONGEST: Final = 500
"""Letters of a text, or numbers of a list; what is longer are programs and images."""
_DEEPEST: Final = 12


class Damaged(ValueError):
    """A property set ends early, or holds what none does."""


def properties(raw: bytes) -> dict[str, Any]:
    """Return a property set, from its "PSET" on, as plain JSON.

    Raises
    ------
    Damaged
        If it is none.
    """
    if raw[:4] != MAGIC or len(raw) < 8:
        raise Damaged("no property set")
    return _set(raw[8 : 8 + struct.unpack_from("<I", raw, 4)[0]], {}, 0)


def time_of(filetime: int) -> str | None:
    """Return a Windows FILETIME (tenths of a µs since 1601) in the ISO format; None for 0."""
    if not 0 < filetime < 2**61:  # the year 8900
        return None
    return (datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=filetime // 10)).isoformat()


def _set(raw: bytes, names: Mapping[int, str], depth: int) -> dict[str, Any]:
    """Return what a set holds; its names come after what they name, and hold for sets inside."""
    found: list[tuple[int, Any]] = []
    own = dict(names)
    inner: list[tuple[int, bytes]] = []
    place = 0
    while place < len(raw):
        kind, key, value, place = _item(raw, place)
        if kind == _NAME:
            own[key] = str(value)
        elif kind == _SET:
            inner.append((key, value))
        elif value is not None:
            found.append((key, value))
    if depth < _DEEPEST:
        found += [(key, _set(below, own, depth + 1)) for key, below in inner]
    named = [(_name(key, own), value) for key, value in found if value != {}]
    return {name: value for name, value in named if not _of_programs(name)}


def _item(raw: bytes, place: int) -> tuple[str, int, Any, int]:
    """Return type, key and value of an item, and where the next one begins."""
    try:
        code, flags, key = struct.unpack_from("<BBH", raw, place)
        place += 4
        kind = chr(code)
        if kind not in _NUMBERS:
            return _long_item(raw, place, kind, flags, key)
        count = 1
        if flags & _ARRAY:
            count = struct.unpack_from("<I", raw, place)[0]
            place += 4
        layout = f"<{min(count, len(raw))}{_NUMBERS[kind]}"
        values = [_plain(kind, value) for value in struct.unpack_from(layout, raw, place)]
    except struct.error as error:
        raise Damaged(str(error)) from error
    end = place + struct.calcsize(layout)
    if count > _LONGEST:
        return kind, key, None, end
    return kind, key, values if flags & _ARRAY else values[0], end


def _long_item(
    raw: bytes, place: int, kind: str, flags: int, key: int
) -> tuple[str, int, Any, int]:
    length = struct.unpack_from("<I", raw, place)[0]
    content = raw[place + 4 : place + 4 + length]
    end = place + 4 + length
    if kind not in (_NAME, _TEXT, _BINARY, _SET) or end > len(raw):
        raise Damaged(f"no item of type {kind!r} with {length} bytes")
    if kind == _SET:
        return kind, key, content, end
    if kind == _BINARY or flags & (_ARRAY | _COMPRESSED) or length > _LONGEST:
        return kind, key, None, end
    return kind, key, content.decode("utf-8", "replace").rstrip("\0"), end


def _plain(kind: str, value: Any) -> Any:
    """Return a value as JSON has it, which knows no infinity and no time."""
    if kind == "t":
        return time_of(value)
    return None if isinstance(value, float) and value - value != 0 else value


def _name(key: int, own: Mapping[int, str]) -> str:
    if key & _CUSTOM:
        return own.get(key, f"key {key & ~_CUSTOM}")
    return _NAMES.get(key, f"key {key}")


def _of_programs(name: str) -> bool:
    """Whether a value tells programs how the set is built, and people nothing."""
    return name.startswith("_") or name.endswith("lsid")
