"""The XML half of imzML: where each spectrum lies in the image, and in the .ibd file.

Sources: imzML, "Data structure" and the controlled vocabulary of imaging MS,
https://www.ms-imaging.org/imzml/; HUPO PSI, "mzML 1.1.0",
https://www.psidev.info/mzML. Terms below are named as there.
"""

from __future__ import annotations

import warnings
from array import array
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..source import Source

# terms of the controlled vocabularies
UUID: Final = "IMS:1000080"
CHECKSUMS: Final = {"IMS:1000090": "md5", "IMS:1000091": "sha1", "IMS:1000092": "sha256"}
PIXELS: Final = ("IMS:1000043", "IMS:1000042")  # max count of pixels y, x
EXTENT: Final = ("IMS:1000045", "IMS:1000044")  # max dimension y, x
PIXEL_SIZE: Final = ("IMS:1000047", "IMS:1000046")  # pixel size y, x
_POSITION_X, _POSITION_Y, _POSITION_Z = "IMS:1000050", "IMS:1000051", "IMS:1000052"
_OFFSET, _LENGTH, _ENCODED = "IMS:1000102", "IMS:1000103", "IMS:1000104"
_MZ_ARRAY, INTENSITY_ARRAY = "MS:1000514", "MS:1000515"
_TOTAL_ION_CURRENT: Final = "MS:1000285"
_ZLIB: Final = "MS:1000574"
_NUMPRESS: Final = frozenset(f"MS:100{n}" for n in (2312, 2313, 2314, 2746, 2747, 2748))
_DTYPES: Final = {
    "MS:1000521": "<f4",
    "MS:1000523": "<f8",
    "MS:1000519": "<i4",
    "MS:1000522": "<i8",
    "IMS:1000141": "<i4",  # the same, in the vocabulary of imzML 1.0
    "IMS:1000142": "<i8",
    "IMS:1100000": "<i1",
    "IMS:1100001": "<i2",
}
_SECTIONS: Final = {
    "fileContent": "file content",
    "sourceFile": "source file",
    "contact": "contact",
    "sample": "sample",
    "software": "software",
    "scanSettings": "scan settings",
    "instrumentConfiguration": "instrument",
    "source": "ion source",
    "analyzer": "analyzer",
    "detector": "detector",
    "processingMethod": "processing",
}
"""What the header is made of, and what we call it in the metadata."""
_CUT: Final = frozenset(
    [
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    ]
)
_BLOCK: Final = 2**20
"""Bytes that are parsed between two reports."""


class Param(NamedTuple):
    """A value of the header, with its unit."""

    value: str
    unit: str


@dataclass(frozen=True)
class Arrays:
    """Where the m/z (or intensity) arrays of the spectra lie in the .ibd file."""

    offsets: NDArray[np.int64]
    """First byte of each, shape (spectrum,)."""
    lengths: NDArray[np.int64]
    """Values in each, shape (spectrum,)."""
    encoded: NDArray[np.int64]
    """Bytes of each, shape (spectrum,)."""
    dtype: np.dtype[Any]
    compressed: bool
    """Whether each was packed with zlib."""


@dataclass(frozen=True)
class ImzML:
    """What an .imzML file says."""

    positions: NDArray[np.intc]
    """Counted from 1, shape (spectrum, 3): z, y, x."""
    mz: Arrays
    intensity: Arrays
    total: NDArray[np.float64]
    """Total ion current as stated, shape (spectrum,); NaN where it is not."""
    params: dict[str, Param]
    """The header by accession."""
    metadata: dict[str, dict[str, str | bool]]
    """The header by section and name."""


def parse(source: Source, path: Path) -> ImzML:
    """Parse an .imzML file, a block at a time.

    Raises
    ------
    FileFormatError
        If it ends early, or is not XML, or not imzML.
    """
    try:
        return _parse(source, path, None)
    except expat.ExpatError as error:
        if expat.errors.messages[error.code] != expat.errors.XML_ERROR_INVALID_TOKEN:
            raise _not_xml(path, error) from error
    try:  # a µ or ü written in another encoding than the file states
        return _parse(source, path, "iso-8859-1")
    except expat.ExpatError as error:
        raise _not_xml(path, error) from error


def _parse(source: Source, path: Path, encoding: str | None) -> ImzML:
    """Return what a file says, in the encoding that it states or in another one."""
    reading = _Reading(path)
    parser = expat.ParserCreate(encoding)
    parser.StartElementHandler = reading.start
    parser.EntityDeclHandler = reading.refuse_entities
    total = path.stat().st_size
    with path.open("rb") as file:
        try:
            for done in count(0, _BLOCK):
                source.tell(min(done, total), total, "reading where the spectra are")
                block = file.read(_BLOCK)
                parser.Parse(block, not block)
                if not block:
                    return reading.result()
        except LookupError as error:
            raise FileFormatError(path, f"not readable ({error})", "copy it again") from error
    raise AssertionError("the loop ends with the file")


def _not_xml(path: Path, error: expat.ExpatError) -> FileFormatError:
    message = expat.errors.messages[error.code]
    if message in _CUT:
        return FileFormatError(path, "the XML ends early", "copy it again, it is incomplete")
    position = f"line {error.lineno}, column {error.offset}"
    return FileFormatError(path, f"not XML at {position} ({message})", "copy it again")


class _Reading:
    """What has been read of a file so far.

    Terms add up in `_terms`: those of the header, of a group, of a spectrum with its scan,
    of one of its arrays. What is done for each of a million spectra is kept short; to hear of the
    ends of elements, too, would take a fifth longer, so a spectrum ends where the next begins.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._groups: dict[str, dict[str, str]] = {}
        self._terms: dict[str, str] = {}
        self._spectrum: dict[str, str] | None = None
        self._arrays: list[dict[str, str]] = []
        self._in_run = False
        self._root = ""
        self._section = ""
        self._stated_count = ""
        self._params: dict[str, Param] = {}
        self._metadata: dict[str, dict[str, str | bool]] = {}
        self._positions = array("i")
        self._totals = array("d")
        self._mz = _Column(_MZ_ARRAY)
        self._intensity = _Column(INTENSITY_ARRAY)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take in the start of an element."""
        if tag == "cvParam":
            accession = attributes.get("accession", "")
            self._terms[accession] = attributes.get("value", "")
            if not self._in_run:
                self._describe(accession, attributes)
        elif tag == "referenceableParamGroupRef":
            self._terms.update(self._group(attributes.get("ref", "")))
        elif tag == "binaryDataArray":
            self._terms = {}
            self._arrays.append(self._terms)
        elif tag in ("spectrum", "chromatogramList"):
            self._end_spectrum()
            self._terms = {}
            self._arrays = []
            self._spectrum = self._terms if tag == "spectrum" else None
        elif tag == "spectrumList":
            self._stated_count = attributes.get("count", "")
        elif not self._in_run:
            self._start_of_header(tag, attributes)

    def refuse_entities(self, name: str, *_: object) -> None:
        """Refuse what can make a small file endless; no imzML needs it."""
        raise FileFormatError(
            self._path, f"its XML defines entities ({name!r})", "write it anew as plain imzML"
        )

    def result(self) -> ImzML:
        """Return what was read, after the last element."""
        self._end_spectrum()
        if not self._totals:
            raise FileFormatError(self._path, "no spectrum in it", "export it again")
        if self._stated_count not in ("", str(len(self._totals))):
            warnings.warn(
                f"{self._path.name}: it lists {len(self._totals)} spectra "
                f"and states {self._stated_count}",
                stacklevel=2,
            )
        return ImzML(
            np.frombuffer(self._positions, np.intc).reshape(-1, 3),
            self._mz.arrays(),
            self._intensity.arrays(),
            np.frombuffer(self._totals, np.float64),
            self._params,
            self._metadata,
        )

    def _start_of_header(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._root:
            self._root = tag
            if tag not in ("mzML", "indexedmzML"):
                raise FileFormatError(
                    self._path, f"XML, but no imzML: it begins with <{tag}>", "choose another file"
                )
        elif tag == "run":
            self._in_run = True
            self._terms = {}
            self._metadata["run"] = {str(name): value for name, value in attributes.items()}
        elif tag == "referenceableParamGroup":
            self._section = attributes.get("id", "")
            self._terms = {}
            self._groups[self._section] = self._terms
        elif tag in _SECTIONS:
            self._section = _SECTIONS[tag]
            self._terms = {}
        elif tag == "userParam":
            self._add_metadata(attributes)

    def _describe(self, accession: str, attributes: dict[str, str]) -> None:
        param = Param(attributes.get("value", ""), attributes.get("unitName", ""))
        self._params.setdefault(accession, param)
        self._add_metadata(attributes)

    def _add_metadata(self, attributes: dict[str, str]) -> None:
        value = " ".join(filter(None, (attributes.get("value"), attributes.get("unitName"))))
        self._metadata.setdefault(self._section, {})[attributes.get("name", "")] = value or True

    def _group(self, name: str) -> dict[str, str]:
        try:
            return self._groups[name]
        except KeyError:
            raise FileFormatError(
                self._path,
                f"it refers to parameters {name!r} that it does not hold",
                "export again",
            ) from None

    def _end_spectrum(self) -> None:
        terms = self._spectrum
        if terms is None:
            return
        try:
            z = int(terms.get(_POSITION_Z) or 1)
            self._positions.extend((z, int(terms[_POSITION_Y]), int(terms[_POSITION_X])))
            self._mz.add(self._arrays)
            self._intensity.add(self._arrays)
            self._totals.append(float(terms.get(_TOTAL_ION_CURRENT) or "nan"))
        except _Incomplete as error:
            raise self._unreadable(str(error)) from None
        except KeyError as error:
            raise self._unreadable(f"says nothing of {_NAMES.get(error.args[0])}") from None
        except (ValueError, OverflowError) as error:
            raise self._unreadable(f"holds a number that is none ({error})") from None

    def _unreadable(self, why: str) -> FileFormatError:
        number = len(self._totals) + 1
        return FileFormatError(self._path, f"spectrum {number} {why}", "export it again as imzML")


_NAMES: Final = {
    _POSITION_X: "its position x",
    _POSITION_Y: "its position y",
    _OFFSET: "an external offset (its numbers are not in an .ibd file)",
    _LENGTH: "an external array length",
}


class _Incomplete(Exception):
    """Something that every spectrum needs is not there."""


class _Column:
    """The arrays of one quantity, as they come by."""

    def __init__(self, quantity: str) -> None:
        self._quantity = quantity
        self._numbers = array("q")  # offset, length and bytes of each in turn
        self._type = ""
        self._compressed = False

    def add(self, arrays: list[dict[str, str]]) -> None:
        """Add the array of one spectrum."""
        for terms in arrays:
            if self._quantity in terms:
                break
        else:
            raise _Incomplete("lacks its m/z or its intensity array")
        if not self._type:
            self._type, self._compressed = _form(terms)
        elif self._type not in terms or self._compressed != (_ZLIB in terms):
            raise _Incomplete("is stored as other numbers than those before it")
        offset = int(terms[_OFFSET])
        length = int(terms[_LENGTH])
        encoded = int(terms.get(_ENCODED) or 0)
        self._numbers.extend((offset, length, encoded))

    def arrays(self) -> Arrays:
        """Return where all of them lie; bytes that are not stated follow from the length."""
        offsets, lengths, encoded = np.frombuffer(self._numbers, np.int64).reshape(-1, 3).T
        dtype = np.dtype(_DTYPES[self._type])
        if not self._compressed:
            encoded = np.where(encoded == 0, lengths * dtype.itemsize, encoded)
        return Arrays(_unwrapped(offsets), lengths, encoded, dtype, self._compressed)


def _form(terms: dict[str, str]) -> tuple[str, bool]:
    """Return the term of the number type of an array, and whether it is compressed."""
    types = [accession for accession in _DTYPES if accession in terms]
    if not types or _NUMPRESS & set(terms):
        raise _Incomplete("is of a number type or a compression that this package does not know")
    return types[0], _ZLIB in terms


def _unwrapped(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the offsets of programs that counted in 32 bits, and went below 0, as they are."""
    if offsets.min() >= 0 or offsets.min() < -(2**31):
        return offsets
    turns = np.cumsum((offsets[1:] < 0) & (offsets[:-1] >= 0))
    unwrapped: NDArray[np.int64] = offsets + 2**32 * np.concatenate([[0], turns])
    return unwrapped
