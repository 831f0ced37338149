"""A long fit in a process of its own, so that stopping it ends it at once.

The data go there and the numbers come back as NumPy files in a temporary folder; no pickle.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from ..networks.base import Ports
from ..progress import Cancelled, Job, Progress, Stop
from . import AnyClassic
from .base import Arrays, Classic, Rows, TrainingData, TrainingImage

_POLL: Final = 0.1
"""Seconds between two looks at the process."""


class FitError(RuntimeError):
    """The process of a fit ended without a result."""

    def __init__(self, method: Classic, message: str) -> None:
        super().__init__(
            f"fitting {type(method).__name__} failed ({message}); choose another method, or fewer "
            "training pixels"
        )


def fit_in_process(method: Classic, data: TrainingData, threads: int = 1) -> Job[Arrays]:
    """Fit a classical method in a process of its own; return the numbers of its module.

    Settings that are left open must not be tuned by `TrainingData.error`, which stays here.

    Parameters
    ----------
    method : Classic
        What to fit.
    data : TrainingData
        Training pixels.
    threads : int
        Of the process.

    Raises
    ------
    FitError
        If the process fails.
    Cancelled
        If it is stopped.
    """
    with tempfile.TemporaryDirectory(prefix="hyperspectral-fit-") as name:
        folder = Path(name)
        _write(folder, method, data)
        variables = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            # what is importable here is importable there
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        with (folder / "errors.txt").open("wb") as errors:
            command = [sys.executable, "-m", __name__, str(folder)]
            process = subprocess.Popen(command, env=variables, stderr=errors)
            try:
                while process.poll() is None:
                    yield Progress(0, 0, note="fitting")
                    time.sleep(_POLL)
            except Stop as stop:
                raise Cancelled("fit") from stop
            finally:
                process.kill()
                process.wait()
        result = folder / "arrays.npz"
        if not result.exists():
            raise FitError(method, _last_line(folder / "errors.txt"))
        return _read_arrays(result)


def main(folder: Path) -> None:
    """Fit what `fit_in_process` wrote to a folder, and write the result beside it."""
    adapter: TypeAdapter[Classic] = TypeAdapter(AnyClassic)
    method = adapter.validate_json((folder / "method.json").read_bytes())
    arrays = method.fit(_read(folder))
    draft = folder / "draft.npz"
    np.savez(draft, allow_pickle=False, **arrays)
    draft.rename(folder / "arrays.npz")


def _write(folder: Path, method: Classic, data: TrainingData) -> None:
    (folder / "method.json").write_text(method.model_dump_json(), encoding="utf-8")
    (folder / "ports.json").write_text(data.ports.model_dump_json(), encoding="utf-8")
    np.savez(folder / "targets.npz", targets=data.targets, good=data.good, seed=data.seed)
    for number, image in enumerate(data.images):
        np.savez(folder / f"image{number:06}.npz", input=image.input, train=image.train)


def _read(folder: Path) -> TrainingData:
    images = []
    for path in sorted(folder.glob("image*.npz")):
        arrays = np.load(path)
        images.append(TrainingImage(arrays["input"], arrays["train"]))
    stored = np.load(folder / "targets.npz")
    targets: Rows = stored["targets"]

    def error(prediction: Rows, pixels: NDArray[np.intp]) -> float:
        return float(np.nanmean(np.square(prediction - targets[pixels])))

    return TrainingData(
        images=images,
        targets=targets,
        error=error,
        ports=Ports.model_validate_json((folder / "ports.json").read_bytes()),
        good=stored["good"],
        seed=int(stored["seed"]),
    )


def _read_arrays(path: Path) -> Arrays:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
