"""Denoising on real Raman pairs: networks that begin as ridge regression, and classical methods.

    python benchmarks/raman_pairs.py [DATA] [--seeds 3] [--methods "ridge;plain ridge"]

DATA is the folder that holds ``raman_pairs/pairs_11x44x500.npz`` (or set
NAPARI_HYPERSPECTRAL_DATA): one map of cells, measured for 0.1 s and for 1 s a pixel. Four folds
of 11 columns are held out in turn, with 2 columns on either side used by nobody; methods are
fitted and tuned on the remaining columns only. Each row is written down when it is done, and a later
run goes on from there.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from rows import Row, hours, kept, once, options, trained

from napari_hyperspectral import Cube, Machine, Recipe, SpectralAxis, Training, predict
from napari_hyperspectral.classics import Ridge, SavitzkyGolay, WaveletDenoising
from napari_hyperspectral.metrics import fitted_mse, spectral_angle
from napari_hyperspectral.networks import Method, Pixelwise, ResUNet1D, SpectralUNet
from napari_hyperspectral.recipe.candidates import measured_recipe
from napari_hyperspectral.spectra.low_rank import LowRank
from napari_hyperspectral.tasks import Denoise, Example

FOLDS: Final = 4
COLUMNS: Final = 11
GUARD: Final = 2
RAW: Final = "raw"
LOW_RANK: Final = "low rank without targets"
SMOOTH: Final = "Savitzky–Golay"
REGRESSION: Final = "plain ridge"
CLASSICS: Final[dict[str, Method]] = {
    SMOOTH: SavitzkyGolay(),
    "wavelet": WaveletDenoising(),
    REGRESSION: Ridge(keep_residual=False),
    "ridge": Ridge(),
    "plain ridge with surroundings": Ridge(surroundings=True, keep_residual=False),
    "ridge with surroundings": Ridge(surroundings=True),
}
BASELINES: Final = (LOW_RANK, SMOOTH, REGRESSION)
"""What a method has to beat in each fold."""


class Trial(NamedTuple):
    """A network and how it is trained; chosen on inner folds of the first fold's training columns."""

    method: Method
    training: dict[str, Any]


NETWORKS: Final[dict[str, Trial]] = {
    "Pixelwise": Trial(Pixelwise(), {"epochs": 10, "learning_rate": 1e-4}),
    "ResUNet1D": Trial(ResUNet1D(width=16), {"epochs": 10, "learning_rate": 1e-4}),
    "SpectralUNet": Trial(
        SpectralUNet(components=8, width=16, depth=1),
        {
            "epochs": 40,
            "learning_rate": 3e-4,
            "patches_per_epoch": 4,
            "average": 0.99,
            "weight_decay": 0.01,
        },
    ),
}
DEFAULTS: Final[dict[str, Recipe]] = {
    "Pixelwise, defaults": Recipe(task=Denoise(), method=Pixelwise()),
    "SpectralUNet, defaults": Recipe(task=Denoise(), method=SpectralUNet()),
    "ResUNet1D, defaults": Recipe(task=Denoise(), method=ResUNet1D()),
}
"""With nothing but the defaults of a recipe: validated on blocks, the best epoch kept, refitted."""
DEFAULTS |= {
    f"{type(recipe.method).__name__}, recipe of the task": measured_recipe(recipe)
    for recipe in tuple(DEFAULTS.values())
}


class Pairs:
    """The noisy and clean map, and the columns of one fold."""

    def __init__(self, folder: Path, fold: int) -> None:
        file = np.load(folder / "raman_pairs" / "pairs_11x44x500.npz")
        self.low = np.moveaxis(file["low"], -1, 0)  # (band, y, x)
        self.high = np.moveaxis(file["high"], -1, 0)
        self.axis = SpectralAxis.index(len(self.low))
        start = fold * COLUMNS
        end = start + COLUMNS
        column = np.arange(self.low.shape[-1])
        self.train = (column < start - GUARD) | (column >= end + GUARD)  # (x,)
        self.test = slice(start, end)

    def example(self) -> Example:
        """Return the map with the clean spectra of the training columns only."""
        clean = np.where(self.train, self.high, np.float32(np.nan))
        noisy = Cube(self.low, self.axis)
        return Denoise().example(noisy=noisy, clean=Cube(clean, self.axis))

    def figures(self, prediction: np.ndarray) -> Row:
        """Return how well a prediction of the map does on the test columns."""
        predicted = prediction[..., self.test]
        target = self.high[..., self.test]
        return {
            "fitted_mse": fitted_mse(predicted, target),
            "angle": spectral_angle(predicted, target),
        }


def measured(pairs: Pairs, name: str, seed: int, machine: Machine) -> Iterator[Row]:
    """Fit or train a method on the training columns, and yield how well it does on the others."""
    started = time.process_time()
    if name == RAW:
        prediction, tuned = pairs.low, ""
    elif name == LOW_RANK:
        low_rank = LowRank.fit(np.where(pairs.train, pairs.low, np.float32(np.nan)))
        prediction, tuned = low_rank(pairs.low), f"rank {len(low_rank)}"
    else:
        model = trained(recipe_of(name, seed), [pairs.example()], name, machine)
        noisy = Cube(pairs.low, pairs.axis)
        prediction = predict(model, noisy, machine=machine).numpy()
        tuned = model.card.tuned or f"epoch {model.card.best_epoch}"
    cpu = round(time.process_time() - started, 1)
    yield {"tuned": tuned, "cpu_seconds": cpu, **pairs.figures(prediction)}


def recipe_of(name: str, seed: int) -> Recipe:
    """Return the recipe of a method; but for the defaults, all training columns are for training."""
    if name in DEFAULTS:
        recipe = DEFAULTS[name]
        seeded = recipe.training.model_copy(update={"seed": seed})
        return recipe.model_copy(update={"training": seeded})
    trial = NETWORKS.get(name) or Trial(CLASSICS[name], {})
    training = Training(validation=0, seed=seed, **trial.training)
    return Recipe(task=Denoise(), method=trial.method, training=training)


def target_noise(folder: Path) -> list[float]:
    """Return the white noise of the clean spectra of each fold, which no method can predict.

    From second differences along the spectrum, whose variance is six times that of white noise.
    """
    noise = []
    for fold in range(FOLDS):
        pairs = Pairs(folder, fold)
        target = pairs.high[..., pairs.test].astype(np.float64)
        target = target / target.max(axis=0)
        noise.append(float(np.square(np.diff(target, 2, axis=0)).mean()) / 6)
    return noise


def table(rows: Sequence[Row], noise: Sequence[float]) -> str:
    """Return a line for each method, folds beside each other, as Markdown."""
    errors: dict[str, list[list[float]]] = {}
    for row in rows:
        folds = errors.setdefault(row["method"], [[] for _ in range(FOLDS)])
        folds[row["fold"]].append(row["fitted_mse"])
    complete = {name: folds for name, folds in errors.items() if all(folds)}
    means = {name: [statistics.mean(fold) for fold in folds] for name, folds in complete.items()}
    baselines = [means[name] for name in BASELINES if name in means]
    best = [min(fold) for fold in zip(*baselines, strict=True)]
    titles = [f"fold {fold + 1}" for fold in range(FOLDS)]
    lines = ["| " + " | ".join(["method", *titles, "to the best baseline", "CPU s"]) + " |"]
    lines.append("|" + " --- |" * (FOLDS + 3))
    for name, folds in complete.items():
        seconds = [row["cpu_seconds"] for row in rows if row["method"] == name]
        # without baselines there is no ratio
        ratios = [mean / least for mean, least in zip(means[name], best, strict=False)]
        ratio = f"{100 * statistics.mean(ratios) - 100:+.1f} %" if ratios else ""
        cells = [name, *map(_cell, folds), ratio, f"{statistics.mean(seconds):.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    floor = [f"{1e5 * each:.1f}" for each in noise]
    lines.append("| " + " | ".join(["noise of the targets", *floor, "", ""]) + " |")
    return "\n".join(lines)


def _cell(errors: Sequence[float]) -> str:
    """Return a mean × 10⁵ with the standard deviation over seeds, where there are several."""
    mean = f"{1e5 * statistics.mean(errors):.1f}"
    return f"{mean} ± {1e5 * statistics.stdev(errors):.1f}" if len(errors) > 1 else mean


def main() -> None:
    chosen = options(__doc__ or "", "raman_pairs.jsonl", methods="")
    machine = Machine(threads=chosen.threads)
    every = [RAW, LOW_RANK, *CLASSICS, *NETWORKS, *DEFAULTS]
    names = [name for name in chosen.methods.split(";") if name] or every
    for name in names:
        seeds = chosen.seeds if name in NETWORKS or name in DEFAULTS else 1
        for seed in range(seeds):
            for fold in range(FOLDS):
                settings = "" if name in (RAW, LOW_RANK) else recipe_of(name, 0).model_dump_json()
                key = {"method": name, "fold": fold, "seed": seed, "recipe": settings}
                pairs = Pairs(chosen.data, fold)
                once(chosen.rows, key, measured, pairs, name, seed, machine)
    rows = kept(chosen.rows)
    print("Fitted MSE × 10⁵ on held-out columns\n")
    print(table(rows, target_noise(chosen.data)))
    print(hours(rows))


if __name__ == "__main__":
    main()
