"""Dark and white references: counts of the detector become reflectance or absorbance."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from annotated_types import Gt, Le

from ...axis import Axis, SpectralAxis
from ...cube import Cube
from ...io import read
from ...system.paths import user_path
from ..arrays import Float32
from ..resample import resample
from .base import Scope, Step
from .parts import in_parts


class Reflectance(Step):
    """Divide by a white reference, both less the dark one: reflectance, transmittance or absorbance.

    References are numbers, or files: an image of the same pixels (a flat field), a line of the same
    number of columns (the mean over its rows is taken: line scanners), or anything else, of which the
    mean spectrum is taken.
    """

    title: ClassVar[str] = "Dark and white reference"
    group: ClassVar[str] = "Reference"
    looks_at: ClassVar[Scope] = "image"
    kind: Literal["reflectance"] = "reflectance"
    white: Annotated[float, Gt(0)] = 1.0
    """Intensity of the white reference, where it is no file."""
    dark: float = 0.0
    """Intensity without light, where it is no file."""
    white_file: Path | None = None
    """File of the white reference, in the unit of the cube."""
    dark_file: Path | None = None
    """File of the dark reference, in the unit of the cube."""
    reflectance: Annotated[float, Gt(0), Le(2)] = 1.0
    """Reflectance of the white reference, such as 0.99 of a calibrated tile."""
    output: Literal["reflectance", "absorbance"] = "reflectance"
    """Whether to give the ratio, or its absorbance: minus its decadic logarithm."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        white = _reference(self.white_file, self.white, cube)
        dark = _reference(self.dark_file, self.dark, cube)
        images = [cube.data, white.data, dark.data]
        data = in_parts(self._of_parts, images, len(cube.axis))
        line = f"{self.output} by the {white.words} as white and the {dark.words} as dark"
        return cube.after(line, data=data, intensity_unit=self.output)

    def _of_parts(self, *parts: Float32) -> Float32:
        """Return the ratio of a part; NaN where white is no brighter than dark."""
        data, white, dark = (part.astype(np.float64) for part in parts)
        light = white - dark
        lit = light > 0
        ratio = self.reflectance * (data - dark) / np.where(lit, light, 1)
        if self.output == "absorbance":
            lit &= ratio > 0
            ratio = -np.log10(np.where(lit, ratio, 1))
        result: Float32 = np.where(lit, ratio, np.nan).astype(np.float32)
        return result


class _Reference(NamedTuple):
    """A reference on the pixels of a cube, and what it is, in words."""

    data: Any
    words: str


def _reference(path: Path | None, number: float, cube: Cube) -> _Reference:
    """Return a reference, shape of the cube, from a file or a number.

    Raises
    ------
    ValueError
        If the bands of the file are others.
    """
    if path is None:
        return _Reference(np.broadcast_to(np.float32(number), cube.shape), f"number {number:g}")
    path = user_path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no reference {str(path)!r}; choose the file again")
    measured = _read(path, path.stat().st_mtime_ns)
    if measured.shape[-2:] == cube.shape[-2:] and measured.shape[-2:] != (1, 1):
        image = _on_axis(measured.data, measured.axis, cube.axis, path)
        return _Reference(_like(image, cube), f"image {path.name}")
    data = measured.numpy()
    data = np.nanmean(data.reshape(-1, *data.shape[-3:]), axis=0)  # over planes
    if data.shape[-1] == cube.shape[-1] and cube.shape[-1] > 1:
        data = np.nanmean(data, axis=-2, keepdims=True)
        words = f"line {path.name}"
    else:
        data = np.nanmean(data, axis=(-2, -1), keepdims=True)
        words = f"spectrum {path.name}"
    return _Reference(_like(_on_axis(data, measured.axis, cube.axis, path), cube), words)


def _like(image: Any, cube: Cube) -> Any:
    """Return an image, (band, y, x), for each plane of a cube; lazy data stay lazy where there is one."""
    if tuple(image.shape) == cube.shape:
        return image
    return np.broadcast_to(np.asarray(image, np.float32), cube.shape)


def _on_axis(data: Any, axis: Axis, target: Axis, path: Path) -> Any:
    """Return a reference on the bands of the cube, (band, y, x)."""
    if axis.same_bands(target) or _only_numbered(axis, target):
        return data
    if not isinstance(axis, SpectralAxis) or not isinstance(target, SpectralAxis):
        raise ValueError(
            f"{path.name} has {axis}, the cube {target}; choose a reference of its bands"
        )
    low, high = axis.centres.min(), axis.centres.max()
    if target.centres.min() < low or target.centres.max() > high:
        raise ValueError(
            f"{path.name} has {axis}, which does not cover the cube's {target}; crop the cube first"
        )
    return resample(np.asarray(data), axis, target)


def _only_numbered(axis: Axis, target: Axis) -> bool:
    """Whether a reference has as many bands as the cube, and does not say where they lie."""
    return len(axis) == len(target) and isinstance(axis, SpectralAxis) and axis.kind == "index"


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Cube:
    """Read a reference; `changed` is when its file was written, so that a new one is read again."""
    image = read(path)
    if not isinstance(image, Cube):
        raise ValueError(f"{path.name} holds labels; choose a cube as reference")
    return image
