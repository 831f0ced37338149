"""Label-free prediction: three stains from phase contrast, the network against classical methods.

    python benchmarks/label_free.py [DATA] [--seeds 3] [--folds 0,1] [--epochs 60] [--network fnet]

DATA is the folder that holds ``label_free_isl/isl_1024x704.npz`` (or set
NAPARI_HYPERSPECTRAL_DATA): 13 phase-contrast planes of one field of neurons, and DAPI, MAP2 and
NFH of the same place. Three folds of 234 columns are held out in turn; `GUARD` columns on either
side are used by nobody, so that no method sees training pixels from test pixels. Each row is
written down when it is done, and a later run goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import Progress as Bar

from napari_hyperspectral import Recipe, Training
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.networks import AnyNetwork
from napari_hyperspectral.progress import run
from napari_hyperspectral.tasks import PredictChannels
from napari_hyperspectral.training.fit import fit_steps

STAINS: Final = ("DAPI", "MAP2", "NFH")
FOLDS: Final = 3
GUARD: Final = 72
"""Columns between training and test pixels: more than the receptive radius of the network (52)."""
NETWORKS: Final = {"fnet": {"kind": "fnet", "width": 16, "depth": 3}}
"""Half the width and a level less than published, for a CPU."""

Row = dict[str, Any]


def scene(folder: Path, fold: int) -> tuple[Cube, Cube, np.ndarray, np.ndarray]:
    """Return the phase planes as bands, the stains, and the training and test pixels, each (y, x)."""
    file = np.load(folder / "label_free_isl" / "isl_1024x704.npz")
    planes = file["phase"].astype(np.float32)
    stains = np.stack([file[name] for name in STAINS]).astype(np.float32)
    width = planes.shape[-1]
    start, end = fold * width // FOLDS, (fold + 1) * width // FOLDS
    column = np.arange(width)
    test = np.broadcast_to((column >= start) & (column < end), planes.shape[1:])
    train = np.broadcast_to((column < start - GUARD) | (column >= end + GUARD), planes.shape[1:])
    axis = SpectralAxis.index(len(planes))
    return Cube(planes, axis, name="phase"), Cube(stains, ChannelAxis(STAINS)), train, test


def rows_of_fold(folder: Path, fold: int, seed: int, kind: str, epochs: int) -> list[Row]:
    """Train on one fold and return a row a method; baselines are the same for all seeds."""
    cube, stains, train, test = scene(folder, fold)
    masked = stains.after("masked", data=np.where(train, stains.data, np.float32(np.nan)))
    recipe = Recipe(
        task=PredictChannels(),
        method=TypeAdapter(AnyNetwork).validate_python(NETWORKS[kind]),
        training=Training(epochs=epochs, patches_per_epoch=8, patch_size=128, block=64, guard=0,
                          validation=0.1, seed=seed),
    )  # fmt: skip
    start = time.perf_counter()
    with Bar(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(f"fold {fold + 1}, seed {seed}", total=100)
        model = run(
            fit_steps(recipe, [recipe.task.example(cube=cube, target=masked)]),
            lambda p: bar.update(line, total=p.total, completed=p.done),
        )
    seconds = time.perf_counter() - start
    pair = EvaluationPair(cube, stains, train=train, test=test)
    table = evaluate(model, pair, baselines=seed == 0, long_fits=10**9).report.tables[0]
    network = type(recipe.method).__name__
    return [
        {**row, "fold": fold, "seed": seed, "kind": kind, "epochs": epochs}
        | ({"seconds": seconds} if row["method"] == network else {})
        for row in table.rows
    ]


def measured(path: Path) -> list[Row]:
    """Return the rows that earlier runs wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def show(rows: list[Row]) -> None:
    """Print medians over folds and seeds, and each fold."""
    columns = [*(f"Pearson, {name}" for name in STAINS), "Pearson", "NRMSE"]
    print("\n| method | " + " | ".join(columns) + " | Pearson, fold by fold |")
    print("| --- |" + " --- |" * (len(columns) + 1))
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        means = [statistics.mean(row[column] for row in mine) for column in columns]
        folds = [
            f"{statistics.mean(r['Pearson'] for r in mine if r['fold'] == fold):.3f}"
            for fold in sorted({row["fold"] for row in mine})
        ]
        print(f"| {method} | " + " | ".join(f"{m:.3f}" for m in means) + f" | {', '.join(folds)} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("data", nargs="?", default=os.environ.get("NAPARI_HYPERSPECTRAL_DATA"))
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--folds", default="0,1,2")
    options.add_argument("--epochs", type=int, default=60)
    options.add_argument("--network", choices=list(NETWORKS), default="fnet")
    options.add_argument("--rows", type=Path, default=Path("label_free.jsonl"))
    chosen = options.parse_args()
    if not chosen.data:
        options.error("say where the data are")
    for seed in range(chosen.seeds):
        for fold in map(int, chosen.folds.split(",")):
            key = {"fold": fold, "seed": seed, "kind": chosen.network, "epochs": chosen.epochs}
            if any(key.items() <= row.items() for row in measured(chosen.rows)):
                continue
            rows = rows_of_fold(Path(chosen.data), fold, seed, chosen.network, chosen.epochs)
            with chosen.rows.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
    show(measured(chosen.rows))


if __name__ == "__main__":
    main()
