"""Sample images: simulated scenes with a known ground truth, and a real one.

Nothing is downloaded; equal seeds give equal scenes.

Sources: Movasaghi, Rehman & Rehman, "Raman spectroscopy of biological tissues", Appl. Spectrosc.
Rev. 42 (2007) 493, https://doi.org/10.1080/05704920701551530 (positions of Raman bands); Jacquemoud
& Baret, "PROSPECT", Remote Sens. Environ. 34 (1990) 75,
https://doi.org/10.1016/0034-4257(90)90100-Z (leaves: pigments, water and scattering).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .axis import SpectralAxis
from .cube import Cube, Labels
from .errors import MissingPackageError

Array = NDArray[np.float64]

GAIN: Final = 0.22
"""Counts per photon: the slope of variance against mean in a real Raman map."""
READ_VARIANCE: Final = 0.56
"""Variance of the counts without light, in the same map."""
LINE_NM: Final = 532.0
"""Laser line of the synthetic Raman map."""

_RAMAN_BANDS: Final[Mapping[str, Sequence[tuple[float, float, float]]]] = {
    # Raman shift (1/cm), full width at half maximum (1/cm), height
    "protein": (
        (621, 9, 0.16), (643, 10, 0.18), (757, 12, 0.2), (828, 14, 0.22), (852, 15, 0.28),
        (937, 22, 0.3), (1003, 7, 1.0), (1031, 10, 0.3), (1126, 20, 0.28), (1207, 18, 0.22),
        (1250, 46, 0.45), (1338, 28, 0.45), (1450, 26, 0.9), (1605, 14, 0.28), (1655, 42, 0.95),
    ),
    "DNA": (
        (667, 14, 0.24), (728, 14, 0.42), (785, 15, 1.0), (1094, 24, 0.7), (1240, 32, 0.3),
        (1337, 22, 0.5), (1374, 18, 0.45), (1421, 18, 0.3), (1485, 18, 0.55), (1578, 18, 0.62),
    ),
    "lipid": (
        (719, 12, 0.18), (875, 18, 0.16), (972, 16, 0.12), (1065, 16, 0.32), (1085, 22, 0.26),
        (1128, 16, 0.28), (1265, 22, 0.3), (1300, 18, 0.78), (1440, 26, 1.0), (1655, 18, 0.6),
        (1745, 20, 0.2),
    ),
}  # fmt: skip

LAND_CLASSES: Final = ("water", "soil", "crops", "grassland", "forest", "road")
_WATER_VAPOUR_NM: Final = ((1350.0, 1430.0), (1800.0, 1960.0))
"""Ranges in which water vapour makes the air opaque: their bands hold noise only."""
_FINE: Final = 4
"""Subpixels along each side of a pixel of the land scene, for the mixtures at borders."""

_INDIAN_PINES_CLASSES: Final = (
    "Alfalfa", "Corn-notill", "Corn-mintill", "Corn", "Grass-pasture", "Grass-trees",
    "Grass-pasture-mowed", "Hay-windrowed", "Oats", "Soybean-notill", "Soybean-mintill",
    "Soybean-clean", "Wheat", "Woods", "Buildings-Grass-Trees-Drives", "Stone-Steel-Towers",
)  # fmt: skip


def raman_cell(seed: int = 0, shape: tuple[int, int] = (64, 72)) -> tuple[Cube, Cube]:
    """Return a Raman map of a cell, (noisy, clean), each (400 bands, y, x) in counts.

    A dome of protein with a nucleus (DNA) and droplets (lipid), over smooth fluorescence. Bands are
    equally spaced in wavelength, as on a detector, and so not in Raman shift. The noise is that of
    photons and of the camera: variance = 0.56 + 0.22 · mean.

    Parameters
    ----------
    seed : int
        Equal seeds give equal cells and equal noise.
    shape : (int, int)
        Pixels along y and x, of 0.5 µm.
    """
    rng = np.random.default_rng(seed)
    axis = _raman_axis()
    materials = {name: _peaks(axis.centres, bands) for name, bands in _RAMAN_BANDS.items()}
    amounts = _cell(shape, rng)
    fluorescence = np.exp(-(axis.centres - 600) / 900)
    background = 8 + 14 * gaussian_filter(amounts["protein"], 2)
    mean = 4.0 + np.multiply.outer(fluorescence, background)  # (band, y, x)
    for name, height in (("protein", 14.0), ("DNA", 9.0), ("lipid", 22.0)):
        mean += height * np.multiply.outer(materials[name], amounts[name])
    clean = Cube(
        mean.astype(np.float32),
        axis,
        pixel_size=(0.5, 0.5),
        pixel_unit="um",
        intensity_unit="counts",
        name="Raman cell, clean",
        history=(f"simulated a Raman map of a cell (seed {seed})",),
        metadata={"origin": "synthetic", "licence": "BSD-3-Clause", "seed": seed},
    )
    noisy = camera_counts(mean, rng).astype(np.float32)
    return clean.after("counted photons", data=noisy, name="Raman cell, noisy"), clean


def camera_counts(mean: Array, rng: np.random.Generator) -> Array:
    """Return the counts of a camera, with shot noise and read noise.

    Photons arrive at random and give `GAIN` counts each; reading adds `READ_VARIANCE`.

    Parameters
    ----------
    mean : ndarray, any shape
        Expected counts.
    rng : Generator
        Source of the noise.
    """
    read = rng.normal(0, np.sqrt(READ_VARIANCE), mean.shape)
    counts: Array = GAIN * rng.poisson(mean / GAIN) + read
    return counts


def land_scene(seed: int = 0, shape: tuple[int, int] = (120, 130)) -> tuple[Cube, Labels]:
    """Return the reflectance of a landscape, (141 bands, y, x), and the class of each pixel.

    Fields, a forest, a river and a road, from 400 to 2500 nm, in uneven light. Pixels on borders are
    mixtures, and unlabelled where no class covers two thirds of them. Bands in which water vapour
    makes the air opaque are noise, and marked bad.

    Parameters
    ----------
    seed : int
        Equal seeds give equal scenes.
    shape : (int, int)
        Pixels along y and x, of 10 m.
    """
    rng = np.random.default_rng(seed)
    axis = _land_axis()
    shares = _shares(_landscape(shape, rng))
    labels = np.where(shares.max(axis=0) >= 2 / 3, shares.argmax(axis=0) + 1, 0)
    light = 1 + 0.12 * _smooth_field(shape, rng, 12)
    data = _reflectance(axis.centres, shares, rng) * light
    noise = np.where(axis.good, 0.004, 0.08)[:, None, None]
    data = np.maximum(data + noise * rng.normal(size=data.shape), 0)
    cube = Cube(
        data.astype(np.float32),
        axis,
        pixel_size=(10.0, 10.0),
        pixel_unit="m",
        intensity_unit="reflectance",
        name="Land scene",
        history=(f"simulated a landscape (seed {seed})",),
        metadata={"origin": "synthetic", "licence": "BSD-3-Clause", "seed": seed},
    )
    classes = cube.as_labels(labels.astype(np.uint8), LAND_CLASSES, name="Land scene, classes")
    return cube, classes


def indian_pines() -> tuple[Cube, Labels]:
    """Return Indian Pines, a real scene of farmland, and the class of 10,249 of its pixels.

    AVIRIS, 145 × 145 pixels of 20 m, the 200 bands outside water vapour, in the order of the
    sensor: its four spectrometers overlap, so the wavelengths jump back twice. It is part of the
    package `tensorly` (BSD-3; the data are CC BY 3.0).

    Source: Baumgardner, Biehl & Landgrebe (2015), https://doi.org/10.4231/R7RX991C.

    Raises
    ------
    MissingPackageError
        If tensorly is not installed.
    """
    try:
        from tensorly.datasets import load_indian_pines
    except ImportError as error:
        raise MissingPackageError("tensorly", "samples", "the sample Indian Pines") from error
    dataset = load_indian_pines()
    truth, wavelengths = dataset["ticks"]
    data = np.moveaxis(np.asarray(dataset["tensor"]), -1, 0)  # (band, y, x)
    cube = Cube(
        np.ascontiguousarray(data, dtype=np.uint16),
        SpectralAxis(wavelengths, "nm"),
        pixel_size=(20.0, 20.0),
        pixel_unit="m",
        intensity_unit="digital number",
        name="Indian Pines",
        history=("loaded Indian Pines from the package tensorly",),
        metadata={"origin": str(dataset["reference"]), "licence": str(dataset["LICENCE"])},
    )
    classes = np.asarray(truth, np.uint8)
    return cube, cube.as_labels(classes, _INDIAN_PINES_CLASSES, name="Indian Pines, truth")


def _raman_axis() -> SpectralAxis:
    """Return 400 bands from 600 to 1800 1/cm, equally spaced in wavelength."""
    first = 1e7 / (1e7 / LINE_NM - 600)  # in nm
    last = 1e7 / (1e7 / LINE_NM - 1800)
    shifts = 1e7 / LINE_NM - 1e7 / np.linspace(first, last, 400)
    return SpectralAxis(shifts, "1/cm", "raman_shift", excitation_nm=LINE_NM)


def _peaks(centres: Array, bands: Sequence[tuple[float, float, float]]) -> Array:
    """Return a spectrum, shape (band,), of Lorentzian lines blurred by the spectrometer."""
    step = float(np.mean(np.diff(centres)))
    lines = np.zeros(len(centres))
    for at, width, height in bands:
        lines = lines + height / (1 + (2 * (centres - at) / width) ** 2)
    blurred: Array = gaussian_filter(lines, 1.5 / step, mode="nearest")
    return blurred


def _cell(shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
    """Return the amount of each material, 0 to about 1, shape (y, x)."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    bumps = 0.12 * _smooth_field(shape, rng, min(shape) / 8)
    body = _dome(y / 0.82, x / 0.86, bumps)
    nucleus_y = rng.uniform(-0.1, 0.1)
    nucleus_x = -rng.uniform(0.05, 0.2)
    nucleus = _dome((y - nucleus_y) / 0.36, (x - nucleus_x) / 0.4, bumps)
    droplets = np.zeros(shape)
    for angle in rng.uniform(0, 2 * np.pi, 14):
        radius = rng.uniform(0.5, 0.7)
        size = rng.uniform(0.03, 0.07)
        distance = (y - radius * np.sin(angle)) ** 2 + (x - radius * np.cos(angle)) ** 2
        droplets = np.maximum(droplets, np.exp(-distance / (2 * size**2)))
    return {
        "protein": body * (1 - 0.35 * droplets),
        "DNA": nucleus,
        "lipid": 0.12 * body * (1 - nucleus) + droplets,
    }


def _dome(y: Array, x: Array, bumps: Array) -> Array:
    """Return the thickness of a flattened ball of radius 1, blurred as by a microscope."""
    height = np.sqrt(np.clip(1 - y**2 - x**2 + bumps, 0, None))
    thickness: Array = gaussian_filter(np.minimum(height, 1), 0.8)
    return thickness


def _smooth_field(shape: tuple[int, int], rng: np.random.Generator, scale: float) -> Array:
    """Return a random surface of mean 0 and standard deviation 1."""
    field: Array = gaussian_filter(rng.normal(size=shape), scale, mode="wrap")
    standard: Array = (field - field.mean()) / max(float(field.std()), 1e-12)
    return standard


def _land_axis() -> SpectralAxis:
    """Return 141 bands from 400 to 2500 nm, bad where water vapour absorbs."""
    centres = np.linspace(400, 2500, 141)
    bad = np.zeros(len(centres), bool)
    for low, high in _WATER_VAPOUR_NM:
        bad |= (centres > low) & (centres < high)
    return SpectralAxis(centres, "nm", widths=np.full(141, 15.0), bad=bad)


def _landscape(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the class (0, 1, …) of each subpixel, shape (4 · y, 4 · x)."""
    fine = (shape[0] * _FINE, shape[1] * _FINE)
    y, x = np.meshgrid(np.arange(fine[0]), np.arange(fine[1]), indexing="ij")
    rows = 1 + y // (18 * _FINE)
    columns = 1 + x // (22 * _FINE)
    fields = np.array([1, 2, 3])[(rows * 2 + columns + (rows * columns) % 3) % 3]
    woods = _smooth_field(shape, rng, min(shape) / 8).repeat(_FINE, 0).repeat(_FINE, 1)
    kinds = np.where(gaussian_filter(woods, _FINE) > 0.8, 4, fields)
    bend = fine[0] * (0.3 + 0.08 * np.sin(2 * np.pi * (x / fine[1] + rng.uniform())))
    kinds[np.abs(y - bend) < fine[0] * 0.045] = 0
    straight = fine[1] * rng.uniform(0.55, 0.75) + 0.25 * (y - fine[0] / 2)
    kinds[np.abs(x - straight) < 1.7 * _FINE] = 5
    return kinds


def _shares(kinds: NDArray[np.intp]) -> Array:
    """Return the share of each class in each pixel, shape (class, y, x); they sum to 1."""
    height = kinds.shape[0] // _FINE
    width = kinds.shape[1] // _FINE
    covers = []
    for kind in range(len(LAND_CLASSES)):
        # the optics blur by 0.4 pixels before pixels average
        fine = gaussian_filter((kinds == kind).astype(float), 0.4 * _FINE, mode="nearest")
        covers.append(fine.reshape(height, _FINE, width, _FINE).mean(axis=(1, 3)))
    shares: Array = np.stack(covers) / np.sum(covers, axis=0)
    return shares


def _reflectance(centres: Array, shares: Array, rng: np.random.Generator) -> Array:
    """Return the reflectance of mixtures, shape (band, y, x); each class varies over the scene."""
    shape = (shares.shape[1], shares.shape[2])
    data = np.zeros((len(centres), *shape))
    for share, (first, second) in zip(shares, _surfaces(centres), strict=True):
        part = np.clip(0.5 + 0.25 * _smooth_field(shape, rng, 3), 0, 1)
        of_first = first[:, None, None] * (share * part)
        of_second = second[:, None, None] * (share * (1 - part))
        data += of_first + of_second
    return data


def _surfaces(nm: Array) -> list[tuple[Array, Array]]:
    """Return two spectra of each class, (band,) each; its pixels vary between them."""
    asphalt = 0.09 + 0.05 * (nm - 400) / 2100
    return [
        (0.07 * np.exp(-(nm - 400) / 220), 0.05 * np.exp(-((nm - 560) ** 2) / 2e4) + 0.004),
        (_soil(nm, 0.34), _soil(nm, 0.24)),
        (_leaves(nm, 2.4, 1.0, 0.52), _leaves(nm, 1.8, 0.8, 0.47)),
        (_leaves(nm, 0.8, 0.3, 0.4) * 0.7 + 0.3 * _soil(nm, 0.3), _leaves(nm, 0.6, 0.25, 0.36)),
        (_leaves(nm, 3.0, 1.4, 0.36), _leaves(nm, 2.6, 1.2, 0.26)),
        (asphalt, asphalt * 1.4),
    ]


def _soil(nm: Array, bright: float) -> Array:
    """Return soil, (band,): iron makes it red, clay absorbs at 2200 nm, water at 1400 and 1900 nm."""
    water = 0.12 * _line(nm, 1410, 40) + 0.25 * _line(nm, 1920, 50)
    clay = 0.12 * _line(nm, 2205, 25)
    soil: Array = bright * (1 - np.exp(-(nm - 250) / 420)) * (1 - water) * (1 - clay)
    return soil


def _leaves(nm: Array, pigment: float, water: float, plateau: float) -> Array:
    """Return leaves, (band,): chlorophyll absorbs below 720 nm, water above 900 nm; both scatter."""
    red_edge = 1 / (1 + np.exp((nm - 705) / 12))
    chlorophyll = pigment * red_edge * (0.35 + _line(nm, 450, 45) + _line(nm, 672, 30))
    wet = 0.1 * _line(nm, 970, 30) + 0.2 * _line(nm, 1190, 45) + 1.2 * _line(nm, 1450, 60)
    wet += 1.8 * _line(nm, 1940, 75) + 1.4 * _line(nm, 2600, 250)
    leaves: Array = plateau * np.exp(-chlorophyll - water * wet)
    return leaves


def _line(nm: Array, at: float, width: float) -> Array:
    """Return a Gaussian absorption line of height 1, shape (band,)."""
    line: Array = np.exp(-(((nm - at) / width) ** 2) / 2)
    return line
