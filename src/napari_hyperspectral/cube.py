"""The things that flow through the package: cubes and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axis import Axis, ChannelAxis, SpectralAxis, axis_from_json, axis_to_json

SCHEMA = 1
"""Version of the description that `describe` writes."""


@dataclass(frozen=True)
class Sampling:
    """Where the planes of a z-stack, or the frames of a time series, lie."""

    step: float = 1.0
    start: float = 0.0
    unit: str | None = None
    """Unit of `step` and `start`, such as um or s; None: planes or frames."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Image:
    """What cubes and labels share: their place in space, their name and their past."""

    pixel_size: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel, in `pixel_unit`."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Position (y, x) of the centre of the first pixel, in `pixel_unit`."""
    pixel_unit: str | None = None
    """Unit of `pixel_size` and `origin`, such as um; None: pixels."""
    z: Sampling | None = None
    """Planes along a leading z axis, where there is one."""
    t: Sampling | None = None
    """Frames along a leading t axis, where there is one."""
    name: str = ""
    history: tuple[str, ...] = ()
    """One line for each step that made this image, oldest first."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the file said, as plain JSON."""

    def after(self, step: str, **changes: Any) -> Self:
        """Return a changed copy that remembers `step`."""
        return replace(self, history=(*self.history, step), **changes)

    @property
    def _leading(self) -> tuple[str, ...]:
        return (*("t" if self.t else ""), *("z" if self.z else ""))


@dataclass(frozen=True, eq=False)
class Cube(_Image):
    """A hyperspectral image.

    Point spectra without an image are a cube of one row, shape (band, 1, n): see
    `from_spectra`. A value that was never measured is NaN.

    Parameters
    ----------
    data : array, shape (band, y, x), with leading t and z where `t` and `z` are given
        Intensities. May be lazy (memory map, dask, zarr); nothing here loads it.
    axis : SpectralAxis or ChannelAxis
        Meaning of the bands.
    intensity_unit : str, optional
        Such as counts, %T, absorbance, reflectance.
    georeference : mapping, optional
        Map projection and position as the file states them, as plain JSON.

    Raises
    ------
    ValueError
        If `data` is empty, not numeric, of other dimensions than `dims`, or has other bands
        than `axis`.
    """

    data: Any
    axis: Axis
    intensity_unit: str | None = field(default=None, kw_only=True)
    georeference: Mapping[str, Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check(self, self.dims)
        if self.data.shape[-3] != len(self.axis):
            raise ValueError(
                f"cube {self.name!r} has {self.data.shape[-3]} bands, its axis has {self.axis}"
            )

    @classmethod
    def from_spectra(cls, spectra: ArrayLike, axis: Axis, **about: Any) -> Self:
        """Return a cube of one row from a list of spectra, shape (spectrum, band)."""
        return cls(np.asarray(spectra).T[:, None, :], axis, **about)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of `data`: ("t", "z", "band", "y", "x"), less what is not there."""
        return (*self._leading, "band", "y", "x")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`, in the order of `dims`."""
        return tuple(int(size) for size in self.data.shape)

    @property
    def spectral_axis(self) -> SpectralAxis:
        """The axis, where it is a spectral one.

        Raises
        ------
        ValueError
            If the bands are named channels.
        """
        if isinstance(self.axis, ChannelAxis):
            raise ValueError(f"cube {self.name!r} has {self.axis}, not a spectrum")
        return self.axis

    def numpy(self) -> NDArray[np.float32]:
        """Load the intensities as float32, in the order of `dims`."""
        return np.asarray(self.data, dtype=np.float32)

    def spectra(self) -> NDArray[np.float32]:
        """Load the intensities as a table of spectra, shape (spectrum, band), float32."""
        table: NDArray[np.float32] = np.moveaxis(self.numpy(), -3, -1).reshape(-1, len(self.axis))
        return table

    def take(self, bands: NDArray[np.intp] | list[int] | slice) -> Self:
        """Return the cube of the given bands; lazy data stay lazy."""
        return self.after(
            "selected bands", data=self.data[..., bands, :, :], axis=self.axis.take(bands)
        )

    def between(self, low: float, high: float) -> Self:
        """Return the cube of the bands from `low` to `high`, in the unit of its axis.

        Raises
        ------
        ValueError
            If no band lies there, or the bands are named channels.
        """
        bands = self.spectral_axis.between(low, high)
        return replace(self.take(bands), history=(*self.history, f"cropped to {low:g}–{high:g}"))

    def nearest(self, value: float) -> Any:
        """Return the image, shape (y, x), of the band whose centre is nearest to `value`."""
        return self.data[..., self.spectral_axis.nearest(value), :, :]


@dataclass(frozen=True, eq=False)
class Labels(_Image):
    """A class for each pixel; 0 is unlabelled.

    Parameters
    ----------
    data : array of integers, shape (y, x), with leading t and z where `t` and `z` are given
        Class of each pixel.
    classes : tuple of str
        Names of classes 1, 2, …
    colours : tuple of str
        Their colours, "#rrggbb", one for each name; () where nobody chose any.

    Raises
    ------
    ValueError
        If `data` is empty, holds no integers, or is of other dimensions than `dims`, or if there
        are colours, but not one for each class.
    """

    data: Any
    classes: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self, self.dims)
        colours = tuple(colour.lower() for colour in self.colours)
        object.__setattr__(self, "colours", colours)
        if colours and len(colours) != len(self.classes):
            raise ValueError(f"{len(colours)} colours for {len(self.classes)} classes")
        wrong = [colour for colour in colours if not re.fullmatch("#[0-9a-f]{6}", colour)]
        if wrong:
            raise ValueError(f"colours are written as #rrggbb, got {', '.join(wrong)}")
        if self.data.dtype.kind not in "iub":
            raise ValueError(
                f"labels {self.name!r} are {self.data.dtype}, wanted whole numbers: "
                "0 for unlabelled, 1, 2, … for the classes"
            )

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of `data`: ("t", "z", "y", "x"), less what is not there."""
        return (*self._leading, "y", "x")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`, in the order of `dims`."""
        return tuple(int(size) for size in self.data.shape)

    def numpy(self) -> NDArray[np.int64]:
        """Load the classes as int64, in the order of `dims`."""
        return np.asarray(self.data, dtype=np.int64)


Image: TypeAlias = Cube | Labels


def describe(image: Image) -> dict[str, Any]:
    """Return all that is known of an image besides its data, as plain JSON.

    Layers carry it as ``metadata["hyperspectral"]``; files that can hold text carry it too.
    """
    about: dict[str, Any] = {
        "schema": SCHEMA,
        "pixel_size": list(image.pixel_size),
        "origin": list(image.origin),
        "pixel_unit": image.pixel_unit,
        "z": vars(image.z).copy() if image.z else None,
        "t": vars(image.t).copy() if image.t else None,
        "name": image.name,
        "history": list(image.history),
        "metadata": dict(image.metadata),
    }
    if isinstance(image, Labels):
        return about | {"classes": list(image.classes), "colours": list(image.colours)}
    return about | {
        "axis": axis_to_json(image.axis),
        "intensity_unit": image.intensity_unit,
        "georeference": None if image.georeference is None else dict(image.georeference),
    }


def image_from(data: Any, about: Mapping[str, Any]) -> Image:
    """Return the image of which `describe` told.

    Raises
    ------
    ValueError
        If the description does not fit the data, or is of a later schema.
    """
    if about.get("schema", 0) > SCHEMA:
        raise ValueError(
            f"written by a later version of napari-hyperspectral (schema {about['schema']}, "
            f"this one knows {SCHEMA}); update it to read this"
        )
    shared: dict[str, Any] = {
        "pixel_size": tuple(about.get("pixel_size", (1.0, 1.0))),
        "origin": tuple(about.get("origin", (0.0, 0.0))),
        "pixel_unit": about.get("pixel_unit"),
        "z": Sampling(**about["z"]) if about.get("z") else None,
        "t": Sampling(**about["t"]) if about.get("t") else None,
        "name": about.get("name", ""),
        "history": tuple(about.get("history", ())),
        "metadata": dict(about.get("metadata", {})),
    }
    if "axis" not in about:
        classes, colours = (tuple(about.get(key, ())) for key in ("classes", "colours"))
        return Labels(data, classes, colours, **shared)
    return Cube(
        data,
        axis_from_json(about["axis"]),
        intensity_unit=about.get("intensity_unit"),
        georeference=about.get("georeference"),
        **shared,
    )


def _check(image: Image, dims: tuple[str, ...]) -> None:
    what = "cube" if isinstance(image, Cube) else "label image"
    shape, dtype = tuple(image.data.shape), np.dtype(image.data.dtype)
    if len(shape) != len(dims):
        raise ValueError(f"a {what} is ({', '.join(dims)}), got shape {shape}")
    if 0 in shape:
        raise ValueError(f"{what} {image.name!r} contains no data (shape {shape})")
    if dtype.kind not in "iufb":
        raise ValueError(
            f"{what} {image.name!r} holds {dtype}, wanted real numbers"
            + ("; take the absolute value or the real part first" if dtype.kind == "c" else "")
        )
