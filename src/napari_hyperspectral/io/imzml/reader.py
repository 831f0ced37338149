"""imzML: mass spectra of an image, their positions in an XML file and their numbers in an .ibd file.

Sources: imzML, "Data structure", https://www.ms-imaging.org/imzml/; Schramm et al., "imzML —
a common data format for the flexible exchange and processing of mass spectrometry imaging data",
J. Proteomics 75 (2012) 5106, https://doi.org/10.1016/j.jprot.2012.07.026.

Spectra that share their m/z values (*continuous*, and many *processed* files) keep them: each is a
band. Others are summed up in bands of equal width, at most 2000 unless the path says otherwise:

    tissue.imzML                       bands of 0.1, 0.2, 0.5, 1 … m/z
    tissue.imzML::mz=0.1               bands of 0.1 m/z
    tissue.imzML::ppm=20               bands of 20 ppm of their m/z
    tissue.imzML::peaks=184.07,760.58±10ppm
    tissue.imzML::peaks=lipids.csv±0.01    m/z in the first column
    tissue.imzML::tic                  total ion current

Of two spectra at one position the later one is kept, with a warning.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image, Sampling
from ...errors import FileFormatError
from ..arrays.indexed import NOT_MEASURED, IndexMappedArray
from ..metadata.units import length_unit
from ..source import Source
from .bands import Bands, bands_asked_for, even_bands, total_ion_current
from .binned import Binned, survey
from .ibd import Stored, check_pair, pair, share_mz, unbinned
from .xml import EXTENT, INTENSITY_ARRAY, PIXEL_SIZE, PIXELS, ImzML, parse

_SUMMED: Final = 512 * 2**20
"""Bytes of intensities up to which the total ion current is summed up, not taken as stated."""
_SPARSE: Final = (64, 1024)
"""Pixels for each spectrum, and in any case, that an image may have: with more, positions are wrong."""
_MAX_STATED: Final = 3 * 10**7
"""Pixels that an image may have if the file states so."""


def read_images(source: Source) -> list[Image]:
    """Read a pair of files; where spectra are binned, the total ion current comes first.

    Raises
    ------
    FileFormatError
        If either file is missing or damaged, or they do not belong together.
    """
    path, ibd = pair(source.path)
    imzml = parse(source, path)
    check_pair(path, ibd, imzml)
    raster, parameters = _raster(path, imzml)
    parameters |= {
        "name": path.stem,
        "intensity_unit": _intensity_unit(imzml),
        "history": (f"read {path.name}",),
        "metadata": {"imzml": imzml.metadata},
    }
    mz = Stored(ibd, imzml.mz)
    intensity = Stored(ibd, imzml.intensity)
    if source.array is None and share_mz(imzml.mz, mz):
        data = unbinned(ibd, imzml.intensity, intensity, raster)
        return [Cube(data, SpectralAxis(mz.part(0), "m/z"), **parameters)]
    masses = survey(path, mz, source.tell)

    def summed(bands: Bands) -> Cube:
        spectra = Binned(mz, intensity, bands.windows, masses.ascending)
        return _named(Cube(IndexMappedArray(spectra, raster), bands.axis, **parameters), bands)

    if source.array is not None:
        return [summed(bands_asked_for(source.array, path, masses.low, masses.high))]
    cube = summed(even_bands(masses.low, masses.high))
    total = total_ion_current()
    if intensity.lengths.sum() * intensity.dtype.itemsize <= _SUMMED:
        return [summed(total), cube]
    if np.isnan(imzml.total).any():
        return [cube]
    stated = np.append(imzml.total, np.nan)[raster]  # the last is that of NOT_MEASURED
    return [_named(Cube(stated[..., None, :, :], total.axis, **parameters), total), cube]


def _named(cube: Cube, bands: Bands) -> Cube:
    return cube.after(bands.step, name=f"{cube.name} {bands.name}".strip())


# ----------------------------------------------------------------------------------- positions


def _raster(path: Path, imzml: ImzML) -> tuple[NDArray[np.intp], dict[str, Any]]:
    """Return the spectrum of each pixel, (y, x) or (z, y, x), and size and position of pixels.

    The latter are parameters of `Cube`.
    """
    positions = imzml.positions  # (spectrum, (z, y, x)), counted from 1
    low = positions.min(axis=0)
    high = positions.max(axis=0)
    shape = tuple(int(last) - int(first) + 1 for first, last in zip(low, high, strict=True))
    _check_extent(path, imzml, low, high)
    raster = np.full(shape, NOT_MEASURED, np.intp)
    raster[tuple((positions - low).T)] = np.arange(len(positions))
    repeated = len(positions) - int((raster != NOT_MEASURED).sum())
    if repeated:
        warnings.warn(
            f"{path.name}: {repeated} spectra lie where a later one does; the later ones are kept",
            stacklevel=3,
        )
    size, unit = _pixel_size(imzml)
    _, y, x = (float(first - 1) for first in low)
    parameters: dict[str, Any] = {
        "pixel_size": size,
        "pixel_unit": unit,
        "origin": (y * size[0], x * size[1]),
    }
    if shape[0] == 1:
        return raster[0], parameters
    return raster, parameters | {"z": Sampling(start=float(low[0] - 1))}


def _check_extent(path: Path, imzml: ImzML, low: NDArray[np.intc], high: NDArray[np.intc]) -> None:
    """Refuse positions that are too sparse to be meant, and warn where they exceed what is stated.

    Parameters
    ----------
    low, high : ndarray of int, shape (3,)
        Ends of the positions: z, y, x.
    """
    counts = [_number(imzml, accession) for accession in PIXELS]
    spectra = len(imzml.positions)
    planes, height, width = (
        int(last) - int(first) + 1 for first, last in zip(low, high, strict=True)
    )
    allowed = max(_SPARSE[0] * spectra, _SPARSE[1])
    if planes * height * width > allowed and not _is_as_stated(high, counts, planes):
        ranges = zip("zyx", low, high, strict=True)
        extent = ", ".join(f"{dim} {first}–{last}" for dim, first, last in ranges)
        raise FileFormatError(
            path,
            f"its {spectra} spectra lie as far apart as {extent}",
            "its positions are damaged: copy or export it again",
        )
    for dim, count, last in zip("yx", counts, high[1:], strict=True):
        if count is not None and last > count:
            warnings.warn(
                f"{path.name}: positions {dim} go up to {last}, though it states {count:g}",
                stacklevel=4,
            )


def _is_as_stated(high: NDArray[np.intc], counts: Sequence[float | None], planes: int) -> bool:
    """Whether the positions are those of an image as large as stated, and of a bearable size."""
    height, width = counts
    if height is None or width is None:
        return False
    within = high[1] <= height and high[2] <= width
    return bool(within) and height * width * planes <= _MAX_STATED


# ---------------------------------------------------------------------------------- pixel size


def _pixel_size(imzml: ImzML) -> tuple[tuple[float, float], str | None]:
    """Return height and width of a pixel and their unit; where one is missing, it is square."""
    height = _side(imzml, 0)
    width = _side(imzml, 1)
    if height is None and width is None:
        return (1.0, 1.0), None
    unit: str | None = "um"
    for accession in reversed(PIXEL_SIZE):  # that of the height counts
        param = imzml.params.get(accession)
        if param is not None and param.unit:
            unit = length_unit(param.unit.removeprefix("square "))
    return (height or width or 1.0, width or height or 1.0), unit


def _side(imzml: ImzML, axis: int) -> float | None:
    """Return the height (axis 0) or width (1) of a pixel.

    Early versions of imzML, and programs that kept to them, give its area under the same term.
    """
    size = _number(imzml, PIXEL_SIZE[axis])
    if size is None:
        return None
    if imzml.params[PIXEL_SIZE[axis]].unit.startswith("square "):
        return math.sqrt(size)
    count = _number(imzml, PIXELS[axis])
    extent = _number(imzml, EXTENT[axis])
    if count and extent and size != 1:
        step = extent / count
        # the extent fits the root of the size, and the size by far not
        if abs(step - math.sqrt(size)) < 0.01 * step < 0.1 * abs(step - size):
            return math.sqrt(size)
    return size


def _number(imzml: ImzML, accession: str) -> float | None:
    """Return a positive number of the header, or None."""
    try:
        number = float(imzml.params[accession].value)
    except (KeyError, ValueError):
        return None
    return number if 0 < number < np.inf else None


def _intensity_unit(imzml: ImzML) -> str | None:
    param = imzml.params.get(INTENSITY_ARRAY)
    unit = "" if param is None else param.unit
    return "counts" if "counts" in unit else unit or None
