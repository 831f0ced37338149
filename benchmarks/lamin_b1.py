"""Label-free prediction in 3D: lamin B1 from brightfield, one volume of six left out in turn.

    python benchmarks/lamin_b1.py [DATA] [--seeds 3] [--folds 0,1,2,3,4,5] [--epochs 20]

DATA is the folder that holds ``label_free_lamin_b1/train_6x16x128x128.npz`` (or set
NAPARI_HYPERSPECTRAL_DATA). The planes of a volume are its bands. The network of pytorch_fnet in
three dimensions is compared with itself in two (planes as channels), with gradient-boosted trees
and ridge regression.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from rows import Row, hours, kept, once, options, table, trained

from napari_hyperspectral import Machine, Recipe, Training, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import BoostedTrees, Classic, Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.metrics import pearson
from napari_hyperspectral.networks import FNet, Method
from napari_hyperspectral.tasks import PredictChannels

VOLUMES: Final = 6
PLANES: Final = 16
METHODS: Final[dict[str, Method]] = {
    "ridge": Ridge(),
    "boosted trees": BoostedTrees(),
    "FNet 2D": FNet(width=16, depth=3),
    "FNet 3D": FNet(along="volume", width=8, depth=3),
}
"""Networks have a half and a quarter of the published width, and a level less, for a CPU."""


def volumes(folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return brightfield and lamin B1, (plane, y, x) each."""
    file = np.load(folder / "label_free_lamin_b1" / "train_6x16x128x128.npz")
    images, targets = (
        [file[f"{kind}_{i}"].astype(np.float32) for i in range(VOLUMES)]
        for kind in ("image", "target")
    )
    return images, targets


def figures(prediction: np.ndarray, truth: np.ndarray) -> Row:
    """Return the correlation over all voxels, as pytorch_fnet reports it, and by planes."""
    planes = []
    for plane, true_plane in zip(prediction, truth, strict=True):
        planes.append(pearson(plane[None], true_plane[None]))
    return {
        "Pearson": pearson(prediction[None], truth[None]),
        "Pearson of planes": float(np.mean(planes)),
    }


def measured(
    folder: Path, kind: str, fold: int, training: Training, machine: Machine
) -> Iterator[Row]:
    """Train on five volumes and yield how well the sixth is predicted."""
    images, targets = volumes(folder)
    axis = SpectralAxis.index(PLANES)
    recipe = Recipe(task=PredictChannels(normalise="cube"), method=METHODS[kind],
                    training=training)  # fmt: skip
    examples = [
        recipe.example(cube=Cube(images[i], axis), target=Cube(targets[i], axis))
        for i in range(VOLUMES)
        if i != fold
    ]
    model = trained(recipe, examples, f"{kind}, fold {fold + 1}, seed {training.seed}", machine)
    predicted = predict(model, Cube(images[fold], axis), machine=machine)
    yield figures(predicted.numpy(), targets[fold])


def main() -> None:
    chosen = options(__doc__, "lamin_b1.jsonl", folds="0,1,2,3,4,5", epochs=20)
    machine = Machine(threads=chosen.threads)
    folds = [int(fold) for fold in chosen.folds.split(",")]
    for kind, seed, fold in product(METHODS, range(chosen.seeds), folds):
        if isinstance(METHODS[kind], Classic) and seed:
            continue
        training = Training(
            epochs=chosen.epochs,
            patches_per_epoch=8,
            patch_size=64,
            validation=0,
            average=0.99,
            seed=seed,
        )
        key = {"method": kind, "fold": fold, "seed": seed, "epochs": chosen.epochs}
        once(chosen.rows, key, measured, chosen.data, kind, fold, training, machine)
    rows = sorted(kept(chosen.rows), key=lambda row: row["fold"])
    print(table(rows, ["method"], ["Pearson", "Pearson of planes", "seconds"]))
    print()
    print(table(rows, ["fold", "method"], ["Pearson"]))
    print(hours(rows))


if __name__ == "__main__":
    main()
