"""Networks that begin as the ridge regression, and how far above or below it they end, on every set.

    python benchmarks/above_ridge.py [DATA] [--sets thp1_8,thp1_16,…] [--methods Pixelwise,…]
        [--training task|defaults] [--seeds 1]

DATA is the folder of the data sets (or set NAPARI_HYPERSPECTRAL_DATA). Of every set a part is held
out, as in `choose.py`, `semi_real.py`, `label_free.py` and `lamin_b1.py`. Networks are trained on the
others as `recipe --task … --method …` writes it (`task`), or with nothing but the defaults of a
recipe in Python (`defaults`), seeds being those of the training. Errors are those by which a method
is chosen: fitted MSE of spectra, 1 − correlation of channels. Each row is written down when it is
done, and a later run goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from choose import Images, held_out_error, peaks, raman
from label_free import FOLDS as FIELD_FOLDS
from label_free import Field
from lamin_b1 import PLANES, VOLUMES, volumes
from rows import Row, hours, kept, once, options, trained
from semi_real import GUARD, RANKS, scene

from napari_hyperspectral import Machine, Recipe, Training
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import FNet, Method, Pixelwise, ResUNet1D, SpectralUNet, UwUNet
from napari_hyperspectral.recipe.candidates import measured_recipe
from napari_hyperspectral.tasks import Denoise, PredictChannels, Task

RIDGE: Final = "Ridge"
KINDS: Final[Mapping[str, str]] = {
    "raman": "denoise",
    "thp1": "denoise",
    "prm": "denoise",
    "peaks": "predict_channels",
    "stains": "predict_channels",
    "lamin": "predict_channels",
}
"""Of the task, by the first word of the name of a set."""
NETWORKS: Final[Mapping[str, Mapping[str, Method]]] = {
    "denoise": {
        "Pixelwise": Pixelwise(),
        "ResUNet1D": ResUNet1D(),
        "SpectralUNet": SpectralUNet(),
    },
    "predict_channels": {
        "Pixelwise": Pixelwise(),
        "SpectralUNet": SpectralUNet(),
        "FNet": FNet(width=16, depth=3),
        "UwUNet": UwUNet(middle=16, unets=8, width=8, depth=1),
    },
}
"""By the kind of the task; FNet and UwUNet narrower than published, for a CPU."""


class Part(NamedTuple):
    """Images to train on, and those to test on, of one fold of a set."""

    task: Task
    train: Sequence[Images]
    test: Images
    where: np.ndarray | None = None
    """Test pixels, (y, x); None: all."""


def raman_part(folder: Path, fold: int) -> Part:
    """Return a fold of the Raman pairs, as `choose.py` has it."""
    held = raman(folder, fold)
    return Part(held.task, [held.train], held.test, held.where)


def map_part(folder: Path, name: str, rank: int) -> Part:
    """Return a map of `semi_real.py`: left half for training, right half for the test."""
    noisy, clean = scene(folder, name, rank, seed=0)
    width = noisy.shape[-1]
    column = np.broadcast_to(np.arange(width), noisy.shape[1:])
    known = np.where(column < width // 2, clean.data, np.float32(np.nan))
    train = {"noisy": noisy, "clean": clean.after("masked", data=known)}
    test = {"noisy": noisy, "clean": clean}
    return Part(Denoise(normalise="cube"), [train], test, column >= width // 2 + GUARD)


def peaks_part(folder: Path, half: int) -> Part:
    """Return the ion images of `choose.py`, the left or the right half for training."""
    held = peaks(folder, half)
    return Part(held.task, [held.train], held.test, held.where)


def stains_part(folder: Path, fold: int) -> Part:
    """Return a fold of `label_free.py`."""
    field = Field(folder, fold)
    column = np.zeros(field.cube.shape[1:], bool)
    column[:, field.test] = True
    stains = Cube(field.stains, field.target().axis)
    train = {"cube": field.cube, "target": field.target()}
    return Part(PredictChannels(), [train], {"cube": field.cube, "target": stains}, column)


def lamin_part(folder: Path, fold: int) -> Part:
    """Return a fold of `lamin_b1.py`: one volume for the test."""
    axis = SpectralAxis.index(PLANES)
    pairs = []
    for image, target in zip(*volumes(folder), strict=True):
        pairs.append({"cube": Cube(image, axis), "target": Cube(target, axis)})
    test = pairs.pop(fold)
    return Part(PredictChannels(normalise="cube"), pairs, test)


SETS: Final[Mapping[str, Callable[[Path], Part]]] = {
    **{f"raman_{fold + 1}": partial(raman_part, fold=fold) for fold in range(4)},
    **{
        f"{name}_{rank}": partial(map_part, name=name, rank=rank)
        for name in ("thp1", "prm_srs")
        for rank in RANKS
    },
    **{f"peaks_{half + 1}": partial(peaks_part, half=half) for half in range(2)},
    **{f"stains_{fold + 1}": partial(stains_part, fold=fold) for fold in range(FIELD_FOLDS)},
    **{f"lamin_{fold + 1}": partial(lamin_part, fold=fold) for fold in range(VOLUMES)},
}


def recipe_of(task: Task, method: Method, training: Training, *, of_task: bool) -> Recipe:
    """Return a recipe with the measured training of the method, or with the defaults."""
    recipe = Recipe(task=task, method=method, training=training)
    return measured_recipe(recipe) if of_task else recipe


def measured(
    folder: Path, name: str, method: Method, seed: int, of_task: bool, machine: Machine
) -> Iterator[Row]:
    """Train a method on a set and yield its error on the held-out part."""
    part = SETS[name](folder)
    recipe = recipe_of(part.task, method, Training(seed=seed), of_task=of_task)
    started = time.process_time()
    examples = [recipe.example(**images) for images in part.train]
    model = trained(recipe, examples, f"{name}, {type(method).__name__}, seed {seed}", machine)
    seconds = round(time.process_time() - started, 1)
    error = held_out_error(model, recipe, part.test, part.where, machine)
    epoch = f"{model.card.best_epoch} of {recipe.training.epochs}"
    if model.card.stayed_linear:
        epoch = "stayed linear"
    yield {"error": error, "epoch": epoch, "CPU s": seconds}


def report(rows: Sequence[Row]) -> str:
    """Return a line for each set and network: error, that of ridge, and how far above it."""
    lines = [
        "| set | network | training | seeds | ridge | error | above ridge | best epoch | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    ridge = {row["set"]: row["error"] for row in rows if row["method"] == RIDGE}
    for row in rows:
        if row["method"] == RIDGE or row["set"] not in ridge:
            continue
        base = ridge[row["set"]]
        above = 100 * (row["error"] / base - 1)
        lines.append(
            f"| {row['set']} | {row['method']} | {row['training']} | {row['seed']} | {base:.4g} "
            f"| {row['error']:.4g} | {above:+.1f} % | {row['epoch']} | {row['CPU s']} |"
        )
    return "\n".join(lines)


def main() -> None:
    chosen = options(__doc__, "above_ridge.jsonl", sets=",".join(SETS), methods="", training="task")
    machine = Machine(threads=chosen.threads)
    asked_for = chosen.methods.split(",") if chosen.methods else []
    for name in chosen.sets.split(","):
        methods = {RIDGE: Ridge(), **NETWORKS[KINDS[name.partition("_")[0]]]}
        for title, method in methods.items():
            if asked_for and title not in (RIDGE, *asked_for):
                continue
            for seed in range(chosen.seeds if title != RIDGE else 1):
                training = "" if title == RIDGE else chosen.training
                key = {"set": name, "method": title, "seed": seed, "training": training}
                of_task = chosen.training == "task"
                once(chosen.rows, key, measured, chosen.data, name, method, seed, of_task, machine)
    rows = kept(chosen.rows)
    print(report(rows))
    print(hours(rows))


if __name__ == "__main__":
    main()
