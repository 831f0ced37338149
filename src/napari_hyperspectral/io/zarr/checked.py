"""A store whose chunks are looked at before they are decoded, and missed where they are gone."""

from __future__ import annotations

import json
import math
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from zarr.abc.store import RangeByteRequest, Store
from zarr.storage import LocalStore, WrapperStore, ZipStore

from ...errors import FileFormatError
from ..arrays.identity import ChangedFileError, Identity, check_unchanged
from .packed import problem_of_chunk

_METADATA: Final = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
_MOST_CHUNKS: Final = 200_000
"""Chunks up to which it is looked which ones are there; of more, that would take too long."""
_COPY: Final = "copy or export it again"
_PAIR: Final = 16
"""Bytes of an entry in the index of a shard: where an inner chunk begins, and its length."""
_EMPTY: Final = 2**64 - 1
"""Both numbers of the entry of an inner chunk that was never written."""
_CHECKSUM: Final = 4

_JSON: TypeAlias = Mapping[str, Any]


_OBJECTS: Final = frozenset(("vlen-array", "msgpack2", "pickle", "json2"))
"""Filters of version 2 that pack objects."""


@dataclass(frozen=True)
class _Packing:
    """How the chunks of an array are packed."""

    codec: str | None
    values: int | None
    """Bytes of the values of a chunk, where they are known."""
    checksums: int = 0
    """Bytes behind the packed ones."""
    inner: _Packing | None = None
    """Of the chunks of a shard, where the chunks of the store are shards."""
    chunks: int = 0
    """Number of the chunks of a shard."""


@dataclass
class _Array:
    """What is known of an array whose values are being shown."""

    key_of_metadata: str
    metadata: _JSON
    missing: frozenset[str] = field(default_factory=frozenset)
    """Keys of the chunks that were not there when it was opened."""


class CheckedStore(WrapperStore[Store]):
    """A store of which damaged chunks, and chunks that vanish, are errors.

    Parameters
    ----------
    store : LocalStore or ZipStore
        What is read.
    path : path
        The folder or zip file.
    """

    def __init__(self, store: Store, path: Path | None = None) -> None:
        super().__init__(store)
        if path is None:  # zarr makes a copy of a store in its own way
            root = getattr(store, "root", None) or getattr(store, "path", "")
            path = Path(str(root))
        self.path = path
        self._zipped = path.is_file()
        self._identity = Identity.of(path) if self._zipped else None
        self._packings: dict[str, _Packing] = {}
        self._arrays: dict[str, _Array] = {}

    @classmethod
    def of(cls, path: Path) -> CheckedStore:
        """Return the store in a folder or zip file."""
        if path.is_file():
            return cls(ZipStore(path, mode="r"), path)
        return cls(LocalStore(path, read_only=True), path)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return the bytes of a key, having looked at those of a chunk."""
        if self._identity is not None:
            check_unchanged(self.path, self._identity)
        buffer = await self._store.get(key, prototype, byte_range)
        folder, _, name = key.rpartition("/")
        if name in _METADATA:
            if buffer is not None and byte_range is None:
                text = buffer.to_bytes()
                if name == ".zarray" and _holds_objects(_parsed(text)):
                    return None  # no image, and zarr would refuse its whole group
                self._learn(folder, name, text)
            return buffer
        prefix = self._array_of(key)
        if prefix is None:
            return buffer
        if buffer is None:
            self._miss(prefix, key)
            return buffer
        raw = memoryview(np.ascontiguousarray(buffer.as_numpy_array()).data).cast("B")
        problem = _problem(raw, self._packings[prefix], byte_range)
        if problem is not None:
            raise FileFormatError(self.path, f"chunk {key} is damaged: {problem}", _COPY)
        return buffer

    def watch(self, array: Any) -> None:
        """Warn of the chunks that an array lacks; from now on none more may vanish."""
        prefix = array.path
        missing: frozenset[str] = frozenset()
        unit = getattr(array, "shards", None) or array.chunks
        counts = [-(-size // step) for size, step in zip(array.shape, unit, strict=True)]
        total = math.prod(counts)
        if total <= _MOST_CHUNKS:
            missing = self._missing(array, counts)
        if missing:
            name = prefix or "the array"
            warnings.warn(
                f"{self.path.name}: {len(missing)} of {total} chunks of {name} are missing; they were "
                f"lost or never written, and read as {array.fill_value}",
                stacklevel=2,
            )
        key = "/".join(filter(None, (prefix, _metadata_name(array))))
        text = self._text(key)
        self._arrays[prefix] = _Array(key, _parsed(text), missing)

    def check(self, array: Any) -> None:
        """Refuse an array that is another one than when it was opened.

        Raises
        ------
        ChangedFileError
            If it is.
        """
        known = self._arrays.get(array.path)
        if known is None or self._zipped:
            return
        text = self._text(known.key_of_metadata)
        if not text:
            raise ChangedFileError(self.path, f"{array.path or 'the array'} was removed")
        if _without_attributes(_parsed(text)) != _without_attributes(known.metadata):
            raise ChangedFileError(self.path)

    def _learn(self, folder: str, name: str, text: bytes) -> None:
        """Note how arrays are packed, when zarr reads their metadata."""
        document = _parsed(text)
        if name == ".zmetadata":
            for key, entry in document.get("metadata", {}).items():
                if key.endswith(".zarray"):
                    self._note("/".join(filter(None, (folder, key[:-8]))), _packing_of_2(entry))
        elif name == ".zarray":
            self._note(folder, _packing_of_2(document))
        elif name == "zarr.json":
            self._note(folder, _packing_of_3(document))
            consolidated = document.get("consolidated_metadata") or {}
            for key, entry in consolidated.get("metadata", {}).items():
                self._note("/".join(filter(None, (folder, key))), _packing_of_3(entry))

    def _note(self, folder: str, packing: _Packing | None) -> None:
        if packing is not None:
            self._packings[folder] = packing

    def _array_of(self, key: str) -> str | None:
        """Return the array that a chunk is of."""
        folder = key
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self._packings:
                return folder
        return None

    def _miss(self, prefix: str, key: str) -> None:
        known = self._arrays.get(prefix)
        if known is not None and key not in known.missing:
            raise ChangedFileError(self.path, f"chunk {key} was removed")

    def _missing(self, array: Any, counts: list[int]) -> frozenset[str]:
        """Return the keys of the chunks that are not there."""
        there = set(self._names(array.path))
        missing = []
        for position in product(*map(range, counts)):
            name = array.metadata.encode_chunk_key(position)
            key = "/".join(filter(None, (array.path, name)))
            if key not in there:
                missing.append(key)
        return frozenset(missing)

    def _names(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix."""
        if self._zipped:
            with zipfile.ZipFile(self.path) as file:
                yield from file.namelist()
            return
        for folder, _, names in os.walk(self.path / prefix):
            below = Path(folder).relative_to(self.path).as_posix()
            for name in names:
                yield name if below == "." else f"{below}/{name}"

    def _text(self, key: str) -> bytes:
        """Return the text of metadata; "" where there is none, or it lies in a zip file."""
        if self._zipped:
            return b""
        try:
            return (self.path / key).read_bytes()
        except OSError:
            return b""


def _metadata_name(array: Any) -> str:
    return ".zarray" if array.metadata.zarr_format == 2 else "zarr.json"


def _parsed(text: bytes) -> _JSON:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _without_attributes(document: _JSON) -> _JSON:
    return {key: value for key, value in document.items() if key != "attributes"}


def _holds_objects(document: _JSON) -> bool:
    """Whether an array is of lists or other objects of Python, as HyperSpy writes for its markers."""
    filters = document.get("filters") or ()
    ids = {entry.get("id") for entry in filters if isinstance(entry, dict)}
    return bool(ids & _OBJECTS)


def _packing_of_2(entry: Any) -> _Packing | None:
    """Return how the chunks of an array of version 2 are packed."""
    try:
        compressor = (entry.get("compressor") or {}).get("id")
        values = _bytes(entry["chunks"], np.dtype(entry["dtype"]).itemsize)
        return _Packing(compressor, None if entry.get("filters") else values)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _packing_of_3(entry: Any) -> _Packing | None:
    """Return how the chunks of an array of version 3 are packed; None of a group."""
    try:
        if entry.get("node_type") != "array":
            return None
        shape = entry["chunk_grid"]["configuration"]["chunk_shape"]
        itemsize = np.dtype(entry["data_type"]).itemsize
        return _packing_of_codecs(entry["codecs"], shape, itemsize)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _packing_of_codecs(codecs: Any, shape: Any, itemsize: int) -> _Packing:
    """Return what the last codecs of a chunk of this shape are."""
    checksums = 0
    for codec in reversed(codecs):
        name = str(codec["name"]).removeprefix("numcodecs.")
        if name == "crc32c":
            checksums += _CHECKSUM
            continue
        if name != "sharding_indexed":
            return _Packing(name, _bytes(shape, itemsize), checksums)
        configuration = codec["configuration"]
        inner = _packing_of_codecs(configuration["codecs"], configuration["chunk_shape"], itemsize)
        sides = zip(shape, configuration["chunk_shape"], strict=True)
        chunks = math.prod(-(-side // step) for side, step in sides)
        at_end = configuration.get("index_location", "end") == "end"
        return _Packing(None, None, checksums, inner if at_end else None, chunks)
    return _Packing(None, _bytes(shape, itemsize), checksums)


def _bytes(shape: Any, itemsize: int) -> int:
    return math.prod(int(side) for side in shape) * itemsize


def _problem(raw: memoryview, packing: _Packing, byte_range: Any) -> str | None:
    """Return what is wrong with the bytes of a chunk, or of a part of a shard."""
    if packing.chunks:
        if packing.inner is None or (byte_range is not None and not _is_inner(byte_range)):
            return None
        if byte_range is not None:
            return _problem(raw, packing.inner, None)
        return _problem_of_shard(raw, packing)
    if byte_range is not None or packing.codec is None:
        return None
    packed = raw[: len(raw) - packing.checksums]
    return problem_of_chunk(packed, packing.codec, packing.values)


def _is_inner(byte_range: Any) -> bool:
    """Whether a request is for a chunk of a shard: the index is asked for from the end."""
    return isinstance(byte_range, RangeByteRequest)


def _problem_of_shard(raw: memoryview, packing: _Packing) -> str | None:
    """Return what is wrong with one of the chunks of a shard."""
    assert packing.inner is not None
    start = len(raw) - packing.chunks * _PAIR - _CHECKSUM
    if start < 0:
        return "it ends within the index of its chunks"
    index = np.frombuffer(raw[start : len(raw) - _CHECKSUM], "<u8").reshape(-1, 2)
    for offset, length in index.tolist():
        if offset == length == _EMPTY:
            continue
        if offset + length > len(raw):
            return f"it ends at byte {len(raw)}, a chunk of it at {offset + length}"
        problem = _problem(raw[offset : offset + length], packing.inner, None)
        if problem is not None:
            return problem
    return None
