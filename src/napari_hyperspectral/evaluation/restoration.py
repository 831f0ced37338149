"""What of a super-resolved image comes from its measurement, and what the network added: a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, SpectralAxis
from ..cube import Cube, Image
from ..devices import tensor_of
from ..metrics import spectral_angle
from ..metrics.values import Floats
from ..models.model import Model
from ..tasks.degradation import Degradation
from ..tasks.super_resolution import SuperResolutionTask
from .fourier import height_and_width
from .measured_detail import confirmed_resolution, signal_correlation
from .pictures.base import Picture
from .pictures.simple import Curves, Photograph
from .reports import Report, Table
from .resolution import (
    DifferencePsf,
    Rings,
    band_means,
    cubic_upsampled,
    difference_psf,
    flux_ratio,
    ring_correlation,
)

_BANDS: Final = 64
"""Of more bands than this, so many evenly chosen ones are looked at in Fourier space."""
_SIDE: Final = 8
"""Images of fewer pixels to a side have too few Fourier rings to report on."""
_KERNEL_SIDE: Final = 33
"""Pixels of a difference PSF that are shown."""
_CONSISTENCY: Final = ("flux", "difference after", "spectral")
"""Beginnings of the names of figures of consistency; the others are of detail."""
RESTORATION_KEY: Final = "restoration"
"""Of the figures in a cube's metadata."""


@dataclass(frozen=True, eq=False)
class RestorationFigures:
    """A super-resolved image compared with its measurement."""

    rings: Rings
    """Of the upsampled measurement and the result: where they differ, the network added detail;
    where they agree, it may be in what is aliased, or noise."""
    signal: Rings
    """Of the measurement and its scene, at least, from the power of the measurement alone."""
    psf: DifferencePsf
    """The blur from the result to the upsampled measurement."""
    flux: Floats
    """Of each band, in the result over in the measurement, shape (band,)."""
    residual: Floats
    """Of each band, the root mean square difference between the degraded result and the
    measurement, by the standard deviation of the measurement, shape (band,)."""
    angle: float
    """Mean angle between spectra of the degraded result and measured ones, in degrees."""
    measured_spectrum: Floats
    """Mean spectrum of the measurement, shape (band,)."""
    restored_spectrum: Floats
    """Mean spectrum of the result, shape (band,)."""

    @property
    def confirmed(self) -> float:
        """Finest detail that the measurement confirms, in pixel units; NaN where it cannot be known."""
        return confirmed_resolution(self.signal, self.rings)

    @property
    def summary(self) -> dict[str, float | None]:
        """The figures as plain JSON; what is no number is None."""
        rows, columns = self.psf.fwhm
        figures = {
            "difference PSF, FWHM of rows": rows,
            "difference PSF, FWHM of columns": columns,
            "difference PSF, misfit": self.psf.misfit,
            "detail that the measurement confirms, down to": self.confirmed,
            "flux, least": float(np.nanmin(self.flux)),
            "flux, greatest": float(np.nanmax(self.flux)),
            "difference after degradation, of the spread": float(np.nanmax(self.residual)),
            "spectral angle, degrees": self.angle,
        }
        summary: dict[str, float | None] = {}
        for name, value in figures.items():
            summary[name] = value if np.isfinite(value) else None
        return summary


def restoration_figures(
    input: Cube,
    restored: Cube,
    degradation: Degradation,
) -> RestorationFigures:
    """Compare a super-resolved image with its measurement; of stacks and series, the first plane.

    Parameters
    ----------
    input : Cube
        The measurement, as the network saw it, (…, band, y, x).
    restored : Cube
        The result, of `degradation.scale` times as many rows and columns, and the same bands.
    degradation : Degradation
        What the model was trained on.

    Raises
    ------
    ValueError
        If the images are not of that scale, or of other bands.
    """
    coarse = _first_plane(input)  # (band, y, x)
    fine = _first_plane(restored)
    scale = degradation.scale
    bands, height, width = coarse.shape
    expected = (bands, scale * height, scale * width)
    if fine.shape != expected:
        raise ValueError(
            f"a result of {fine.shape} is not the ×{scale} of {coarse.shape}; "
            "give the cube it was made from, and its model"
        )
    measured = np.isfinite(coarse).any(axis=(1, 2))
    good = input.axis.good & measured
    degraded = degradation.measured(tensor_of(fine)).numpy()
    # a Fourier transform of every band would take long, and say no more
    compared = _evenly_chosen(good)
    upsampled = cubic_upsampled(coarse[compared], scale, degradation.first_centre)
    sharp = fine[compared]
    pixel_size = restored.pixel_sides
    fine_height, fine_width = height_and_width(pixel_size)
    coarse_size = (scale * fine_height, scale * fine_width)
    return RestorationFigures(
        rings=ring_correlation(upsampled, sharp, pixel_size=pixel_size),
        signal=signal_correlation(coarse[compared], pixel_size=coarse_size),
        psf=difference_psf(upsampled, sharp, pixel_size=pixel_size),
        flux=np.where(good, flux_ratio(coarse, fine), np.nan),
        residual=np.where(good, _residual(degraded, coarse), np.nan),
        angle=spectral_angle(degraded, coarse, good=good),
        measured_spectrum=band_means(coarse),
        restored_spectrum=band_means(fine),
    )


def restoration_report(
    input: Cube,
    restored: Cube,
    degradation: Degradation,
    figures: RestorationFigures,
) -> Report:
    """Return `restoration_figures` as a report: two tables, four pictures, and what they mean."""
    consistency: dict[str, float | None] = {}
    detail: dict[str, float | None] = {}
    for name, value in figures.summary.items():
        group = consistency if name.startswith(_CONSISTENCY) else detail
        group[name] = value
    unit = restored.pixel_unit or "pixels"
    tables = [
        _table("Consistency with the measurement", consistency),
        _table(f"Detail, in {unit}", detail),
    ]
    return Report(
        f"Restoration of {input.name or 'the cube'}",
        tables,
        _notes(degradation, figures),
        _pictures(figures, input),
    )


def assess_restoration(
    model: Model,
    input: Cube,
    result: Image,
) -> tuple[Image, Report | None]:
    """Return a prediction with its restoration figures in its metadata, and a report on them.

    Where the task gives no finer pixels, or the image is too small to have detail, the prediction
    as it is, and None. For command line and docks alike:
    ``assess_restoration(model, cube, predict(model, cube))``.
    """
    task = model.recipe.task
    if not isinstance(task, SuperResolutionTask) or not isinstance(result, Cube):
        return result, None
    height, width = result.shape[-2:]
    if min(height, width) < _SIDE:
        return result, None
    degradation = task.degradation_model
    # compared with what the network saw
    input = model.recipe.preprocessing.in_memory(input)
    figures = restoration_figures(input, result, degradation)
    report = restoration_report(input, result, degradation, figures)
    return with_restoration_figures(result, figures), report


def with_restoration_figures(result: Cube, figures: RestorationFigures) -> Cube:
    """Return a result whose metadata hold the figures, and whose history names the flux."""
    flux = figures.flux
    extremes = np.array([np.nanmin(flux), np.nanmax(flux)])
    percent = 100 * (extremes - 1)
    low, high = np.round(percent, 1) + 0.0  # -0.0 + 0.0 is 0.0
    note = f"compared with its measurement: flux of bands {low:+.1f} to {high:+.1f} %"
    metadata = {**result.metadata, RESTORATION_KEY: figures.summary}
    return replace(result.after(note), metadata=metadata)


def _notes(degradation: Degradation, figures: RestorationFigures) -> list[str]:
    """Return sentences that say what the figures mean."""
    psf = (
        "The difference PSF is the blur from the result to the measurement. Of results of small "
        "misfit, the wider shows more detail; a broad or uneven one of large misfit is a sign of "
        "structure that is not in the measurement."
    )
    detail = (
        "The measurement confirms detail down to the size in the table, whatever the method: "
        "finer, it cannot be told from noise and aliases. Finer detail comes from the training "
        "images. It may be right, but this measurement does not show it."
    )
    if not np.isfinite(figures.confirmed):
        detail = (
            "There is no figure for the detail that the measurement confirms: it is too small, "
            "holds too little signal, or the result contradicts it in coarse detail. Detail of the "
            "result comes from the training images. It may be right, but this measurement does "
            "not show it."
        )
    consistency = (
        f"Degraded as in training ({degradation.kind}, ×{degradation.scale}, psf "
        f"{degradation.psf:g} fine pixels), the result is compared with its input: differences "
        "and angles are 0, and flux 1, where nothing was added or lost."
    )
    if degradation.kind == "decimate":
        consistency += " Decimation measures nothing between its points: flux need not be 1."
    return [psf, detail, consistency]


def _pictures(figures: RestorationFigures, input: Cube) -> list[Picture]:
    """Return the curves and the kernel that say where detail comes from."""
    rings = figures.rings
    positions, title = _band_positions(input.axis)
    # finer than two of its pixels, a measurement shows nothing
    signal = np.interp(
        rings.frequency,
        figures.signal.frequency,
        figures.signal.correlation,
        right=np.nan,
    )
    agreement = Curves(
        "Agreement with the measurement (FRC)",
        rings.frequency,
        f"cycles per {input.pixel_unit or 'fine pixel'}",
        {
            "result and measurement": rings.correlation,
            "measurement and scene, at least": signal,
        },
    )
    psf = Photograph("Difference PSF", _grey(figures.psf.kernel))
    flux = Curves(
        "Flux of bands, in the result by the measurement",
        positions,
        title,
        {"flux": figures.flux},
    )
    spectra = Curves(
        "Mean spectra",
        positions,
        title,
        {
            "measured": figures.measured_spectrum,
            "restored": figures.restored_spectrum,
        },
    )
    return [agreement, psf, flux, spectra]


def _band_positions(axis: Axis) -> tuple[Floats, str]:
    """Return where the bands of an axis are plotted, (band,), and the title of that axis."""
    if isinstance(axis, SpectralAxis):
        return axis.centres, str(axis.unit or "band")
    numbers = np.arange(1.0, len(axis) + 1)
    return numbers, "channel"


def _grey(kernel: Floats) -> Floats:
    """Return the middle of a kernel as a picture, (y, x, 3), from 0 to 1."""
    height, width = kernel.shape
    half = min(height, width, _KERNEL_SIDE) // 2
    y = height // 2
    x = width // 2
    rows = slice(y - half, y + half + 1)
    columns = slice(x - half, x + half + 1)
    middle = kernel[rows, columns]
    # not divided by 0 where a kernel has no peak
    highest = max(float(middle.max()), 1e-12)
    greys = np.clip(middle / highest, 0, 1)
    return np.repeat(greys[..., None], 3, axis=-1)


def _table(title: str, figures: Mapping[str, float | None]) -> Table:
    rows = []
    for name, value in figures.items():
        rows.append({"figure": name, "value": value})
    return Table(title, rows)


def _first_plane(cube: Cube) -> NDArray[np.float32]:
    """Return the first plane of a cube, (band, y, x)."""
    leading = len(cube.shape) - 3
    return np.asarray(cube.data[(0,) * leading], np.float32)


def _evenly_chosen(good: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the indices of at most `_BANDS` good bands, spread evenly."""
    count = int(good.sum())
    # rounded up, so that there are never more
    step = -(-count // _BANDS)
    step = max(1, step)
    return np.flatnonzero(good)[::step]


def _residual(
    degraded: NDArray[np.float32],
    coarse: NDArray[np.float32],
) -> Floats:
    """Return the RMS difference of each band by the standard deviation of the measurement."""
    means = band_means(coarse)  # (band,)
    centred = coarse - means[:, None, None]
    std = np.sqrt(band_means(np.square(centred)))
    difference = degraded.astype(np.float64) - coarse
    error = np.sqrt(band_means(np.square(difference)))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = error / std
    # of a constant band, as it is
    return np.asarray(np.where(std > 0, relative, error))
