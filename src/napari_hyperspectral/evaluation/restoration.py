"""What of a super-resolved image comes from its measurement, and what the network added: a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..axis import SpectralAxis
from ..cube import Cube, Image
from ..metrics import spectral_angle
from ..models.model import Model
from ..tasks.degradation import Degradation
from ..tasks.super_resolution import SuperResolutionTask
from .reports import Curves, Photograph, Picture, Report, Table
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
METADATA_KEY: Final = "restoration"
"""Of the figures in a cube's metadata."""


@dataclass(frozen=True, eq=False)
class RestorationFigures:
    """A super-resolved image compared with its measurement."""

    rings: Rings
    """Of the upsampled measurement and the result: where they differ, the network added detail."""
    psf: DifferencePsf
    """The blur from the result to the upsampled measurement."""
    flux: NDArray[np.float64]
    """Of each band, in the result over in the measurement, shape (band,)."""
    residual: NDArray[np.float64]
    """Of each band, the root mean square difference between the degraded result and the
    measurement, by the standard deviation of the measurement, shape (band,)."""
    angle: float
    """Mean angle between spectra of the degraded result and measured ones, in degrees."""
    measured_spectrum: NDArray[np.float64]
    """Mean spectrum of the measurement, shape (band,)."""
    restored_spectrum: NDArray[np.float64]
    """Mean spectrum of the result, shape (band,)."""

    @property
    def summary(self) -> dict[str, float | None]:
        """The figures as plain JSON; what is no number is None."""
        figures = {
            "flux, least": float(np.nanmin(self.flux)),
            "flux, greatest": float(np.nanmax(self.flux)),
            "difference after degradation, of the spread": float(np.nanmax(self.residual)),
            "spectral angle, degrees": self.angle,
            "agreement with the measurement down to (1/7)": self.rings.resolution("1/7"),
            "agreement with the measurement down to (half-bit)": self.rings.resolution("half-bit"),
            "difference PSF, FWHM of rows": self.psf.fwhm[0],
            "difference PSF, FWHM of columns": self.psf.fwhm[1],
            "difference PSF, misfit": self.psf.misfit,
        }
        return {name: value if np.isfinite(value) else None for name, value in figures.items()}


def restoration_figures(
    input: Cube, restored: Cube, degradation: Degradation
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
    bands, height, width = coarse.shape
    expected = (bands, degradation.scale * height, degradation.scale * width)
    if fine.shape != expected:
        raise ValueError(
            f"a result of {fine.shape} is not the ×{degradation.scale} of {coarse.shape}; "
            "give the cube it was made from, and its model"
        )
    good = input.axis.good & np.isfinite(coarse).any(axis=(1, 2))
    degraded = degradation.measured(torch.from_numpy(fine)).numpy()
    compared = _evenly_chosen(good)
    upsampled = cubic_upsampled(coarse[compared], degradation.scale, degradation.first_centre)
    pixel_size = restored.pixel_size
    return RestorationFigures(
        rings=ring_correlation(upsampled, fine[compared], pixel_size=pixel_size),
        psf=difference_psf(upsampled, fine[compared], pixel_size=pixel_size),
        flux=np.where(good, flux_ratio(coarse, fine), np.nan),
        residual=np.where(good, _residual(degraded, coarse), np.nan),
        angle=spectral_angle(degraded, coarse, good=good),
        measured_spectrum=band_means(coarse),
        restored_spectrum=band_means(fine),
    )


def restoration_report(
    input: Cube, restored: Cube, degradation: Degradation, figures: RestorationFigures
) -> Report:
    """Return `restoration_figures` as a report: two tables, four pictures, and what they mean."""
    consistency: dict[str, float | None] = {}
    detail: dict[str, float | None] = {}
    for name, value in figures.summary.items():
        group = consistency if name.startswith(_CONSISTENCY) else detail
        group[name] = value
    unit = restored.pixel_unit or "pixels"
    return Report(
        f"Restoration of {input.name or 'the cube'}",
        [
            _table("Consistency with the measurement", consistency),
            _table(f"Detail, in {unit}", detail),
        ],
        _notes(degradation),
        _pictures(figures, input),
    )


def assess_restoration(model: Model, input: Cube, result: Image) -> tuple[Image, Report | None]:
    """Return a prediction with its restoration figures in its metadata, and a report on them.

    Where the task gives no finer pixels, or the image is too small to have detail, the prediction
    as it is, and None. For command line and docks alike:
    ``assess_restoration(model, cube, predict(model, cube))``.
    """
    task = model.recipe.task
    if not isinstance(task, SuperResolutionTask) or not isinstance(result, Cube):
        return result, None
    if min(result.shape[-2:]) < _SIDE:
        return result, None
    input = model.recipe.preprocessing.on(input)
    figures = restoration_figures(input, result, task.degradation_model)
    report = restoration_report(input, result, task.degradation_model, figures)
    return with_restoration_figures(result, figures), report


def with_restoration_figures(result: Cube, figures: RestorationFigures) -> Cube:
    """Return a result whose metadata hold the figures, and whose history names the flux."""
    extremes = np.array([np.nanmin(figures.flux), np.nanmax(figures.flux)])
    low, high = np.round(100 * (extremes - 1), 1) + 0.0  # -0.0 + 0.0 is 0.0
    return replace(
        result.after(f"compared with its measurement: flux of bands {low:+.1f} to {high:+.1f} %"),
        metadata={**result.metadata, METADATA_KEY: figures.summary},
    )


def _notes(degradation: Degradation) -> list[str]:
    """Return sentences that say what the figures mean."""
    consistency = (
        f"Degraded as in training ({degradation.kind}, ×{degradation.scale}, psf "
        f"{degradation.psf:g} fine pixels), the result is compared with its input: differences "
        "and angles are 0, and flux 1, where nothing was added or lost."
    )
    if degradation.kind == "decimate":
        consistency += " Decimation measures nothing between its points: flux need not be 1."
    return [
        consistency,
        "Detail finer than the agreement comes from the training images. It may be right, but "
        "this measurement does not show it.",
        "A narrow, even difference PSF of small misfit is a sign of sharpening; a broad or uneven "
        "one of structure that is not in the measurement.",
    ]


def _pictures(figures: RestorationFigures, input: Cube) -> list[Picture]:
    axis = input.axis
    rings = figures.rings
    if isinstance(axis, SpectralAxis):
        positions = axis.centres
        title = str(axis.unit or "band")
    else:
        positions = np.arange(1.0, len(axis) + 1)
        title = "channel"
    agreement = {
        "result and measurement": rings.correlation,
        "1/7": rings.threshold("1/7"),
        "half-bit": rings.threshold("half-bit"),
    }
    spectra = {"measured": figures.measured_spectrum, "restored": figures.restored_spectrum}
    return [
        Curves(
            "Agreement with the measurement (FRC)",
            rings.frequency,
            f"cycles per {input.pixel_unit or 'fine pixel'}",
            agreement,
        ),
        Photograph("Difference PSF", _grey(figures.psf.kernel)),
        Curves(
            "Flux of bands, in the result by the measurement",
            positions,
            title,
            {"flux": figures.flux},
        ),
        Curves("Mean spectra", positions, title, spectra),
    ]


def _grey(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of a kernel as a picture, (y, x, 3), from 0 to 1."""
    half = min(*kernel.shape, _KERNEL_SIDE) // 2
    y, x = (side // 2 for side in kernel.shape)
    middle = kernel[y - half : y + half + 1, x - half : x + half + 1]
    greys = np.clip(middle / max(float(middle.max()), 1e-12), 0, 1)
    return np.repeat(greys[..., None], 3, axis=-1)


def _table(title: str, figures: Mapping[str, float | None]) -> Table:
    return Table(title, [{"figure": name, "value": value} for name, value in figures.items()])


def _first_plane(cube: Cube) -> NDArray[np.float32]:
    """Return the first plane of a cube, (band, y, x)."""
    leading = len(cube.shape) - 3
    return np.asarray(cube.data[(0,) * leading], np.float32)


def _evenly_chosen(good: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the indices of at most `_BANDS` good bands, spread evenly."""
    step = max(1, -(-int(good.sum()) // _BANDS))
    return np.flatnonzero(good)[::step]


def _residual(degraded: NDArray[np.float32], coarse: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the RMS difference of each band by the standard deviation of the measurement."""
    centred = coarse - band_means(coarse)[:, None, None]
    std = np.sqrt(band_means(np.square(centred)))
    error = np.sqrt(band_means(np.square(degraded.astype(np.float64) - coarse)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(std > 0, error / std, error))
