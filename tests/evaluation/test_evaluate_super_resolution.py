"""Super-resolution and calibration are compared as fairly as denoising."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.baselines.interpolation import (
    consistent_baseline,
    interpolation_baselines,
)
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair, input_and_target
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Calibrate, SuperResolve
from napari_hyperspectral.tasks.degradation import Degradation
from napari_hyperspectral.training.fit import fit

MACHINE = Machine(device="cpu", threads=1)
DEGRADATIONS = [
    Degradation(kind="area", scale=3),
    Degradation(kind="bicubic", scale=4),
    Degradation(kind="decimate", scale=4, row=0, column=3),
]
each = pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda d: d.kind)


def learned(task, *examples, **training):
    quick = {"epochs": 1, "patches_per_epoch": 1} | training
    recipe = Recipe(task=task, method=Pixelwise(width=4), training=Training(**quick))
    made = [recipe.example(**images) for images in examples]
    return fit(recipe, made, machine=MACHINE), made


@each
def test_interpolating_a_slope_gives_the_slope(degradation):
    y, x = np.mgrid[:48, :36]
    fine = (5 + 0.3 * y + 0.7 * x).astype(np.float32)[None]
    coarse = degradation.degrade(torch.from_numpy(fine)).numpy()
    nearest, bicubic = (
        m.run(coarse) for m in interpolation_baselines(degradation.scale, degradation.first_centre)
    )
    inside = (0, slice(12, -12), slice(12, -12))
    np.testing.assert_allclose(bicubic[inside], fine[inside], atol=2e-3)
    assert abs(nearest - fine)[inside].max() <= degradation.scale / 2 + 1e-4  # (0.3 + 0.7) a pixel


@each
def test_registered_cubic_is_better_than_any_other_shift(degradation, rng):
    y, x = np.mgrid[:48, :48] / 7
    fine = (np.sin(y) * np.cos(1.3 * x)).astype(np.float32)[None]
    coarse = degradation.degrade(torch.from_numpy(fine)).numpy()

    def error(row, column):
        offset = (degradation.first_centre[0] + row, degradation.first_centre[1] + column)
        _, bicubic = interpolation_baselines(degradation.scale, offset)
        return np.square(bicubic.run(coarse) - fine)[:, 8:-8, 8:-8].mean()

    assert min((error(r, c), (r, c)) for r in (-1, 0, 1) for c in (-1, 0, 1))[1] == (0, 0)


def test_interpolation_leaves_what_is_missing_missing():
    coarse = np.ones((1, 4, 5), np.float32)
    coarse[0, 1, 2] = np.nan
    nearest, bicubic = (m.run(coarse) for m in interpolation_baselines(2, (0.5, 0.5)))
    assert np.isnan(nearest[0, 2:4, 4:6]).all()
    assert np.isnan(nearest).sum() == 4
    np.testing.assert_allclose(bicubic[np.isfinite(bicubic)], 1, atol=1e-6)


@each
def test_the_consistent_baseline_degrades_to_its_input_and_is_no_worse(degradation, rng):
    y, x = np.mgrid[:48, :60] / 5
    fine = (np.sin(y) * np.cos(1.3 * x) > 0).astype(np.float32)[None]  # edges
    coarse = degradation.degrade(torch.from_numpy(fine)).numpy()
    _, bicubic = interpolation_baselines(degradation.scale, degradation.first_centre)
    found = consistent_baseline(degradation).run(coarse)
    again = degradation.degrade(torch.from_numpy(found)).numpy()
    np.testing.assert_allclose(again, coarse, atol=2e-3)
    plain_error = np.square(bicubic.run(coarse) - fine).mean()
    assert np.square(found - fine).mean() <= plain_error


def test_the_consistent_baseline_leaves_what_is_missing_missing():
    coarse = np.ones((2, 4, 6), np.float32)
    coarse[0, 1, 2] = np.nan
    found = consistent_baseline(Degradation(kind="area", scale=2)).run(coarse)
    assert np.isnan(found[0, 2:4, 4:6]).all()
    assert np.isnan(found).sum() == 4


def test_the_origins_of_coarse_and_fine_pixels_register_them(clean):
    for row, column in ((0, 1), (1, 1)):
        task = SuperResolve(scale=2, degradation="decimate", row=row, column=column)
        coarse, fine = input_and_target(task, {"fine": clean})
        ground = EvaluationPair(coarse, fine, np.zeros((10, 13), bool), np.ones((10, 13), bool))
        assert ground.offset == (row, column)
        assert ground.scale == 2


def test_super_resolution_is_compared_with_interpolation(clean):
    task = SuperResolve(scale=2, normalise="cube")
    model, _ = learned(task, {"fine": clean})
    coarse, fine = input_and_target(task, {"fine": clean})
    left = np.zeros((10, 13), bool)
    left[:, :8] = True
    result = evaluate(model, EvaluationPair(coarse, fine, left, ~left), machine=MACHINE)
    rows = {row["method"]: row for row in result.report.tables[0].rows}
    assert list(rows) == ["Pixelwise", "nearest", "bicubic", "bicubic, consistent"]
    assert rows["bicubic"]["PSNR dB"] > rows["nearest"]["PSNR dB"]
    assert rows["bicubic"]["SSIM"] > rows["nearest"]["SSIM"]
    assert rows["bicubic"]["ERGAS %"] < rows["nearest"]["ERGAS %"]
    assert {row["pixels"] for row in rows.values()} == {10 * 5}
    nearest = coarse.data.repeat(2, -2).repeat(2, -1)[..., 16:]
    error = np.sqrt(np.square(nearest - fine.data[..., 16:]).mean())
    assert rows["nearest"]["RMSE"] == pytest.approx(error)


def test_a_truth_of_another_grid_is_refused(clean):
    wrong = replace(clean, data=clean.data[..., :25])
    masks = np.zeros((10, 13), bool), np.ones((10, 13), bool)
    coarse = replace(clean, data=clean.data[:, ::2, ::2])
    with pytest.raises(ValueError, match=r"the cube has \(10, 13\) pixels, the truth \(20, 25\)"):
        EvaluationPair(coarse, wrong, *masks)


def test_spectra_of_another_instrument_are_compared_as_spectra(clean):
    other = Cube(
        2 * clean.data[1:11:2], SpectralAxis(clean.axis.centres[1:11:2], "nm"), name="reference"
    )
    model, _ = learned(Calibrate(), {"measured": clean, "reference": other})
    left = np.zeros((20, 26), bool)
    left[:, :14] = True
    result = evaluate(model, EvaluationPair(clean, other, left, ~left), machine=MACHINE)
    rows = {row["method"]: row for row in result.report.tables[0].rows}
    assert set(rows) >= {"Pixelwise", "Ridge", "PLS", "mean"}
    assert rows["Ridge"]["angle °"] < 0.1  # every second band is a linear map
    assert rows["Ridge"]["fitted MSE"] < rows["mean"]["fitted MSE"]
    assert "Fitted MSE" in result.report.notes[-1]
