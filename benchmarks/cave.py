"""Super-resolution of reflectance scenes, one left out: the network against cubic interpolation.

    python benchmarks/cave.py [DATA] [--seeds 3] [--scales 4,2] [--folds balloons,beads]
        [--epochs 32] [--precision bfloat16] [--photographs 100]

DATA is the folder that holds ``cave/*_384x384x31.npz`` (or set NAPARI_HYPERSPECTRAL_DATA): four
scenes of 31 bands, 400 to 700 nm (Yasuma et al. 2010, https://doi.org/10.1109/TIP.2010.2046811).
Three are for training, the fourth is the test: degraded (bicubic with anti-aliasing) and
super-resolved. No other image is used, but for --photographs: then the network starts from one that
was trained for so many epochs on the grey photographs that scikit-image and scikit-learn bring along,
and goes on with half the learning rate. Without --epochs, their number is chosen by cross-validation
inside the training scenes: two train, the third validates, in turn.

Coarse images are averages and have no noise of their own, so that none is added in training.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
import skimage.data
import torch
from rows import Row, hours, kept, once, options, table, trained
from sklearn.datasets import load_sample_images

from napari_hyperspectral import (
    ChannelAxis,
    Cube,
    Machine,
    Model,
    Recipe,
    SpectralAxis,
    Training,
    predict,
)
from napari_hyperspectral.metrics import psnr, spectral_angle
from napari_hyperspectral.networks import BandwiseEDSR, enlarged
from napari_hyperspectral.recipe.candidates import measured_recipe
from napari_hyperspectral.tasks import SuperResolve
from napari_hyperspectral.tasks.degradation import Degradation

SCENES: Final = ("balloons", "beads", "cloth", "feathers")
PEAK: Final = 65535.0
EPOCHS: Final = (8, 16, 32, 64)
"""Of 20 steps each: how long a training may last. Each fold chooses one of them."""
OURS: Final = "BandwiseEDSR"
STARTED: Final = "BandwiseEDSR, from photographs"
PHOTOGRAPHS: Final = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel",
                      "rocket")  # fmt: skip
FIGURES: Final = ("PSNR dB", "gain dB", "SAM °", "SAM ratio", "seconds")


def scene(folder: Path, name: str) -> Cube:
    """Return a scene, 384 × 384 pixels of 31 bands."""
    file = np.load(folder / "cave" / f"{name}_384x384x31.npz")
    data = np.moveaxis(file["cube"], -1, 0).astype(np.float32)
    return Cube(data, SpectralAxis(file["wavelength"].astype(float), "nm"), name=name)


def recipe_of(scale: int, seed: int, epochs: int, *, ensemble: bool = True) -> Recipe:
    """Return what is trained, at either scale."""
    asked_for = Recipe(
        task=SuperResolve(scale=scale, input_noise="none"),
        method=BandwiseEDSR(ensemble=ensemble),
        training=Training(epochs=epochs, validation=0, seed=seed),
    )
    return measured_recipe(asked_for)


def photographs() -> list[Cube]:
    """Return grey photographs of one band, which come with scikit-image and scikit-learn."""
    images = [getattr(skimage.data, name)() for name in PHOTOGRAPHS]
    images.append(skimage.data.stereo_motorcycle()[0])
    images += load_sample_images().images
    axis = ChannelAxis(("grey",))
    cubes = []
    for image in images:
        grey = image if image.ndim == 2 else image.mean(axis=-1)
        cubes.append(Cube(grey[None].astype(np.float32), axis))
    return cubes


@lru_cache
def started(scale: int, seed: int, epochs: int, machine: Machine) -> Model:
    """Return a network that was trained on photographs, to start from."""
    recipe = recipe_of(scale, seed, epochs)
    # of one band, a step takes as many images as of scenes it takes bands
    training = recipe.training.model_copy(update={"image_batch_size": 15})
    recipe = recipe.model_copy(update={"training": training})
    examples = [recipe.example(fine=photograph) for photograph in photographs()]
    return trained(recipe, examples, f"photographs ×{scale}, seed {seed}", machine)


def rows_of(
    folder: Path,
    train: str,
    scale: int,
    seed: int,
    epochs: int,
    machine: Machine,
    photograph_epochs: int = 0,
) -> Iterator[Row]:
    """Train on some scenes and yield a row for each method on each of the others."""
    names = train.split(",")
    left_out = [name for name in SCENES if name not in names]
    # to compare trainings with one another, one look at an image is enough
    recipe = recipe_of(scale, seed, epochs, ensemble=len(left_out) == 1)
    examples = [recipe.example(fine=scene(folder, name)) for name in names]
    start = None
    if photograph_epochs:
        start = started(scale, seed, photograph_epochs, machine)
        training = recipe.training.model_copy(update={"learning_rate": 1e-3})
        recipe = recipe.model_copy(update={"training": training})
    model = trained(recipe, examples, f"{train} ×{scale}, seed {seed}", machine, start)
    for tested in left_out:
        for row in rows_on(scene(folder, tested), model, scale, machine):
            if start is None:
                yield row
            elif row["method"] == OURS:
                yield {**row, "method": STARTED}


def rows_on(fine: Cube, model: Model, scale: int, machine: Machine) -> Iterator[Row]:
    """Degrade a scene, super-resolve it, and yield a row a method."""
    coarse_of = Degradation(kind="bicubic", scale=scale)
    input = coarse_of.degrade(torch.from_numpy(fine.numpy()))
    coarse = fine.after("degraded", data=input.numpy(), name=f"{fine.name} coarse")
    cubic = enlarged(input[None], scale)[0]
    predictions = {
        "bicubic": cubic.numpy(),
        "bicubic as MATLAB's": _as_matlab(input, scale).numpy(),
        "bicubic, consistent": coarse_of.project(cubic, input).numpy(),
        OURS: predict(model, coarse, machine=machine).numpy(),
    }
    results = {name: quality(image, fine.numpy()) for name, image in predictions.items()}
    base = results["bicubic"]
    for method, (ratio, angle) in results.items():
        yield {
            "tested": fine.name,
            "method": method,
            "PSNR dB": ratio,
            "gain dB": ratio - base[0],
            "SAM °": angle,
            "SAM ratio": angle / base[1],
        }


def gain(rows: list[Row], fold: str, epochs: int) -> float:
    """Return the mean gain inside a fold, in dB: two of its scenes train, the third validates."""
    others = [name for name in SCENES if name != fold]
    validation = {}  # the scene that validates, by those that train
    for scene_name in others:
        train = ",".join(name for name in others if name != scene_name)
        validation[train] = scene_name
    return statistics.mean(
        row["gain dB"]
        for row in rows
        if row["epochs"] == epochs
        and row["method"] == OURS
        and validation.get(row["train"]) == row["tested"]
    )


def quality(prediction: np.ndarray, fine: np.ndarray) -> tuple[float, float]:
    """Return the mean over bands of the PSNR, in dB, and the mean spectral angle, in degrees."""
    prediction = np.clip(prediction, 0, PEAK)
    ratios = []
    for band, true_band in zip(prediction, fine, strict=True):
        ratios.append(psnr(band[None], true_band[None], data_range=PEAK))
    return float(np.mean(ratios)), spectral_angle(prediction, fine)


def _as_matlab(coarse: torch.Tensor, scale: int) -> torch.Tensor:
    """Return an enlarged image, (band, y, x), by the kernel with a = -1/2; torch's has -3/4."""
    large = torch.nn.functional.interpolate(
        coarse[None], scale_factor=scale, mode="bicubic", antialias=True
    )
    return large[0]


def main() -> None:
    chosen = options(
        __doc__,
        "cave.jsonl",
        scales="4,2",
        folds=",".join(SCENES),
        epochs=0,
        photographs=0,
        precision="float32",
    )
    machine = Machine(threads=chosen.threads, precision=chosen.precision)

    def train_once(train: tuple[str, ...], scale: int, seed: int, epochs: int) -> None:
        key = {"train": ",".join(train), "scale": scale, "seed": seed, "epochs": epochs}
        once(chosen.rows, key, rows_of, chosen.data, *key.values(), machine)
        if chosen.photographs:
            started_key = {**key, "photographs": chosen.photographs}
            arguments = (*key.values(), machine, chosen.photographs)
            once(chosen.rows, started_key, rows_of, chosen.data, *arguments)

    for scale in map(int, chosen.scales.split(",")):
        if not chosen.epochs:
            for epochs in EPOCHS:
                for pair in combinations(SCENES, 2):
                    train_once(pair, scale, 0, epochs)
        for seed in range(chosen.seeds):
            for fold in chosen.folds.split(","):
                epochs = chosen.epochs or best_epochs(kept(chosen.rows), fold, scale)
                train_once(tuple(name for name in SCENES if name != fold), scale, seed, epochs)
    rows = kept(chosen.rows)
    inner = [row for row in rows if row["train"].count(",") == 1 and row["method"] == OURS]
    outer = [row for row in rows if row["train"].count(",") == 2]
    print(table(inner, ("scale", "epochs", "train", "tested"), ("gain dB",)))
    print(table(outer, ("scale", "tested", "epochs", "method"), FIGURES))
    print(table(outer, ("scale", "method"), FIGURES))
    print(hours(rows))


def best_epochs(rows: list[Row], fold: str, scale: int) -> int:
    """Return how many epochs gain most inside a fold."""
    inner = [row for row in rows if row["scale"] == scale]
    return max(EPOCHS, key=lambda epochs: gain(inner, fold, epochs))


if __name__ == "__main__":
    main()
