"""Arrays that come with names instead of a description: which is the cube, which the axis.

Containers such as .npz, .mat or plain HDF5 hold arrays and vectors, and leave it to people to
know which is what. Here the only sensible interpretation is taken, or else the error lists the
choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis, Unit
from ...cube import Cube, Sampling
from ...errors import AmbiguousError, FileFormatError
from ..source import Source
from .units import axis_from_title, quantity_of_name, spectral_unit

_TRAILING: Final = {2: "x", 3: "yx", 4: "zyx", 5: "tzyx"}
"""Axes but for the bands, by the number of all axes: two are a list of spectra."""
_NM: Final = (150, 20_000)
_UM: Final = (0.15, 20)
"""Wavelengths that are measured, from ultraviolet to far infrared, in either unit."""
_UNIT_NAMES: Final = (
    *("wavelength_unit", "wavelength_units", "spectral_unit", "spectral_units", "axis_unit"),
    *("unit", "units"),
)
"""Names of a text with the unit of the spectral axis."""
_MOST: Final = 12
"""Arrays that a message lists; the file of an instrument may hold hundreds."""


def images_from_arrays(
    arrays: Mapping[str, Any],
    source: Source,
    *,
    convention: str | None = None,
    **fields: Any,
) -> list[Cube]:
    """Return the cubes among the arrays of a container.

    Parameters
    ----------
    arrays : mapping of name to array
        All that the container holds. Arrays may be lazy; vectors (one axis longer than 1)
        are candidates for the spectral axis.
    source : Source
        Which array, in which layout.
    convention : str, optional
        Layout that the format's users keep by habit where the file does not say, as "yxb".
    **fields
        Further parameters of `Cube`, for all of them.

    Raises
    ------
    FileFormatError
        If no array is an image, or the one asked for is not there.
    AmbiguousError
        If several arrays, or several layouts, are as likely.
    """
    images = _images(arrays, source)
    vectors = {
        _with_unit(name, arrays): np.ravel(np.asarray(array))
        for name, array in arrays.items()
        if name not in images and _is_vector(array)
    }
    stem = source.path.name.split(".")[0]
    cubes = []
    for name, array in images.items():
        layout, axis = _layout(name, array, vectors, source, convention)
        title = f"{stem} {name}" if len(arrays) > 1 and name else stem
        cubes.append(cube_from_array(array, layout, axis, **{"name": title} | fields))
    return cubes


def cube_from_array(array: Any, layout: str, axis: SpectralAxis | None, **fields: Any) -> Cube:
    """Return a cube from an array of any layout; lazy arrays stay lazy.

    Parameters
    ----------
    array : array
        One axis for each letter of `layout`.
    layout : str
        Such as "yxb"; a missing y, x or b stands for a length of one.
    axis : SpectralAxis or None
        None: the bands are only counted.
    **fields
        Further parameters of `Cube`.

    Raises
    ------
    ValueError
        If the array has no values, or `axis` another number of bands.
    """
    order = [layout.index(letter) for letter in "tzbyx" if letter in layout]
    if order != sorted(order):
        array = array.transpose(order)
    leading = "".join(letter for letter in "tz" if letter in layout)
    for position, letter in enumerate(f"{leading}byx"):
        if letter not in layout:
            array = array[(slice(None),) * position + (None,)]
    bands = int(array.shape[-3])
    if 0 in array.shape:
        raise ValueError(f"it contains no data: shape {tuple(array.shape)} (…, band, y, x)")
    # without more about it, an axis of t or z counts its frames or slices
    if "t" in layout:
        fields.setdefault("t", Sampling())
    if "z" in layout:
        fields.setdefault("z", Sampling())
    return Cube(array, axis or SpectralAxis.index(bands), **fields)


def names_an_axis(name: str) -> bool:
    """Whether a vector of this name can be a spectral axis; exposure times are none."""
    return quantity_of_name(name) is not None


def axis_from_vector(name: str, values: NDArray[Any]) -> SpectralAxis:
    """Return the axis that a vector holds, in the unit in its name, else guessed from the numbers.

    Parameters
    ----------
    name : str
        Of the vector, as "wavelengths", "Wavelength (nm)" or "entry/data/energy_eV".
    values : ndarray, shape (band,)
        In the unit of the name, or the one to guess.
    """
    centres = np.asarray(values, dtype=np.float64)
    quantity = quantity_of_name(name)
    if quantity is None:
        return SpectralAxis(centres, guessed=True)
    stated = axis_from_title(name, centres)
    if stated is not None:
        return stated
    kind, unit = quantity
    if kind == "wavelength":
        unit = wavelength_unit(centres)
    return SpectralAxis(centres, unit, kind, guessed=True)


def wavelength_unit(centres: NDArray[np.float64]) -> Unit | None:
    """Guess whether wavelengths are in nm or µm, from their size; None where neither fits.

    Parameters
    ----------
    centres : ndarray of float64, shape (band,)
        In the unit to guess.
    """
    middle = float(np.median(centres))
    if _NM[0] <= middle <= _NM[1]:
        return "nm"
    if _UM[0] <= middle <= _UM[1]:
        return "um"
    return None


def layout_with_bands(shape: tuple[int, ...], bands: int) -> str | None:
    """Return the layout of an array of which exactly one axis is `bands` long, else None."""
    if shape.count(bands) != 1 or len(shape) not in _TRAILING:
        return None
    return _with_band_at(shape.index(bands), len(shape))


# which arrays are images


def _images(arrays: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """Return the array that was asked for, or those that can only be images."""
    numeric = {n: array for n, array in arrays.items() if np.dtype(array.dtype).kind in "iufbc"}
    if source.array is not None:
        if source.array not in numeric:
            raise FileFormatError(
                source.path, f"no array {source.array!r}", f"there are {_listed(numeric)}"
            )
        return {source.array: numeric[source.array]}
    images = {n: a for n, a in numeric.items() if 3 <= a.ndim <= 5 and not _is_vector(a)}
    if not images:  # a table is an image only where nothing with more axes is one
        tables = {n: a for n, a in numeric.items() if a.ndim == 2 and a.size > 1}
        images = {n: a for n, a in tables.items() if not _is_vector(a)}
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


def _with_unit(name: str, arrays: Mapping[str, Any]) -> str:
    """Return the name of a vector with the unit that a text of the container states for it, if any does."""
    if not names_an_axis(name) or axis_from_title(name, [0.0]) is not None:
        return name
    for key in (f"{name}_unit", f"{name}_units", *_UNIT_NAMES):
        text = _text(arrays.get(key))
        # what is only called a unit may be that of the intensities
        if text and (key not in ("unit", "units") or spectral_unit(text) is not None):
            return f"{name} ({text})"
    return name


def _text(array: Any) -> str:
    """Return the text in an array of one; "" where it is none."""
    if array is None or np.dtype(array.dtype).kind not in "US" or math.prod(array.shape) != 1:
        return ""
    value = np.asarray(array).ravel()[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_vector(array: Any) -> bool:
    """Whether an array is a row, or a column, of finite numbers."""
    if np.dtype(array.dtype).kind not in "iuf" or len(array.shape) > 2:
        return False
    if sum(size > 1 for size in array.shape) != 1:
        return False
    return bool(np.isfinite(np.asarray(array)).all())


def _listed(arrays: Mapping[str, Any]) -> str:
    shown = islice(arrays.items(), _MOST)
    texts = [f"{name} {tuple(array.shape)} {np.dtype(array.dtype)}" for name, array in shown]
    more = len(arrays) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")


# which of their axes are the bands


def _layout(
    name: str,
    array: Any,
    vectors: Mapping[str, NDArray[Any]],
    source: Source,
    convention: str | None,
) -> tuple[str, SpectralAxis | None]:
    """Return the layout of an image, and the axis among the vectors that fits it."""
    shape = tuple(array.shape)
    axes = source.axes
    _check_layout(name, shape, source)
    if axes is None and source.flat and len(shape) == 2:
        axes = "yx"
    if axes is not None:
        bands = shape[axes.index("b")] if "b" in axes else None
        return axes, _axis_of_length(bands, vectors, source)
    for size in dict.fromkeys(shape):  # a vector as long as exactly one axis decides it
        axis = _axis_of_length(size, vectors, source) if shape.count(size) == 1 else None
        if axis is not None and axis.kind != "index":
            return _with_band_at(shape.index(size), len(shape)), axis
    if len(shape) == 3 and convention:
        bands = shape[convention.index("b")]
        return convention, _axis_of_length(bands, vectors, source)
    if len(shape) == 2 and np.dtype(array.dtype).kind in "iub":
        return "yx", None
    if len(shape) == 3 and len(set(shape)) == 2:  # a square image leaves one axis for the bands
        bands = next(size for size in shape if shape.count(size) == 1)
        return _with_band_at(shape.index(bands), 3), _axis_of_length(bands, vectors, source)
    return _guess(name, shape, source), None


def _check_layout(name: str, shape: tuple[int, ...], source: Source) -> None:
    """Refuse an array without values, and a layout of another number of axes."""
    if 0 in shape:
        raise FileFormatError(
            source.path,
            f"{name or 'its array'} contains no data: shape {shape}",
            "choose another file, or array (path::name)",
        )
    axes = source.axes
    if axes is not None and len(axes) != len(shape):
        raise FileFormatError(
            source.path,
            f"array {name!r} has {len(shape)} axes {shape}, the layout {axes!r} has {len(axes)}",
            "give one letter for each axis",
        )


def _guess(name: str, shape: tuple[int, ...], source: Source) -> str:
    """Return the likeliest layout, and report it; where `on_guess` is None, refuse to guess."""
    guess = _likeliest(shape)
    label = f"{source.path.name}::{name}" if name else source.path.name
    if source.on_guess is None:
        examples = {2: '"xb" (a list of spectra) or "yx" (one image)', 3: '"yxb" or "byx"'}
        choices = examples.get(len(shape), '"tbyx", "zbyx" or "zyxb"')
        raise AmbiguousError(
            source.path,
            f"the file does not say which axis of {name or 'its array'} {shape} is spectral",
            f"give its layout, axes={choices}, or write {label}@{guess}",
        )
    alternative = "yxb" if guess == "byx" else "byx"
    source.on_guess(
        f"{label} {shape} was taken as ({', '.join(guess)}); "
        f"if that is wrong, convert {label}@{alternative} on the command line"
    )
    return guess


def _likeliest(shape: tuple[int, ...]) -> str:
    """Return the layout in which height and width are more alike than either and the bands."""
    if len(shape) == 2:
        return "yx"
    first, middle, last = shape[-3:]
    # the ratios max(middle, last) / min(middle, last) < max(first, middle) / min(first, middle)
    bands_first = max(middle, last) * min(first, middle) < max(first, middle) * min(middle, last)
    return _with_band_at(len(shape) - 3 if bands_first else -1, len(shape))


def _axis_of_length(
    bands: int | None, vectors: Mapping[str, NDArray[Any]], source: Source
) -> SpectralAxis | None:
    """Return the axis among the vectors of this length; of several, those with a unit count."""
    axes = {
        name: axis_from_vector(name, vector)
        for name, vector in vectors.items()
        if len(vector) == bands and names_an_axis(name)
    }
    spectral = [axis for axis in axes.values() if axis.kind != "index"]
    if any(not axis.same_bands(spectral[0]) for axis in spectral):
        raise AmbiguousError(
            source.path,
            f"{len(spectral)} vectors could be the spectral axis: {', '.join(axes)}",
            "keep one of them in the file",
        )
    if spectral:
        return spectral[0]
    return next(iter(axes.values())) if len(axes) == 1 else None


def _with_band_at(position: int, ndim: int) -> str:
    """Return the layout of so many axes that has the bands at a position, such as -1."""
    letters = list(_TRAILING[ndim])
    letters.insert(position % ndim, "b")
    return "".join(letters)
