"""The error on held-out pixels of large images, strips of which stand for the others."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hyperspectral import Machine, Recipe, Training
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.prediction.predict import predict
from napari_hyperspectral.progress import run
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.choice import held_out
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.plan import plan_training

BANDS, HEIGHT, WIDTH = 8, 48, 20
ONE = Machine(device="cpu", threads=1)


def test_strips_are_predicted_as_the_image_is(rng, monkeypatch):
    axis = SpectralAxis.index(BANDS)
    clean = rng.uniform(1, 2, (BANDS, HEIGHT, WIDTH)).astype(np.float32)
    noisy = Cube(clean + rng.normal(0, 0.1, clean.shape).astype(np.float32), axis)
    training = Training(validation=0.3, block=4, guard=0)
    recipe = Recipe(task=Denoise(), method=Ridge(surroundings=True), training=training)
    example = recipe.example(noisy=noisy, clean=Cube(clean, axis))
    model = run(fit_steps(recipe, [example], machine=ONE))
    plan = plan_training(recipe, [example])
    validation = plan.splits[0].validation & (example.sampling_classes > 0)  # (plane, y, x)
    monkeypatch.setattr(held_out, "_MOST_PIXELS", int(validation.sum()) // 3)
    monkeypatch.setattr(held_out, "_STRIP", 4)

    strips = held_out._strips(validation, radius=8)
    shown = np.zeros_like(validation)
    for strip in strips:
        shown[:, strip.rows] = validation[:, strip.rows]
    assert 0.2 < shown.sum() / validation.sum() < 0.5

    predicted = predict(model, noisy, machine=ONE).numpy()
    pixels = shown[0]
    expected = Denoise().selection_error(predicted[:, pixels].T, clean[:, pixels].T)
    error = run(held_out.held_out_error_steps(model, plan, ONE))
    assert error == pytest.approx(expected, rel=1e-4)


def test_a_small_image_is_one_strip(rng):
    mask = rng.uniform(size=(1, HEIGHT, WIDTH)) > 0.5
    (strip,) = held_out._strips(mask, radius=8)
    assert strip.rows == strip.seen == slice(0, HEIGHT)
