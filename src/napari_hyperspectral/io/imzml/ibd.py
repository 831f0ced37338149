"""The .ibd half of imzML: whether it is the right file and all of it, and the arrays in it."""

from __future__ import annotations

import hashlib
import mmap
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..arrays.indexed import Placed
from ..arrays.mapped import mapped
from .xml import CHECKSUMS, UUID, Arrays, ImzML

CHECKED: Final = 128 * 2**20
"""Bytes of an .ibd file up to which its checksum is verified, and all its m/z values compared."""
LOOKED_AT: Final = 64
"""Spectra of which all m/z values are looked at, in larger files."""
AT_A_TIME: Final = 1024
"""Spectra that are looked at between two reports; then their pages are let go of."""
_UUID_BYTES: Final = 16
_COPY_BOTH: Final = "copy both files again"
_PACKS: Final = 1100
"""Bytes that zlib can make of one, and a few more."""


def pair(path: Path) -> tuple[Path, Path]:
    """Return the .imzML and the .ibd file, whichever of the two `path` is."""
    other = ".imzml" if path.suffix.lower() == ".ibd" else ".ibd"
    wanted = (path.stem + other).lower()
    beside = [each for each in path.parent.iterdir() if each.name.lower() == wanted]
    if not beside and path.is_symlink():  # the other may lie beside what it points to
        return pair(path.resolve())
    if not beside:
        proper = path.stem + (".imzML" if other == ".imzml" else other)
        raise FileFormatError(
            path, f"{proper} is not beside it", "the two belong together: put them in one folder"
        )
    sibling = next((each for each in beside if each.stem == path.stem), beside[0])
    return (sibling, path) if other == ".imzml" else (path, sibling)


def check_pair(path: Path, ibd: Path, found: ImzML) -> None:
    """Refuse an .ibd file that is not the one described, or not all of it."""
    size = ibd.stat().st_size
    with ibd.open("rb") as file:
        uuid = file.read(_UUID_BYTES)
    if len(uuid) < _UUID_BYTES:
        raise FileFormatError(ibd, f"it is cut short after {size} bytes", "copy it again")
    stated = found.params.get(UUID)
    if stated is None:
        warnings.warn(
            f"{path.name}: it states no UUID, so that nobody can tell whether {ibd.name} is its own",
            stacklevel=3,
        )
    elif stated.value.strip("{} ").replace("-", "").lower() not in _spelled(uuid):
        raise FileFormatError(
            path,
            f"its UUID is {stated.value}, that of {ibd.name} ({size:,} bytes) is {uuid.hex()}",
            "the two files are of different measurements, or damaged: look for the right pair",
        )
    _check_lengths(path, found)
    _check_places(path, ibd, size, (found.mz, found.intensity))
    for accession, name in CHECKSUMS.items():
        if accession in found.params and size <= CHECKED:
            checksum = hashlib.new(name, ibd.read_bytes(), usedforsecurity=False).hexdigest()
            if found.params[accession].value.strip().lower() != checksum:
                raise FileFormatError(
                    path, f"{ibd.name} does not have the {name} checksum stated", _COPY_BOTH
                )


def _spelled(uuid: bytes) -> tuple[str, str]:
    """Return a UUID as text, as it is and as Windows programs swap its first half."""
    swapped = uuid[3::-1] + uuid[5:3:-1] + uuid[7:5:-1] + uuid[8:]
    return uuid.hex(), swapped.hex()


def _check_lengths(path: Path, found: ImzML) -> None:
    """Refuse arrays that need other space than stated, or do not go together."""
    for arrays in (found.mz, found.intensity):
        wrong = (arrays.offsets < 0) | (arrays.lengths < 0) | (arrays.encoded < 0)
        if arrays.compressed:
            wrong |= arrays.lengths > arrays.encoded * _PACKS
        else:
            wrong |= arrays.encoded // arrays.dtype.itemsize != arrays.lengths
            wrong |= arrays.encoded % arrays.dtype.itemsize != 0
        for row in np.flatnonzero(wrong)[:1]:
            raise FileFormatError(
                path,
                f"spectrum {row + 1} has {arrays.lengths[row]} values of {arrays.dtype.name} in "
                f"{arrays.encoded[row]} bytes from byte {arrays.offsets[row]} on",
                "copy or export it again",
            )
    for row in np.flatnonzero(found.mz.lengths != found.intensity.lengths)[:1]:
        raise FileFormatError(
            path,
            f"spectrum {row + 1} has {found.mz.lengths[row]} m/z values "
            f"and {found.intensity.lengths[row]} intensities",
            "export it again",
        )


def _check_places(path: Path, ibd: Path, size: int, kinds: Sequence[Arrays]) -> None:
    """Refuse arrays that are not all within the file, or lie upon each other."""
    starts = np.concatenate([arrays.offsets for arrays in kinds])
    lengths = np.concatenate([arrays.encoded for arrays in kinds])
    if (missing := starts > size - lengths).any():
        ends = starts[missing].astype(object) + lengths[missing]  # of any size, if damaged
        raise FileFormatError(
            ibd,
            f"{size:,} bytes, but {path.name} tells of spectra up to byte {max(ends):,}",
            "the file was cut short: copy it again",
        )
    order = np.argsort(starts, kind="stable")
    order = order[lengths[order] > 0]
    starts, lengths = starts[order], lengths[order]
    ends = starts + lengths
    same = (starts[1:] == starts[:-1]) & (ends[1:] == ends[:-1])
    if len(starts) and (starts[0] < _UUID_BYTES or ((starts[1:] < ends[:-1]) & ~same).any()):
        raise FileFormatError(
            path, f"it tells of arrays that overlap in {ibd.name}", "copy or export it again"
        )


class Stored:
    """The m/z, or the intensity, arrays of all spectra in an .ibd file.

    Parameters
    ----------
    path : path
        The file; that all arrays lie within it must have been seen.
    arrays : Arrays
        Where they lie.
    """

    def __init__(self, path: Path, arrays: Arrays) -> None:
        self._path, self._arrays = path, arrays
        self.dtype, self.lengths, self.compressed = arrays.dtype, arrays.lengths, arrays.compressed
        with path.open("rb") as file:
            self._raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._phase = int(arrays.offsets[0] % self.dtype.itemsize)
        self._aligned = not ((arrays.offsets - self._phase) % self.dtype.itemsize).any()

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, row: int) -> NDArray[Any]:
        """Return the array of one spectrum; of it, only what is looked at is read."""
        length, offset = int(self.lengths[row]), int(self._arrays.offsets[row])
        if not self.compressed:
            return np.frombuffer(self._raw, self.dtype, length, offset)
        wanted = length * self.dtype.itemsize
        packed = self._raw[offset : offset + int(self._arrays.encoded[row])]
        try:  # one byte more than wanted shows that there is more, without unpacking a bomb
            plain = zlib.decompressobj().decompress(packed, wanted + 1)
        except zlib.error:
            plain = b""
        if len(plain) != wanted:
            raise FileFormatError(
                self._path,
                f"the {length} values of spectrum {row + 1} cannot be unpacked",
                "copy it again, it is damaged",
            )
        return np.frombuffer(plain, self.dtype)

    def at(self, rows: NDArray[np.intp], places: NDArray[np.intp]) -> NDArray[Any]:
        """Return one value of each of some spectra, if they are not compressed."""
        first = self._arrays.offsets[rows] + places * self.dtype.itemsize
        if self._aligned:
            count = (len(self._raw) - self._phase) // self.dtype.itemsize
            numbers = np.frombuffer(self._raw, self.dtype, count, self._phase)
            aligned: NDArray[Any] = numbers[(first - self._phase) // self.dtype.itemsize]
            return aligned
        bytes_ = np.frombuffer(self._raw, np.uint8)[first[:, None] + np.arange(self.dtype.itemsize)]
        values: NDArray[Any] = bytes_.view(self.dtype)[:, 0]
        return values

    def let_go(self) -> None:
        """Give back the pages that were looked at: until then they count as memory in use."""
        if hasattr(self._raw, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
            self._raw.madvise(mmap.MADV_DONTNEED)


class Table:
    """Intensities of spectra that share their m/z values, one after another."""

    def __init__(self, stored: Stored, rows: NDArray[Any] | None) -> None:
        self._stored, self._rows = stored, rows  # rows, (spectrum, band): where equally far apart
        self.dtype, self.bands = stored.dtype, int(stored.lengths[0])

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""
        if not len(rows) or not len(bands):
            return np.empty((len(rows), len(bands)), self.dtype)
        if self._rows is None:
            return np.stack([self._stored.part(row)[bands] for row in rows])
        first, last = int(bands.min()), int(bands.max())
        near = np.asarray(self._rows[rows[0] : rows[-1] + 1, first : last + 1])
        found: NDArray[Any] = near[np.ix_(rows - rows[0], bands - first)]
        return found


def share_mz(arrays: Arrays, mz: Stored) -> bool:
    """Whether all spectra have the same m/z values: written once, or the same each time.

    In large files a sample is compared, and three values of all the others.
    """
    if not mz.lengths[0] or (mz.lengths != mz.lengths[0]).any():
        return False
    rows = np.unique(arrays.offsets, return_index=True)[1]
    small = arrays.encoded[rows].sum() <= CHECKED
    first = mz.part(0)
    looked_at = rows if small else rows[some(len(rows), LOOKED_AT)]
    if not all(np.array_equal(mz.part(int(row)), first) for row in looked_at):
        return False
    if small or mz.compressed:
        return True
    places = np.array([0, len(first) // 2, len(first) - 1])
    for start in range(0, len(rows), AT_A_TIME):
        near = np.repeat(rows[start : start + AT_A_TIME], len(places))
        values = mz.at(near, np.tile(places, len(near) // len(places)))
        if not np.array_equal(values, np.resize(first[places], len(near))):
            return False
        mz.let_go()
    return True


def some(count: int, most: int) -> NDArray[np.intp]:
    """Return numbers below `count`, evenly spread, at most so many."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def unbinned(ibd: Path, arrays: Arrays, stored: Stored, raster: NDArray[np.intp]) -> Any:
    """Return spectra of the same bands as a cube: a memory map where they fill it in order."""
    rows = _mapped_rows(ibd, arrays)
    if rows is not None and np.array_equal(raster.ravel(), np.arange(raster.size)):
        item, (step, _) = rows.itemsize, rows.strides
        *leading, height, width = raster.shape
        shape = (*leading, rows.shape[1], height, width)
        plane = [step * width * height] * len(leading)
        return as_strided(rows, shape, (*plane, item, step * width, step), subok=True)
    return Placed(Table(stored, rows), raster)


def _mapped_rows(ibd: Path, arrays: Arrays) -> NDArray[Any] | None:
    """Map intensities as (spectrum, band), if they are equally far apart in the file."""
    item, count = arrays.dtype.itemsize, len(arrays.offsets)
    step = int(arrays.offsets[1] - arrays.offsets[0]) if count > 1 else int(arrays.encoded[0])
    even = bool((np.diff(arrays.offsets) == step).all())
    if arrays.compressed or not even or step % item or step <= 0:
        return None
    bands = int(arrays.lengths[0])
    whole = mapped(ibd, arrays.dtype, ((count - 1) * step // item + bands,), int(arrays.offsets[0]))
    return as_strided(whole, (count, bands), (step, item), subok=True)
