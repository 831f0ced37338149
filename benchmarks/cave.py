"""Super-resolution of reflectance scenes, one left out: the network beside cubic interpolation.

    python benchmarks/cave.py [DATA] [--seeds 1] [--scales 4,2] [--folds balloons,beads]
    python benchmarks/cave.py [DATA] --inner yes --epochs 15

DATA is the folder that holds ``cave/*_384x384x31.npz`` (or set NAPARI_HYPERSPECTRAL_DATA): four
scenes of 31 bands, 400 to 700 nm (Yasuma et al. 2010, https://doi.org/10.1109/TIP.2010.2046811).
Three teach, the fourth is degraded (bicubic with anti-aliasing) and made fine again. Nothing of it
is seen before, nor any other image. With `--inner yes`, two of the three teaching scenes of a fold
teach, and the third is judged: that tells how long to train without a look at the fourth.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rows import Row, kept, once, options, table, trained

from napari_hyperspectral import Cube, Machine, Recipe, SpectralAxis, Training, finish, predict
from napari_hyperspectral.degradation import Degradation
from napari_hyperspectral.metrics import psnr, spectral_angle
from napari_hyperspectral.networks import BandwiseEDSR, enlarged
from napari_hyperspectral.tasks import SuperResolve

SCENES: Final = ("balloons", "beads", "cloth", "feathers")
PEAK: Final = 65535.0
EPOCHS: Final = {4: 20, 2: 6}
"""Of 20 steps each. For ×2 the number was not settled by trainings, but by the time there was."""
FIGURES: Final = ("PSNR dB", "gain dB", "SAM °", "SAM ratio", "seconds")


def scene(folder: Path, name: str) -> Cube:
    """Return a scene, 384 × 384 pixels of 31 bands."""
    file = np.load(folder / "cave" / f"{name}_384x384x31.npz")
    data = np.moveaxis(file["cube"], -1, 0).astype(np.float32)
    return Cube(data, SpectralAxis(file["wavelength"].astype(float), "nm"), name=name)


def trial(fold: str, *, inner: bool) -> tuple[str, str]:
    """Return the scenes that teach, and the one that is judged; inside a fold, it is not its own."""
    others = [name for name in SCENES if name != fold]
    return (",".join(others[:2]), others[2]) if inner else (",".join(others), fold)


def recipe_of(scale: int, seed: int, epochs: int) -> Recipe:
    """Return what is trained, at either scale."""
    return Recipe(
        task=SuperResolve(scale=scale, degradation="bicubic", project=True),
        network=BandwiseEDSR(),
        training=Training(epochs=epochs, learning_rate=2e-3, windows=20, together=3, window=24,
                          validation=0, average=0.99, clip=1.0, seed=seed),
    )  # fmt: skip


def rows_of(
    folder: Path, taught: str, tested: str, scale: int, seed: int, epochs: int, machine: Machine
) -> Iterator[Row]:
    """Train on some scenes and yield a row for each method on another one."""
    fine = scene(folder, tested)
    coarse_of = Degradation(kind="bicubic", scale=scale)
    given = coarse_of.degrade(torch.from_numpy(fine.numpy()))
    coarse = fine.after("degraded", data=given.numpy(), name=f"{tested} coarse")
    recipe = recipe_of(scale, seed, epochs)
    examples = [recipe.example(fine=scene(folder, name)) for name in taught.split(",")]
    model = trained(recipe, examples, f"{tested} ×{scale}, seed {seed}", machine)
    cubic = enlarged(given[None], scale)[0]
    made = {
        "bicubic": cubic.numpy(),
        "bicubic as MATLAB's": _as_matlab(given, scale).numpy(),
        "bicubic, projected": coarse_of.project(cubic, given).numpy(),
        "BandwiseEDSR": finish(predict(model, coarse, machine=machine)).numpy(),
    }
    found = {name: judged(image, fine.numpy()) for name, image in made.items()}
    base = found["bicubic"]
    for method, (ratio, angle) in found.items():
        yield {
            "method": method,
            "PSNR dB": ratio,
            "gain dB": ratio - base[0],
            "SAM °": angle,
            "SAM ratio": angle / base[1],
        }


def judged(made: np.ndarray, fine: np.ndarray) -> tuple[float, float]:
    """Return the mean over bands of the PSNR, in dB, and the mean spectral angle, in degrees."""
    made = np.clip(made, 0, PEAK)
    ratios = [psnr(m[None], f[None], data_range=PEAK) for m, f in zip(made, fine, strict=True)]
    return float(np.mean(ratios)), spectral_angle(made, fine)


def _as_matlab(coarse: torch.Tensor, scale: int) -> torch.Tensor:
    """Return an enlarged image, (band, y, x), by the kernel with a = -1/2; torch's has -3/4."""
    large = torch.nn.functional.interpolate(
        coarse[None], scale_factor=scale, mode="bicubic", antialias=True
    )
    return large[0]


def main() -> None:
    chosen = options(
        __doc__, "cave.jsonl", scales="4,2", folds=",".join(SCENES), epochs=0, inner=""
    )
    machine = Machine(threads=chosen.threads)
    trials = [trial(fold, inner=bool(chosen.inner)) for fold in chosen.folds.split(",")]
    for seed in range(chosen.seeds):
        for scale in map(int, chosen.scales.split(",")):
            for taught, tested in trials:
                key = {"taught": taught, "tested": tested, "scale": scale, "seed": seed,
                       "epochs": chosen.epochs or EPOCHS[scale]}  # fmt: skip
                once(chosen.rows, key, rows_of, chosen.data, *key.values(), machine)
    rows = kept(chosen.rows)
    print(table(rows, ("scale", "epochs", "taught", "tested", "method"), FIGURES))


if __name__ == "__main__":
    main()
