"""The detail that a measurement confirms is never finer than what is true of an image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.baselines.interpolation import (
    consistent_baseline,
    interpolation_baselines,
)
from napari_hyperspectral.evaluation.measured_detail import signal_correlation
from napari_hyperspectral.evaluation.resolution import ring_correlation
from napari_hyperspectral.evaluation.restoration import restoration_figures, restoration_report
from napari_hyperspectral.tasks.degradation import Degradation

CONFIRMED = "detail that the measurement confirms, down to"


def cube_of(data):
    return Cube(data.astype(np.float32), SpectralAxis.index(len(data)))


def measured(fine, degradation, noise=0.0, seed=0):
    """Return an image (band, y, x) as a coarser instrument measures it, in noise."""
    coarse = degradation.degrade(torch.from_numpy(fine)).numpy()
    spread = coarse.std(axis=(1, 2), keepdims=True)
    noisy = coarse + noise * spread * np.random.default_rng(seed).normal(size=coarse.shape)
    return cube_of(noisy)


def restored(fine, input, degradation, rng):
    """Return images of one measurement by several methods, from the truth to mere inventions."""
    scale = degradation.scale
    coarse = torch.from_numpy(input.data)
    images = {"truth": fine}
    for baseline in interpolation_baselines(scale, degradation.first_centre):
        images[baseline.name] = baseline.run(input.data)
    images["consistent"] = consistent_baseline(degradation).run(input.data)
    spread = fine.std(axis=(1, 2), keepdims=True)
    texture = rng.normal(size=fine.shape) * spread
    images["blurred"] = ndimage.gaussian_filter(images["bicubic"], (0, scale, scale))
    images["noisy"] = images["bicubic"] + 0.3 * texture
    half = torch.from_numpy((fine + images["consistent"]) / 2)
    images["half true"] = degradation.project(half, coarse).numpy()
    invented = torch.from_numpy((images["bicubic"] + texture).astype(np.float32))
    images["invented"] = degradation.project(invented, coarse).numpy()
    return {name: cube_of(image) for name, image in images.items()}


def finest_told(figures):
    """Return the finest detail that the figures say a measurement confirms, in fine pixels."""
    sizes = [size for name, size in figures.summary.items() if "measurement" in name and size]
    return min(sizes, default=None)


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("kind", ["area", "decimate", "bicubic"])
@pytest.mark.parametrize("scene", ["balloons", "beads", "cloth", "feathers"])
def test_no_image_of_a_scene_is_told_to_be_finer_than_it_is(data_folder, scene, kind, noise, rng):
    bands = np.load(data_folder / "cave" / f"{scene}_384x384x31.npz")["cube"]
    fine = np.moveaxis(bands[128:224, 128:224, 5::12], -1, 0).astype(np.float32)
    degradation = Degradation(kind=kind, scale=4)
    input = measured(fine, degradation, noise)
    true = {}
    told = {}
    for name, image in restored(fine, input, degradation, rng).items():
        confirmed = finest_told(restoration_figures(input, image, degradation))
        if confirmed is not None:
            told[name] = confirmed
            true[name] = ring_correlation(image.data, fine).resolution()
    assert {"truth", "consistent", "half true"} <= set(told)
    assert [name for name in told if told[name] < true[name]] == []
    # the better is never told to be worse
    in_order = [told[name] for name in sorted(told, key=true.get)]
    assert in_order == sorted(in_order)


@pytest.fixture
def fine(rng):
    """Two bands whose power falls with the square of the frequency, as in most images."""
    noise = rng.normal(size=(2, 96, 96))
    scene = ndimage.gaussian_filter(np.cumsum(np.cumsum(noise, 1), 2), (0, 0.7, 0.7))
    return (scene - ndimage.gaussian_filter(scene, (0, 20, 20))).astype(np.float32)


FOURTH = Degradation(scale=4)


def test_the_nearer_an_image_is_to_the_truth_the_wider_is_its_difference_psf(fine, rng):
    input = measured(fine, FOURTH)
    images = restored(fine, input, FOURTH, rng)
    widths = []
    for name in ("bicubic", "consistent", "half true", "truth"):
        figures = restoration_figures(input, images[name], FOURTH)
        widths.append(sum(figures.psf.fwhm))
    assert widths == sorted(widths)


def test_the_width_of_the_difference_psf_comes_first(fine):
    input = measured(fine, FOURTH)
    figures = restoration_figures(input, cube_of(fine), FOURTH)
    assert next(iter(figures.summary)).startswith("difference PSF, FWHM")
    report = restoration_report(input, cube_of(fine), FOURTH, figures)
    detail = [row["figure"] for row in report.tables[1].rows]
    assert detail[0].startswith("difference PSF, FWHM")
    assert detail[-1] == CONFIRMED


def told(input, data):
    return restoration_figures(input, cube_of(data), FOURTH).summary[CONFIRMED]


def test_of_noise_small_images_and_contradictions_no_figure_is_told(fine, rng):
    input = measured(fine, FOURTH)
    assert told(input, fine) >= 8  # two coarse pixels
    assert told(input, -fine) is None
    assert told(input, np.zeros_like(fine)) is None
    assert told(replace(input, data=input.data[:, :8, :8]), fine[:, :32, :32]) is None
    noise = rng.normal(size=fine.shape).astype(np.float32)
    figures = restoration_figures(measured(noise, FOURTH), cube_of(noise), FOURTH)
    assert figures.summary[CONFIRMED] is None
    report = restoration_report(input, cube_of(noise), FOURTH, figures)
    assert "There is no figure for the detail" in report.to_markdown()


def test_the_more_noise_the_less_detail_is_confirmed(fine):
    confirmed = []
    for noise in (0.0, 0.5, 2.0):
        input = measured(fine, FOURTH, noise)
        confirmed.append(signal_correlation(input.data, pixel_size=4.0).resolution_at(0.75))
    assert confirmed == sorted(confirmed)
    assert confirmed[0] < 0.8 * confirmed[-1]


def test_a_flat_image_agrees_with_nothing_and_has_no_difference_psf(fine):
    flat = np.ones_like(fine)
    assert (ring_correlation(flat, fine).correlation == 0).all()
    assert np.isnan(
        restoration_figures(measured(fine, FOURTH), cube_of(flat), FOURTH).psf.fwhm
    ).all()
