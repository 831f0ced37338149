"""What is done to spectra before anything learns from them, and again before every prediction."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from .axis import Axis, SpectralAxis
from .cube import Cube
from .settings import Settings
from .spectra.baseline import als_background, minimum_background, polynomial_background
from .spectra.scaling import by_area, by_maximum, by_percentile, by_vector, standard_normal

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
    bands count for nothing, but stay; what is missing (NaN) stays missing.
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
    (snv, after its mean is subtracted) its standard deviation. Dark spectra become 0."""
    percentile: Annotated[float, Gt(0), Le(100)] = 99.0
    """Which percentile of its values a spectrum is divided by; 50 is the median, 100 the maximum."""

    @property
    def does_nothing(self) -> bool:
        """Whether cubes stay as they are."""
        return not self._crops and not self._steps()

    def on(self, cube: Cube) -> Cube:
        """Return the cube as the network is to see it.

        Lazy data stay lazy where nothing but bands are selected.

        Raises
        ------
        ValueError
            If no good band is left, or the axis, of named channels or of too few bands, is none
            that the settings make sense for.
        """
        bands = self._bands(cube.axis)
        if self._crops:
            cropped = self.on_axis(cube.axis)
            data = cube.data[..., bands, :, :]
            cube = cube.after(f"cropped to {cropped}", data=data, axis=cropped)
        steps = self._steps()
        if not steps:
            return cube
        data = self._corrected(cube.numpy(), cube.axis)
        unit = _UNITS.get(self.normalise, cube.intensity_unit)
        return cube.after("; ".join(steps), data=data, intensity_unit=unit)

    def on_axis(self, axis: Axis) -> Axis:
        """Return the axis that `on` gives a cube with this one; see there."""
        return axis.take(self._bands(axis))

    def on_spectra(self, data: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
        """Return what `on` makes of a part of a cube, (…, band, y, x), with this axis; see there."""
        bands = self._bands(axis)
        return self._corrected(data[..., bands, :, :], axis.take(bands))

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

    def _corrected(self, data: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
        good = axis.good
        match self.background:
            case "minimum":
                data = data - minimum_background(data, good=good)
            case "polynomial":
                centres = _centres(axis, "a polynomial background")
                data = data - polynomial_background(data, centres, self.order, good=good)
            case "als":
                _centres(axis, "an als background")
                data = data - als_background(data, self.smoothness, self.asymmetry, good=good)
        match self.normalise:
            case "maximum":
                return by_maximum(data, good=good)
            case "area":
                return by_area(data, _centres(axis, "an area"), good=good)
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


NOTHING: Final = Preprocessing()
"""Leave spectra as they are."""
