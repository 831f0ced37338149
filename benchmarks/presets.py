"""Published experiments at their published sizes: weights, memory, and the time of a step.

    python benchmarks/presets.py [NAME ...] [--steps 1] [--device cpu] [--threads 0]

Each preset trains for some steps on random scenes with the bands of the publication (where they
are not published, 100 and 4), in patches and batches of the published size. Nothing is learned; it shows
that it runs, and what it takes. With `--steps 0` nothing runs, and only weights and memory are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from rows import Row, kept, once

from napari_hyperspectral import ChannelAxis, Cube, Labels, Machine, Recipe, SpectralAxis
from napari_hyperspectral.networks import Ports, build_module
from napari_hyperspectral.recipe.presets import PRESETS, Preset
from napari_hyperspectral.tasks import Example
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.memory import TooLargeError, training_bytes
from napari_hyperspectral.training.plan import plan_training

SCENES = 4
UNKNOWN = Ports(bands_in=100, bands_out=4)
COLUMNS = ("preset", "network", "bands", "batch", "weights", "memory GB", "seconds a step", "loss")


def scenes(recipe: Recipe, ports: Ports) -> list[Example]:
    """Return random scenes that fill a patch of the recipe."""
    rng = np.random.default_rng(0)
    side = recipe.training.patch_size if recipe.method.operates_on == "image" else 16
    side *= recipe.task.upscaling

    def cube(bands: int) -> Cube:
        centres = np.linspace(500, 1800, bands) if bands > 1 else np.array([500.0])
        data = rng.uniform(1, 2, (bands, side, side)).astype(np.float32)
        return Cube(data, SpectralAxis(centres, "1/cm", "raman_shift"))

    def images(number: int) -> dict[str, Cube | Labels | str]:
        ids = rng.integers(1, ports.bands_out + 1, (side, side)).astype(np.uint8)
        stains = ChannelAxis(tuple(f"stain {i}" for i in range(ports.bands_out)))
        input = cube(ports.bands_in)
        return {
            "noisy": input, "measured": input, "cube": input, "spectra": input, "fine": input,
            "image": input, "labels": Labels(ids), "label": f"class {number % 2}",
            "clean": cube(ports.bands_out), "reference": cube(ports.bands_out),
            "target": Cube(cube(ports.bands_out).data, stains),
        }  # fmt: skip

    examples = []
    for number in range(SCENES):
        every = images(number)
        chosen = {name: every[name] for name in recipe.task.asks_for()}
        examples.append(recipe.example(**chosen))
    return examples


def run(known: Preset, steps: int, machine: Machine) -> Iterator[Row]:
    """Yield the row of a preset."""
    ports, training = known.ports or UNKNOWN, known.recipe.training
    image_batch_size = known.recipe.image_batch_size
    patches_per_epoch = -(-max(steps, 1) * image_batch_size // SCENES)
    few = training.model_copy(
        update={"epochs": 1, "patches_per_epoch": patches_per_epoch, "validation": 0.0}
    )
    recipe = known.recipe.model_copy(update={"training": few})
    with torch.device("meta"):
        weights = sum(p.numel() for p in build_module(recipe.method, ports).parameters())
    examples = scenes(recipe, ports)
    needed = training_bytes(plan_training(recipe, examples), machine.device)
    image = recipe.method.operates_on == "image"
    row: Row = {
        "network": recipe.method.kind,
        "bands": f"{ports.bands_in} → {ports.bands_out}",
        "batch": f"{image_batch_size} × {training.patch_size}²" if image else training.batch_size,
        "weights": weights,
        "memory GB": round(needed / 2**30, 1),
    }
    if steps:
        try:
            row |= timed(recipe, examples, steps, machine)
        except TooLargeError as error:
            row["loss"] = str(error)
    yield row


def timed(recipe: Recipe, examples: list[Example], steps: int, machine: Machine) -> Row:
    """Return the time of a step, the first (which prepares much) left out where there are more."""
    job = fit_steps(recipe, examples, machine=machine)
    started = time.perf_counter()
    ends: list[float] = []
    loss = None
    for done in job:
        ends.append(time.perf_counter() - started)
        loss = done.loss
        if done.done >= steps:
            break
    job.close()
    return {
        "seconds a step": (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else ends[0],
        "loss": loss,
    }


def main() -> None:
    """Run what was asked for, and print all rows there are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="presets; all, if none is named")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rows", type=Path, default=Path("presets.jsonl"))
    asked = parser.parse_args()
    machine = Machine(device=asked.device, **({"threads": asked.threads} if asked.threads else {}))
    for known in PRESETS:
        if not asked.names or known.name in asked.names:
            key = {"preset": known.name, "steps": asked.steps, "device": asked.device}
            once(asked.rows, key, run, known, asked.steps, machine)
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    for row in kept(asked.rows):
        cells = (row.get(name, "") for name in COLUMNS)
        print("| " + " | ".join(_text(cell) for cell in cells) + " |")


def _text(cell: object) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


if __name__ == "__main__":
    main()
