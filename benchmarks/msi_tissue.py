"""Mass-spectrometry imaging: channels predicted from others, and super-resolution.

    python benchmarks/msi_tissue.py [DATA] [--seeds 3] [--parts channels,super-resolution]

DATA is the folder that holds ``msi_tissue/tdf_peakcube_18x19x400.npz`` (or set
NAPARI_HYPERSPECTRAL_DATA): one small section of tissue, 342 pixels and 400 peaks.

channels: images of the 20 strongest peaks above m/z 1000 from those below, half of the columns
for training, half for the test, 2 columns between left out, both ways round.
super-resolution: the 100 strongest ion images 2 and 4 times finer than their area means; every fourth is
tested, the others train, in four folds. The network works on one ion image at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rows import Row, hours, kept, once, options, table, trained

from napari_hyperspectral import Machine, Recipe, Training, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.metrics import psnr, spectral_angle
from napari_hyperspectral.networks import RRDB, Pixelwise, UwUNet, enlarged
from napari_hyperspectral.tasks import PredictChannels, Restore

NETWORKS: Final = {
    "Pixelwise": Pixelwise(width=64, dropout=0.2),
    "UwUNet": UwUNet(middle=16, unets=8, width=8, depth=1),
}
TARGETS: Final = 20
LEAST_MZ: Final = 1000.0
FOLDS: Final = 4
PEAKS: Final = 100
"""Of the ion images that are super-resolved, the strongest."""


def scene(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the square root of the intensities, (peak, y, x), as of counts, and the m/z."""
    file = np.load(folder / "msi_tissue" / "tdf_peakcube_18x19x400.npz")
    return np.sqrt(np.moveaxis(file["cube"], -1, 0)), file["mz"]


def channels(folder: Path, half: int, kind: str, seed: int, machine: Machine) -> Iterator[Row]:
    """Yield a row a method: predicted images of some peaks; baselines with the first network."""
    data, mz = scene(folder)
    input, others = mz < LEAST_MZ, np.nonzero(mz >= LEAST_MZ)[0]
    strongest = others[np.argsort(data[others].mean(axis=(1, 2)))[-TARGETS:]]
    cube = Cube(data[input], SpectralAxis(mz[input], "m/z", "mz"))
    target = Cube(data[strongest], ChannelAxis(tuple(f"m/z {mz[i]:.2f}" for i in strongest)))
    column = np.broadcast_to(np.arange(data.shape[-1]), data.shape[1:])
    sides = column < data.shape[-1] // 2 - 1, column > data.shape[-1] // 2
    train, test = sides[half], sides[1 - half]
    masked = target.after("masked", data=np.where(train, target.data, np.float32(np.nan)))
    training = Training(epochs=200, patches_per_epoch=4, validation=0, average=0.99, seed=seed)
    recipe = Recipe(task=PredictChannels(), method=NETWORKS[kind], training=training)
    example = recipe.example(cube=cube, target=masked)
    model = trained(recipe, [example], f"half {half}, {kind}, seed {seed}", machine)
    first = kind == next(iter(NETWORKS))
    pair = EvaluationPair(cube, target, train=train, test=test)
    result = evaluate(model, pair, baselines=first, machine=machine)
    for row in result.report.tables[0].rows:
        if first or row["method"] == kind:
            yield {name: row[name] for name in ("method", "Pearson", "NRMSE")}


def super_resolution(
    folder: Path, fold: int, scale: int, seed: int, machine: Machine
) -> Iterator[Row]:
    """Yield a row a method: ion images of peaks that were not trained on, super-resolved."""
    data, _ = scene(folder)
    data = data[np.argsort(data.mean(axis=(1, 2)))[-PEAKS:], :16, :16]
    data = data / data.max(axis=(1, 2), keepdims=True)
    parts = [data[start::FOLDS] for start in range(FOLDS)]
    axis = SpectralAxis.index(len(parts[0]))
    cubes = [Cube(part, axis) for part in parts]
    recipe = Recipe(
        task=Restore(scale=scale, degradation="area", normalise="cube", discriminator_width=8),
        method=RRDB(width=16, blocks=2, growth=8),
        training=Training(epochs=30, patches_per_epoch=4, validation=0, average=0.99, seed=seed),
    )
    examples = [recipe.example(fine=cube) for i, cube in enumerate(cubes) if i != fold]
    model = trained(recipe, examples, f"fold {fold + 1}, ×{scale}, seed {seed}", machine)
    truth = parts[fold]
    coarse = truth.reshape(len(truth), 16 // scale, scale, 16 // scale, scale).mean(axis=(2, 4))
    input = torch.from_numpy(coarse)[None]
    predictions = {
        "RRDB, FRC-GAN": predict(model, Cube(coarse, axis), machine=machine).numpy(),
        "bicubic": enlarged(input, scale)[0].numpy(),
        "nearest": input.repeat_interleave(scale, -1).repeat_interleave(scale, -2)[0].numpy(),
    }
    for method, image in predictions.items():
        yield {
            "method": method,
            "PSNR dB": psnr(image, truth, data_range=1.0),
            "angle °": spectral_angle(image, truth),
        }


def main() -> None:
    chosen = options(__doc__, "msi_tissue.jsonl", parts="channels,super-resolution")
    machine = Machine(threads=chosen.threads)
    for seed in range(chosen.seeds):
        if "channels" in chosen.parts:
            for half in (0, 1):
                for kind in NETWORKS:
                    key = {"part": "channels", "half": half, "kind": kind, "seed": seed}
                    once(chosen.rows, key, channels, chosen.data, half, kind, seed, machine)
        if "super-resolution" in chosen.parts:
            for scale in (2, 4):
                for fold in range(FOLDS):
                    key = {"part": "super-resolution", "scale": scale, "fold": fold, "seed": seed}
                    once(
                        chosen.rows, key, super_resolution, chosen.data, fold, scale, seed, machine
                    )
    rows = kept(chosen.rows)
    print(table([r for r in rows if r["part"] == "channels"], ["method"], ["Pearson", "NRMSE"]))
    print()
    resolved = [row for row in rows if row["part"] == "super-resolution"]
    print(table(resolved, ["scale", "method"], ["PSNR dB", "angle °"]))
    print(hours(rows))


if __name__ == "__main__":
    main()
