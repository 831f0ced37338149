"""The settings of the machine: they change how fast a job is, not its result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge
from platformdirs import user_cache_path
from pydantic import AfterValidator, Field

from .settings import Settings
from .system.paths import user_path


class Machine(Settings):
    """Device, precision and threads of a job; no part of a recipe."""

    device: str = "auto"
    """Where networks run: auto (a GPU if there is one), cpu, cuda, cuda:1, mps."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format inside networks; bfloat16 is faster on recent GPUs, and less precise. On a CPU,
    networks with transposed convolutions stay in float32."""
    threads: Annotated[int, Ge(0)] = 0
    """Threads of a job on the CPU; 0: as many as OMP_NUM_THREADS says, where it is set, else all
    cores but one, or all of two. Recorded with a model: equal seeds and threads give equal weights."""
    tile_memory: Annotated[int, Ge(16)] = 1024
    """Memory of one tile in a prediction, at most, in MiB."""
    cache: Annotated[Path, AfterValidator(user_path)] = Field(
        default_factory=lambda: user_cache_path("napari-hyperspectral")
    )
    """Folder for the checkpoints of trainings in progress."""

    @property
    def thread_count(self) -> int:
        """Number of threads that `threads` stands for."""
        if self.threads:
            return self.threads
        shared = os.environ.get("OMP_NUM_THREADS", "")  # set where a machine is shared by many jobs
        if shared.isdecimal() and int(shared):
            return int(shared)
        cores = _usable_cores()
        return cores if cores <= 2 else cores - 1  # one is left for the viewer


def _usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
