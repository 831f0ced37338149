"""The device on which networks run, and its threads and precision."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from errno import ENOMEM
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .machine import Machine

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_OUT_OF_MEMORY: Final = (
    "out of memory",  # CUDA, MPS
    "can't allocate memory",  # torch on CPUs, but for Windows:
    "not enough memory",
    "cannot allocate memory",  # the system
    "unable to allocate",  # numpy
    "bad_alloc",  # C++ libraries
    "alloc_failed",  # CUDA's libraries, such as cuBLAS
    "could not create a primitive",  # oneDNN, which torch computes with on CPUs
    "could not create a memory",
    "could not execute a primitive",
)
"""What errors say, of no class of their own, when there is no memory left."""
_CGROUP: Final = Path("/sys/fs/cgroup")
"""Where Linux says what a container, or a job of a batch queue, may use."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory, of a device or a CPU, has run out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError) and error.errno == ENOMEM:
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free on a device, in bytes; of a CPU, what this process may take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    available = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError, KeyError):  # ValueError: there is no limit: it reads "max"
        available = min(available, _bytes_left_of_group(_CGROUP))
    return available


def _bytes_left_of_group(folder: Path) -> int:
    """Return what a control group of Linux may still take; copies of files make room by themselves."""
    limit = int((folder / "memory.max").read_text())
    used = int((folder / "memory.current").read_text())
    lines = (folder / "memory.stat").read_text().splitlines()
    kinds = dict(line.split() for line in lines)
    of_files = int(kinds["inactive_file"]) + int(kinds["active_file"])
    return max(0, limit - used + of_files)


def torch_device(name: str) -> torch.device:
    """Return the device of this name; "auto" takes a GPU if there is one.

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # those of torch that hold no numbers are none
    except (RuntimeError, AssertionError) as error:
        # what torch says of it lists all devices that there are anywhere, with addresses in its code
        there = ", ".join(_devices())
        raise ValueError(f"there is no device {name!r} here; there are auto, {there}") from error
    return device


def _devices() -> list[str]:
    """Return the names of the devices of this computer."""
    names = ["cpu"]
    names += [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Return a tensor with the memory of an array, which is only read.

    Of one that cannot be written, such as a part of a file, torch warns of undefined behaviour: as if
    somebody were about to write it.
    """
    if not array.flags.writeable:
        array = np.asarray(_AsWritable(array))
    return torch.from_numpy(array)


class _AsWritable:
    """An array for those who would not take it, did they know that it cannot be written."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array  # whose memory it is

    @property
    def __array_interface__(self) -> dict[str, Any]:
        interface = dict(self._array.__array_interface__)
        address, _ = interface["data"]
        return interface | {"data": (address, False)}


@contextmanager
def computing(machine: Machine) -> Generator[torch.device, None, None]:
    """Run a job on its device with its number of threads, and clean up however it ends.

    The number of threads belongs to the operating system's thread that enters, so a job must
    enter where it runs.
    """
    device = torch_device(machine.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(machine.thread_count)
    try:
        yield device
    finally:
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.cuda.empty_cache()


def precision_of(machine: Machine, network: nn.Module, device: torch.device) -> torch.autocast:
    """Return the context in which a network computes with the machine's precision.

    On a CPU, networks with transposed convolutions stay in float32: in bfloat16 they end the
    process on some (an illegal instruction, PyTorch 2.13).
    """
    enabled = machine.precision == "bfloat16"
    if enabled and device.type == "cpu":
        enabled = not any(isinstance(module, _TRANSPOSED) for module in network.modules())
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
