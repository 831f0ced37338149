"""Denoising where no clean measurement exists: real maps, made clean, and noised by fitted laws.

    python benchmarks/semi_real.py [DATA] [--seeds 3] [--maps thp1,prm_srs]

DATA is the folder that holds ``raman_thp1`` and ``srs_prm`` (or set NAPARI_HYPERSPECTRAL_DATA).
The truth of a map is its reconstruction from its first components (8, and 16: it favours methods
of low rank); Raman noise has the variance 0.56 + 0.22 · mean, that of SRS does not depend on the
signal, with the standard deviation of what the components leave. The left half is for training,
the right half, 4 columns further, for the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from rows import Row, hours, kept, once, options, table, trained

from napari_hyperspectral import Machine, Recipe, Training
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair
from napari_hyperspectral.networks import ResUNet1D, SpectralUNet
from napari_hyperspectral.samples import camera_counts
from napari_hyperspectral.spectra.decompose import PrincipalComponents
from napari_hyperspectral.tasks import Denoise

RANKS: Final = (8, 16)
GUARD: Final = 4
NETWORKS: Final = {
    "ResUNet1D": ResUNet1D(width=16, dense=False),
    "SpectralUNet": SpectralUNet(components=24, width=24, depth=1),
}
"""For a CPU: a quarter of the published width, and without the dense layers."""
EPOCHS: Final = {"ResUNet1D": 40, "SpectralUNet": 160}
"""The second was 40 too, until 160 gave less validation loss on the training half."""


def scene(folder: Path, name: str, rank: int, seed: int) -> tuple[Cube, Cube]:
    """Return a noisy map and its clean self."""
    if name == "thp1":
        file = np.load(folder / "raman_thp1" / "thp1_L5_40x40x500.npz")
        axis = SpectralAxis(file["wavenumber"], "1/cm", "raman_shift")
    else:
        file = np.load(folder / "srs_prm" / "prm_srs_130x130x72.npz")
        axis = SpectralAxis(file["wavenumber"], "1/cm", "raman_shift")
    measured = np.moveaxis(file["cube"].astype(np.float32), -1, 0)
    clean = np.asarray(PrincipalComponents.of(measured, rank).truncate(measured), np.float64)
    rng = np.random.default_rng(seed)
    if name == "thp1":
        counts = np.maximum(clean, 0) / clean.mean() * 20  # a short dwell: 20 counts on average
        noisy, clean = camera_counts(counts, rng), counts
    else:
        noisy = clean + 2 * (measured - clean).std() * rng.normal(size=clean.shape)
    return (Cube(noisy.astype(np.float32), axis, name=name),
            Cube(clean.astype(np.float32), axis, name=f"{name}, clean"))  # fmt: skip


def rows(
    folder: Path, name: str, rank: int, kind: str, training: Training, machine: Machine
) -> Iterator[Row]:
    """Train on the left half and yield a row a method; the baselines once, with the first seed."""
    noisy, clean = scene(folder, name, rank, training.seed)
    column = np.broadcast_to(np.arange(noisy.shape[-1]), noisy.shape[1:])
    half = noisy.shape[-1] // 2
    train = column < half
    test = column >= half + GUARD
    masked = clean.after("masked", data=np.where(train, clean.data, np.float32(np.nan)))
    recipe = Recipe(task=Denoise(normalise="cube"), method=NETWORKS[kind], training=training)
    what = f"{name}, rank {rank}, {kind}, seed {training.seed}"
    model = trained(recipe, [recipe.example(noisy=noisy, clean=masked)], what, machine)
    pair = EvaluationPair(noisy, clean, train=train, test=test)
    first = kind == next(iter(NETWORKS))
    result = evaluate(model, pair, baselines=first, machine=machine)
    for row in result.report.tables[0].rows:
        if first or row["method"] == kind:
            yield dict(row)


def main() -> None:
    chosen = options(__doc__, "semi_real.jsonl", maps="thp1,prm_srs")
    machine = Machine(threads=chosen.threads)
    for name in chosen.maps.split(","):
        for rank in RANKS:
            for seed in range(chosen.seeds):
                for kind in NETWORKS:
                    training = Training(
                        epochs=EPOCHS[kind], patches_per_epoch=8, patch_size=32, batch_size=64,
                        validation=0.1, guard=0, average=0.99, seed=seed,
                    )  # fmt: skip
                    key = {"map": name, "rank": rank, "kind": kind, "seed": seed,
                           "epochs": EPOCHS[kind]}  # fmt: skip
                    once(chosen.rows, key, rows, chosen.data, name, rank, kind, training, machine)
    results = kept(chosen.rows)
    print(table(results, ["map", "rank", "method"], ["fitted MSE", "MSE", "angle °", "PSNR dB"]))
    print(hours(results))


if __name__ == "__main__":
    main()
