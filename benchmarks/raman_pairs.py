"""Denoising on real Raman pairs: the ResUNet against classical methods, fold by fold.

    python benchmarks/raman_pairs.py [DATA] [--seeds 3] [--folds 0,1,2,3] [--epochs 30]

DATA is the folder that holds ``raman_pairs/pairs_11x44x500.npz`` (or set
NAPARI_HYPERSPECTRAL_DATA): one map of cells, measured for 0.1 s and for 1 s a pixel. Four folds
of 11 columns are held out in turn, with 2 columns on either side used by nobody; methods are
tuned on the remaining columns only. Each row is written down when it is done, and a later run
goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import Progress as Bar

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.baselines.baseline import Baseline, TrainingSpectra
from napari_hyperspectral.evaluation.baselines.denoising import denoising_baselines
from napari_hyperspectral.evaluation.reports import Table
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.metrics import fitted_mse, spectral_angle
from napari_hyperspectral.networks import ResUNet1D
from napari_hyperspectral.prediction.predict import predict
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.spectra.decompose import ComponentRegression, PrincipalComponents
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.fit import fit_steps

FOLDS: Final = 4
COLUMNS: Final = 11
GUARD: Final = 2
NETWORK: Final = "ResUNet1D"
ORACLE: Final = "PCA + ridge, best rank"
"""Its rank is chosen on the test columns: the most this method can do, not a result."""

Row = dict[str, Any]


class Pairs:
    """The noisy and clean map, and the columns of one fold."""

    def __init__(self, folder: Path, fold: int) -> None:
        file = np.load(folder / "raman_pairs" / "pairs_11x44x500.npz")
        self.low, self.high = (np.moveaxis(file[name], -1, 0) for name in ("low", "high"))
        start, end = fold * COLUMNS, (fold + 1) * COLUMNS
        column = np.arange(self.low.shape[-1])
        self.train = np.zeros(self.low.shape[1:], bool)
        self.train[:, (column < start - GUARD) | (column >= end + GUARD)] = True
        self.test = (slice(None), slice(None), slice(start, end))

    def training_spectra(self) -> TrainingSpectra:
        """Return the training columns as a row of spectra, in blocks of 8 × 8 pixels."""
        y, x = np.nonzero(self.train)
        input, target = (data[:, self.train][:, None] for data in (self.low, self.high))
        return TrainingSpectra(input, target, x // 8 * self.train.shape[0] + y // 8)

    def figures(self, run: Callable[[np.ndarray], np.ndarray]) -> Row:
        """Return how well a method does on the test columns."""
        prediction = run(self.low[self.test])
        target = self.high[self.test]
        return {
            "fitted_mse": fitted_mse(prediction, target),
            "angle": spectral_angle(prediction, target),
        }


def baselines(pairs: Pairs) -> Iterator[Baseline]:
    """Yield the classical methods, tuned on the training columns, and the best of one."""
    spectra = pairs.training_spectra()
    good = np.ones(len(spectra.input), bool)
    yield from denoising_baselines(spectra, good)
    components = PrincipalComponents.of(spectra.input)
    methods = [
        Baseline(ORACLE, f"{rank} components", ComponentRegression.fit(
            components.first(rank), spectra.input, spectra.target, 0.0
        ))
        for rank in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
    ]  # fmt: skip
    yield min(methods, key=lambda method: pairs.figures(method.run)["fitted_mse"])


def network(pairs: Pairs, training: Training, machine: Machine) -> Row:
    """Train the network on the training columns, and return how well it does."""
    axis = SpectralAxis.index(len(pairs.low))
    clean = np.where(pairs.train, pairs.high, np.float32(np.nan))  # test columns are never shown
    task = Denoise()
    example = task.example(noisy=Cube(pairs.low, axis), clean=Cube(clean, axis))
    recipe = Recipe(task=task, method=ResUNet1D(), training=training)
    with Bar(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("training", total=100)
        model = run(
            fit_steps(recipe, [example], machine=machine),
            lambda p: bar.update(line, total=p.total, completed=p.done),
        )

    def denoised(noisy: np.ndarray) -> np.ndarray:
        return np.asarray(predict(model, Cube(noisy, axis), machine=machine).data)

    return pairs.figures(denoised)


def rows_of(path: Path) -> list[Row]:
    """Return the rows that earlier runs wrote."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measure(
    folder: Path, path: Path, folds: list[int], seeds: int, training: Training, machine: Machine
) -> None:
    """Append a row for each method, fold and seed that is not there yet."""
    done = {(row["method"], row["fold"], row["seed"], row["recipe"]) for row in rows_of(path)}

    def keep(row: Row, started: float) -> None:
        row["seconds"] = round(time.monotonic() - started, 1)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"fold {row['fold'] + 1}  {row['method']:<24} {row['fitted_mse']:.6f}", flush=True)

    for fold in folds:
        pairs = Pairs(folder, fold)
        if (ORACLE, fold, None, "") not in done:
            started = time.monotonic()
            for method in baselines(pairs):
                key = {"method": method.name, "settings": method.settings, "fold": fold}
                if (method.name, fold, None, "") not in done:
                    keep(key | {"seed": None, "recipe": ""} | pairs.figures(method.run), started)
        for seed in range(seeds):
            ours = training.model_copy(update={"seed": seed})
            recipe = ours.model_copy(update={"seed": 0}).model_dump_json()
            if (NETWORK, fold, seed, recipe) not in done:
                started = time.monotonic()
                key = {"method": NETWORK, "settings": f"seed {seed}", "fold": fold, "seed": seed}
                keep(key | {"recipe": recipe} | network(pairs, ours, machine), started)


def table(rows: list[Row]) -> Table:
    """Return a line for each method and seed: every fold, their median, and how it compares."""
    lines: dict[tuple[str, Any], dict[int, Row]] = {}
    for row in rows:
        lines.setdefault((row["method"], row["seed"]), {})[row["fold"]] = row
    medians = {
        line: statistics.median(row["fitted_mse"] for row in folds.values())
        for line, folds in lines.items()
        if len(folds) == FOLDS
    }
    smooth = medians.get(("Savitzky–Golay", None))
    ridge = medians.get(("PCA + ridge", None))
    shown = []
    for (method, seed), folds in lines.items():
        median = medians.get((method, seed))
        cells: dict[str, str] = {"method": method if seed is None else f"{method}, seed {seed}"}
        for fold in range(FOLDS):
            cell = folds.get(fold)
            settings = f" {cell['settings']}" if cell and seed is None and cell["settings"] else ""
            cells[f"fold {fold + 1}"] = f"{1e5 * cell['fitted_mse']:.1f}{settings}" if cell else ""
        cells["median"] = f"{1e5 * median:.1f}" if median else ""
        cells["better than SG"] = f"{smooth / median:.2f}×" if median and smooth else ""
        cells["better than ridge"] = f"{ridge / median:.2f}×" if median and ridge else ""
        shown.append(cells)
    return Table("Fitted MSE × 10⁵ on held-out columns", shown)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("NAPARI_HYPERSPECTRAL_DATA")
    parser.add_argument("data", nargs="?", type=Path, default=default and Path(default))
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each fold")
    parser.add_argument("--folds", default="0,1,2,3", help="such as 1 or 0,3; counted from 0")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rows", type=Path, default=Path("raman_pairs.jsonl"), help="kept here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.data is None:
        parser.error("say where the data are: DATA, or NAPARI_HYPERSPECTRAL_DATA")
    # all training columns are for training: the number of epochs is not chosen on the test
    training = Training(epochs=options.epochs, validation=0)
    machine = Machine(device=options.device, threads=options.threads)
    folds = [int(fold) for fold in options.folds.split(",")]
    measure(options.data, options.rows, folds, options.seeds, training, machine)
    recipe = training.model_dump_json()
    rows = [row for row in rows_of(options.rows) if row["recipe"] in ("", recipe)]
    print("\n" + table(rows).to_markdown())


if __name__ == "__main__":
    main()
