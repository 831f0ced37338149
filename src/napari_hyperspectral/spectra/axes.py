"""Set, shift, calibrate and convert the axis of a cube, or choose another dimension for it.

Functions on axes do the sums. Each step a person can take is a class of settings with `on(cube)`:
the same for a script, the command line (as JSON) and the form of the dock. Intensities are never
changed: an axis that is converted keeps the value of each band, and the order of bands.

Wavelengths are those in vacuum, for the relations between them and energies to hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from annotated_types import Ge, Le
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, TypeAdapter
from scipy.signal import find_peaks

from ..axis import Kind, SpectralAxis, Unit
from ..cube import Cube, Sampling
from ..settings import Settings

Array: TypeAlias = NDArray[np.float64]
Quantity: TypeAlias = Literal[
    "wavelength (nm)",
    "wavelength (um)",
    "wavenumber (1/cm)",
    "Raman shift (1/cm)",
    "energy (eV)",
    "frequency (THz)",
    "m/z",
    "band",
]
"""What an axis measures, and in which unit."""
Line: TypeAlias = Annotated[float, Ge(100), Le(20_000)]
"""Wavelength of an excitation line, in nm."""

_MEANINGS: Final[Mapping[Quantity, tuple[Unit | None, Kind]]] = {
    "wavelength (nm)": ("nm", "wavelength"),
    "wavelength (um)": ("um", "wavelength"),
    "wavenumber (1/cm)": ("1/cm", "wavenumber"),
    "Raman shift (1/cm)": ("1/cm", "raman_shift"),
    "energy (eV)": ("eV", "energy"),
    "frequency (THz)": ("THz", "frequency"),
    "m/z": ("m/z", "mz"),
    "band": (None, "index"),
}
_EV: Final = 6.62607015e-34 * 29979245800 / 1.602176634e-19
"""Energy of 1/cm in eV: h, c and e are exact since 2019 (https://www.bipm.org/en/si-brochure)."""
_THZ: Final = 0.029979245800
"""Frequency of 1/cm in THz."""
_RECIPROCAL: Final[Mapping[str | None, float]] = {"nm": 1e7, "um": 1e4}
"""Unit: what its values are divided into to be wavenumbers in 1/cm, and the other way round."""
_PROPORTIONAL: Final[Mapping[str | None, float]] = {"1/cm": 1.0, "eV": _EV, "THz": _THZ}
"""Unit: how much of it 1/cm is."""
_PEAKS_FROM: Final = 4096
"""Pixels that a mean spectrum is taken over, at most."""
_LARGE: Final = 2**27
"""Values of a cube that nobody wants to read through for a few peaks."""


class Calibration(NamedTuple):
    """An axis that was fitted to known peaks."""

    axis: SpectralAxis
    residuals: Array
    """Fitted less known place of each peak, in the unit of `axis`."""


def converted(
    axis: SpectralAxis, quantity: Quantity, excitation_nm: float | None = None
) -> SpectralAxis:
    """Return an axis in another quantity: λ in nm, 1e7/λ in 1/cm, shift 1e7/λ₀ − 1e7/λ.

    Parameters
    ----------
    axis : SpectralAxis
        Of wavelengths, wavenumbers, Raman shifts, energies or frequencies.
    quantity : str
        What it is to measure; no m/z and no band, which no formula leads to.
    excitation_nm : float, optional
        Excitation line, for Raman shifts; left out, it is that of the axis.

    Raises
    ------
    ValueError
        If there is no formula, the excitation line is needed and not known, or a value has no
        counterpart (a wavelength of 0; a Raman shift beyond the excitation line).
    """
    unit, kind = _MEANINGS[quantity]
    if (unit, kind) == (axis.unit, axis.kind):
        return axis
    line = axis.excitation_nm if excitation_nm is None else excitation_nm
    if "raman_shift" in (kind, axis.kind) and line is None:
        raise ValueError(
            "between Raman shift and anything else stands the excitation line: name it"
        )
    if not {axis.unit, unit} <= {*_RECIPROCAL, *_PROPORTIONAL}:
        raise ValueError(
            f"nothing leads from {axis.title} to {quantity}; say first what the axis measures"
        )
    wavenumbers = _wavenumbers(axis, line)
    if kind == "raman_shift" and line is not None:
        values = 1e7 / line - wavenumbers
    else:
        values = _in_unit(wavenumbers, unit)
    slope = _slope(axis.unit, axis.centres) / _slope(unit, values)
    return replace(
        axis,
        centres=values,
        unit=unit,
        kind=kind,
        widths=None if axis.widths is None else axis.widths * slope,
        excitation_nm=line,
    )


def shifted(axis: SpectralAxis, by: float) -> SpectralAxis:
    """Return an axis moved by so much, in its unit."""
    return replace(axis, centres=axis.centres + by)


def with_excitation(
    axis: SpectralAxis, line_nm: float, *, keep_wavelengths: bool = False
) -> SpectralAxis:
    """Return an axis with another excitation line, in nm.

    With `keep_wavelengths`, Raman shifts are reckoned anew from the new line: right where the
    instrument measured wavelengths and subtracted the wrong line.

    Raises
    ------
    ValueError
        If shifts are to be reckoned anew, and the line they had is not known.
    """
    if keep_wavelengths and axis.kind == "raman_shift":
        if axis.excitation_nm is None:
            raise ValueError(
                "the line that the shifts were reckoned from is not known; set it first"
            )
        axis = shifted(axis, 1e7 / line_nm - 1e7 / axis.excitation_nm)
    return replace(axis, excitation_nm=line_nm)


def calibrated(
    axis: SpectralAxis, measured: ArrayLike, known: ArrayLike, degree: int = 1
) -> Calibration:
    """Fit a polynomial that takes peaks from where they were measured to where they are known.

    Parameters
    ----------
    axis : SpectralAxis
        The axis as it is.
    measured, known : array, shape (peak,)
        Places of the peaks, on the axis as it is and as it should be.
    degree : int
        Of the polynomial.

    Raises
    ------
    ValueError
        If there are too few peaks for the degree, two at one place, or the polynomial would turn
        back within the axis.
    """
    places, targets = np.asarray(measured, np.float64), np.asarray(known, np.float64)
    if places.shape != targets.shape or places.ndim != 1:
        raise ValueError(f"{places.size} measured peaks and {targets.size} known ones: give pairs")
    if len(np.unique(places)) < max(2, degree + 1):
        raise ValueError(
            f"{len(np.unique(places))} peaks at different places: degree {degree} needs "
            f"{max(2, degree + 1)} or more (for a single peak, shift the axis)"
        )
    fit = Polynomial.fit(places, targets, degree)
    slope = fit.deriv()(axis.centres)
    if axis.monotonic and len(axis) > 1 and not (np.all(slope > 0) or np.all(slope < 0)):
        raise ValueError(
            f"a polynomial of degree {degree} through these peaks turns back within the axis; "
            "check the pairs, or take a lower degree"
        )
    widths = None if axis.widths is None else axis.widths * np.abs(slope)
    return Calibration(
        replace(axis, centres=fit(axis.centres), widths=widths), fit(places) - targets
    )


def peak_places(spectrum: ArrayLike, axis: SpectralAxis, most: int = 8) -> Array:
    """Return where the most prominent peaks of a spectrum lie, in the unit of its axis.

    Each peak is placed between bands by a parabola through its three highest values; where one
    of these is missing, or of a bad band, there is no peak. They come in the order of the bands.
    """
    values = np.asarray(spectrum, dtype=np.float64)
    known = np.isfinite(values) & axis.good
    if known.sum() < 3:
        return np.empty(0)
    bands = np.arange(len(values))
    heights = np.interp(bands, bands[known], values[known])
    tops, about = find_peaks(heights, prominence=0)
    whole = known[tops - 1] & known[tops] & known[tops + 1]
    tops, prominences = tops[whole], about["prominences"][whole]
    tops = np.sort(tops[np.argsort(-prominences, kind="stable")[:most]])
    left, top, right = heights[tops - 1], heights[tops], heights[tops + 1]
    bend = left - 2 * top + right
    offset = 0.5 * (left - right) / np.where(bend == 0, -1, bend)
    places: Array = np.interp(tops + offset, bands, axis.centres)
    return places


def mean_spectrum(cube: Cube) -> Array:
    """Return the mean over at most 4096 pixels, shape (band,); NaN is left out.

    They lie on a regular grid; in a cube too large to be read for that, in its middle.
    """
    *leading, bands, rows, columns = cube.shape
    large = bands * rows * columns > _LARGE
    inside = tuple(_middle(size) if large else _grid(rows, columns) for size in (rows, columns))
    at = (*(0 for _ in leading), slice(None), *inside)
    part = np.asarray(cube.data[at], dtype=np.float64).reshape(bands, -1)
    known = np.isfinite(part)
    with np.errstate(invalid="ignore"):
        mean: Array = np.where(known, part, 0).sum(axis=1) / known.sum(axis=1)
    return mean


def with_axis(cube: Cube, axis: SpectralAxis, step: str) -> Cube:
    """Return a cube with another axis, which remembers the step.

    Raises
    ------
    ValueError
        If the axis has another number of bands.
    """
    if len(axis) != cube.shape[-3]:
        raise ValueError(
            f"{len(axis)} values for the {cube.shape[-3]} bands of {cube.name!r}; one a band is "
            "needed"
        )
    return cube.after(step, axis=axis)


def with_bands_along(cube: Cube, dim: Literal["t", "z", "y", "x"]) -> Cube:
    """Return a cube whose bands run along another dimension of its data; lazy data stay lazy.

    What were bands become frames or planes, if `dim` was t or z; else they become rows, and
    rows columns. Nothing is known of the new axis, nor of the sizes of new pixels.

    Raises
    ------
    ValueError
        If the cube has no such dimension.
    """
    if dim not in cube.dims:
        raise ValueError(f"cube {cube.name!r} has no {dim}, only {', '.join(cube.dims)}")
    place, band = cube.dims.index(dim), len(cube.dims) - 3
    order = list(range(len(cube.dims)))
    changes: dict[str, Any] = {"axis": SpectralAxis.index(cube.shape[place])}
    if dim in ("t", "z"):
        order[place], order[band] = band, place
        changes[dim] = Sampling()
    else:
        order.insert(band, order.pop(place))
        changes |= {"pixel_size": (1.0, 1.0), "origin": (0.0, 0.0), "pixel_unit": None}
    data = _transposed(cube.data, order)
    if dim in ("t", "z") and cube.shape[band] == 1:
        data = data[(slice(None),) * place + (0,)]
        changes[dim] = None
    return cube.after(f"took {dim} for the bands", data=data, **changes)


def folded(cube: Cube, columns: int, *, snake: bool = False) -> Cube:
    """Return a list of spectra, (band, 1, n), as the map (band, n / columns, columns).

    Parameters
    ----------
    cube : Cube
        Of one row, spectra in the order they were taken.
    columns : int
        Spectra in a row of the map.
    snake : bool
        Whether every second row was taken backwards.

    Raises
    ------
    ValueError
        If the cube has rows already, or the last row would not be full.
    """
    rows, spectra = cube.shape[-2:]
    if rows != 1:
        raise ValueError(f"cube {cube.name!r} is a map already, {rows} × {spectra}")
    if spectra % columns:
        raise ValueError(
            f"{spectra} spectra do not fill rows of {columns}; {spectra} = "
            + ", ".join(f"{n} × {spectra // n}" for n in range(1, spectra + 1) if spectra % n == 0)
        )
    data = np.asarray(cube.data).reshape(*cube.shape[:-2], spectra // columns, columns)
    if snake:
        data = np.array(data)
        data[..., 1::2, :] = data[..., 1::2, ::-1]
    return cube.after(f"folded {spectra} spectra into {spectra // columns} × {columns}", data=data)


class Step(Settings):
    """Something to do to the axis of a cube."""

    title: ClassVar[str]
    """What a person chooses it by."""

    def on(self, cube: Cube) -> Cube:
        """Return the cube after this step.

        Raises
        ------
        ValueError
            If the step cannot be taken on this cube.
        """
        raise NotImplementedError


class Ends(Step):
    """Set the axis by its first and last band; those between are equally far apart."""

    title: ClassVar[str] = "Set first and last band"
    kind: Literal["ends"] = "ends"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    first: float = 400.0
    """Centre of the first band."""
    last: float = 700.0
    """Centre of the last band; it may be the smaller one."""
    excitation_nm: Line | None = None
    """Excitation line, in nm, where there is one."""

    def on(self, cube: Cube) -> Cube:
        centres = np.linspace(self.first, self.last, cube.shape[-3])
        return _set(cube, centres, self.quantity, self.excitation_nm)


class Steps(Step):
    """Set the axis by its first band and the step from band to band."""

    title: ClassVar[str] = "Set first band and step"
    kind: Literal["steps"] = "steps"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    first: float = 400.0
    """Centre of the first band."""
    step: float = 10.0
    """From one band to the next; it may be negative."""
    excitation_nm: Line | None = None
    """Excitation line, in nm, where there is one."""

    def on(self, cube: Cube) -> Cube:
        centres = self.first + self.step * np.arange(cube.shape[-3])
        return _set(cube, centres, self.quantity, self.excitation_nm)


class Values(Step):
    """Set the axis by the centre of each band."""

    title: ClassVar[str] = "Set every band"
    kind: Literal["values"] = "values"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    centres: tuple[float, ...] = ()
    """Centre of each band, in the order of the bands."""
    excitation_nm: Line | None = None
    """Excitation line, in nm, where there is one."""

    def on(self, cube: Cube) -> Cube:
        return _set(cube, self.centres, self.quantity, self.excitation_nm)


class Meaning(Step):
    """Say what the numbers of the axis measure; the numbers stay."""

    title: ClassVar[str] = "Say what the numbers are"
    kind: Literal["meaning"] = "meaning"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    guessed: bool = False
    """Whether that is a guess; without the tick it is confirmed."""

    def on(self, cube: Cube) -> Cube:
        unit, kind = _MEANINGS[self.quantity]
        axis = replace(cube.spectral_axis, unit=unit, kind=kind, guessed=self.guessed)
        sure = "guessed" if self.guessed else "confirmed"
        return with_axis(cube, axis, f"{sure} that the axis measures {self.quantity}")


class Shift(Step):
    """Move the axis."""

    title: ClassVar[str] = "Shift"
    kind: Literal["shift"] = "shift"
    by: float = 0.0
    """What is added to each centre, in the unit of the axis."""

    def on(self, cube: Cube) -> Cube:
        axis = cube.spectral_axis
        step = f"moved the axis by {self.by:g} {axis.unit or 'bands'}"
        return with_axis(cube, shifted(axis, self.by), step)


class Calibrate(Step):
    """Fit the axis to two or more peaks whose places are known."""

    title: ClassVar[str] = "Calibrate with known peaks"
    kind: Literal["calibrate"] = "calibrate"
    measured: tuple[float, ...] = ()
    """Where the peaks lie now, on the axis as it is."""
    known: tuple[float, ...] = ()
    """Where they should lie, in the same order."""
    degree: Literal[1, 2, 3] = 1
    """Degree of the polynomial that is fitted; each needs one peak more than it says."""
    quantity: Quantity | None = None
    """What the known places measure, where that is not what the axis measures now."""

    def on(self, cube: Cube) -> Cube:
        found = self.fit(cube.spectral_axis)
        pairs = ", ".join(f"{a:g} → {b:g}" for a, b in zip(self.measured, self.known, strict=True))
        spread = np.sqrt(np.mean(found.residuals**2))
        step = f"calibrated the axis, degree {self.degree}: {pairs} (residual {spread:.2g})"
        return with_axis(cube, found.axis, step)

    def fit(self, axis: SpectralAxis) -> Calibration:
        """Return the calibrated axis and what is left; see `calibrated`."""
        found = calibrated(axis, self.measured, self.known, self.degree)
        if self.quantity is None:
            return found
        unit, kind = _MEANINGS[self.quantity]
        return found._replace(axis=replace(found.axis, unit=unit, kind=kind, guessed=False))


class Convert(Step):
    """Tell each band in another quantity, such as Raman shift for wavelength."""

    title: ClassVar[str] = "Convert to another unit"
    kind: Literal["convert"] = "convert"
    quantity: Quantity = "wavelength (nm)"
    """What the axis is to measure, and in which unit."""
    excitation_nm: Line | None = None
    """Excitation line for Raman shifts, in nm, where the axis does not know it."""

    def on(self, cube: Cube) -> Cube:
        axis = converted(cube.spectral_axis, self.quantity, self.excitation_nm)
        line = f", excited at {axis.excitation_nm:g} nm" if axis.excitation_nm else ""
        return with_axis(cube, axis, f"converted the axis to {self.quantity}{line}")


class Excitation(Step):
    """Change the excitation line."""

    title: ClassVar[str] = "Set the excitation line"
    kind: Literal["excitation"] = "excitation"
    excitation_nm: Line = 785.0
    """Excitation line, in nm."""
    keep_wavelengths: bool = False
    """Reckon Raman shifts anew, so that absolute wavelengths stay: for a wrong line in the
    software of the instrument. Without it, the line is just noted."""

    def on(self, cube: Cube) -> Cube:
        axis = with_excitation(
            cube.spectral_axis, self.excitation_nm, keep_wavelengths=self.keep_wavelengths
        )
        how = ", shifts reckoned anew" * self.keep_wavelengths
        return with_axis(cube, axis, f"set the excitation to {self.excitation_nm:g} nm{how}")


class Dimension(Step):
    """Take another dimension of the data for the bands, such as the planes of a stack."""

    title: ClassVar[str] = "Take another dimension as bands"
    kind: Literal["dimension"] = "dimension"
    along: Literal["z", "t", "y", "x"] = "x"
    """The dimension that the bands run along. In an array (y, x, band) that was opened as
    (band, y, x) that is x."""

    def on(self, cube: Cube) -> Cube:
        return with_bands_along(cube, self.along)


class Fold(Step):
    """Fold a list of spectra into the rows of a map."""

    title: ClassVar[str] = "Fold spectra into a map"
    kind: Literal["fold"] = "fold"
    columns: Annotated[int, Ge(1)] = 1
    """Spectra in a row of the map."""
    snake: bool = False
    """Whether every second row was measured backwards."""

    def on(self, cube: Cube) -> Cube:
        return folded(cube, self.columns, snake=self.snake)


AnyStep: TypeAlias = Annotated[
    Ends | Steps | Values | Meaning | Shift | Calibrate | Convert | Excitation | Dimension | Fold,
    Field(discriminator="kind"),
]
STEPS: Final[tuple[type[Step], ...]] = get_args(get_args(AnyStep)[0])


def steps_from_json(text: str) -> list[Step]:
    """Return the step, or the steps, that a JSON text describes, as in {"kind": "shift", "by": 2}.

    Raises
    ------
    ValueError
        If it describes none.
    """
    one_or_more: TypeAdapter[Any] = TypeAdapter(list[AnyStep] | AnyStep)
    found = one_or_more.validate_json(text)
    return found if isinstance(found, list) else [found]


def quantity_of(axis: SpectralAxis) -> Quantity | None:
    """Return what an axis measures, or None where it is a wavelength in no known unit."""
    meaning = (axis.unit, axis.kind)
    return next((quantity for quantity, m in _MEANINGS.items() if m == meaning), None)


def _set(
    cube: Cube, centres: Sequence[float] | NDArray[Any], quantity: Quantity, line: float | None
) -> Cube:
    unit, kind = _MEANINGS[quantity]
    axis = SpectralAxis(centres, unit, kind, excitation_nm=line)
    return with_axis(cube, axis, f"set the axis to {axis.title}, {axis}")


def _wavenumbers(axis: SpectralAxis, line: float | None) -> Array:
    """Return the absolute wavenumber of each band, in 1/cm, all of them positive."""
    if axis.kind == "raman_shift" and line is not None:
        wavenumbers = 1e7 / line - axis.centres
    else:
        with np.errstate(divide="ignore"):
            wavenumbers = _from_unit(axis.centres, axis.unit)
    if not np.all((wavenumbers > 0) & np.isfinite(wavenumbers)):
        raise ValueError(f"{axis}: not all of it can be converted; light has a positive wavelength")
    return wavenumbers


def _from_unit(values: Array, unit: Unit | None) -> Array:
    return _RECIPROCAL[unit] / values if unit in _RECIPROCAL else values / _PROPORTIONAL[unit]


def _in_unit(wavenumbers: Array, unit: Unit | None) -> Array:
    if unit in _RECIPROCAL:
        return _RECIPROCAL[unit] / wavenumbers
    return wavenumbers * _PROPORTIONAL[unit]


def _slope(unit: Unit | None, values: Array) -> Array:
    """Return by how much the wavenumber changes with the value, without the sign."""
    if unit in _RECIPROCAL:
        return _RECIPROCAL[unit] / values**2
    return np.full(len(values), 1 / _PROPORTIONAL[unit])


def _grid(rows: int, columns: int) -> slice:
    return slice(0, None, max(1, math.ceil(math.sqrt(rows * columns / _PEAKS_FROM))))


def _middle(size: int) -> slice:
    first = max(0, (size - math.isqrt(_PEAKS_FROM)) // 2)
    return slice(first, first + math.isqrt(_PEAKS_FROM))


def _transposed(data: Any, order: Sequence[int]) -> Any:
    return data.transpose(*order) if hasattr(data, "transpose") else np.transpose(data, order)
