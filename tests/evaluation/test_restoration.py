"""A super-resolved image is compared with its measurement, in figures that are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.restoration import (
    assess_restoration,
    restoration_figures,
    restoration_report,
    with_restoration_figures,
)
from napari_hyperspectral.networks import RRDB, Pixelwise
from napari_hyperspectral.tasks import Denoise, Restore
from napari_hyperspectral.tasks.degradation import Degradation

TWICE = Degradation(scale=2)


@pytest.fixture
def fine(rng):
    scene = ndimage.gaussian_filter(rng.normal(size=(3, 64, 80)), (0, 1, 1)) * 50
    data = (100 + scene * np.array([1, 2, 5])[:, None, None]).astype(np.float32)
    return Cube(data, SpectralAxis([500.0, 600, 700], "nm"), pixel_size=(0.5, 0.5), pixel_unit="um")


@pytest.fixture
def measured(fine):
    data = TWICE.degrade(torch.from_numpy(fine.data)).numpy()
    return replace(fine, data=data, pixel_size=(1.0, 1.0), origin=(0.25, 0.25))


def test_the_truth_agrees_with_its_measurement(fine, measured):
    figures = restoration_figures(measured, fine, TWICE)
    assert figures.flux == pytest.approx(np.ones(3), rel=1e-5)
    assert figures.residual.max() < 1e-5
    assert figures.angle < 0.01
    assert figures.rings.correlation[0] > 0.99
    # a mean over two fine pixels, and an interpolation: about one coarse pixel
    assert figures.psf.fwhm == pytest.approx((1.0, 1.0), rel=0.2)


def test_a_known_blur_is_found_in_the_unit_of_the_pixels(fine):
    """At scale one, the measurement is the blurred image: nothing is enlarged."""
    blur = Degradation(scale=1, psf=2.0)
    data = blur.degrade(torch.from_numpy(fine.data)).numpy()
    figures = restoration_figures(replace(fine, data=data), fine, blur)
    assert figures.psf.fwhm == pytest.approx((2.3548,) * 2, rel=0.1)  # 2 pixels of 0.5 um
    assert figures.residual.max() < 1e-5


def test_what_was_added_is_seen(fine, measured, rng):
    brighter = replace(fine, data=fine.data * np.array([1, 1.1, 1], np.float32)[:, None, None])
    figures = restoration_figures(measured, brighter, TWICE)
    assert figures.flux == pytest.approx([1, 1.1, 1], rel=1e-4)
    assert figures.residual[1] > 0.3 > figures.residual[0]
    invented = replace(fine, data=fine.data + rng.normal(0, 60, fine.shape).astype(np.float32))
    honest, made_up = (restoration_figures(measured, cube, TWICE) for cube in (fine, invented))
    assert made_up.rings.resolution() > 1.05 * honest.rings.resolution()
    assert made_up.residual.min() > 0.05


def test_the_report_has_figures_pictures_and_what_they_mean(fine, measured, tmp_path):
    report = restoration_report(measured, fine, TWICE, restoration_figures(measured, fine, TWICE))
    assert [table.title for table in report.tables] == [
        "Consistency with the measurement",
        "Detail, in um",
    ]
    rows = {row["figure"]: row["value"] for table in report.tables for row in table.rows}
    assert rows["flux, least"] == pytest.approx(1, rel=1e-5)
    assert "this measurement does not show it" in report.to_markdown()
    assert len(report.pictures(tmp_path)) == 4


def test_a_result_keeps_its_figures(fine, measured):
    kept = with_restoration_figures(fine, restoration_figures(measured, fine, TWICE))
    assert kept.metadata["restoration"]["flux, greatest"] == pytest.approx(1, rel=1e-5)
    assert kept.history[-1] == "compared with its measurement: flux of bands +0.0 to +0.0 %"


def test_missing_pixels_and_bad_bands_are_left_out(fine, measured):
    data = measured.data.copy()
    data[:, :3] = np.nan
    bad = SpectralAxis(measured.axis.centres, "nm", bad=[False, True, False])
    data[1] = np.nan
    hole = np.where(np.isnan(data).repeat(2, 1).repeat(2, 2), np.nan, fine.data)
    figures = restoration_figures(
        replace(measured, data=data, axis=bad), replace(fine, data=hole, axis=bad), TWICE
    )
    assert figures.flux[[0, 2]] == pytest.approx([1, 1], rel=1e-5)
    assert np.isnan(figures.flux[1])
    assert figures.rings.correlation[0] > 0.98


def test_a_prediction_of_a_restoring_model_has_a_report_and_others_have_none(measured, fine):
    training = Training(epochs=1, patches_per_epoch=1, patch_size=16)
    network = RRDB(width=2, blocks=1, growth=2)
    recipe = Recipe(task=Restore(scale=2, discriminator_width=2), method=network, training=training)
    model = fit(recipe, [recipe.example(fine=measured)])
    kept, report = assess_restoration(model, measured, predict(model, measured))
    assert "flux of bands" in kept.history[-1]
    rows = {row["figure"]: row["value"] for row in report.tables[0].rows}
    assert rows["flux, least"] == pytest.approx(1, abs=0.01)
    assert rows["difference after degradation, of the spread"] < 1e-3
    small = replace(measured, data=measured.data[:, :3, :3])
    assert assess_restoration(model, small, predict(model, small))[1] is None
    other = Recipe(task=Denoise(), method=Pixelwise(width=2), training=training)
    denoiser = fit(other, [other.example(noisy=fine, clean=fine)])
    assert assess_restoration(denoiser, fine, predict(denoiser, fine))[1] is None


def test_a_result_of_another_cube_is_refused(fine, measured):
    with pytest.raises(ValueError, match=r"is not the ×4 of \(3, 32, 40\)"):
        restoration_figures(measured, fine, Degradation(scale=4))
