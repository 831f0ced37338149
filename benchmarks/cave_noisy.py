"""Super-resolution of a noisy scene, by networks that were trained on noisy scenes, with its noise or without.

    python benchmarks/cave_noisy.py [DATA] [--seeds 3] [--scales 4] [--folds feathers]
        [--epochs 32] [--precision bfloat16]

The scenes of `cave.py`, with noise: a standard deviation of √(read² + gain · mean), 2 % of the range
in the dark and 4 % in the brightest pixels. Three noisy scenes are for training. The fourth is
degraded, and then gets noise of the same law, as a measurement of larger pixels has it. Results are
compared with the scene without noise. Networks and interpolation run on the measurement, and after
denoising: by its own components (low rank), which needs no training and no other image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from cave import PEAK, SCENES, Row, quality, scene
from rows import hours, kept, once, options, table, trained

from napari_hyperspectral import Cube, Machine, Recipe, Training, predict
from napari_hyperspectral.evaluation.baselines.interpolation import consistent_baseline
from napari_hyperspectral.networks import BandwiseEDSR, enlarged
from napari_hyperspectral.recipe.candidates import measured_recipe
from napari_hyperspectral.spectra.low_rank import LowRank
from napari_hyperspectral.spectra.noise import noise_law
from napari_hyperspectral.tasks import SuperResolve
from napari_hyperspectral.tasks.degradation import Degradation

READ: Final = 0.02 * PEAK
"""Standard deviation of the noise where it is dark."""
GAIN: Final = 0.001 * PEAK
"""Variance of the noise for each unit of the mean."""
InputNoise = Literal["as measured", "none"]
FIGURES: Final = ("PSNR dB", "gain dB", "SAM °", "seconds")


def noisy(cube: Cube, seed: int) -> Cube:
    """Return a cube with noise."""
    chance = np.random.default_rng(seed)
    sigma = np.sqrt(READ**2 + GAIN * np.maximum(cube.numpy(), 0))
    data = cube.numpy() + sigma * chance.normal(size=cube.shape)
    return cube.after("noise", data=data.astype(np.float32))


def recipe_of(scale: int, seed: int, epochs: int, input_noise: InputNoise) -> Recipe:
    """Return what is trained: the defaults, and the same without noise in the inputs."""
    asked_for = Recipe(
        task=SuperResolve(scale=scale, input_noise=input_noise),
        method=BandwiseEDSR(),
        training=Training(epochs=epochs, validation=0, seed=seed),
    )
    return measured_recipe(asked_for)


def rows_of(
    folder: Path, tested: str, scale: int, seed: int, epochs: int, machine: Machine
) -> Iterator[Row]:
    """Yield a row for each method, on the measurement and on the denoised measurement."""
    fine = scene(folder, tested)
    degradation = Degradation(kind="bicubic", scale=scale)
    coarse = degradation.degrade(torch.from_numpy(fine.numpy())).numpy()
    measured = noisy(replace(fine, data=coarse), 100 + seed)
    low_rank = LowRank.fit(measured.numpy())
    inputs = {
        "measured": measured,
        "denoised": measured.after("denoised", data=low_rank(measured.numpy())),
    }
    results = {}
    for name, input in inputs.items():
        results[name, "bicubic"] = enlarged(torch.from_numpy(input.numpy())[None], scale)[0].numpy()
    law = noise_law(measured.numpy())
    within_noise = consistent_baseline(degradation, (law.read**2, law.gain))
    results["measured", "bicubic, consistent"] = within_noise.run(measured.numpy())
    others = [name for name in SCENES if name != tested]
    for input_noise in ("none", "as measured"):
        recipe = recipe_of(scale, seed, epochs, input_noise)
        scenes = [noisy(scene(folder, name), seed) for name in others]
        examples = [recipe.example(fine=noisy_scene) for noisy_scene in scenes]
        model = trained(recipe, examples, f"{tested} ×{scale}, noise {input_noise}", machine)
        for name, input in inputs.items():
            predicted = predict(model, input, machine=machine)
            results[name, f"BandwiseEDSR, noise {input_noise}"] = predicted.numpy()
    base, _ = quality(results["measured", "bicubic"], fine.numpy())
    for (input_name, method), image in results.items():
        ratio, angle = quality(image, fine.numpy())
        yield {
            "input": input_name,
            "method": method,
            "PSNR dB": ratio,
            "gain dB": ratio - base,
            "SAM °": angle,
        }


def main() -> None:
    chosen = options(
        __doc__,
        "cave_noisy.jsonl",
        scales="4",
        folds=",".join(SCENES),
        epochs=32,
        precision="float32",
    )
    machine = Machine(threads=chosen.threads, precision=chosen.precision)
    for scale in map(int, chosen.scales.split(",")):
        for seed in range(chosen.seeds):
            for fold in chosen.folds.split(","):
                key = {"tested": fold, "scale": scale, "seed": seed, "epochs": chosen.epochs}
                once(chosen.rows, key, rows_of, chosen.data, *key.values(), machine)
    rows = kept(chosen.rows)
    print(table(rows, ("scale", "tested", "input", "method"), FIGURES))
    print(table(rows, ("scale", "input", "method"), FIGURES))
    print(hours(rows))


if __name__ == "__main__":
    main()
