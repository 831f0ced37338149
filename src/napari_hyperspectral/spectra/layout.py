"""Give the data of a cube another axis, other bands, or other rows; intensities stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..axis import SpectralAxis
from ..cube import Cube, Sampling


def with_axis(cube: Cube, axis: SpectralAxis, step: str) -> Cube:
    """Return a cube with another axis, and one more line of history.

    Raises
    ------
    ValueError
        If the axis has another number of bands.
    """
    bands = cube.shape[-3]
    if len(axis) != bands:
        raise ValueError(
            f"{len(axis)} values for the {bands} bands of {cube.name!r}; enter one value per band"
        )
    return cube.after(step, axis=axis)


def with_bands_along(cube: Cube, dim: Literal["t", "z", "y", "x"]) -> Cube:
    """Return a cube whose bands run along another dimension of its data; lazy data stay lazy.

    With t or z, former bands become frames or planes; with y or x they become rows, and rows become
    columns. The new axis counts bands, and new pixels have a size of 1.

    Raises
    ------
    ValueError
        If the cube has no such dimension.
    """
    if dim not in cube.dims:
        raise ValueError(
            f"cube {cube.name!r} has no dimension {dim}; choose one of {', '.join(cube.dims)}"
        )
    if dim in ("t", "z"):
        return _with_planes_as_bands(cube, dim)
    position = cube.dims.index(dim)
    band = cube.dims.index("band")
    order = list(range(len(cube.dims)))
    order.insert(band, order.pop(position))
    return cube.after(
        _step(dim),
        data=_transposed(cube.data, order),
        axis=SpectralAxis.index(cube.shape[position]),
        pixel_size=(1.0, 1.0),
        origin=(0.0, 0.0),
        pixel_unit=None,
        transform=None,  # of other axes than rows and columns
    )


def folded_into_rows(cube: Cube, columns: int, *, snake: bool = False) -> Cube:
    """Return a list of spectra, (band, 1, n), as the map (band, n / columns, columns).

    Parameters
    ----------
    cube : Cube
        Of one row, spectra in the order they were measured.
    columns : int
        Spectra in each row of the map.
    snake : bool
        Whether every second row was measured backwards.

    Raises
    ------
    ValueError
        If the cube has several rows already, or the last row would not be full.
    """
    rows, spectra = cube.shape[-2:]
    if rows != 1:
        raise ValueError(
            f"cube {cube.name!r} is a map already, {rows} × {spectra}; only a list of spectra (one "
            "row) can be folded"
        )
    if spectra % columns:
        divisors = [n for n in range(1, spectra + 1) if spectra % n == 0]
        sizes = ", ".join(f"{n} × {spectra // n}" for n in divisors)
        raise ValueError(f"{spectra} spectra do not fill rows of {columns}; {spectra} = {sizes}")
    rows = spectra // columns
    data = np.asarray(cube.data).reshape(*cube.shape[:-2], rows, columns)
    if snake:
        data = np.array(data)  # a copy: the data of the cube stay as they are
        data[..., 1::2, :] = data[..., 1::2, ::-1]
    return cube.after(f"folded {spectra} spectra into {rows} × {columns}", data=data)


def _with_planes_as_bands(cube: Cube, dim: Literal["t", "z"]) -> Cube:
    """Return a cube whose frames or planes became bands, and whose bands became those."""
    position = cube.dims.index(dim)
    band = cube.dims.index("band")
    order = list(range(len(cube.dims)))
    order[position] = band
    order[band] = position
    data = _transposed(cube.data, order)
    planes: Sampling | None = Sampling()
    if cube.shape[band] == 1:  # a single plane needs no axis of its own
        data = data[(slice(None),) * position + (0,)]
        planes = None
    axis = SpectralAxis.index(cube.shape[position])
    return cube.after(_step(dim), data=data, axis=axis, **{dim: planes})


def _step(dim: str) -> str:
    return f"took {dim} as bands"


def _transposed(data: Any, order: Sequence[int]) -> Any:
    """Return lazy data transposed lazily, where they can."""
    if hasattr(data, "transpose"):
        return data.transpose(*order)
    return np.transpose(data, order)
