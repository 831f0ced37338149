"""HDF4: the older format of ASTER, Hyperion and MODIS, listed in a helper process and read lazily.

The library behind pyhdf trusts what it reads: from a damaged file it may crash. So another process
looks at a file first, with a time limit.

Source: The HDF Group, "HDF4 User's Guide", chapter 3 (scientific data sets),
https://support.hdfgroup.org/documentation/hdf4/
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError, MissingPackageError
from ..arrays.lazy import Box, Lazy
from ..binary import COPY_AGAIN
from .netcdf3 import Variable

_SIGNATURE: Final = b"\x0e\x03\x13\x01"
_SECONDS: Final = 30
"""The longest that listing a file may take."""
_TYPES: Final = {5: "f4", 6: "f8", 20: "i1", 21: "u1", 22: "i2", 23: "u2", 24: "i4", 25: "u4"}
"""Types by the number that HDF4 has for them (hntdefs.h)."""
_LISTING: Final = """
import json, sys
from pyhdf.SD import SD
file = SD(sys.argv[1])
sets = [(name, *about, file.select(about[3]).attributes()) for name, about in file.datasets().items()]
print(json.dumps({"attributes": file.attributes(), "sets": sets}, default=str))
"""


def is_hdf4(path: Path) -> bool:
    """Whether a file begins as those of version 4 do, which share no byte with version 5."""
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def read_variables(path: Path) -> tuple[list[Variable], dict[str, Any]]:
    """Return the numeric data sets of a file, and the attributes of the file.

    Raises
    ------
    MissingPackageError
        If pyhdf is not installed.
    FileFormatError
        If the file is damaged.
    """
    if find_spec("pyhdf") is None:
        raise MissingPackageError("pyhdf", "hdf4", f"reading {path.name}, an HDF4 file,")
    listing = _listing(path)
    variables = []
    for name, dimensions, shape, code, number, attributes in listing["sets"]:
        if code not in _TYPES:
            continue
        sizes = [shape] if isinstance(shape, int) else [int(size) for size in shape]
        stored = _Stored(path, int(number))
        data = Lazy(stored.read, sizes, _TYPES[code])
        variables.append(Variable(name, tuple(_named(dimensions, name)), attributes, data))
    return variables, listing["attributes"]


def _named(dimensions: list[str], name: str) -> list[str]:
    """Return the names of dimensions; those that the library makes up are of this array alone."""
    return [
        f"{name}/dim{axis}" if each.startswith("fakeDim") else each
        for axis, each in enumerate(dimensions)
    ]


def _listing(path: Path) -> dict[str, Any]:
    """Return what a file holds, as another process sees it."""
    command = [sys.executable, "-c", _LISTING, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
        listing: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise FileFormatError(path, "not a whole HDF4 file", COPY_AGAIN) from error
    return listing


@dataclass(frozen=True)
class _Stored:
    """A data set that is opened each time it is looked at."""

    path: Path
    number: int

    def read(self, box: Box) -> NDArray[Any]:
        from pyhdf.error import HDF4Error
        from pyhdf.SD import SD

        start = [part.start for part in box]
        stride = [part.step or 1 for part in box]
        count = [len(range(part.start, part.stop, part.step or 1)) for part in box]
        try:
            file = SD(str(self.path))
            try:
                values = file.select(self.number).get(start, count, stride)
            finally:
                file.end()
        except HDF4Error as error:
            raise FileFormatError(
                self.path, f"not a whole HDF4 file ({error})", COPY_AGAIN
            ) from error
        return np.asarray(values).reshape(count)
