"""Denoising from the noisy cube alone, against the best that plain low rank and a filter can do.

    python benchmarks/no_targets.py [DATA] [--seeds 3] [--maps pairs,thp1,prm_srs] [--epochs 0]

DATA is the folder that holds ``raman_pairs``, ``raman_thp1`` and ``srs_prm`` (or set
NAPARI_HYPERSPECTRAL_DATA). No method sees a clean value: of ``raman_pairs`` the clean half serves
for the figures only; the truth of the other maps is their reconstruction from their first
components (4, 8, 16 and 32: each favours methods of that rank), with the noise of their kind. What
a baseline leaves open, its rank or its window, is chosen *with the truth in sight*: more than
anybody could do, and so the harder to beat. Ours chooses from the noisy cube. The measured
``srs_prm`` has no truth: there, whether what was removed is white.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from rows import Row, hours, kept, once, options, table, trained

from napari_hyperspectral import Machine, Recipe, Training, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import LowRank
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.metrics import fitted_mse, mse
from napari_hyperspectral.networks import Method, SpectralUNet
from napari_hyperspectral.samples import camera_counts
from napari_hyperspectral.spectra.decompose import PrincipalComponents
from napari_hyperspectral.spectra.low_rank import LowRank as WhitenedComponents
from napari_hyperspectral.spectra.noise import noise_law
from napari_hyperspectral.spectra.smooth import savitzky_golay
from napari_hyperspectral.spectra.whiteness import standardised_residual, whiteness
from napari_hyperspectral.tasks import DenoiseSelfSupervised

TRUTH_RANKS: Final = (4, 8, 16, 32)
BASELINE_RANKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48)
WINDOWS: Final = (3, 5, 7, 9, 13, 17, 23, 31, 41, 55)
NETWORK: Final = SpectralUNet(components=16, width=16, depth=1, dropout=0)


class Scene(NamedTuple):
    """A noisy map and its truth, each (band, y, x)."""

    noisy: np.ndarray
    clean: np.ndarray
    normalise: str
    """How the task normalises spectra of this kind."""


def pairs(folder: Path) -> Scene:
    """Return the measured Raman pairs; each spectrum has a scale of its own."""
    file = np.load(folder / "raman_pairs" / "pairs_11x44x500.npz")
    low, high = (np.moveaxis(file[name], -1, 0) for name in ("low", "high"))
    return Scene(low, high, "mean")


def measured(folder: Path, name: str) -> np.ndarray:
    """Return a measured map, (band, y, x)."""
    path = "raman_thp1/thp1_L5_40x40x500.npz"
    if name == "prm_srs":
        path = "srs_prm/prm_srs_130x130x72.npz"
    return np.moveaxis(np.load(folder / path)["cube"].astype(np.float64), -1, 0)


def semi_real(folder: Path, name: str, rank: int, seed: int) -> Scene:
    """Return a map made clean by its first components, and noised by the law of its kind."""
    data = measured(folder, name)
    clean = np.asarray(PrincipalComponents.of(data, rank).truncate(data), np.float64)
    rng = np.random.default_rng(seed)
    if name == "thp1":
        counts = np.maximum(clean, 0) / clean.mean() * 20  # a short dwell: 20 counts on average
        return Scene(camera_counts(counts, rng), counts, "cube")
    noise = 2 * (data - clean).std() * rng.normal(size=clean.shape)
    return Scene(clean + noise, clean, "cube")


def figures(scene: Scene, method: str, denoised: np.ndarray, seconds: float, **more: object) -> Row:
    """Return a row on a denoised map, of the CPU seconds that it took."""
    return {
        "method": method,
        "fitted MSE": fitted_mse(denoised, scene.clean),
        "MSE": mse(denoised, scene.clean),
        "seconds": round(seconds, 2),
        **more,
    }


def baselines(scene: Scene) -> Iterator[Row]:
    """Yield raw data, the best filter, and the best of all truncations, chosen by the truth."""
    noisy = scene.noisy
    yield figures(scene, "raw", noisy, 0)
    windows = [window for window in WINDOWS if window < len(noisy)]
    filtered = [
        figures(scene, "SG, best window", savitzky_golay(noisy, order, window), 0,
                setting=f"SG({order}, {window})")
        for order in (1, 2, 3) for window in windows if window > order
    ]  # fmt: skip
    yield min(filtered, key=lambda row: row["fitted MSE"])
    components = PrincipalComponents.of(noisy, BASELINE_RANKS[-1])
    whitened = WhitenedComponents.fit(noisy, rank=BASELINE_RANKS[-1], smooth=False)
    plain = []
    scaled = []
    for rank in BASELINE_RANKS:
        truncated = components.first(rank).truncate(noisy)
        plain.append(figures(scene, "PCA, best rank", truncated, 0, setting=rank))
        first = replace(
            whitened, directions=whitened.directions[:rank], widths=whitened.widths[:rank]
        )
        scaled.append(figures(scene, "whitened PCA, best rank", first(noisy), 0, setting=rank))
    yield min(plain, key=lambda row: row["fitted MSE"])
    yield min(scaled, key=lambda row: row["fitted MSE"])


def ours(scene: Scene, method: Method, training: Training, machine: Machine) -> Iterator[Row]:
    """Train on the noisy map alone, and yield how well it does."""
    axis = SpectralAxis.index(len(scene.noisy))
    cube = Cube(scene.noisy.astype(np.float32), axis)
    task = DenoiseSelfSupervised(normalise=scene.normalise)
    recipe = Recipe(task=task, method=method, training=training)
    name = type(method).__name__
    started = time.process_time()
    model = trained(recipe, [recipe.example(noisy=cube)], name, machine)
    denoised = np.asarray(predict(model, cube, machine=machine).data)
    seconds = time.process_time() - started
    yield figures(scene, name, denoised, seconds, setting=model.card.tuned)


def removed(folder: Path) -> Iterator[Row]:
    """Yield what smoothed low rank and plain truncations remove from the measured SRS map."""
    data = measured(folder, "prm_srs")
    law = noise_law(data)
    low_rank = WhitenedComponents.fit(data, law=law)
    methods = {"LowRank": low_rank(data)}
    for rank in (4, 8, 16):
        methods[f"PCA, rank {rank}"] = PrincipalComponents.of(data, rank).truncate(data)
    methods["SG(2, 9)"] = savitzky_golay(data, 2, 9)
    for method, denoised in methods.items():
        found = whiteness(standardised_residual(data, denoised, law), law)
        along_y, along_x = found.spatial
        yield {
            "method": method, "removed σ": found.std, "bands": found.spectral, "along y": along_y,
            "along x": along_x, "components": found.components, "white": found.white,
        }  # fmt: skip


def main() -> None:
    chosen = options(
        __doc__, "no_targets.jsonl", maps="pairs,thp1,prm_srs", epochs=0, ranks="4,8,16,32"
    )
    machine = Machine(threads=chosen.threads)
    once(chosen.rows, {"map": "prm_srs, measured"}, removed, chosen.data)
    for name in chosen.maps.split(","):
        semi = name != "pairs"
        ranks = [int(rank) for rank in chosen.ranks.split(",")] if semi else [0]
        for rank in ranks:
            # of the measured pairs there is one noise
            for seed in range(chosen.seeds if semi else 1):
                scene = semi_real(chosen.data, name, rank, seed) if semi else pairs(chosen.data)
                key = {"map": name, "rank": rank, "seed": seed}
                once(chosen.rows, key | {"by": "baselines"}, baselines, scene)
                all_pixels = Training(validation=0)
                once(
                    chosen.rows,
                    key | {"by": "low rank"},
                    ours,
                    scene,
                    LowRank(),
                    all_pixels,
                    machine,
                )
            if not chosen.epochs:
                continue
            for seed in range(chosen.seeds):
                scene = semi_real(chosen.data, name, rank, seed) if semi else pairs(chosen.data)
                training = Training(
                    epochs=chosen.epochs, patches_per_epoch=16, patch_size=48, validation=0.1,
                    average=0.99, weight_decay=0.01, seed=seed,
                )  # fmt: skip
                key = {"map": name, "rank": rank, "seed": seed, "by": "network",
                       "epochs": chosen.epochs}  # fmt: skip
                once(chosen.rows, key, ours, scene, NETWORK, training, machine)
    rows = kept(chosen.rows)
    print(table([row for row in rows if "MSE" in row], ["map", "rank", "method"],
                ["fitted MSE", "MSE", "seconds"]))  # fmt: skip
    print()
    print(table([row for row in rows if "removed σ" in row], ["map", "method", "white"],
                ["removed σ", "bands", "along y", "along x", "components"]))  # fmt: skip
    print(hours(rows))


if __name__ == "__main__":
    main()
