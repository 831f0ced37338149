"""The .ibd half of imzML: whether it is the right file and all of it, and the arrays in it."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..arrays.indexed import IndexMappedArray
from ..arrays.mapped import mapped
from ..arrays.positional import OpenFile, by_position
from .xml import CHECKSUMS, UUID, Arrays, ImzML

CHECKED: Final = 128 * 2**20
"""Bytes of an .ibd file up to which its checksum is verified, and all its m/z values compared."""
SAMPLED: Final = 64
"""Spectra of which all m/z values are looked at, in larger files."""
AT_A_TIME: Final = 1024
"""Spectra that are looked at between two reports."""
_FEW_BANDS: Final = 8
"""Bands up to which single values are read, rather than whole spectra."""
_UUID_BYTES: Final = 16
_COPY_BOTH: Final = "copy both files again"
_MAX_EXPANSION: Final = 1100
"""Bytes that zlib can make of one, and a few more."""


def pair(path: Path) -> tuple[Path, Path]:
    """Return the .imzML and the .ibd file, whichever of the two `path` is."""
    is_ibd = path.suffix.lower() == ".ibd"
    other = ".imzML" if is_ibd else ".ibd"
    name = (path.stem + other).lower()
    candidates = [each for each in path.parent.iterdir() if each.name.lower() == name]
    if not candidates and path.is_symlink():  # the other may lie where it points to
        return pair(path.resolve())
    if not candidates:
        raise FileFormatError(
            path,
            f"{path.stem}{other} is not in its folder",
            "the two belong together: put them in one folder",
        )
    companion = candidates[0]
    for candidate in reversed(candidates):  # names of another case are second choice
        if candidate.stem == path.stem:
            companion = candidate
    return (companion, path) if is_ibd else (path, companion)


def check_pair(path: Path, ibd: Path, imzml: ImzML) -> None:
    """Refuse an .ibd file that is not the one described, or not all of it."""
    size = ibd.stat().st_size
    with ibd.open("rb") as file:
        uuid = file.read(_UUID_BYTES)
    if len(uuid) < _UUID_BYTES:
        raise FileFormatError(ibd, f"it is cut short after {size} bytes", "copy it again")
    stated = imzml.params.get(UUID)
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
    _check_lengths(path, imzml)
    _check_offsets(path, ibd, size, (imzml.mz, imzml.intensity))
    if size <= CHECKED:
        _check_checksums(path, ibd, imzml)


def _check_checksums(path: Path, ibd: Path, imzml: ImzML) -> None:
    for accession, name in CHECKSUMS.items():
        stated = imzml.params.get(accession)
        if stated is None:
            continue
        checksum = hashlib.new(name, ibd.read_bytes(), usedforsecurity=False).hexdigest()
        if stated.value.strip().lower() != checksum:
            raise FileFormatError(
                path, f"{ibd.name} does not have the {name} checksum stated", _COPY_BOTH
            )


def _spelled(uuid: bytes) -> tuple[str, str]:
    """Return a UUID as text, as it is and as Windows programs swap its first half."""
    swapped = uuid[3::-1] + uuid[5:3:-1] + uuid[7:5:-1] + uuid[8:]
    return uuid.hex(), swapped.hex()


def _check_lengths(path: Path, imzml: ImzML) -> None:
    """Refuse arrays that need other space than stated, or do not go together."""
    for arrays in (imzml.mz, imzml.intensity):
        wrong = (arrays.offsets < 0) | (arrays.lengths < 0) | (arrays.encoded < 0)
        if arrays.compressed:
            wrong |= arrays.lengths > arrays.encoded * _MAX_EXPANSION
        else:
            wrong |= arrays.encoded // arrays.dtype.itemsize != arrays.lengths
            wrong |= arrays.encoded % arrays.dtype.itemsize != 0
        if wrong.any():
            row = int(np.argmax(wrong))
            raise FileFormatError(
                path,
                f"spectrum {row + 1} has {arrays.lengths[row]} values of {arrays.dtype.name} in "
                f"{arrays.encoded[row]} bytes from byte {arrays.offsets[row]} on",
                "copy or export it again",
            )
    unequal = imzml.mz.lengths != imzml.intensity.lengths
    if unequal.any():
        row = int(np.argmax(unequal))
        raise FileFormatError(
            path,
            f"spectrum {row + 1} has {imzml.mz.lengths[row]} m/z values "
            f"and {imzml.intensity.lengths[row]} intensities",
            "export it again",
        )


def _check_offsets(path: Path, ibd: Path, size: int, kinds: Sequence[Arrays]) -> None:
    """Refuse arrays that are not all within the file, or overlap."""
    starts = np.concatenate([arrays.offsets for arrays in kinds])
    lengths = np.concatenate([arrays.encoded for arrays in kinds])
    beyond = starts > size - lengths
    if beyond.any():
        ends = starts[beyond].astype(object) + lengths[beyond]  # of any size, if damaged
        raise FileFormatError(
            ibd,
            f"{size:,} bytes, but {path.name} has spectra up to byte {max(ends):,}",
            "the file was cut short: copy it again",
        )
    order = np.argsort(starts, kind="stable")
    order = order[lengths[order] > 0]
    starts = starts[order]
    ends = starts + lengths[order]
    if not len(starts):
        return
    same = (starts[1:] == starts[:-1]) & (ends[1:] == ends[:-1])  # several spectra may share one
    overlap = (starts[1:] < ends[:-1]) & ~same
    if starts[0] < _UUID_BYTES or overlap.any():
        raise FileFormatError(
            path, f"it has arrays that overlap in {ibd.name}", "copy or export it again"
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
        self._path = path
        self._arrays = arrays
        self.dtype = arrays.dtype
        self.lengths = arrays.lengths
        self.compressed = arrays.compressed
        self._file = OpenFile(path)

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, row: int) -> NDArray[Any]:
        """Return the array of one spectrum."""
        length = int(self.lengths[row])
        offset = int(self._arrays.offsets[row])
        stored = self._file.block(offset, int(self._arrays.encoded[row]))
        if not self.compressed:
            return np.frombuffer(stored, self.dtype, length)
        size = length * self.dtype.itemsize
        try:  # one byte more shows that there is more, without unpacking a bomb
            plain = zlib.decompressobj().decompress(stored, size + 1)
        except zlib.error:
            plain = b""
        if len(plain) != size:
            raise FileFormatError(
                self._path,
                f"the {length} values of spectrum {row + 1} cannot be unpacked",
                "copy it again, it is damaged",
            )
        return np.frombuffer(plain, self.dtype)

    def at(self, rows: NDArray[np.intp], index: NDArray[np.intp]) -> NDArray[Any]:
        """Return one value of each of some spectra, if they are not compressed.

        Parameters
        ----------
        rows, index : ndarray of int, shape (value,)
            Number of the spectrum of each value, and its index therein.
        """
        first = self._arrays.offsets[rows] + index * self.dtype.itemsize  # byte of each value
        return self._file.single_values(first, self.dtype)

    def first_parts(
        self,
        rows: NDArray[np.intp],
        starts: NDArray[np.intp],
        length: int,
    ) -> NDArray[Any]:
        """Return so many values of some spectra from an index on; infinity where they end before.

        Parameters
        ----------
        rows, starts : ndarray of int, shape (row,)
            Numbers of the spectra, and the first index in each.

        Returns
        -------
        ndarray, shape (row, length)
        """
        item = self.dtype.itemsize
        lengths = np.clip(self.lengths[rows] - starts, 0, length)
        first = self._arrays.offsets[rows] + starts * item
        raw = self._file.blocks(first, lengths * item)
        values = np.full((len(rows), length), np.inf, np.result_type(self.dtype, np.float32))
        values[np.arange(length) < lengths[:, None]] = np.frombuffer(raw, self.dtype)
        return values


class SharedAxisSpectra:
    """Intensities of spectra that share their m/z values, one after another.

    Parameters
    ----------
    stored : Stored
        The intensities.
    mapped_rows : ndarray, shape (spectrum, band), optional
        The same, mapped, where they are at equal distances in the file.
    """

    def __init__(self, stored: Stored, mapped_rows: NDArray[Any] | None) -> None:
        self._stored = stored
        self._mapped_rows = by_position(mapped_rows)
        self.dtype = stored.dtype
        self.bands = int(stored.lengths[0])

    def read(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of those spectra, shape (row, band); rows ascend."""
        if not len(rows) or not len(bands):
            return np.empty((len(rows), len(bands)), self.dtype)
        if self._mapped_rows is None:
            return self._of_spectra(rows, bands)
        first_row = int(rows[0])
        first_band = int(bands.min())
        near = self._mapped_rows[first_row : rows[-1] + 1, first_band : bands.max() + 1]
        block = np.asarray(near)  # one read; what is between is loaded, too
        values: NDArray[Any] = block[np.ix_(rows - first_row, bands - first_band)]
        return values

    def _of_spectra(self, rows: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return those bands of spectra that lie anywhere in the file."""
        if self._stored.compressed or len(bands) > _FEW_BANDS:
            return np.stack([self._stored.part(row)[bands] for row in rows])
        values = self._stored.at(np.repeat(rows, len(bands)), np.tile(bands, len(rows)))
        return values.reshape(len(rows), len(bands))


def share_mz(arrays: Arrays, mz: Stored) -> bool:
    """Whether all spectra have the same m/z values: written once, or the same each time.

    In large files a sample is compared, and three values of all the others.
    """
    if not mz.lengths[0] or (mz.lengths != mz.lengths[0]).any():
        return False
    rows = np.unique(arrays.offsets, return_index=True)[1]  # of each array that is stored
    is_small = arrays.encoded[rows].sum() <= CHECKED
    sample = rows if is_small else rows[sample_of(len(rows), SAMPLED)]
    first = mz.part(0)
    if not all(np.array_equal(mz.part(int(row)), first) for row in sample):
        return False
    if is_small or mz.compressed:
        return True
    index = np.array([0, len(first) // 2, len(first) - 1])
    for start in range(0, len(rows), AT_A_TIME):
        block = rows[start : start + AT_A_TIME]
        values = mz.at(np.repeat(block, len(index)), np.tile(index, len(block)))
        if not np.array_equal(values, np.tile(first[index], len(block))):
            return False
    return True


def sample_of(count: int, most: int) -> NDArray[np.intp]:
    """Return numbers below `count`, evenly spread, at most so many."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def unbinned(ibd: Path, arrays: Arrays, stored: Stored, raster: NDArray[np.intp]) -> Any:
    """Return spectra of the same bands as a cube: a memory map where they fill it in order.

    Parameters
    ----------
    arrays, stored : Arrays, Stored
        The intensities.
    raster : ndarray of int, shape (y, x) or (z, y, x)
        Number of the spectrum of each pixel.
    """
    rows = _mapped_rows(ibd, arrays)
    if rows is None or not np.array_equal(raster.ravel(), np.arange(raster.size)):
        return IndexMappedArray(SharedAxisSpectra(stored, rows), raster)
    stride, item = rows.strides
    *planes, height, width = raster.shape
    shape = (*planes, rows.shape[1], height, width)  # ((z,) band, y, x)
    plane_strides = [stride * width * height] * len(planes)
    return as_strided(rows, shape, (*plane_strides, item, stride * width, stride), subok=True)


def _mapped_rows(ibd: Path, arrays: Arrays) -> NDArray[Any] | None:
    """Map intensities as (spectrum, band), if they are at equal distances in the file."""
    item = arrays.dtype.itemsize
    count = len(arrays.offsets)
    stride = int(arrays.encoded[0])
    if count > 1:
        stride = int(arrays.offsets[1] - arrays.offsets[0])
    even = bool((np.diff(arrays.offsets) == stride).all())
    if arrays.compressed or not even or stride % item or stride <= 0:
        return None
    bands = int(arrays.lengths[0])
    values = (count - 1) * stride // item + bands
    flat = mapped(ibd, arrays.dtype, (values,), int(arrays.offsets[0]))
    return as_strided(flat, (count, bands), (stride, item), subok=True)
