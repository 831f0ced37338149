"""Transfer learning on 100 real spectra: from another cell, from scratch, and beside the regression.

    python benchmarks/transfer.py [DATA] [--seeds 3] [--methods "ridge;transfer"]

DATA is the folder of the data sets (or set NAPARI_HYPERSPECTRAL_DATA). A network learns to denoise
a Raman map of one cell (``raman_thp1``, with camera noise), and goes on with 100 spectra of other
cells (``raman_pairs``), chosen at random outside one of four folds of columns, on which it is then
tested; seeds take turns with the folds. Networks have the defaults of a recipe unless their name
says otherwise. Each row is written down when it is done, and a later run goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from choose import thp1
from raman_pairs import FOLDS, Pairs
from rows import Row, hours, kept, once, options, paired, table, trained

from napari_hyperspectral import Cube, Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.tasks import Denoise, Example

SPECTRA: Final = 100
SCRATCH: Final = "from scratch"
TRANSFER: Final = "transfer"
RIDGE: Final = "ridge"
RECIPES: Final = {
    RIDGE: Recipe(task=Denoise(), method=Ridge()),
    SCRATCH: Recipe(task=Denoise(), method=Pixelwise()),
    TRANSFER: Recipe(task=Denoise(), method=Pixelwise()),
    "from scratch, no linear skip": Recipe(task=Denoise(), method=Pixelwise(linear_skip=False)),
    "transfer, no linear skip": Recipe(task=Denoise(), method=Pixelwise(linear_skip=False)),
    "transfer, no linear skip, a tenth of the rate": Recipe(
        task=Denoise(),
        method=Pixelwise(linear_skip=False),
        training=Training(learning_rate=1e-4),
    ),
}
"""Those whose name begins with transfer start from the model of the first cell."""
FIRST: Final = Training(epochs=20, validation=0)
"""Of the first cell, which has fifteen times as many spectra."""


def first_model(folder: Path, recipe: Recipe, machine: Machine) -> Model:
    """Return the network of a recipe, trained on the map of the first cell."""
    recipe = recipe.model_copy(update={"training": FIRST})
    example = recipe.example(**thp1(folder).train)
    return fit(recipe, [example], machine=machine)


def example_of(pairs: Pairs, seed: int) -> Example:
    """Return the map with the clean spectra of 100 pixels, taken at random from the training columns."""
    height, width = pairs.high.shape[1:]
    pixels = np.flatnonzero(np.broadcast_to(pairs.train, (height, width)))
    chosen = np.zeros(height * width, bool)
    chosen[np.random.default_rng(seed).choice(pixels, SPECTRA, replace=False)] = True
    known = chosen.reshape(height, width)
    clean = np.where(known, pairs.high, np.float32(np.nan))
    noisy = Cube(pairs.low, pairs.axis)
    return Denoise().example(noisy=noisy, clean=Cube(clean, pairs.axis))


def measured(
    folder: Path, name: str, seed: int, start: Model | None, machine: Machine
) -> Iterator[Row]:
    """Train a method on 100 spectra, and yield how well it does on the columns of a fold."""
    pairs = Pairs(folder, seed % FOLDS)
    recipe = RECIPES[name]
    training = recipe.training.model_copy(update={"seed": seed})
    recipe = recipe.model_copy(update={"training": training})
    started = time.process_time()
    model = trained(recipe, [example_of(pairs, seed)], name, machine, start)
    cpu = round(time.process_time() - started, 1)
    prediction = predict(model, Cube(pairs.low, pairs.axis), machine=machine).numpy()
    yield {
        "best_epoch": model.card.best_epoch,
        "cpu_seconds": cpu,
        **pairs.figures(prediction),
    }


def main() -> None:
    chosen = options(__doc__ or "", "transfer.jsonl", methods="")
    machine = Machine(threads=chosen.threads)
    names = [name for name in chosen.methods.split(";") if name] or list(RECIPES)
    starts: dict[str, Model] = {}
    for name in names:
        method = RECIPES[name].method.model_dump_json()
        for seed in range(chosen.seeds):
            key = {"method": name, "seed": seed, "recipe": RECIPES[name].model_dump_json()}
            if any(key.items() <= row.items() for row in kept(chosen.rows)):
                continue
            start = None
            if name.startswith(TRANSFER):
                if method not in starts:
                    starts[method] = first_model(chosen.data, RECIPES[name], machine)
                start = starts[method]
            once(chosen.rows, key, measured, chosen.data, name, seed, start, machine)
    rows = kept(chosen.rows)
    print(f"Fitted MSE on a fold of the Raman pairs, {SPECTRA} spectra to learn from\n")
    print(table(rows, ("method",), ("fitted_mse", "cpu_seconds")), end="\n\n")
    print(paired(rows, "fitted_mse", TRANSFER, SCRATCH, pair_by=("seed",)))
    print(paired(rows, "fitted_mse", TRANSFER, RIDGE, pair_by=("seed",)))
    print(hours(rows))


if __name__ == "__main__":
    main()
