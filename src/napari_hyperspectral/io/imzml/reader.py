"""imzML: mass spectra of an image, their places in an XML file and their numbers in an .ibd file.

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

What two spectra measured at one place is settled for the later one, with a warning.
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
from ..arrays.indexed import NEVER, Placed
from ..metadata.units import place_unit
from ..source import Source
from .bands import Bands, bands_asked_for, even_bands, total_ion_current
from .binned import Binned, survey
from .ibd import Stored, check_pair, pair, share_mz, unbinned
from .xml import EXTENT, INTENSITY_ARRAY, PIXEL_SIZE, PIXELS, ImzML, parse

_SUMMED: Final = 512 * 2**20
"""Bytes of intensities up to which the total ion current is summed up, not taken as stated."""
_SPARSE: Final = (64, 1024)
"""Pixels for each spectrum, and in any case, that an image may have: more are wrong positions."""
_STATED: Final = 3 * 10**7
"""Pixels that an image may have if the file states so."""


def read_images(source: Source) -> list[Image]:
    """Read a pair of files; where spectra are binned, the total ion current comes first.

    Raises
    ------
    FileFormatError
        If either file is missing or damaged, or they do not belong together.
    """
    path, ibd = pair(source.path)
    found = parse(source, path)
    check_pair(path, ibd, found)
    raster, about = _raster(path, found)
    about |= {
        "name": path.stem,
        "intensity_unit": _intensity_unit(found),
        "history": (f"read {path.name}",),
        "metadata": {"imzml": found.about},
    }
    mz, intensity = Stored(ibd, found.mz), Stored(ibd, found.intensity)
    if source.array is None and share_mz(found.mz, mz):
        axis = SpectralAxis(mz.part(0), "m/z")
        return [Cube(unbinned(ibd, found.intensity, intensity, raster), axis, **about)]
    seen = survey(path, mz, source.tell)

    def summed(bands: Bands) -> Cube:
        spectra = Binned(mz, intensity, bands.windows, seen.ascending)
        return _named(Cube(Placed(spectra, raster), bands.axis, **about), bands)

    if source.array is not None:
        return [summed(bands_asked_for(source.array, path, seen.low, seen.high))]
    cube, total = summed(even_bands(seen.low, seen.high)), total_ion_current()
    if intensity.lengths.sum() * intensity.dtype.itemsize <= _SUMMED:
        return [summed(total), cube]
    if np.isnan(found.total).any():
        return [cube]
    stated = np.append(found.total, np.nan)[raster]  # the last is that of NEVER
    return [_named(Cube(stated[..., None, :, :], total.axis, **about), total), cube]


def _named(cube: Cube, bands: Bands) -> Cube:
    return cube.after(bands.told, name=f"{cube.name} {bands.name}".strip())


def _raster(path: Path, found: ImzML) -> tuple[NDArray[np.intp], dict[str, Any]]:
    """Return which spectrum each pixel has, (y, x) or (z, y, x), and where the pixels lie."""
    low, high = found.positions.min(axis=0), found.positions.max(axis=0)
    shape = [int(top) - int(bottom) + 1 for bottom, top in zip(low, high, strict=True)]
    counts = [_number(found, accession) for accession in PIXELS]
    allowed = max(_SPARSE[0] * len(found.positions), _SPARSE[1])
    if shape[0] * shape[1] * shape[2] > allowed and not _within(high[1:], counts, shape[0]):
        raise FileFormatError(
            path,
            f"its {len(found.positions)} spectra lie as far apart as {_from_to(low, high)}",
            "its positions are damaged: copy or export it again",
        )
    raster = np.full(shape, NEVER, np.intp)
    raster[tuple((found.positions - low).T)] = np.arange(len(found.positions))
    twice = len(found.positions) - int((raster != NEVER).sum())
    if twice:
        warnings.warn(
            f"{path.name}: {twice} spectra lie where a later one does; the later ones are kept",
            stacklevel=3,
        )
    for dim, count, top in zip("yx", counts, high[1:], strict=True):
        if count is not None and top > count:
            warnings.warn(
                f"{path.name}: positions {dim} go up to {top}, though it states {count:g}",
                stacklevel=3,
            )
    size, unit = _pixel_size(found)
    origin = tuple(float((low[1 + k] - 1) * size[k]) for k in range(2))
    about: dict[str, Any] = {"pixel_size": size, "pixel_unit": unit, "origin": origin}
    if shape[0] > 1:
        return raster, about | {"z": Sampling(start=float(low[0] - 1))}
    return raster[0], about


def _within(high: NDArray[np.intc], counts: Sequence[float | None], planes: int) -> bool:
    """Whether the positions are those of an image as large as stated, and of a bearable size."""
    stated = [count for count in counts if count is not None]
    return (
        len(stated) == 2
        and bool((high <= stated).all())
        and stated[0] * stated[1] * planes <= _STATED
    )


def _from_to(low: NDArray[np.intc], high: NDArray[np.intc]) -> str:
    return ", ".join(
        f"{dim} {first}–{last}" for dim, first, last in zip("zyx", low, high, strict=True)
    )


def _pixel_size(found: ImzML) -> tuple[tuple[float, float], str | None]:
    """Return height and width of a pixel; where one is missing, pixels are square."""
    sizes = [_size(found, place) for place in range(2)]
    known = [size for size in sizes if size is not None]
    if not known:
        return (1.0, 1.0), None
    params = (found.params[a] for a in PIXEL_SIZE if a in found.params)
    unit = next((place_unit(p.unit.removeprefix("square ")) for p in params if p.unit), "um")
    return (sizes[0] or known[0], sizes[1] or known[0]), unit


def _size(found: ImzML, place: int) -> float | None:
    """Return the height (0) or width (1) of a pixel.

    Early versions of imzML, and programs that kept to them, give its area under the same term.
    """
    size = _number(found, PIXEL_SIZE[place])
    count, extent = _number(found, PIXELS[place]), _number(found, EXTENT[place])
    if size is None:
        return None
    if found.params[PIXEL_SIZE[place]].unit.startswith("square "):
        return math.sqrt(size)
    if count and extent and size != 1:
        step = extent / count
        if abs(step - math.sqrt(size)) < 0.01 * step < 0.1 * abs(step - size):
            return math.sqrt(size)
    return size


def _number(found: ImzML, accession: str) -> float | None:
    """Return a positive number of the header, or None."""
    try:
        number = float(found.params[accession].value)
    except (KeyError, ValueError):
        return None
    return number if 0 < number < np.inf else None


def _intensity_unit(found: ImzML) -> str | None:
    unit = found.params[INTENSITY_ARRAY].unit if INTENSITY_ARRAY in found.params else ""
    return "counts" if "counts" in unit else unit or None
