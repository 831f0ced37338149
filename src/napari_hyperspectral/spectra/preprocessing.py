"""What is done to spectra before anything learns from them, and again before every prediction."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from ..axis import Axis, SpectralAxis
from ..cube import Cube
from ..settings import RecipeLike, Settings
from .baseline import als_background, minimum_background, polynomial_background
from .scaling import by_area, by_maximum, by_percentile, by_vector, standard_normal

_UNITS: Final = {  # what intensities are counted in once they are normalised
    "maximum": "share of the maximum",
    "area": "share of the area",
    "vector": "share of the length",
    "snv": "standard deviations",
    "percentile": "share of the percentile",
}


class Preprocessing(Settings):
    """What is done to spectra first, in the order of the settings; as it stands, nothing.

    Everything is done to each spectrum by itself: parts of an image give parts of the result. Bad
    bands count for nothing, but stay; what is missing (NaN) stays missing. Where spectra are learned
    from spectra (denoise, calibrate), both are normalised by the numbers of the input, the only ones
    that a prediction has: its result is in the normalised units of what it was given.
    """

    first: float | None = None
    """Least centre of the bands that are kept, in the unit of the axis; left out, from its end."""
    last: float | None = None
    """Greatest centre of the bands that are kept, in the unit of the axis."""
    background: Literal["none", "minimum", "polynomial", "als"] = "none"
    """What is subtracted from each spectrum: its minimum, the polynomial nearest to it, or a smooth
    curve below its peaks (als: asymmetric least squares)."""
    order: Annotated[int, Ge(0)] = 3
    """Greatest power of a polynomial background."""
    smoothness: Annotated[float, Gt(0)] = 1e5
    """Of an als background: 1e2 follows broad peaks, 1e9 is all but a line."""
    asymmetry: Annotated[float, Gt(0), Lt(1)] = 0.01
    """Of an als background: weight of what lies above it, 0.001 to 0.1."""
    normalise: Literal["none", "maximum", "area", "vector", "snv", "percentile"] = "none"
    """What each spectrum is divided by: its maximum, area, length as a vector, a percentile, or
    (snv, after its mean is subtracted) its standard deviation. Dark spectra become 0. Denoising and
    calibration divide a target by the number of its input; finer pixels are normalised by the
    task's own setting instead."""
    percentile: Annotated[float, Gt(0), Le(100)] = 99.0
    """Which percentile of its values a spectrum is divided by; 50 is the median, 100 the maximum."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = {}
        if self.background != "polynomial":
            reasons["order"] = "Only for a polynomial background."
        if self.background != "als":
            why = "Only for an als background."
            reasons |= {"smoothness": why, "asymmetry": why}
        if self.normalise != "percentile":
            reasons["percentile"] = "Only where spectra are normalised by a percentile."
        return reasons

    @property
    def does_nothing(self) -> bool:
        """Whether cubes stay as they are."""
        return not self._crops and not self._steps()

    @property
    def averages(self) -> bool:
        """Whether it makes of the mean of some spectra the mean of what it makes of each."""
        return self.background in ("none", "polynomial") and self.normalise == "none"

    def on(self, cube: Cube, *, beside: Cube | None = None) -> Cube:
        """Return the cube as the network is to see it, or to learn to make it.

        Lazy data stay lazy where nothing but bands are selected.

        Parameters
        ----------
        cube : Cube
            What is shown, or wanted.
        beside : Cube, optional
            The input, as measured, that `cube` is wanted of: its spectra give the numbers to
            normalise by. Backgrounds are each spectrum's own.

        Raises
        ------
        ValueError
            If no good band is left, the axis, of named channels or of too few bands, is none
            that the settings make sense for, or `beside` is to give numbers, but shows other pixels.
        """
        cube = self._cropped(cube)
        steps = self._steps()
        if not steps:
            return cube
        data = self._levelled(cube.numpy(), cube.axis)
        if beside is None or self.normalise == "none":
            data = self._normalised(data, cube.axis)
        else:
            data = self._normalised_as(data, cube, self._cropped(beside))
            steps[-1] += " of the input"
        unit = _UNITS.get(self.normalise, cube.intensity_unit)
        return cube.after("; ".join(steps), data=data, intensity_unit=unit)

    def on_axis(self, axis: Axis) -> Axis:
        """Return the axis that `on` gives a cube with this one; see there."""
        return axis.take(self._bands(axis))

    def on_spectra(self, data: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
        """Return what `on` makes of a part of a cube, (…, band, y, x), with this axis; see there."""
        bands = self._bands(axis)
        axis = axis.take(bands)
        return self._normalised(self._levelled(data[..., bands, :, :], axis), axis)

    @property
    def _crops(self) -> bool:
        return not (self.first is None and self.last is None)

    def _bands(self, axis: Axis) -> slice | NDArray[np.intp]:
        """Return which bands are kept."""
        if not self._crops:
            return slice(None)
        if not isinstance(axis, SpectralAxis):
            raise ValueError(f"the cube has {axis}: only a spectrum can be cropped; leave that out")
        low = -np.inf if self.first is None else self.first
        high = np.inf if self.last is None else self.last
        low, high = min(low, high), max(low, high)
        inside = (axis.centres >= low) & (axis.centres <= high)
        if not (inside & axis.good).any():
            raise ValueError(
                f"no good band lies between {low:g} and {high:g}; "
                f"the cube has {axis}; crop to a part of that"
            )
        kept = np.flatnonzero(inside)
        # a slice where one will do: lazy data read it at once
        together = len(kept) == kept[-1] - kept[0] + 1
        return slice(int(kept[0]), int(kept[-1]) + 1) if together else kept

    def _cropped(self, cube: Cube) -> Cube:
        bands = self._bands(cube.axis)
        if not self._crops:
            return cube
        axis = cube.axis.take(bands)
        return cube.after(f"cropped to {axis}", data=cube.data[..., bands, :, :], axis=axis)

    def _levelled(self, data: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
        """Return spectra, (…, band, y, x), less their backgrounds."""
        good = axis.good
        match self.background:
            case "minimum":
                return data - minimum_background(data, good=good)
            case "polynomial":
                centres = _centres(axis, "a polynomial background")
                return data - polynomial_background(data, centres, self.order, good=good)
            case "als":
                _centres(axis, "an als background")
                return data - als_background(data, self.smoothness, self.asymmetry, good=good)
        return data

    def _normalised(self, data: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
        """Return spectra, (…, band, y, x), by their own numbers."""
        return self._by_good(data, self._places(axis), axis.good)

    def _normalised_as(
        self, data: NDArray[np.float32], cube: Cube, input: Cube
    ) -> NDArray[np.float32]:
        """Return spectra, (…, band, y, x), by the numbers of those of another cube."""
        _check_pixels(cube, input)
        levelled = self._levelled(input.numpy(), input.axis)
        # behind the bands of the input, which alone count: those that do not are scaled along
        both = self._by_good(
            np.concatenate([levelled, data], axis=-3),
            np.pad(self._places(input.axis), (0, len(cube.axis))),
            np.pad(input.axis.good, (0, len(cube.axis))),
        )
        return both[..., len(input.axis) :, :, :]

    def _places(self, axis: Axis) -> NDArray[Any]:
        """Return where bands lie, shape (band,); in which unit counts for areas alone."""
        return _centres(axis, "an area") if self.normalise == "area" else np.arange(len(axis))

    def _by_good(
        self, data: NDArray[np.float32], centres: NDArray[Any], good: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return spectra, (…, band, y, x), by numbers of their good bands."""
        match self.normalise:
            case "maximum":
                return by_maximum(data, good=good)
            case "area":
                return by_area(data, centres, good=good)
            case "vector":
                return by_vector(data, good=good)
            case "snv":
                return standard_normal(data, good=good)
            case "percentile":
                return by_percentile(data, self.percentile, good=good)
        return data

    def _steps(self) -> list[str]:
        """Return what is done to intensities, as history tells it."""
        background: dict[str, str] = {
            "none": "",
            "minimum": "subtracted the minimum of each spectrum",
            "polynomial": f"subtracted a polynomial of order {self.order}",
            "als": f"subtracted a background (als, {self.smoothness:g}, {self.asymmetry:g})",
        }
        which = f"{self.percentile:g} %" if self.normalise == "percentile" else ""
        normalise = f"normalised by {self.normalise} {which}".strip()
        steps = [background[self.background], "" if self.normalise == "none" else normalise]
        return [step for step in steps if step]


def _centres(axis: Axis, what: str) -> NDArray[Any]:
    if not isinstance(axis, SpectralAxis):
        raise ValueError(f"the cube has {axis}: {what} wants a spectrum; leave it out")
    return axis.centres


def _check_pixels(cube: Cube, input: Cube) -> None:
    if cube.shape[:-3] + cube.shape[-2:] != input.shape[:-3] + input.shape[-2:]:
        raise ValueError(
            f"{cube.name!r} is {cube.shape}, its input {input.name!r} {input.shape}; they must show "
            "the same pixels, or samples (bands may differ), to be normalised alike"
        )


NOTHING: Final = Preprocessing()
"""Leave spectra as they are."""
