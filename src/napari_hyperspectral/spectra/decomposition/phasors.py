"""Phasors of spectra: two numbers that say where a spectrum lies, and how wide it is."""

from __future__ import annotations

import numpy as np

from ...axis import ChannelAxis
from ...cube import Cube
from ...progress import Job, run
from ..arrays import Array, Intensities
from ..ranges.blocks import numbers_steps


def phasors(cube: Cube, harmonic: int = 1) -> Cube:
    """Return the phasors of the spectra of a cube; see `phasors_steps`."""
    return run(phasors_steps(cube, harmonic))


def phasors_steps(cube: Cube, harmonic: int = 1) -> Job[Cube]:
    """Yield progress; return the phasors of the spectra of a cube.

    The real and the imaginary part of a Fourier coefficient of each spectrum, by its sum (Fereidouni,
    Bader & Gerritsen 2012, https://doi.org/10.1364/OE.20.012729). Mixtures of two spectra lie on the
    line between both; the angle is the place of a spectrum on the axis, the distance from 0 falls
    with its width.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x), with a spectral axis in any order. Bad bands do not count; where bands
        are not equally wide, each counts as much as it covers of the axis. May be lazy.
    harmonic : int
        How often the circle is run through from the first to the last band, at least 1.

    Returns
    -------
    Cube
        Shape (…, 2, y, x): g (real) and s (imaginary), from -1 to 1 where no intensity is below 0.
        NaN where a band is missing, or the sum of a spectrum is not above 0.

    Raises
    ------
    ValueError
        If there are fewer than three good bands, or `harmonic` is not at least 1.
    """
    axis = cube.spectral_axis
    good = np.flatnonzero(axis.good)
    if harmonic < 1:
        raise ValueError(
            f"harmonic {harmonic}: phasors have harmonics 1, 2, …; choose one of these"
        )
    if len(good) < 3:
        raise ValueError(f"{len(good)} good bands are too few for phasors; they need 3 at least")
    waves = _waves(axis.centres[good], harmonic)

    def numbers(part: Intensities) -> Array:
        values = part[good].astype(np.float64)
        real, imaginary, total = np.tensordot(waves, values, 1)
        measured = np.isfinite(total) & (total > 0)
        coordinates = np.stack([real, imaginary]) / np.where(measured, total, 1)
        return np.where(measured, coordinates, np.nan)

    bands = slice(0, len(axis))
    data = yield from numbers_steps(cube.data, bands, numbers, 2, "calculating phasors")
    title = "phasors" if harmonic == 1 else f"phasors of harmonic {harmonic}"
    return cube.after(
        f"took the {title}",
        data=data,
        axis=ChannelAxis(("g", "s")),
        intensity_unit=None,
        name=f"{cube.name} · {title}".strip(" ·"),
    )


def _waves(centres: Array, harmonic: int) -> Array:
    """Return the cosine, the sine and 1 of each band, by how much it covers, (3, band)."""
    order = np.argsort(centres, kind="stable")
    ordered = centres[order]
    widths = np.gradient(ordered)
    # a band at each end covers as much beyond it, so that the circle closes one band later
    period = ordered[-1] - ordered[0] + (widths[0] + widths[-1]) / 2
    phase = 2 * np.pi * harmonic * (ordered - ordered[0]) / (period or 1.0)
    waves = np.empty((3, len(centres)))
    waves[:, order] = widths * np.stack([np.cos(phase), np.sin(phase), np.ones_like(phase)])
    return waves
