"""The choice of a method by measurement: how far from the best in hindsight, task by task.

    python benchmarks/choose.py [DATA] [--budget 120] [--sets raman_1,raman_2,…] [--seeds 1]

DATA is the folder of the data sets (or set NAPARI_HYPERSPECTRAL_DATA). Of every set a part is held
out. Methods are compared on folds of the rest within the budget, as a user's training does, and
the best is trained on all of the rest; then every method that was compared is trained on the rest
and tested on the held-out part, which nothing was chosen on. Errors are those by which methods are
chosen; of classes, that is 1 − kappa on the folds, and on the test part the share of wrong pixels.
Rows are kept as they are done, and a later run goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from rows import Row, hours, kept, once, options
from scipy.io import loadmat

from napari_hyperspectral import Machine, Model, Recipe, Training, predict, read
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Image, Labels
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.candidates import candidates_for
from napari_hyperspectral.recipe.choice import Choose
from napari_hyperspectral.samples import camera_counts, indian_pines
from napari_hyperspectral.spectra.decompose import PrincipalComponents
from napari_hyperspectral.tasks import (
    ClassifySpectra,
    Denoise,
    PredictChannels,
    Segment,
    SuperResolve,
    Task,
)
from napari_hyperspectral.training.choice.held_out import held_out_error_steps
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.loop import fit_plan_steps
from napari_hyperspectral.training.plan import plan_training
from napari_hyperspectral.training.splits import Split, beyond, block_split

Images = Mapping[str, Image]


class Held(NamedTuple):
    """A data set with a part to test on."""

    task: Task
    train: Images
    """The images of an example, whose target is unknown in the test part."""
    test: Images
    """The same with the target everywhere, or of another scene."""
    where: np.ndarray | None
    """Test pixels, (y, x); None: all."""


def raman(folder: Path, fold: int) -> Held:
    """Return one of the four folds of `raman_pairs.py`: 11 columns, and a guard of 2."""
    file = np.load(folder / "raman_pairs" / "pairs_11x44x500.npz")
    low, high = (np.moveaxis(file[name], -1, 0) for name in ("low", "high"))
    axis = SpectralAxis.index(len(low))
    column = np.broadcast_to(np.arange(low.shape[-1]), low.shape[1:])
    test = (column >= 11 * fold) & (column < 11 * (fold + 1))
    return _pair(Denoise(), Cube(low, axis), Cube(high, axis), test, guard=2)


def thp1(folder: Path) -> Held:
    """Return a Raman map of a cell, made clean by 16 components, with camera noise."""
    file = np.load(folder / "raman_thp1" / "thp1_L5_40x40x500.npz")
    axis = SpectralAxis(file["wavenumber"], "1/cm", "raman_shift")
    measured = np.moveaxis(file["cube"].astype(np.float32), -1, 0)
    clean = np.asarray(PrincipalComponents.of(measured, 16).truncate(measured), np.float64)
    counts = np.maximum(clean, 0) / clean.mean() * 20
    noisy = camera_counts(counts, np.random.default_rng(0)).astype(np.float32)
    return _right_half(Denoise(), Cube(noisy, axis), Cube(counts.astype(np.float32), axis))


def srs(folder: Path) -> Held:
    """Return an SRS stack, made clean by 16 components, with noise that is the same everywhere."""
    file = np.load(folder / "srs_prm" / "prm_srs_130x130x72.npz")
    axis = SpectralAxis(file["wavenumber"], "1/cm", "raman_shift")
    measured = np.moveaxis(file["cube"].astype(np.float32), -1, 0)
    clean = np.asarray(PrincipalComponents.of(measured, 16).truncate(measured), np.float32)
    sigma = 2 * (measured - clean).std()
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape).astype(np.float32)
    return _right_half(Denoise(normalise="cube"), Cube(clean + noise, axis), Cube(clean, axis))


def pines(folder: Path, split: str) -> Held:
    """Return Indian Pines, with blocks for training and test, or by the published disjoint map."""
    cube, truth = indian_pines()
    classes = truth.numpy()
    if split == "disjoint":
        file = np.load(folder / "indian_pines" / "splits.npz")
        train = (file["disjoint_train"] > 0) & (classes > 0)
        test = (file["disjoint_test"] > 0) & (classes > 0)
    else:
        halves = block_split(classes, 0.5, block=16, seed=0)
        train, test = halves.validation, halves.train & beyond(halves.validation, 4)
    shown = truth.after("kept the training pixels", data=np.where(train, truth.data, 0))
    return Held(Segment(), {"cube": cube, "labels": shown}, {"cube": cube, "labels": truth}, test)


def anomaly(folder: Path) -> Held:
    """Return an airport scene with rare anomalies, every other block of 20 pixels for the test."""
    path = folder / "anomaly_airport" / "abu-airport-2.mat"
    cube = read(f"{path}::data")
    labels = (loadmat(path)["map"] > 0).astype(np.int64) + 1
    y, x = np.indices(labels.shape) // 20
    test = (y + x) % 2 == 0
    truth = Labels(labels, ("background", "anomaly"))
    shown = Labels(np.where(test, 0, labels), truth.classes)
    return Held(Segment(), {"cube": cube, "labels": shown}, {"cube": cube, "labels": truth}, test)


def ftir(folder: Path) -> Held:
    """Return spectra of tissue of four classes, every third for the test."""
    with (folder / "ftir_spectra" / "collagen.csv").open() as file:
        titles = file.readline().strip().split(",")
        next(file)  # what the columns hold, for Orange
        next(file)
        lines = [line.strip().split(",") for line in file]
    names, numbers = np.unique([line[0] for line in lines], return_inverse=True)
    axis = SpectralAxis(np.array(titles[1:], float), "1/cm", "wavenumber")
    cube = Cube.from_spectra(np.array([line[1:] for line in lines], np.float32), axis)
    labels = (numbers + 1)[None]
    test = (np.arange(labels.size) % 3 == 0)[None]
    truth = Labels(labels, tuple(map(str, names)))
    shown = Labels(np.where(test, 0, labels), truth.classes)
    return Held(
        ClassifySpectra(),
        {"spectra": cube, "labels": shown},
        {"spectra": cube, "labels": truth},
        test,
    )


def stains(folder: Path) -> Held:
    """Return phase contrast and three stains; the last third of the columns is for the test."""
    file = np.load(folder / "label_free_isl" / "isl_1024x704.npz")
    stained = [name for name in file.files if name != "phase"]
    phase = file["phase"].astype(np.float32)
    target = np.stack([file[name] for name in stained]).astype(np.float32)
    cube = Cube(phase, SpectralAxis.index(len(phase)))
    third = phase.shape[-1] // 3
    column = np.broadcast_to(np.arange(phase.shape[-1]), phase.shape[1:])
    test = column >= phase.shape[-1] - third
    clean = Cube(target, ChannelAxis(tuple(stained)))
    return _pair(PredictChannels(), cube, clean, test, guard=72, names=("cube", "target"))


def peaks(folder: Path, half: int = 0) -> Held:
    """Return ion images of 20 peaks and those of all peaks of less mass.

    The right half is for the test, or, by `half` 1, the left one, as their mirror image.
    """
    file = np.load(folder / "msi_tissue" / "tdf_peakcube_18x19x400.npz")
    data = np.sqrt(np.moveaxis(file["cube"], -1, 0)).astype(np.float32)
    if half:
        data = np.ascontiguousarray(data[..., ::-1])
    mz = file["mz"]
    heavy = np.nonzero(mz >= 1000)[0]
    strongest = heavy[np.argsort(data[heavy].mean(axis=(1, 2)))[-20:]]
    cube = Cube(data[mz < 1000], SpectralAxis(mz[mz < 1000], "m/z", "mz"))
    target = Cube(data[strongest], ChannelAxis(tuple(f"m/z {mz[i]:.2f}" for i in strongest)))
    return _right_half(PredictChannels(), cube, target, names=("cube", "target"))


def cave(folder: Path, scene: str) -> Held:
    """Return one of four scenes to sharpen ×4, and another one for the test."""
    other = {"balloons": "beads", "cloth": "feathers"}[scene]
    cubes = {}
    for name in (scene, other):
        file = np.load(folder / "cave" / f"{name}_384x384x31.npz")
        data = np.moveaxis(file["cube"].astype(np.float32), -1, 0)
        axis = SpectralAxis(file["wavelength"].astype(float), "nm", "wavelength")
        cubes[name] = Cube(data, axis)
    return Held(SuperResolve(scale=4), {"fine": cubes[other]}, {"fine": cubes[scene]}, None)


SETS: Final[Mapping[str, Callable[[Path], Held]]] = {
    **{f"raman_{fold + 1}": lambda folder, fold=fold: raman(folder, fold) for fold in range(4)},
    "thp1": thp1,
    "srs": srs,
    "pines_disjoint": lambda folder: pines(folder, "disjoint"),
    "pines_blocks": lambda folder: pines(folder, "blocks"),
    "anomaly": anomaly,
    "ftir": ftir,
    "peaks": peaks,
    "stains": stains,
    "cave_balloons": lambda folder: cave(folder, "balloons"),
    "cave_cloth": lambda folder: cave(folder, "cloth"),
}


def compared(folder: Path, name: str, budget: float, seed: int, machine: Machine) -> Iterator[Row]:
    """Choose a method, then test all that were compared; yield a row for each."""
    held = SETS[name](folder)
    asked_for = Recipe(task=held.task, method=Choose(budget=budget), training=Training(seed=seed))
    example = asked_for.example(**held.train)
    started = time.perf_counter()
    model = run(fit_steps(asked_for, [example], machine=machine))
    took = time.perf_counter() - started
    recipes = {
        candidate.title: candidate.recipe(asked_for) for candidate in candidates_for(asked_for)
    }
    chosen = next(row for row in model.card.compared if row.method == model.card.recipe["method"])
    for row in model.card.compared:
        line: Row = {"method": row.title, "note": row.note, "seconds": row.seconds}
        if row.error is not None:
            recipe = recipes[row.title].model_copy(
                update={"method": type(recipes[row.title].method).model_validate(row.method)}
            )
            training: dict[str, object] = {"validation": 0.0}
            if row.epochs:
                training["epochs"] = row.epochs
            settings = recipe.training.model_copy(update=training)
            recipe = recipe.model_copy(update={"training": settings})
            one = model
            if row is not chosen:
                plan = plan_training(recipe, [example])
                one = run(fit_plan_steps(plan, machine=machine))
            line["folds"] = row.error
            error = held_out_error(one, recipe, held.test, held.where, machine)
            line["test"] = error
            if "labels" in held.test:
                line["1 − kappa"] = error
                line["test"] = share_of_wrong(one, held, machine)
        yield line | {"chosen": row is chosen, "choosing s": round(took, 1)}


def held_out_error(
    model: Model, recipe: Recipe, test: Images, where: np.ndarray | None, machine: Machine
) -> float:
    """Return the error of a model on test pixels, (y, x), by which the task compares methods."""
    example = recipe.example(**test)
    if where is None:
        where = np.ones(example.sampling_classes.shape[1:], bool)
    split = Split(where, np.zeros_like(where), 0)
    plan = replace(plan_training(recipe, [example]), splits=(split,))
    return run(held_out_error_steps(model, plan, machine))


def share_of_wrong(model: Model, held: Held, machine: Machine) -> float:
    """Return the share of labelled test pixels whose class is wrong: 1 − accuracy."""
    predicted = predict(model, held.test[held.task.input_name], machine=machine)
    truth = held.test["labels"].numpy()
    tested = held.where & (truth > 0)
    return float((predicted.numpy() != truth)[tested].mean())


def report(rows: list[Row]) -> str:
    """Return a line for each set: what was chosen, its error, and how far from the best it is."""
    lines = [
        "| set | chosen | error on folds | error on test | best in hindsight | its error | further |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    by_set: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row.get("test") is not None:
            by_set.setdefault((row["set"], row["seed"]), []).append(row)
    for (name, _), methods in by_set.items():
        chosen = next(row for row in methods if row["chosen"])
        best = min(methods, key=lambda row: row["test"])
        further = chosen["test"] / best["test"] - 1 if best["test"] else np.inf
        distance = f"{100 * further:.1f} %"
        if name.startswith("cave"):  # errors are squared
            distance = f"{10 * np.log10(1 + further):.2f} dB"
        lines.append(
            f"| {name} | {chosen['method']} | {chosen['folds']:.3g} | {chosen['test']:.3g} "
            f"| {best['method']} | {best['test']:.3g} | {distance} |"
        )
    return "\n".join(lines)


def _pair(
    task: Task,
    input: Cube,
    target: Cube,
    test: np.ndarray,
    guard: int,
    names: tuple[str, str] = ("noisy", "clean"),
) -> Held:
    """Return a pair whose target is unknown in the test part, and near it."""
    known = beyond(test, guard)
    shown = target.after("masked", data=np.where(known, target.data, np.float32(np.nan)))
    train = dict(zip(names, (input, shown), strict=True))
    return Held(task, train, dict(zip(names, (input, target), strict=True)), test)


def _right_half(
    task: Task, input: Cube, target: Cube, names: tuple[str, str] = ("noisy", "clean")
) -> Held:
    """Return a pair whose right half is for the test, with a guard of 4 columns."""
    width = input.shape[-1]
    column = np.broadcast_to(np.arange(width), input.shape[1:])
    return _pair(task, input, target, column >= width // 2 + 2, guard=4, names=names)


def main() -> None:
    chosen = options(__doc__, "choose.jsonl", budget=120.0, sets=",".join(SETS))
    machine = Machine(threads=chosen.threads)
    for seed in range(chosen.seeds):
        for name in chosen.sets.split(","):
            key = {"set": name, "seed": seed, "budget": chosen.budget}
            once(chosen.rows, key, compared, chosen.data, name, chosen.budget, seed, machine)
    rows = kept(chosen.rows)
    print(report(rows))
    print(hours(rows))


if __name__ == "__main__":
    main()
