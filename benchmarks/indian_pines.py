"""Segmentation of Indian Pines: UwU-Net and ours against a tuned SVM, without leaks.

    python benchmarks/indian_pines.py [DATA] [--seeds 3] [--splits blocks,disjoint] [--methods SVM…]

DATA is the folder that holds ``indian_pines/splits.npz`` (or set NAPARI_HYPERSPECTRAL_DATA); the
cube comes with the package tensorly. Two splits: `blocks`, half of whose 16 × 16 pixel blocks
are for training, and `disjoint`, the map of the GRSS DASE website, whose training and test fields touch. Each
result is listed for test pixels at 1, 5 and 9 pixels' distance from all training pixels and more:
networks that see their surroundings see training pixels nearer than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from rows import Row, hours, kept, once, options, table, trained

from napari_hyperspectral import Machine, Recipe, Training
from napari_hyperspectral.classics import SVM, ExtraTrees
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.networks import Method, Pixelwise, SpectralUNet, UwUNet
from napari_hyperspectral.samples import indian_pines
from napari_hyperspectral.tasks import Segment
from napari_hyperspectral.training.splits import block_split

GUARDS: Final = (0, 4, 8)
METHODS: Final[dict[str, Method]] = {
    "SpectralUNet": SpectralUNet(dropout=0.3),
    "Pixelwise": Pixelwise(dropout=0.3),
    "UwUNet": UwUNet(middle=32, unets=16, width=8, depth=3),
    "SVM (surroundings)": SVM(surroundings=True),
    "ExtraTrees (surroundings)": ExtraTrees(surroundings=True),
}
"""UwU-Net: a third of the published channels between, a quarter of the width and a level less,
for a CPU. Classical methods tune what they leave open on blocks of the training pixels."""
EPOCHS: Final = {"SpectralUNet": 150, "Pixelwise": 60, "UwUNet": 60}


def masks(folder: Path, split: str, seed: int, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels for training and those for the test, each of shape (y, x)."""
    if split == "disjoint":
        file = np.load(folder / "indian_pines" / "splits.npz")
        train = (file["disjoint_train"] > 0) & (truth > 0)
        test = (file["disjoint_test"] > 0) & (truth > 0)
        return train, test
    halves = block_split(truth, 0.5, block=16, seed=seed)
    return halves.validation, halves.train


def rows(folder: Path, split: str, kind: str, seed: int, machine: Machine) -> Iterator[Row]:
    """Train on one side and yield a row a method and guard; other classical methods with the first only."""
    cube, truth = indian_pines()
    train, test = masks(folder, split, seed, truth.numpy())
    labels = truth.after("kept training pixels", data=np.where(train, truth.data, 0))
    training = Training(
        epochs=EPOCHS.get(kind, 1),
        patches_per_epoch=4,
        validation=0,
        average=0.99,
        weight_decay=0.01,
        seed=seed,
    )
    recipe = Recipe(task=Segment(), method=METHODS[kind], training=training)
    example = recipe.example(cube=cube, labels=labels)
    model = trained(recipe, [example], f"{split}, {kind}, seed {seed}", machine)
    pair = EvaluationPair(cube, truth, train=train, test=test)
    first = kind == next(iter(METHODS))
    result = evaluate(model, pair, guards=GUARDS, baselines=first, machine=machine)
    for row in result.report.tables[0].rows:
        if first or row["method"] == kind:
            yield dict(row)


def main() -> None:
    chosen = options(__doc__, "indian_pines.jsonl", splits="blocks,disjoint", methods="")
    machine = Machine(threads=chosen.threads)
    for split in chosen.splits.split(","):
        for seed in range(chosen.seeds):
            for kind in chosen.methods.split(",") if chosen.methods else METHODS:
                key = {"split": split, "kind": kind, "seed": seed}
                once(chosen.rows, key, rows, chosen.data, split, kind, seed, machine)
    results = sorted(kept(chosen.rows), key=lambda row: (row["split"], row["guard"]))
    print(
        table(
            results, ["split", "guard", "method"], ["pixels", "classes", "OA %", "AA %", "kappa %"]
        )
    )
    print(hours(results))


if __name__ == "__main__":
    main()
