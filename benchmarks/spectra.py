"""How long the preparation of spectra takes, against the library that does it spectrum by spectrum.

    python benchmarks/spectra.py [--side 256] [--bands 500] [--sample 400] [--only asls --only snip]

A map of side × side spectra with bent baselines, peaks, noise and cosmic rays is prepared by each
method, and by the library for it. Where the library takes one spectrum at a time, it takes a sample
of them, and its time is that of the sample by the share of the map. Figures are CPU seconds for the
map, one thread, both in the same run, the better one of two where they are short; the ratio is that
of the library to ours: 5 means that we take a fifth of the time. The difference is the greatest one
on the sample, relative to the greatest value of a spectrum.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pywt
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from pybaselines import Baseline
from pybaselines.utils import whittaker_smooth
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import savgol_filter
from sklearn.preprocessing import normalize, scale
from threadpoolctl import threadpool_limits

from napari_hyperspectral.spectra.baselines.hull import rubber_band_baseline
from napari_hyperspectral.spectra.baselines.least_squares import (
    airpls_baseline,
    arpls_baseline,
    asls_baseline,
)
from napari_hyperspectral.spectra.baselines.modified import modified_polynomial_baseline
from napari_hyperspectral.spectra.baselines.windows import rolling_ball_baseline, snip_baseline
from napari_hyperspectral.spectra.blur import blur
from napari_hyperspectral.spectra.cosmic_rays import (
    spikes_along_spectra,
    spikes_among_neighbours,
    without_spikes,
)
from napari_hyperspectral.spectra.scaling import by_maximum, by_vector, standard_normal
from napari_hyperspectral.spectra.scatter import scatter_corrected
from napari_hyperspectral.spectra.smooth import savitzky_golay
from napari_hyperspectral.spectra.smoothing.wavelet import wavelet_smooth
from napari_hyperspectral.spectra.smoothing.whittaker import whittaker

Array = NDArray[Any]
SHORT = 5.0
"""Seconds below which a method is timed twice."""


@dataclass(frozen=True)
class Case:
    """A method here and in a library.

    Parameters
    ----------
    ours : callable
        Takes the map, (band, y, x).
    library : callable
        Takes one spectrum, (band,), or, where `at_once`, the map.
    name : str
        Of the library.
    aim : float
        Least ratio of the library's time to ours.
    at_once : bool
        Whether the library takes the map.
    same : bool
        Whether the results are the same, to be compared.
    """

    ours: Callable[[Array], Array]
    library: Callable[[Array], Array]
    name: str
    aim: float = 5.0
    at_once: bool = False
    same: bool = True


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--side", type=int, default=256)
    options.add_argument("--bands", type=int, default=500)
    options.add_argument("--sample", type=int, default=400)
    options.add_argument("--only", action="append", help="a part of the names of methods")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    centres = np.linspace(500, 1800, chosen.bands)
    image = scene(centres, chosen.side)
    print(f"{chosen.bands} × {chosen.side} × {chosen.side} float32; CPU s\n")
    print("| method | here | library | its s | ratio | aim | difference |")
    print("|---|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for name, case in cases(centres).items():
            if chosen.only is None or any(part in name for part in chosen.only):
                cells = (name, *row(case, image, chosen.sample))
                print("| " + " | ".join(cells) + " |", flush=True)


def scene(centres: Array, side: int) -> Array:
    """Return a map, (band, y, x), of bent baselines, peaks, noise, and a cosmic ray in 2 %."""
    random = np.random.default_rng(0)
    u = np.linspace(0, 1, len(centres))
    image = np.empty((len(centres), side, side), np.float32)
    for y in range(side):
        amounts = random.uniform(0.2, 1, (6, side, 1))
        row = 80 * amounts[0] * np.exp(-2 * u * amounts[1]) + 50 * amounts[2] * u
        for peak, (centre, width) in enumerate([(0.2, 0.008), (0.5, 0.015), (0.8, 0.02)]):
            row += 150 * amounts[3 + peak] * np.exp(-0.5 * ((u - centre) / width) ** 2)
        row += random.normal(0, 1, row.shape)
        image[:, y] = row.T
    struck = random.random((side, side)) < 0.02
    bands = random.integers(2, len(centres) - 2, struck.sum())
    image[(bands, *struck.nonzero())] += random.uniform(50, 2000, struck.sum())
    return image


def cases(centres: Array) -> dict[str, Case]:
    """Return the methods, by their names."""
    library = Baseline(centres)

    def theirs(method: str, **settings: Any) -> Callable[[Array], Array]:
        return lambda spectrum: getattr(library, method)(spectrum, **settings)[0]

    def at_once(ours: Callable[[Array], Array], other: Callable[[Array], Array], name: str) -> Case:
        return Case(ours, other, name, aim=1 / 1.2, at_once=True)

    reference = np.asarray(scene(centres, 8).mean(axis=(1, 2)), np.float64)
    kind = "pybaselines"
    return {
        "AsLS": Case(asls_baseline, theirs("asls", lam=1e6, p=0.01), kind),
        "arPLS": Case(arpls_baseline, theirs("arpls", lam=1e5), kind),
        "airPLS": Case(airpls_baseline, theirs("airpls", lam=1e6), kind),
        "ModPoly": Case(
            lambda image: modified_polynomial_baseline(image, centres, 5, improved=False),
            theirs("modpoly", poly_order=5),
            kind,
        ),
        "IModPoly": Case(
            lambda image: modified_polynomial_baseline(image, centres, 5),
            theirs("imodpoly", poly_order=5),
            kind,
        ),
        "SNIP": Case(snip_baseline, theirs("snip", max_half_window=40, decreasing=True), kind),
        "rolling ball": Case(rolling_ball_baseline, theirs("rolling_ball", half_window=40), kind),
        "rubber band": Case(
            lambda image: rubber_band_baseline(image, centres), theirs("rubberband"), kind, aim=2
        ),
        "cosmic rays": Case(
            lambda image: without_spikes(image, spikes_along_spectra(image)),
            without_spikes_by_loop,
            "loop as published",
            same=False,
        ),
        "Whittaker": Case(
            lambda image: whittaker(image, 100.0),
            lambda spectrum: whittaker_smooth(spectrum, 100.0, 2),
            kind,
        ),
        "cosmic rays by neighbours": Case(
            spikes_among_neighbours,
            lambda image: median_filter(image, (1, 3, 3)),
            "scipy, its median alone",
            aim=1 / 1.2,
            at_once=True,
            same=False,
        ),
        "Savitzky–Golay": at_once(
            lambda image: savitzky_golay(image, 2, 9),
            lambda image: savgol_filter(image, 9, 2, axis=0),
            "scipy",
        ),
        "Gaussian": Case(
            lambda image: blur(np.asarray(image, np.float64), 2.0, (-3,)).astype(np.float32),
            lambda image: gaussian_filter1d(image, 2.0, axis=0),
            "scipy",
            aim=1 / 1.2,
            at_once=True,
            same=False,  # edges: ours averages what is there
        ),
        "wavelet": at_once(wavelet_smooth, wavelets_at_once, "PyWavelets"),
        "SNV": Case(
            standard_normal,
            lambda image: scale(image.reshape(len(image), -1)).reshape(image.shape),
            "scikit-learn",
            aim=1 / 1.2,
            at_once=True,
            same=False,  # it divides by the deviation of n, not n − 1
        ),
        "vector": at_once(
            by_vector,
            lambda image: normalize(image.reshape(len(image), -1), axis=0).reshape(image.shape),
            "scikit-learn",
        ),
        "maximum": at_once(
            by_maximum,
            lambda image: normalize(image.reshape(len(image), -1), norm="max", axis=0).reshape(
                image.shape
            ),
            "scikit-learn",
        ),
        "EMSC": at_once(
            lambda image: scatter_corrected(image, centres, reference, 2),
            lambda image: emsc_at_once(image, centres, reference),
            "numpy.linalg.lstsq",
        ),
    }


def without_spikes_by_loop(spectrum: Array) -> Array:
    """Return a spectrum as the program of Whitaker & Hayes does: modified z-scores, then means."""
    differences = np.diff(spectrum)
    middle = np.median(differences)
    deviation = np.median(np.abs(differences - middle))
    spikes = np.abs(0.6745 * (differences - middle) / deviation) > 8
    repaired = spectrum.copy()
    for band in np.flatnonzero(spikes):
        around = np.arange(max(0, band - 3), min(len(spikes), band + 4))
        around = around[~spikes[around]]
        if len(around):
            repaired[band] = spectrum[around].mean()
    return repaired


def wavelets_at_once(image: Array) -> Array:
    """Return a map smoothed by PyWavelets along its first axis."""
    level = pywt.dwt_max_level(len(image), "sym8")
    coarse, *details = pywt.wavedec(image.astype(np.float64), "sym8", level=level, axis=0)
    noise = np.median(np.abs(details[-1]), axis=0) / 0.6745
    threshold = noise * np.sqrt(2 * np.log(len(image)))
    details = [pywt.threshold(detail, threshold, "soft") for detail in details]
    return pywt.waverec([coarse, *details], "sym8", axis=0)[: len(image)]


def emsc_at_once(image: Array, centres: Array, reference: Array) -> Array:
    """Return a map corrected by least squares for all spectra at once."""
    powers = legvander(np.linspace(-1, 1, len(centres)), 2)
    basis = np.column_stack([powers, reference])
    spectra = image.reshape(len(image), -1).astype(np.float64)
    amounts = np.linalg.lstsq(basis, spectra, rcond=None)[0]
    return ((spectra - powers @ amounts[:-1]) / amounts[-1]).reshape(image.shape)


def row(case: Case, image: Array, sample: int) -> Iterator[str]:
    """Yield the cells of a table for one method."""
    seconds, result = timed(lambda: case.ours(image))
    if case.at_once:
        library_seconds, expected = timed(lambda: case.library(image))
        result = result.reshape(len(image), -1)
        expected = expected.reshape(len(image), -1)
    else:
        pixels = np.random.default_rng(1).choice(image[0].size, min(sample, image[0].size), False)
        spectra = image.reshape(len(image), -1)[:, pixels].T.astype(np.float64)
        library_seconds, rows = timed(lambda: np.array([case.library(one) for one in spectra]))
        library_seconds *= image[0].size / len(pixels)
        result = result.reshape(len(image), -1)[:, pixels]
        expected = rows.T
    yield f"{seconds:.2f}"
    yield case.name
    yield f"{library_seconds:.1f}"
    yield f"{library_seconds / seconds:.1f}"
    yield f"{case.aim:.2g}"
    sizes = np.abs(expected).max(axis=0)
    yield f"{(np.abs(result - expected).max(axis=0) / sizes).max():.0e}" if case.same else ""


def timed(method: Callable[[], Array]) -> tuple[float, Array]:
    """Return CPU seconds, the better ones of two where short, and the result."""
    best = np.inf
    for _ in range(2):
        start = time.process_time()
        result = method()
        best = min(best, time.process_time() - start)
        if best > SHORT:
            break
    return best, result


if __name__ == "__main__":
    main()
