"""Mean, standard deviation and number of pixels of each class in each band of cubes and maps."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from ...axis import ChannelAxis
from ...cube import Cube, Labels
from ...progress import Job, Progress
from ..arrays import Array, Intensities

_VALUES: Final = 2**22
"""Values that are read at a time."""


class ClassStatistics(NamedTuple):
    """A class of an image in one band."""

    image: str
    group: str
    label: str
    """Name of the class, or "all pixels"."""
    band: str
    """Centre or channel, such as "1004.2 cm⁻¹" or "component 1"."""
    unit: str
    """Of mean and standard deviation."""
    pixels: int
    """In which the band is measured."""
    mean: float
    sd: float
    """Standard deviation of the pixels (divided by their number)."""


class GroupStatistics(NamedTuple):
    """A class of all images of a group, in one band: each image counts once."""

    group: str
    label: str
    band: str
    unit: str
    images: int
    pixels: int
    mean: float
    """Of the means of the images."""
    sd: float
    """Standard deviation of the means of the images (divided by their number less one); NaN of one."""


def class_statistics_steps(
    cube: Cube, labels: Labels | None = None, *, image: str = "", group: str = ""
) -> Job[list[ClassStatistics]]:
    """Yield progress; return the statistics of each class in each good band.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x): spectra, or maps as of peaks or abundances. May be lazy.
    labels : Labels, optional
        Shape (…, y, x), or (y, x) for all planes; class 0 is left out. Default: all pixels.
    image, group : str
        What the rows are named after; default: the name of the cube.

    Raises
    ------
    ValueError
        If the labels have other pixels.
    """
    *leading, bands, height, width = cube.shape
    classes = _classes_of(cube, labels)
    names = _names(labels, classes)
    count = len(names)
    sums, squares, pixels = (np.zeros((count, bands)) for _ in range(3))
    origins = np.full((count, bands), np.nan)
    rows = max(1, _VALUES // (bands * width))
    planes = list(np.ndindex(*leading))
    for number, plane in enumerate(planes):
        for first in range(0, height, rows):
            box = slice(first, min(first + rows, height))
            part = np.asarray(cube.data[(*plane, slice(None), box)], np.float64)
            inside = classes[(*plane, box)]
            for index in range(count):
                values = part[:, inside == index + 1]  # (band, pixel)
                _add(values, origins[index], sums[index], squares[index], pixels[index])
            yield Progress(number * height + box.stop, len(planes) * height, note=image)
    with np.errstate(invalid="ignore", divide="ignore"):
        offsets = sums / pixels
        means = origins + offsets
        deviations = np.sqrt(np.maximum(squares / pixels - np.square(offsets), 0))
    unit = cube.intensity_unit or ""
    titles = _band_titles(cube)
    found = []
    for index, name in enumerate(names):
        for band in np.flatnonzero(cube.axis.good):
            found.append(
                ClassStatistics(
                    image or cube.name,
                    group,
                    name,
                    titles[band],
                    unit,
                    int(pixels[index, band]),
                    float(means[index, band]),
                    float(deviations[index, band]),
                )
            )
    return found


def by_group(rows: Iterable[ClassStatistics]) -> list[GroupStatistics]:
    """Return the statistics of groups of images, each image counted once, in the order of the rows."""
    of_group: dict[tuple[str, str, str, str], list[ClassStatistics]] = {}
    for row in rows:
        if row.pixels:
            key = (row.group, row.label, row.band, row.unit)
            of_group.setdefault(key, []).append(row)
    groups = []
    for (group, label, band, unit), images in of_group.items():
        means = np.array([row.mean for row in images])
        sd = float(means.std(ddof=1)) if len(means) > 1 else float("nan")
        pixels = sum(row.pixels for row in images)
        groups.append(
            GroupStatistics(group, label, band, unit, len(means), pixels, float(means.mean()), sd)
        )
    return groups


def statistics_table(rows: Sequence[ClassStatistics] | Sequence[GroupStatistics]) -> str:
    """Return statistics as a table in CSV, with a line of titles; numbers with all of their digits."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if rows:
        table.writerow(rows[0]._fields)
    for row in rows:
        table.writerow([repr(cell) if isinstance(cell, float) else cell for cell in row])
    return text.getvalue()


def _add(values: Array, origin: Array, sums: Array, squares: Array, pixels: Array) -> None:
    """Add values, (band, pixel), to sums of each band, (band,), in place.

    Sums are of differences from the first mean of each band: squares of large numbers would round
    their small differences away.
    """
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    new = np.isnan(origin) & (counts > 0)
    means = np.where(known, values, 0).sum(axis=1) / np.maximum(counts, 1)
    origin[new] = means[new]
    offsets = np.where(known, values - origin[:, None], 0)
    sums += offsets.sum(axis=1)
    squares += np.square(offsets).sum(axis=1)
    pixels += counts


def _classes_of(cube: Cube, labels: Labels | None) -> Intensities:
    """Return the class of each pixel, (…, y, x).

    Raises
    ------
    ValueError
        If the labels have other pixels.
    """
    *leading, _, height, width = cube.shape
    shape = (*leading, height, width)
    if labels is None:
        return np.ones(shape, np.uint8)
    if labels.shape not in (shape, shape[-2:]):
        raise ValueError(
            f"the labels {labels.name!r} have {' × '.join(map(str, labels.shape))} pixels, the cube "
            f"{cube.name!r} {' × '.join(map(str, shape))}; choose labels of the same pixels"
        )
    return np.broadcast_to(np.asarray(labels.data), shape)


def _names(labels: Labels | None, classes: Intensities) -> list[str]:
    """Return the names of all classes, from the first."""
    if labels is None:
        return ["all pixels"]
    count = max(int(classes.max()), len(labels.classes))
    names = list(labels.classes)
    names += [f"class {number}" for number in range(len(names) + 1, count + 1)]
    return names


def _band_titles(cube: Cube) -> list[str]:
    """Return the name of each band, as on a table."""
    axis = cube.axis
    if isinstance(axis, ChannelAxis):
        return list(axis.names)
    if axis.kind == "index" and not axis.symbol:
        return [f"band {number}" for number in range(1, len(axis) + 1)]
    if axis.kind == "mz":
        return [f"m/z {centre:.10g}" for centre in axis.centres]
    return [f"{centre:.10g} {axis.symbol}".rstrip() for centre in axis.centres]
