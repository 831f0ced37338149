"""Arrays that come with names instead of a description: which is the cube, which the axis.

Containers such as .npz, .mat or plain HDF5 hold arrays and vectors, and leave it to people to
know which is what. Here the only sensible reading is taken, or the choice is handed back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import Kind, SpectralAxis, Unit
from ...cube import Cube, Sampling
from ...errors import AmbiguousError, FileFormatError
from ..source import Source

_MOST: Final = 12
"""Arrays that a message lists; the file of an instrument may hold hundreds."""
_QUANTITIES: Final[tuple[tuple[str, Kind, Unit | None], ...]] = (
    # what the name of a vector says of its quantity, and of its unit where that leaves no choice
    (r"raman|shift", "raman_shift", "1/cm"),
    (r"wave.?num|^wn$|cm-?1|1/cm", "wavenumber", "1/cm"),
    (r"wave|lambda|^lam$|^wl$|^nm$", "wavelength", None),
    (r"^m.?z$|mass", "mz", "m/z"),
    (r"energy|^ev$", "energy", "eV"),
    (r"freq", "frequency", "THz"),
    (r"axis|band|centre|center|tick|^x$|^w$|spectr", "index", None),
)


def images_from_arrays(
    arrays: Mapping[str, Any], source: Source, *, convention: str | None = None, **about: Any
) -> list[Cube]:
    """Return the cubes among the arrays of a container.

    Parameters
    ----------
    arrays : mapping of name to array
        All that the container holds. Arrays may be lazy; vectors (one axis longer than 1)
        are candidates for the spectral axis.
    source : Source
        What the person asked for.
    convention : str, optional
        Layout that the format's users keep by habit where the file does not say, as "yxb".
    **about
        Further parameters of `Cube`, for all of them.

    Raises
    ------
    FileFormatError
        If no array is an image, or the one asked for is not there.
    AmbiguousError
        If several arrays, or several layouts, are as likely.
    """
    chosen = _chosen(arrays, source)
    vectors = {
        name: np.ravel(np.asarray(array))
        for name, array in arrays.items()
        if _is_vector(array) and name not in chosen
    }
    cubes = []
    for name, array in chosen.items():
        layout, axis = _layout(name, array, vectors, source, convention)
        title = source.path.name.split(".")[0] + (f" {name}" if len(arrays) > 1 and name else "")
        cubes.append(cube_from_array(array, layout, axis, **{"name": title} | about))
    return cubes


def cube_from_array(array: Any, layout: str, axis: SpectralAxis | None, **about: Any) -> Cube:
    """Return a cube from an array of any layout; lazy arrays stay lazy.

    Parameters
    ----------
    array : array
        One axis for each letter of `layout`.
    layout : str
        Such as "yxb"; a missing y, x or b stands for a length of one.
    axis : SpectralAxis or None
        None: the bands are only counted.
    """
    order = [layout.index(letter) for letter in "tzbyx" if letter in layout]
    array = array.transpose(order) if order != sorted(order) else array
    for place, letter in enumerate(_dims(layout)):
        if letter not in layout:
            array = array[(slice(None),) * place + (None,)]
    bands = int(array.shape[-3])
    if 0 in array.shape:
        raise ValueError(f"it contains no data: shape {tuple(array.shape)} (…, band, y, x)")
    for letter in "tz":
        if letter in layout:
            about.setdefault(letter, Sampling())
    return Cube(array, axis or SpectralAxis.index(bands), **about)


def names_an_axis(name: str) -> bool:
    """Whether a vector of this name can be a spectral axis; exposure times are none."""
    last = name.lower().rpartition("/")[2]
    return any(re.search(pattern, last) for pattern, _, _ in _QUANTITIES)


def axis_from_vector(name: str, values: NDArray[Any]) -> SpectralAxis:
    """Return the axis that a vector of this name holds, its unit guessed from name and numbers."""
    centres = np.asarray(values, dtype=np.float64)
    for pattern, kind, unit in _QUANTITIES:
        if re.search(pattern, name.lower().rpartition("/")[2]):
            if kind == "wavelength":
                unit = wavelength_unit(centres)
            return SpectralAxis(centres, unit, kind, guessed=True)
    return SpectralAxis(centres, guessed=True)


def wavelength_unit(centres: NDArray[np.float64]) -> Unit | None:
    """Guess whether wavelengths are in nm or µm, from their size; None where neither fits."""
    middle = float(np.median(centres))
    if 150 <= middle <= 20_000:
        return "nm"
    return "um" if 0.15 <= middle <= 20 else None


def layout_with_bands(shape: tuple[int, ...], bands: int) -> str | None:
    """Return the layout of an array of which exactly one axis is `bands` long, else None."""
    places = [place for place, size in enumerate(shape) if size == bands]
    if len(places) != 1 or not 2 <= len(shape) <= 5:
        return None
    return _with_band_at(places[0], len(shape))


def _dims(layout: str) -> str:
    return "".join(letter for letter in "tz" if letter in layout) + "byx"


def _is_vector(array: Any) -> bool:
    return (
        np.dtype(array.dtype).kind in "iuf"
        and sum(size > 1 for size in array.shape) == 1
        and np.size(array.shape) <= 2
        and bool(np.isfinite(np.asarray(array)).all())
    )


def _chosen(arrays: Mapping[str, Any], source: Source) -> dict[str, Any]:
    numeric = {n: a for n, a in arrays.items() if np.dtype(a.dtype).kind in "iufbc"}
    if source.array is not None:
        if source.array not in numeric:
            raise FileFormatError(
                source.path, f"no array {source.array!r}", f"there are {_listed(numeric)}"
            )
        return {source.array: numeric[source.array]}
    images = {n: a for n, a in numeric.items() if 3 <= a.ndim <= 5 and not _is_vector(a)}
    flat = {n: a for n, a in numeric.items() if a.ndim == 2 and a.size > 1}
    images = images or {n: a for n, a in flat.items() if not _is_vector(a)}
    if not images:
        raise FileFormatError(
            source.path,
            "no array with two to five axes",
            f"there are {_listed(arrays)}" if arrays else "the file holds no array at all",
        )
    if len(images) > 1 and source.on_guess is None:
        raise AmbiguousError(
            source.path,
            f"{len(images)} arrays could be meant: {_listed(images)}",
            f"choose one, as in {source.path.name}::{next(iter(images))}",
        )
    return images


def _layout(
    name: str,
    array: Any,
    vectors: Mapping[str, NDArray[Any]],
    source: Source,
    convention: str | None,
) -> tuple[str, SpectralAxis | None]:
    axes, shape = source.axes, tuple(array.shape)
    if 0 in shape:
        raise FileFormatError(
            source.path,
            f"{name or 'its array'} contains no data: shape {shape}",
            "choose another file, or array (path::name)",
        )
    if axes is not None and len(axes) != len(shape):
        raise FileFormatError(
            source.path,
            f"array {name!r} has {len(shape)} axes {shape}, the layout {axes!r} has {len(axes)}",
            "give one letter for each axis",
        )
    if axes is None and source.flat and len(shape) == 2:
        axes = "yx"
    if axes is not None:
        bands = shape[axes.index("b")] if "b" in axes else None
        return axes, _axis_of_length(bands, vectors, source)
    for size in dict.fromkeys(shape):  # a vector as long as exactly one axis settles it
        axis = _axis_of_length(size, vectors, source) if shape.count(size) == 1 else None
        if axis is not None and axis.kind != "index":
            return _with_band_at(shape.index(size), len(shape)), axis
    if len(shape) == 3 and convention:
        return convention, _axis_of_length(shape[convention.index("b")], vectors, source)
    if len(shape) == 2 and np.dtype(array.dtype).kind in "iub":
        return "yx", None
    if len(shape) == 3 and len(set(shape)) == 2:  # a square image leaves one axis for the bands
        odd = next(place for place, size in enumerate(shape) if shape.count(size) == 1)
        return _with_band_at(odd, 3), _axis_of_length(shape[odd], vectors, source)
    return _guess(name, shape, source), None


def _guess(name: str, shape: tuple[int, ...], source: Source) -> str:
    if len(shape) == 2:
        guess = "yx"
    else:  # height and width of an image are more alike than either and a number of bands
        first, middle, last = shape[-3:]
        bands_first = max(middle, last) * min(first, middle) < max(first, middle) * min(
            middle, last
        )
        guess = _with_band_at(len(shape) - 3 if bands_first else -1, len(shape))
    label = f"{source.path.name}::{name}" if name else source.path.name
    examples = {2: '"xb" (a list of spectra) or "yx" (one image)', 3: '"yxb" or "byx"'}
    choices = examples.get(len(shape), '"tbyx", "zbyx" or "zyxb"')
    if source.on_guess is None:
        raise AmbiguousError(
            source.path,
            f"the file does not say which axis of {name or 'its array'} {shape} is spectral",
            f"give its layout, axes={choices}, or write {label}@{guess}",
        )
    source.on_guess(
        f"{label} {shape} was taken as ({', '.join(guess)}); "
        f"if that is wrong, convert {label}@{'yxb' if guess == 'byx' else 'byx'} on the command line"
    )
    return guess


def _axis_of_length(
    bands: int | None, vectors: Mapping[str, NDArray[Any]], source: Source
) -> SpectralAxis | None:
    vectors = {n: v for n, v in vectors.items() if len(v) == bands and names_an_axis(n)}
    found = [axis_from_vector(n, v) for n, v in vectors.items()]
    named = [axis for axis in found if axis.kind != "index"]
    if len(named) > 1 and not all(axis.same_bands(named[0]) for axis in named):
        raise AmbiguousError(
            source.path,
            f"{len(named)} vectors could be the spectral axis: {', '.join(vectors)}",
            "keep one of them in the file",
        )
    if named or len(found) == 1:
        return (named or found)[0]
    return None


def _with_band_at(place: int, ndim: int) -> str:
    rest = list({2: "x", 3: "yx", 4: "zyx", 5: "tzyx"}[ndim])
    rest.insert(place % ndim, "b")
    return "".join(rest)


def _listed(arrays: Mapping[str, Any]) -> str:
    told = [f"{n} {tuple(a.shape)} {np.dtype(a.dtype)}" for n, a in islice(arrays.items(), _MOST)]
    more = len(arrays) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")
