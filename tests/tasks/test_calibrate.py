"""Spectra of one instrument become those of another, with its axis."""

import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.tasks import Calibrate

OURS = SpectralAxis(np.linspace(620, 1780, 24), "1/cm", "raman_shift")
THEIRS = SpectralAxis(np.linspace(1700, 700, 31), "1/cm", "raman_shift")
PEAKS = np.array([800, 1003, 1250, 1450, 1600])


def spectra_of(amounts, axis, shift=0.0, width=40.0, response=0.0):
    """Peaks of given heights, as an instrument sees them, (band, 1, sample)."""
    lines = np.exp(-(((axis.centres[:, None] - PEAKS - shift) / width) ** 2))
    seen = (lines @ amounts.T + 0.2) * (1 + response * (axis.centres[:, None] - 1200) / 600)
    return seen[:, None, :].astype(np.float32)


@pytest.fixture
def samples(rng):
    """What 300 samples hold, and both instruments' spectra of them."""
    amounts = rng.uniform(0, 1, (300, 5))
    ours = spectra_of(amounts, OURS, shift=18.0, width=60.0, response=0.4)
    noise = rng.normal(0, 0.01, ours.shape).astype(np.float32)
    measured = Cube(ours + noise, OURS, name="portable", intensity_unit="counts")
    return measured, Cube(1000 * spectra_of(amounts, THEIRS), THEIRS, name="bench")


def part(cube, spectra):
    return Cube(cube.data[..., spectra], cube.axis, name=cube.name)


def test_spectra_of_unseen_samples_become_those_of_the_reference(samples):
    measured, reference = samples
    train, unseen = slice(0, 240), slice(240, 300)
    recipe = Recipe(
        task=Calibrate(),
        method=Pixelwise(width=48, dropout=0.0),
        training=Training(epochs=40, learning_rate=5e-3),
    )
    example = recipe.example(measured=part(measured, train), reference=part(reference, train))
    calibrated = predict(fit(recipe, [example]), part(measured, unseen))
    truth = reference.data[..., unseen]
    assert calibrated.axis == THEIRS
    assert calibrated.history[-1] == f"calibrated to {THEIRS}"
    plain = np.stack(
        [np.interp(THEIRS.centres, OURS.centres, s) for s in measured.data[:, 0, unseen].T], axis=1
    )[:, None]
    plain *= (plain * truth).sum() / (plain**2).sum()  # the best that one factor can do
    assert np.abs(calibrated.data - truth).mean() < 0.35 * np.abs(plain - truth).mean()


def test_samples_are_paired_one_by_one(samples):
    measured, reference = samples
    with pytest.raises(ValueError, match="same pixels, or samples"):
        Calibrate().example(measured=measured, reference=part(reference, slice(0, 299)))
    lost = reference.after("lost", data=np.where(np.arange(300) < 150, reference.data, np.nan))
    taken = measured.after("lost", data=np.where(np.arange(300) < 150, np.nan, measured.data))
    with pytest.raises(ValueError, match="no pixel is measured in both"):
        Calibrate().example(measured=taken, reference=lost)
    example = Calibrate().example(measured=measured, reference=lost)
    assert (example.sampling_classes > 0).sum() == 150
