"""Preprocessing of spectra: crop, subtract a background, normalise, before training and prediction."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from ..axis import Axis, SpectralAxis
from ..cube import Cube
from ..settings import RecipeLike, Settings
from .arrays import Centres, Float32, Indices, Mask
from .baselines.least_squares import als_background
from .baselines.simple import minimum_background, polynomial_background
from .scaling import by_area, by_maximum, by_percentile, by_vector, standard_normal

_UNITS: Final = {  # of normalised intensities
    "maximum": "share of the maximum",
    "area": "share of the area",
    "vector": "share of the length",
    "snv": "standard deviations",
    "percentile": "share of the percentile",
}


class Preprocessing(Settings):
    """Preprocessing of spectra, in the order of the settings; the defaults change nothing.

    Each spectrum is processed on its own: parts of an image give parts of the result. Bad bands are
    ignored, but stay; missing values (NaN) stay missing. Where input and target are both spectra
    (denoise, calibrate), both are normalised by the divisors of the input, the only ones that are
    known at prediction: predictions have the normalised unit of their input.
    """

    first: float | None = None
    """Lowest band centre that is kept, in the unit of the axis. Empty: no lower limit."""
    last: float | None = None
    """Highest band centre that is kept, in the unit of the axis. Empty: no upper limit."""
    background: Literal["none", "minimum", "polynomial", "als"] = "none"
    """Background that is subtracted from each spectrum: its minimum, a polynomial fitted to it, or a
    smooth curve below its peaks (als: asymmetric least squares)."""
    order: Annotated[int, Ge(0)] = 3
    """Degree of the polynomial background."""
    smoothness: Annotated[float, Gt(0)] = 1e5
    """Smoothness of the als background: 1e2 follows broad peaks, 1e9 is almost a straight line."""
    asymmetry: Annotated[float, Gt(0), Lt(1)] = 0.01
    """Asymmetry of the als background: weight of values above it, 0.001 to 0.1."""
    normalise: Literal["none", "maximum", "area", "vector", "snv", "percentile"] = "none"
    """What each spectrum is divided by: its maximum, its area, its Euclidean norm (vector), a
    percentile, or (snv) its standard deviation after its mean is subtracted. Dark spectra become 0.
    Denoising and calibration divide a target by the divisor of its input; super-resolution has a
    setting of its own for this."""
    percentile: Annotated[float, Gt(0), Le(100)] = 99.0
    """Percentile of its values that a spectrum is divided by: 50 is the median, 100 the maximum."""

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
        """Whether cubes stay unchanged."""
        return not self._crops and not self._steps()

    @property
    def averages(self) -> bool:
        """Whether it commutes with means: that of preprocessed spectra is the preprocessed mean."""
        return self.background in ("none", "polynomial") and self.normalise == "none"

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        """Return the cube as a network takes it as input, or learns it as target.

        Lazy data stay lazy where only bands are selected.

        Parameters
        ----------
        cube : Cube
            Shape (…, band, y, x): an input, or a target.
        reference : Cube, optional
            The input, as measured, that `cube` is the target of, shape (…, band, y, x) with the
            same pixels: the target is normalised by the divisors of its spectra. Backgrounds are
            each spectrum's own.

        Returns
        -------
        Cube
            Shape (…, band, y, x), in the unit of the cube, or without a unit where normalised.

        Raises
        ------
        ValueError
            If no good band is left, the settings do not suit the axis (named channels, too few
            bands), or `reference` has other pixels.
        """
        cube = self._cropped(cube)
        steps = self._steps()
        if not steps:
            return cube
        data = self._without_background(cube.numpy(), cube.axis)
        if reference is None or self.normalise == "none":
            data = self._normalised(data, cube.axis)
        else:
            data = self._normalised_as(data, cube, self._cropped(reference))
            steps[-1] += " of the input"
        unit = _UNITS.get(self.normalise, cube.intensity_unit)
        return cube.after("; ".join(steps), data=data, intensity_unit=unit)

    def on_axis(self, axis: Axis) -> Axis:
        """Return the axis after preprocessing; see `on`."""
        return axis.take(self._bands(axis))

    def on_spectra(self, data: Float32, axis: Axis) -> Float32:
        """Return a part of a cube after preprocessing; see `on`.

        Parameters
        ----------
        data : ndarray of float32, shape (…, band, y, x)
            Intensities on `axis`.
        axis : SpectralAxis or ChannelAxis
            Of the cube, before preprocessing.
        """
        bands = self._bands(axis)
        cropped = axis.take(bands)
        data = self._without_background(data[..., bands, :, :], cropped)
        return self._normalised(data, cropped)

    @property
    def _crops(self) -> bool:
        return not (self.first is None and self.last is None)

    def _bands(self, axis: Axis) -> slice | Indices:
        """Return which bands are kept."""
        if not self._crops:
            return slice(None)
        if not isinstance(axis, SpectralAxis):
            raise ValueError(
                f"the cube has {axis}, and only a spectrum can be cropped; leave first and last empty"
            )
        first = -np.inf if self.first is None else self.first
        last = np.inf if self.last is None else self.last
        low = min(first, last)
        high = max(first, last)
        inside = (axis.centres >= low) & (axis.centres <= high)
        if not (inside & axis.good).any():
            raise ValueError(
                f"no good band lies between {low:g} and {high:g}; "
                f"the cube has {axis}; crop to a part of that"
            )
        kept = np.flatnonzero(inside)
        start = int(kept[0])
        stop = int(kept[-1]) + 1
        if len(kept) == stop - start:
            return slice(start, stop)  # lazy data read a slice faster than a list of bands
        return kept

    def _cropped(self, cube: Cube) -> Cube:
        bands = self._bands(cube.axis)
        if not self._crops:
            return cube
        axis = cube.axis.take(bands)
        return cube.after(f"cropped to {axis}", data=cube.data[..., bands, :, :], axis=axis)

    def _without_background(self, data: Float32, axis: Axis) -> Float32:
        """Return spectra, (…, band, y, x), minus their backgrounds."""
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

    def _normalised(self, data: Float32, axis: Axis) -> Float32:
        """Return spectra, (…, band, y, x), normalised by their own divisors."""
        return self._normalised_by(data, self._positions(axis), axis.good)

    def _normalised_as(self, data: Float32, cube: Cube, input: Cube) -> Float32:
        """Return spectra, (…, band, y, x), normalised by the divisors of the input's spectra.

        The target is appended to the input as bad bands: they are ignored when divisors are
        calculated, and divided like the good ones.
        """
        _check_pixels(cube, input)
        divisors_from = self._without_background(input.numpy(), input.axis)
        appended = (0, len(cube.axis))
        both = self._normalised_by(
            np.concatenate([divisors_from, data], axis=-3),
            np.pad(self._positions(input.axis), appended),
            np.pad(input.axis.good, appended),
        )
        return both[..., len(input.axis) :, :, :]

    def _positions(self, axis: Axis) -> Centres:
        """Return the positions of bands, shape (band,); only areas need them in the unit of the axis."""
        if self.normalise == "area":
            return _centres(axis, "an area")
        return np.arange(len(axis), dtype=np.float64)

    def _normalised_by(self, data: Float32, centres: Centres, good: Mask) -> Float32:
        """Return spectra, (…, band, y, x), normalised by their good bands."""
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
        """Return the lines of history about intensities."""
        steps = []
        match self.background:
            case "minimum":
                steps.append("subtracted the minimum of each spectrum")
            case "polynomial":
                steps.append(f"subtracted a polynomial of order {self.order}")
            case "als":
                settings = f"als, {self.smoothness:g}, {self.asymmetry:g}"
                steps.append(f"subtracted a background ({settings})")
        match self.normalise:
            case "none":
                pass
            case "percentile":
                steps.append(f"normalised by percentile {self.percentile:g} %")
            case _:
                steps.append(f"normalised by {self.normalise}")
        return steps


def _centres(axis: Axis, name: str) -> Centres:
    """Return the band centres, (band,), that `name` needs."""
    if not isinstance(axis, SpectralAxis):
        raise ValueError(f"the cube has {axis}, and {name} needs a spectrum; choose none instead")
    return axis.centres


def _check_pixels(cube: Cube, input: Cube) -> None:
    """Refuse a target whose pixels are not those of its input."""
    if cube.shape[:-3] + cube.shape[-2:] != input.shape[:-3] + input.shape[-2:]:
        raise ValueError(
            f"{cube.name!r} is {cube.shape}, its input {input.name!r} {input.shape}; both need the "
            "same pixels (bands may differ) to be normalised alike: crop or resample one of them"
        )


NOTHING: Final = Preprocessing()
"""Leaves spectra unchanged."""
