"""What a finer image owes to its measurement, and what was made up: a report beside each result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..axis import SpectralAxis
from ..cube import Cube, Image
from ..metrics import spectral_angle
from ..models.model import Model
from ..tasks.degradation import Degradation
from ..tasks.super_resolution import SuperResolutionTask
from .reports import Curves, Photograph, Picture, Report, Row, Table
from .resolution import (
    DifferencePsf,
    Rings,
    band_means,
    difference_psf,
    enlarged,
    flux_ratio,
    ring_correlation,
)

_BANDS: Final = 64
"""Of more bands than this, so many evenly chosen ones are looked at in Fourier space."""
_SIDE: Final = 8
"""Images of fewer pixels to a side have too few Fourier rings to report on."""
KEY: Final = "restoration"
"""Of the findings in a cube's metadata."""


@dataclass(frozen=True, eq=False)
class Findings:
    """A finer image beside its measurement; `report` tells it to people."""

    rings: Rings
    """Of the enlarged measurement and the result: where they part, the result adds."""
    psf: DifferencePsf
    """The blur from the result to the enlarged measurement."""
    flux: NDArray[np.float64]
    """Of each band, in the result over in the measurement, shape (band,)."""
    astray: NDArray[np.float64]
    """Of each band, the root mean square difference between the degraded result and the
    measurement, by the standard deviation of the measurement, shape (band,)."""
    angle: float
    """Mean angle between spectra of the degraded result and measured ones, in degrees."""
    spectra: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Mean spectrum of the measurement and of the result, each of shape (band,)."""

    @property
    def summary(self) -> dict[str, float | None]:
        """The figures as plain JSON; what is no number is None."""
        figures = {
            "flux, least": float(np.nanmin(self.flux)),
            "flux, greatest": float(np.nanmax(self.flux)),
            "difference after degradation, of the spread": float(np.nanmax(self.astray)),
            "spectral angle, degrees": self.angle,
            "agreement with the measurement down to (1/7)": self.rings.resolution("1/7"),
            "agreement with the measurement down to (half-bit)": self.rings.resolution("half-bit"),
            "difference PSF, FWHM of rows": self.psf.fwhm[0],
            "difference PSF, FWHM of columns": self.psf.fwhm[1],
            "difference PSF, misfit": self.psf.misfit,
        }
        return {name: value if np.isfinite(value) else None for name, value in figures.items()}


def findings(input: Cube, restored: Cube, degradation: Degradation) -> Findings:
    """Compare a finer image with what was measured; of stacks and series, the first plane.

    Parameters
    ----------
    input : Cube
        What was measured, as the network saw it.
    restored : Cube
        The result, of `degradation.scale` times as many rows and columns, and the same bands.
    degradation : Degradation
        What the model was trained on.

    Raises
    ------
    ValueError
        If the images are not of that scale, or of other bands.
    """
    coarse, fine = _first_plane(input), _first_plane(restored)
    target = (coarse.shape[0], *(degradation.scale * side for side in coarse.shape[1:]))
    if fine.shape != target:
        raise ValueError(
            f"a result of {fine.shape} is not the ×{degradation.scale} of {coarse.shape}; "
            "give the cube it was made from, and its model"
        )
    good = input.axis.good & np.isfinite(coarse).any(axis=(1, 2))
    again = degradation.measured(torch.from_numpy(fine)).numpy()
    few = np.flatnonzero(good)[:: max(1, -(-int(good.sum()) // _BANDS))]
    smooth = enlarged(coarse[few], degradation.scale, degradation.first_centre)
    sides = restored.pixel_size
    return Findings(
        rings=ring_correlation(smooth, fine[few], pixel_size=sides),
        psf=difference_psf(smooth, fine[few], pixel_size=sides),
        flux=np.where(good, flux_ratio(coarse, fine), np.nan),
        astray=np.where(good, _astray(again, coarse), np.nan),
        angle=spectral_angle(again, coarse, good=good),
        spectra=(band_means(coarse), band_means(fine)),
    )


def restoration_report(
    input: Cube, restored: Cube, degradation: Degradation, found: Findings
) -> Report:
    """Return `findings` for people: two tables, four pictures, and what they mean."""
    unit = restored.pixel_unit or "pixels"
    figures = found.summary
    held = ("flux", "difference after", "spectral")
    tables = [
        _table("Held to the measurement", {n: v for n, v in figures.items() if n.startswith(held)}),
        _table(f"Detail, in {unit}", {n: v for n, v in figures.items() if not n.startswith(held)}),
    ]
    notes = [
        "Degraded as its model was taught "
        f"({degradation.kind}, ×{degradation.scale}, psf {degradation.psf:g} fine pixels), "
        "the result is compared with its input: differences and angles are 0, and flux 1, where "
        "nothing was added or lost."
        + " Decimation measures nothing between its points: flux need not be 1."
        * (degradation.kind == "decimate"),
        "Detail finer than the agreement was made in the manner of the training images. It may "
        "be right, but this measurement does not show it.",
        "A narrow, even difference PSF of small misfit tells of sharpening; a broad or uneven one "
        "of structure that is not in the measurement.",
    ]
    return Report(
        f"Restoration of {input.name or 'the cube'}", tables, notes, _pictures(found, input)
    )


def reported(model: Model, input: Cube, result: Image) -> tuple[Image, Report | None]:
    """Return a prediction that holds what was found of it, and the report to show beside it.

    Where the task makes no finer image, or the image is too small to have detail, the prediction
    as it is, and None. For command line and docks alike:
    ``reported(model, cube, finish(predict(model, cube)))``.
    """
    task = model.recipe.task
    if not isinstance(task, SuperResolutionTask) or not isinstance(result, Cube):
        return result, None
    if min(result.shape[-2:]) < _SIDE:
        return result, None
    input = model.recipe.preprocessing.on(input)
    found = findings(input, result, task.degradation_model)
    report = restoration_report(input, result, task.degradation_model, found)
    return with_findings(result, found), report


def with_findings(result: Cube, found: Findings) -> Cube:
    """Return a result whose metadata hold the figures, and whose history says the flux."""
    extremes = np.array([np.nanmin(found.flux), np.nanmax(found.flux)])
    low, high = np.round(100 * (extremes - 1), 1) + 0.0  # -0.0 + 0.0 is 0.0
    return replace(
        result.after(f"compared with its measurement: flux of bands {low:+.1f} to {high:+.1f} %"),
        metadata={**result.metadata, KEY: found.summary},
    )


def _pictures(found: Findings, input: Cube) -> list[Picture]:
    axis, rings = input.axis, found.rings
    places, title = np.arange(1.0, len(axis) + 1), "channel"
    if isinstance(axis, SpectralAxis):
        places, title = axis.centres, str(axis.unit or "band")
    return [
        Curves(
            "Agreement with the measurement (FRC)",
            rings.frequency,
            f"cycles per {input.pixel_unit or 'fine pixel'}",
            {
                "result and measurement": rings.correlation,
                "1/7": rings.threshold("1/7"),
                "half-bit": rings.threshold("half-bit"),
            },
        ),
        Photograph("Difference PSF", _grey(found.psf.kernel)),
        Curves(
            "Flux of bands, in the result by the measurement", places, title, {"flux": found.flux}
        ),
        Curves(
            "Mean spectra",
            places,
            title,
            {"measured": found.spectra[0], "restored": found.spectra[1]},
        ),
    ]


def _grey(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of a kernel as a picture, (y, x, 3), from 0 to 1."""
    half = min(*kernel.shape, 33) // 2
    y, x = (side // 2 for side in kernel.shape)
    middle = kernel[y - half : y + half + 1, x - half : x + half + 1]
    shown = np.clip(middle / max(float(middle.max()), 1e-12), 0, 1)
    return np.repeat(shown[..., None], 3, axis=-1)


def _table(title: str, figures: dict[str, float | None]) -> Table:
    rows: list[Row] = [{"figure": name, "value": value} for name, value in figures.items()]
    return Table(title, rows)


def _first_plane(cube: Cube) -> NDArray[np.float32]:
    plane = cube.data[(0,) * (len(cube.shape) - 3)]
    return np.asarray(plane, np.float32)


def _astray(again: NDArray[Any], coarse: NDArray[Any]) -> NDArray[np.float64]:
    spread = np.sqrt(band_means(np.square(coarse - band_means(coarse)[:, None, None])))
    error = np.sqrt(band_means(np.square(again.astype(np.float64) - coarse)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(spread > 0, error / spread, error))
