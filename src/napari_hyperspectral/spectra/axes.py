"""Steps that set, shift, calibrate or convert the axis of a cube, or rearrange its data.

Each is a class of settings with `on(cube)`: the same for a script, the command line (as JSON) and
the form of the *Spectral axis* dock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import ArrayLike
from pydantic import Field, TypeAdapter

from ..axis import Axis, SpectralAxis
from ..cube import Cube
from .arrays import Float32, Intensities
from .calibration import Calibration, calibrated
from .conversion import UNIT_AND_KIND, Quantity, converted, shifted_axis, with_excitation
from .layout import folded_into_rows, with_axis, with_bands_along
from .steps.base import Scope, Step

ExcitationLine: TypeAlias = Annotated[float, Ge(100), Le(20_000)]
"""Wavelength of an excitation line, in nm."""


class AxisStep(Step):
    """A change of the axis of a cube, or of the layout of its data."""

    group: ClassVar[str] = "Axis"
    commutes_with_means: ClassVar[bool] = True

    def on_axis(self, axis: Axis) -> Axis:
        if self.looks_at != "spectrum":
            raise ValueError(f"{self.title}: it depends on the cube what its axis becomes")
        blank = np.broadcast_to(np.float32(0), (len(axis), 1, 1))
        return self.on(Cube(blank, axis)).axis

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        self.on_axis(axis)  # refuses what it cannot be taken on
        return np.asarray(data, np.float32)


class SetEnds(AxisStep):
    """Set the axis by its first and last band; the bands between are equally spaced."""

    title: ClassVar[str] = "Set first and last band"
    kind: Literal["ends"] = "ends"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    first: float = 400.0
    """Centre of the first band."""
    last: float = 700.0
    """Centre of the last band; it may be less than the first."""
    excitation_nm: ExcitationLine | None = None
    """Excitation wavelength in nm, if there is one."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        centres = np.linspace(self.first, self.last, cube.shape[-3])
        return _with_centres(cube, centres, self.quantity, self.excitation_nm)


class SetSteps(AxisStep):
    """Set the axis by its first band and the step from band to band."""

    title: ClassVar[str] = "Set first band and step"
    kind: Literal["steps"] = "steps"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    first: float = 400.0
    """Centre of the first band."""
    step: float = 10.0
    """Distance from each band to the next; it may be negative."""
    excitation_nm: ExcitationLine | None = None
    """Excitation wavelength in nm, if there is one."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        centres = self.first + self.step * np.arange(cube.shape[-3])
        return _with_centres(cube, centres, self.quantity, self.excitation_nm)


class SetValues(AxisStep):
    """Set the axis by the centre of each band."""

    title: ClassVar[str] = "Set every band"
    kind: Literal["values"] = "values"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    centres: tuple[float, ...] = ()
    """Centre of each band, in the order of the bands."""
    excitation_nm: ExcitationLine | None = None
    """Excitation wavelength in nm, if there is one."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        return _with_centres(cube, self.centres, self.quantity, self.excitation_nm)


class SetQuantity(AxisStep):
    """Set what the values of the axis measure; the values stay."""

    title: ClassVar[str] = "Set quantity and unit"
    kind: Literal["meaning"] = "meaning"
    quantity: Quantity = "wavelength (nm)"
    """What the axis measures, and in which unit."""
    guessed: bool = False
    """Mark the quantity as a guess. Without the tick it counts as confirmed."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        unit, kind = UNIT_AND_KIND[self.quantity]
        axis = replace(cube.spectral_axis, unit=unit, kind=kind, guessed=self.guessed)
        verb = "guessed" if self.guessed else "confirmed"
        return with_axis(cube, axis, f"{verb} that the axis measures {self.quantity}")


class ShiftAxis(AxisStep):
    """Add a constant to the axis."""

    title: ClassVar[str] = "Shift"
    kind: Literal["shift"] = "shift"
    by: float = 0.0
    """Added to the centre of each band, in the unit of the axis."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        axis = cube.spectral_axis
        step = f"shifted the axis by {self.by:g} {axis.unit or 'bands'}"
        return with_axis(cube, shifted_axis(axis, self.by), step)


class CalibrateAxis(AxisStep):
    """Fit the axis to two or more peaks whose positions are known."""

    title: ClassVar[str] = "Calibrate with known peaks"
    kind: Literal["calibrate"] = "calibrate"
    measured: tuple[float, ...] = ()
    """Positions of the peaks on the axis as it is."""
    known: tuple[float, ...] = ()
    """Known positions of these peaks, in the same order."""
    degree: Literal[1, 2, 3] = 1
    """Degree of the polynomial that is fitted; degree n needs n + 1 peaks or more."""
    quantity: Quantity | None = None
    """What the known positions measure, if that is not what the axis measures now."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        calibration = self.fit(cube.spectral_axis)
        pairs = zip(self.measured, self.known, strict=True)
        peaks = ", ".join(f"{measured:g} → {known:g}" for measured, known in pairs)
        residual = np.sqrt(np.mean(calibration.residuals**2))
        step = f"calibrated the axis, degree {self.degree}: {peaks} (residual {residual:.2g})"
        return with_axis(cube, calibration.axis, step)

    def fit(self, axis: SpectralAxis) -> Calibration:
        """Return the calibrated axis and the residuals; see `calibrated`."""
        calibration = calibrated(axis, self.measured, self.known, self.degree)
        if self.quantity is None:
            return calibration
        unit, kind = UNIT_AND_KIND[self.quantity]
        fitted_axis = replace(calibration.axis, unit=unit, kind=kind, guessed=False)
        return Calibration(fitted_axis, calibration.residuals)


class ConvertAxis(AxisStep):
    """Express the axis in another quantity, such as Raman shift instead of wavelength."""

    title: ClassVar[str] = "Convert to another unit"
    kind: Literal["convert"] = "convert"
    quantity: Quantity = "wavelength (nm)"
    """Quantity and unit to convert to."""
    excitation_nm: ExcitationLine | None = None
    """Excitation wavelength for Raman shifts, in nm, if the axis does not have it."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        axis = converted(cube.spectral_axis, self.quantity, self.excitation_nm)
        step = f"converted the axis to {self.quantity}"
        if axis.excitation_nm:
            step += f", excited at {axis.excitation_nm:g} nm"
        return with_axis(cube, axis, step)


class SetExcitation(AxisStep):
    """Set the excitation wavelength."""

    title: ClassVar[str] = "Set the excitation line"
    kind: Literal["excitation"] = "excitation"
    excitation_nm: ExcitationLine = 785.0
    """Excitation wavelength, in nm."""
    keep_wavelengths: bool = False
    """Recalculate Raman shifts so that absolute wavelengths stay: for a wrong laser line in the
    software of the instrument. Without it, the line is only noted."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        axis = with_excitation(
            cube.spectral_axis, self.excitation_nm, keep_wavelengths=self.keep_wavelengths
        )
        step = f"set the excitation to {self.excitation_nm:g} nm"
        if self.keep_wavelengths:
            step += ", shifts recalculated"
        return with_axis(cube, axis, step)


class SetDimension(AxisStep):
    """Use another dimension of the data as bands, such as the planes of a stack."""

    title: ClassVar[str] = "Use another dimension as bands"
    looks_at: ClassVar[Scope] = "image"
    kind: Literal["dimension"] = "dimension"
    along: Literal["z", "t", "y", "x"] = "x"
    """Dimension that holds the bands. An array (y, x, band) that was opened as (band, y, x) has
    them along x."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        return with_bands_along(cube, self.along)


class FoldSpectra(AxisStep):
    """Fold a list of spectra into the rows of a map."""

    title: ClassVar[str] = "Fold spectra into a map"
    looks_at: ClassVar[Scope] = "image"
    kind: Literal["fold"] = "fold"
    columns: Annotated[int, Ge(1)] = 1
    """Spectra in each row of the map."""
    snake: bool = False
    """Whether every second row was measured backwards."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        return folded_into_rows(cube, self.columns, snake=self.snake)


AnyAxisStep: TypeAlias = Annotated[
    SetEnds
    | SetSteps
    | SetValues
    | SetQuantity
    | ShiftAxis
    | CalibrateAxis
    | ConvertAxis
    | SetExcitation
    | SetDimension
    | FoldSpectra,
    Field(discriminator="kind"),
]
AXIS_STEPS: Final[tuple[type[AxisStep], ...]] = get_args(get_args(AnyAxisStep)[0])


def steps_from_json(text: str) -> list[AxisStep]:
    """Return the step, or the steps, that a JSON text describes, as in {"kind": "shift", "by": 2}.

    Raises
    ------
    ValueError
        If it describes none.
    """
    step_or_steps = TypeAdapter[AnyAxisStep | list[AnyAxisStep]](AnyAxisStep | list[AnyAxisStep])
    read = step_or_steps.validate_json(text)
    return [*read] if isinstance(read, list) else [read]


def _with_centres(
    cube: Cube, centres: ArrayLike, quantity: Quantity, line_nm: float | None
) -> Cube:
    """Return a cube with these band centres, (band,), in the unit of a quantity."""
    unit, kind = UNIT_AND_KIND[quantity]
    bad = cube.axis.bad if isinstance(cube.axis, SpectralAxis) else None
    if bad is not None and len(bad) != len(np.atleast_1d(centres)):
        bad = None  # the number of centres is refused below
    axis = SpectralAxis(centres, unit, kind, bad=bad, excitation_nm=line_nm)
    return with_axis(cube, axis, f"set the axis to {axis.title}, {axis}")
