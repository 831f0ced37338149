"""Cubes and label images: what every other part of the package takes and returns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axis import Axis, ChannelAxis, SpectralAxis, axis_from_json, axis_to_json
from .files.lengths import are_finite, are_steps, file_being_read, shown
from .transform import Transform, inner_shift, transform_from_json

METADATA_SCHEMA = 1
"""Version of the JSON that `describe` writes."""


@dataclass(frozen=True)
class Sampling:
    """Positions of the planes of a z-stack, or times of the frames of a series."""

    step: float = 1.0
    start: float = 0.0
    unit: str | None = None
    """Unit of `step` and `start`, such as um or s; None: number of the plane or frame."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Image:
    """What cubes and labels share: position, name, history and metadata."""

    _noun: ClassVar[str]
    """What messages call such an image."""

    pixel_size: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel, in `pixel_unit`; negative where positions fall along y or x, as
    latitudes do from row to row."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Position (y, x) of the centre of the first pixel, in `pixel_unit`."""
    pixel_unit: str | None = None
    """Unit of `pixel_size` and `origin`, such as um; None: pixels."""
    transform: Transform | None = None
    """Rotation, shear and affine map of its place, where it is not upright."""
    shown: bool = False
    """Whether it comes from a viewer: then its place is where it is shown, even if no file says so."""
    z: Sampling | None = None
    """Planes along a leading z axis, where there is one."""
    t: Sampling | None = None
    """Frames along a leading t axis, where there is one."""
    name: str = ""
    history: tuple[str, ...] = ()
    """One line for each step of processing, oldest first."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Everything else in the file, as plain JSON."""

    def after(self, step: str, **changes: Any) -> Self:
        """Return a changed copy with `step` as one more line of history."""
        return replace(self, history=(*self.history, step), **changes)

    def place_at(self, row: float, column: float) -> dict[str, Any]:
        """Return the attributes of position of an image whose first pixel lies at this one.

        Parameters
        ----------
        row, column : float
            Of this image, counted from the centre of its first pixel; between pixels, too.
        """
        steps = np.array([row, column]) * self.pixel_size
        moved = inner_shift(self.transform, steps, axes=len(self._leading) + 2)
        y, x = self.origin
        place: dict[str, Any] = {"origin": (y + float(moved[-2]), x + float(moved[-1]))}
        if self.z is not None and self.transform is not None:  # it may be tilted out of its planes
            place["z"] = replace(self.z, start=self.z.start + float(moved[-3]))
        return place

    @property
    def pixel_sides(self) -> tuple[float, float]:
        """Height and width of a pixel in `pixel_unit`, whichever way its positions run."""
        height, width = self.pixel_size
        return abs(height), abs(width)

    @property
    def _leading(self) -> tuple[str, ...]:
        """Names of the axes of `data` before those of the bands and pixels."""
        return tuple(dim for dim, sampling in (("t", self.t), ("z", self.z)) if sampling)


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
        What the bands are.
    intensity_unit : str, optional
        Unit of `data`, such as counts, %T, absorbance, reflectance.
    georeference : mapping, optional
        Map projection and position as in the file, as plain JSON.

    Raises
    ------
    ValueError
        If `data` is empty, not numeric, has other dimensions than `dims`, or another number of
        bands than `axis`.
    """

    _noun = "cube"

    data: Any
    axis: Axis
    intensity_unit: str | None = field(default=None, kw_only=True)
    georeference: Mapping[str, Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check(self, self.dims)
        if self.data.shape[-3] != len(self.axis):
            raise ValueError(
                f"cube {self.name!r} has {self.data.shape[-3]} bands, its axis has {self.axis}; both "
                "must be the same number"
            )

    @classmethod
    def from_spectra(cls, spectra: ArrayLike, axis: Axis, **attributes: Any) -> Self:
        """Return a cube of one row, (band, 1, spectrum), from a table of spectra.

        Parameters
        ----------
        spectra : array, shape (spectrum, band)
            Intensities.
        axis : SpectralAxis or ChannelAxis
            What the bands are.
        **attributes
            Any other attribute of a cube, such as `intensity_unit` and `name`.
        """
        return cls(np.asarray(spectra).T[:, None, :], axis, **attributes)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of `data`: ("t", "z", "band", "y", "x"), without those it lacks."""
        return (*self._leading, "band", "y", "x")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`, in the order of `dims`."""
        return tuple(int(size) for size in self.data.shape)

    @property
    def spectral_axis(self) -> SpectralAxis:
        """The axis of a cube with a spectrum.

        Raises
        ------
        ValueError
            If the bands are named channels.
        """
        if isinstance(self.axis, ChannelAxis):
            raise ValueError(
                f"cube {self.name!r} has {self.axis}, not a spectrum; choose a cube with spectral bands"
            )
        return self.axis

    @property
    def channel_axis(self) -> ChannelAxis:
        """The axis of a cube of named channels.

        Raises
        ------
        ValueError
            If the bands are spectral.
        """
        if isinstance(self.axis, SpectralAxis):
            raise ValueError(
                f"cube {self.name!r} has {self.axis}, not named channels; choose a cube of channels"
            )
        return self.axis

    def numpy(self) -> NDArray[np.float32]:
        """Load the intensities as float32, in the order of `dims`."""
        return np.asarray(self.data, dtype=np.float32)

    def spectra(self) -> NDArray[np.float32]:
        """Load the intensities as a table of spectra, shape (spectrum, band), float32."""
        table: NDArray[np.float32] = np.moveaxis(self.numpy(), -3, -1).reshape(-1, len(self.axis))
        return table

    def take(self, bands: NDArray[np.intp] | list[int] | slice) -> Self:
        """Return the cube of these bands, indices of shape (band,); lazy data stay lazy."""
        data = self.data[..., bands, :, :]
        return self.after("selected bands", data=data, axis=self.axis.take(bands))

    def between(self, low: float, high: float) -> Self:
        """Return the cube of the bands from `low` to `high`, in the unit of its axis.

        Raises
        ------
        ValueError
            If no band lies there, or the bands are named channels.
        """
        bands = self.spectral_axis.between(low, high)
        history = (*self.history, f"cropped to {low:g}–{high:g}")
        return replace(self.take(bands), history=history)

    def nearest(self, value: float) -> Any:
        """Return the image, shape (y, x), of the band whose centre is nearest to `value`."""
        return self.data[..., self.spectral_axis.nearest(value), :, :]

    def as_labels(
        self,
        data: Any,
        classes: tuple[str, ...] = (),
        colours: tuple[str, ...] = (),
        **attributes: Any,
    ) -> Labels:
        """Return labels on the pixels of this cube, with its position, name and history.

        Parameters
        ----------
        data : array of integers, shape (…, y, x)
            Class of each pixel.
        classes, colours : tuple of str
            See `Labels`.
        **attributes
            Any other attribute of labels that is not to be the cube's, such as `name`.
        """
        return Labels(data, classes, colours, **_shared(self) | attributes)

    def _own_description(self) -> dict[str, Any]:
        georeference = None
        if self.georeference is not None:
            georeference = dict(self.georeference)
        return {
            "axis": axis_to_json(self.axis),
            "intensity_unit": self.intensity_unit,
            "georeference": georeference,
        }


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
        Their colours, "#rrggbb", one for each name; () for the viewer's own.

    Raises
    ------
    ValueError
        If `data` is empty, not of integers, or has other dimensions than `dims`, or if there are
        colours, but not one for each class.
    """

    _noun = "label image"

    data: Any
    classes: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self, self.dims)
        colours = tuple(colour.lower() for colour in self.colours)
        object.__setattr__(self, "colours", colours)
        if colours and len(colours) != len(self.classes):
            raise ValueError(
                f"{len(colours)} colours for {len(self.classes)} classes; give one colour per class, or "
                "none"
            )
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
        """Names of the axes of `data`: ("t", "z", "y", "x"), without those it lacks."""
        return (*self._leading, "y", "x")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`, in the order of `dims`."""
        return tuple(int(size) for size in self.data.shape)

    def numpy(self) -> NDArray[np.int64]:
        """Load the classes as int64, in the order of `dims`."""
        return np.asarray(self.data, dtype=np.int64)

    def as_cube(self) -> Cube:
        """Return the classes as a cube of one channel, shape (…, 1, y, x)."""
        return Cube(self.data[..., None, :, :], ChannelAxis(("labels",)), **_shared(self))

    def _own_description(self) -> dict[str, Any]:
        return {"classes": list(self.classes), "colours": list(self.colours)}


Image: TypeAlias = Cube | Labels


def describe(image: Image) -> dict[str, Any]:
    """Return everything about an image except its data, as plain JSON.

    Layers have it as ``metadata["hyperspectral"]``, and so have files that can hold text.
    """
    shared: dict[str, Any] = {
        "schema": METADATA_SCHEMA,
        "pixel_size": list(image.pixel_size),
        "origin": list(image.origin),
        "pixel_unit": image.pixel_unit,
        "z": _sampling_to_json(image.z),
        "t": _sampling_to_json(image.t),
        "name": image.name,
        "history": list(image.history),
        "metadata": dict(image.metadata),
    }
    if image.transform is not None:
        shared["transform"] = image.transform.to_json()
    return shared | image._own_description()


def image_from(data: Any, description: Mapping[str, Any]) -> Image:
    """Return the image that `describe` described: a cube, or labels where there is no axis.

    Parameters
    ----------
    data : array, shape (…, band, y, x) or (…, y, x)
        Intensities, or classes.
    description : mapping
        As from `describe`; what is missing has its default.

    Raises
    ------
    ValueError
        If the description does not fit the data, or is of a later schema.
    """
    if description.get("schema", 0) > METADATA_SCHEMA:
        raise ValueError(
            f"written by a later version of napari-hyperspectral (schema {description['schema']}, "
            f"this one knows {METADATA_SCHEMA}); update it to read this"
        )
    shared: dict[str, Any] = {
        "pixel_size": tuple(description.get("pixel_size", (1.0, 1.0))),
        "origin": tuple(description.get("origin", (0.0, 0.0))),
        "pixel_unit": description.get("pixel_unit"),
        "transform": transform_from_json(description.get("transform")),
        "z": _sampling_from_json(description.get("z")),
        "t": _sampling_from_json(description.get("t")),
        "name": description.get("name", ""),
        "history": tuple(description.get("history", ())),
        "metadata": dict(description.get("metadata", {})),
    }
    if "axis" not in description:
        classes = tuple(description.get("classes", ()))
        colours = tuple(description.get("colours", ()))
        return Labels(data, classes, colours, **shared)
    return Cube(
        data,
        axis_from_json(description["axis"]),
        intensity_unit=description.get("intensity_unit"),
        georeference=description.get("georeference"),
        **shared,
    )


def _shared(image: _Image) -> dict[str, Any]:
    """Return the attributes that cubes and labels have in common."""
    return {attribute.name: getattr(image, attribute.name) for attribute in fields(_Image)}


def _sampling_to_json(sampling: Sampling | None) -> dict[str, Any] | None:
    return vars(sampling).copy() if sampling else None


def _sampling_from_json(description: Mapping[str, Any] | None) -> Sampling | None:
    return Sampling(**description) if description else None


def _check_positions(image: Image) -> None:
    """Refuse, or mend, sizes and positions of pixels, planes and frames that are no lengths."""
    changes: dict[str, Any] = {}
    problems = []
    if not are_steps(image.pixel_size):
        problems.append(f"a pixel size of {shown(image.pixel_size)}")
        changes |= {"pixel_size": (1.0, 1.0), "origin": (0.0, 0.0), "pixel_unit": None}
    elif not are_finite(image.origin, 2):
        problems.append(f"an origin of {shown(image.origin)}")
        changes["origin"] = (0.0, 0.0)
    for name in ("z", "t"):
        sampling = getattr(image, name)
        if sampling is None:
            continue
        if not are_steps((sampling.step, sampling.step)):
            problems.append(f"a step of {shown(sampling.step)} along {name}")
            changes[name] = Sampling()
        elif not are_finite((sampling.start,), 1):
            problems.append(f"a start of {shown(sampling.start)} along {name}")
            changes[name] = replace(sampling, start=0.0)
    if not problems:
        return
    stated = " and ".join(problems)
    reading = file_being_read()
    if reading is None:
        raise ValueError(
            f"{image._noun} {image.name!r} has {stated}; wanted finite numbers, and none of 0 for sizes "
            "(negative ones are of coordinates that fall)"
        )
    warnings.warn(
        f"{reading}: it states {stated}, which is no length: positions are counted in pixels",
        stacklevel=2,
    )
    for name, value in changes.items():
        object.__setattr__(image, name, value)


def _check(image: Image, dims: tuple[str, ...]) -> None:
    """Refuse data of the wrong dimensions, without values, or not of real numbers; and positions."""
    _check_positions(image)
    noun = image._noun
    shape = tuple(image.data.shape)
    dtype = np.dtype(image.data.dtype)
    if len(shape) != len(dims):
        raise ValueError(f"a {noun} is ({', '.join(dims)}), got shape {shape}")
    if 0 in shape:
        raise ValueError(f"{noun} {image.name!r} contains no data (shape {shape})")
    if dtype.kind == "c":
        raise ValueError(
            f"{noun} {image.name!r} holds {dtype}, wanted real numbers; take the absolute value or "
            "the real part first"
        )
    if dtype.kind not in "iufb":
        raise ValueError(f"{noun} {image.name!r} holds {dtype}, wanted real numbers")
