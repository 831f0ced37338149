"""The settings of the machine: they change how fast a job is, not what it gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge
from platformdirs import user_cache_path
from pydantic import Field

from .settings import Settings


class Machine(Settings):
    """Where and how a job runs; no part of a recipe."""

    device: str = "auto"
    """Where networks run: auto (a GPU if there is one), cpu, cuda, cuda:1, mps."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format inside networks; bfloat16 is faster on recent GPUs, and coarser. On a CPU,
    networks with transposed convolutions stay in float32."""
    threads: Annotated[int, Ge(0)] = 0
    """Threads of a job on the CPU; 0: as many as OMP_NUM_THREADS says, where it is set, else all
    cores but one, or all of two. Recorded with a model: equal seeds and threads give equal bits."""
    tile_memory: Annotated[int, Ge(16)] = 1024
    """Memory one tile may take in a prediction, in MiB."""
    cache: Path = Field(default_factory=lambda: user_cache_path("napari-hyperspectral"))
    """Folder for trainings in progress, so that nothing is lost."""

    @property
    def thread_count(self) -> int:
        """Number of threads that `threads` stands for."""
        shared = os.environ.get("OMP_NUM_THREADS", "")  # set where a machine is shared by many jobs
        if not self.threads and shared.isdecimal() and int(shared):
            return int(shared)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        cores = cores or 1
        return self.threads or (cores if cores <= 2 else cores - 1)
