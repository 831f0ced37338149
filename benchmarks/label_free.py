"""Label-free prediction: three stains from phase contrast, a network and classical methods.

    python benchmarks/label_free.py [DATA] [--seeds 3] [--folds 0,1,2] [--epochs 60]
        [--methods "boosted trees,FNet"]

DATA is the folder that holds ``label_free_isl/isl_1024x704.npz`` (or set
NAPARI_HYPERSPECTRAL_DATA): 13 phase-contrast planes of one field of neurons, and DAPI, MAP2 and
NFH of the same place. Three folds of 234 columns are held out in turn; `GUARD` columns on either
side are used by nobody, so that no method sees training pixels from test pixels. Classical methods
tune themselves on blocks of the training columns. Each row is written down when it is done, and a
later run goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from rows import Row, hours, kept, once, options, paired, table, trained

from napari_hyperspectral import Machine, Recipe, Training, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import PLS, BoostedTrees, Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.metrics import pearson
from napari_hyperspectral.networks import FNet, Method
from napari_hyperspectral.tasks import PredictChannels

STAINS: Final = ("DAPI", "MAP2", "NFH")
FOLDS: Final = 3
GUARD: Final = 72
"""Columns between training and test pixels: more than the receptive radius of the network (52)."""
NETWORK: Final = "FNet"
AVERAGED: Final = "FNet, mean over turns"
TREES: Final = "boosted trees"
CLASSICS: Final[dict[str, Method]] = {
    "ridge": Ridge(),
    "ridge with surroundings": Ridge(surroundings=True),
    "PLS": PLS(),
    TREES: BoostedTrees(),
}


class Field:
    """The field of neurons, and the columns of one fold."""

    def __init__(self, folder: Path, fold: int) -> None:
        file = np.load(folder / "label_free_isl" / "isl_1024x704.npz")
        planes = file["phase"].astype(np.float32)
        self.stains = np.stack([file[name] for name in STAINS]).astype(np.float32)
        self.cube = Cube(planes, SpectralAxis.index(len(planes)), name="phase")
        width = planes.shape[-1]
        start = fold * width // FOLDS
        end = (fold + 1) * width // FOLDS
        column = np.arange(width)
        self.train = (column < start - GUARD) | (column >= end + GUARD)  # (x,)
        self.test = slice(start, end)

    def target(self) -> Cube:
        """Return the stains of the training columns only."""
        known = np.where(self.train, self.stains, np.float32(np.nan))
        return Cube(known, ChannelAxis(STAINS))

    def figures(self, prediction: np.ndarray) -> Row:
        """Return the correlation of each stain on the test columns, and their mean."""
        predicted = prediction[..., self.test]
        target = self.stains[..., self.test]
        each = {
            name: pearson(one[None], true_one[None])
            for name, one, true_one in zip(STAINS, predicted, target, strict=True)
        }
        return {**each, "mean": float(np.mean(list(each.values())))}


def recipe_of(name: str, seed: int, epochs: int) -> Recipe:
    """Return the recipe of a method; the network is half as wide as published, for a CPU."""
    if name in CLASSICS:
        training = Training(validation=0, seed=seed)
        return Recipe(task=PredictChannels(), method=CLASSICS[name], training=training)
    training = Training(
        epochs=epochs, patches_per_epoch=8, patch_size=128, block=64, guard=0, validation=0.1,
        seed=seed,
    )  # fmt: skip
    return Recipe(task=PredictChannels(), method=FNet(width=16, depth=3), training=training)


def rows_of(
    folder: Path, name: str, fold: int, seed: int, epochs: int, machine: Machine
) -> Iterator[Row]:
    """Fit or train a method on the training columns, and yield how well it does on the others."""
    field = Field(folder, fold)
    recipe = recipe_of(name, seed, epochs)
    example = recipe.example(cube=field.cube, target=field.target())
    started = time.process_time()
    model = trained(recipe, [example], f"{name}, fold {fold + 1}, seed {seed}", machine)
    seconds = round(time.process_time() - started, 1)
    prediction = predict(model, field.cube, machine=machine).numpy()
    yield {"method": name, "CPU s": seconds, **field.figures(prediction)}
    if name == NETWORK:
        turned = predict(model, field.cube, turns=True, machine=machine).numpy()
        yield {"method": AVERAGED, "CPU s": seconds, **field.figures(turned)}


def main() -> None:
    every = ",".join((*CLASSICS, NETWORK))
    chosen = options(__doc__, "label_free.jsonl", folds="0,1,2", epochs=60, methods=every)
    machine = Machine(threads=chosen.threads)
    for name in chosen.methods.split(","):
        classical = name in CLASSICS
        for seed in range(1 if classical else chosen.seeds):
            for fold in map(int, chosen.folds.split(",")):
                epochs = 0 if classical else chosen.epochs
                key = {"by": name, "fold": fold, "seed": seed, "epochs": epochs}
                once(chosen.rows, key, rows_of, chosen.data, name, fold, seed, epochs, machine)
    rows = kept(chosen.rows)
    print("Pearson correlation on held-out columns\n")
    print(table(rows, ["method"], [*STAINS, "mean", "CPU s"]))
    print()
    print(table(rows, ["fold", "method"], ["mean"]))
    for method in (NETWORK, AVERAGED):
        if {method, TREES} <= {row["method"] for row in rows}:
            columns = {"pair_by": ["fold"], "independent": ["fold"]}
            print("\n" + paired(rows, "mean", method, TREES, **columns))
    print(hours(rows))


if __name__ == "__main__":
    main()
