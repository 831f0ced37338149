"""What every step of preparation decides: what becomes of spectra, of their axis and their unit.

A step derives from one of three bases:

- `SpectraStep` works on each spectrum by itself or, with a `radius`, on its neighbourhood;
- `ImageStep` looks at all of the image first, to find a mean spectrum or components, and then works
  on each spectrum, or its neighbourhood, with what it found;
- `Step` itself, for what rearranges a cube.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import SerializerFunctionWrapHandler, model_serializer

from ...axis import Axis, SpectralAxis
from ...cube import Cube
from ...settings import Settings
from ..arrays import Float32, Intensities
from .parts import in_parts, is_lazy

Scope: TypeAlias = Literal["spectrum", "neighbourhood", "image"]
"""How far a step looks to change a spectrum: at nothing else, at pixels near it, at all of them."""
OnSpectra: TypeAlias = Callable[[Intensities, Axis], Float32]
"""Maps spectra on an axis, (…, band, y, x), to what becomes of them."""


class Step(Settings):
    """A step of preparation."""

    title: ClassVar[str]
    """Its name on screen, such as "Polynomial baseline"."""
    group: ClassVar[str]
    """The heading it is listed under, such as "Baseline"."""
    source: ClassVar[str] = ""
    """The publication it follows, where there is one."""
    looks_at: ClassVar[Scope] = "spectrum"
    """What it must see to change a spectrum. A step that looks at a spectrum, or its neighbourhood,
    changes parts of an image as it changes all of it, and leaves lazy cubes lazy."""
    commutes_with_means: ClassVar[bool] = False
    """Whether the mean of spectra after this step is their mean before it, after this step."""
    normalises: ClassVar[bool] = False
    """Whether a target is changed by the numbers of its input, the only ones known at prediction."""
    enabled: bool = True
    """Whether the step is taken. Switched off, it stays in the chain and does nothing."""

    @abstractmethod
    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        """Return the cube after this step; lazy data stay lazy.

        Parameters
        ----------
        cube : Cube
            Shape (…, band, y, x).
        reference : Cube, optional
            The input that `cube` is the target of, before this step, shape (…, band, y, x) with the
            same pixels. A step that normalises takes its numbers from there.

        Raises
        ------
        ValueError
            If the step cannot be taken on this cube.
        """

    @model_serializer(mode="wrap")
    def _kind_first(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the fields as a person would write them: first what it is."""
        values = fields(self)
        enabled = values.pop("enabled")
        return {**values, "enabled": enabled}

    def on_axis(self, axis: Axis) -> Axis:
        """Return the axis after this step.

        Raises
        ------
        ValueError
            If the step cannot be taken on spectra of this axis.
        """
        return axis

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        """Return spectra, or a part of an image, after this step.

        Parameters
        ----------
        data : ndarray, shape (…, band, y, x)
            Intensities on `axis`.
        axis : SpectralAxis or ChannelAxis
            Of the data, before this step.

        Raises
        ------
        ValueError
            If the step looks at more than parts of an image, or cannot be taken on this axis.
        """
        raise ValueError(f"{self.title} looks at all of an image, not at spectra one by one")


class SpectraStep(Step):
    """A step that changes spectra one by one, or by the pixels near them: parts of an image will do.

    A leaf says in `on_spectra` what becomes of spectra, in `line` what its history says.
    """

    @property
    def radius(self) -> int:
        """Pixels on each side of a spectrum that it depends on."""
        return 0

    @abstractmethod
    def line(self, axis: Axis) -> str:
        """Return the line of history about cubes of this axis, in the past tense."""

    def unit_after(self, unit: str | None) -> str | None:
        """Return the unit of intensities after this step."""
        return unit

    @abstractmethod
    def on_spectra(self, data: Intensities, axis: Axis) -> Float32: ...

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        axis = self.on_axis(cube.axis)
        line = self.line(cube.axis)
        if reference is not None and self.normalises:
            line += " of the input"
        else:
            reference = None
        data = _changed(self.on_spectra, cube, reference, len(axis), self.radius)
        unit = self.unit_after(cube.intensity_unit)
        return cube.after(line, data=data, axis=axis, intensity_unit=unit)


class Fitted(NamedTuple):
    """What a step does to spectra once it has looked at the image."""

    on_spectra: OnSpectra
    line: str
    """Of history, in the past tense."""
    radius: int = 0
    """Pixels on each side of a spectrum that it depends on."""


class ImageStep(Step):
    """A step that looks at all of an image first: its parts, read one by one, give a few numbers.

    Then it changes spectra one by one, or by their neighbourhood, so that lazy data stay lazy.
    """

    looks_at: ClassVar[Scope] = "image"

    @abstractmethod
    def fit(self, cube: Cube) -> Fitted:
        """Look at a cube, part by part, and return what is to be done to its spectra."""

    def unit_after(self, unit: str | None) -> str | None:
        """Return the unit of intensities after this step."""
        return unit

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        if not self.normalises:
            reference = None
        fitted = self.fit(cube if reference is None else reference)
        return self.on_fitted(fitted, cube, reference=reference)

    def on_fitted(self, fitted: Fitted, cube: Cube, *, reference: Cube | None = None) -> Cube:
        """Return the cube after this step, by what `fit` found in it, or in another image."""
        axis = self.on_axis(cube.axis)
        line = fitted.line if reference is None else f"{fitted.line} of the input"
        data = _changed(fitted.on_spectra, cube, reference, len(axis), fitted.radius)
        unit = self.unit_after(cube.intensity_unit)
        return cube.after(line, data=data, axis=axis, intensity_unit=unit)


def spectral(axis: Axis, title: str) -> SpectralAxis:
    """Return an axis that must be a spectrum.

    Raises
    ------
    ValueError
        If it is of named channels; the message says what needs a spectrum.
    """
    if not isinstance(axis, SpectralAxis):
        raise ValueError(f"the cube has {axis}, and {title} needs a spectrum; switch this step off")
    return axis


def _changed(
    on_spectra: OnSpectra, cube: Cube, reference: Cube | None, bands: int, radius: int
) -> Intensities:
    """Return the data of a cube, (…, bands, y, x), changed by its own or its input's numbers."""
    images = [cube.data]
    if reference is not None:
        _check_pixels(cube, reference)
        images = [cube.data, reference.data]
    part = _PartOfCube(on_spectra, cube.axis, None if reference is None else reference.axis)
    if any(is_lazy(image) for image in images):
        # an axis that does not suit is refused now, not when the data are computed
        part(*(np.zeros((image.shape[-3], 1, 1), np.float32) for image in images))
    data: Intensities = in_parts(part, images, bands, radius)
    return data


class _PartOfCube(NamedTuple):
    """Changes a part of a cube; of a target, by the numbers of its input."""

    on_spectra: OnSpectra
    axis: Axis
    input_axis: Axis | None

    def __call__(self, *parts: Float32) -> Float32:
        data = parts[0]
        if self.input_axis is None:
            return self.on_spectra(data, self.axis)
        # the target is appended to the input as bad bands: they are ignored where numbers are
        # calculated, and changed like the good ones
        bands = len(self.input_axis)
        appended = _with_bad_bands(self.input_axis, len(self.axis))
        both = self.on_spectra(np.concatenate([parts[1], data], axis=-3), appended)
        return both[..., bands:, :, :]


def _with_bad_bands(axis: Axis, count: int) -> SpectralAxis:
    """Return an axis with some more bands, all of them bad, at the place of its last one."""
    bands = len(axis)
    bad = np.append(~axis.good, np.ones(count, bool))
    if not isinstance(axis, SpectralAxis):
        return SpectralAxis(np.arange(bands + count), bad=bad)
    centres = np.append(axis.centres, np.full(count, axis.centres[-1]))
    return SpectralAxis(centres, axis.unit, axis.kind, bad=bad)


def _check_pixels(cube: Cube, input: Cube) -> None:
    """Refuse a target whose pixels are not those of its input."""
    if cube.shape[:-3] + cube.shape[-2:] != input.shape[:-3] + input.shape[-2:]:
        raise ValueError(
            f"{cube.name!r} is {cube.shape}, its input {input.name!r} {input.shape}; both need the "
            "same pixels (bands may differ) to be normalised alike: crop or resample one of them"
        )
