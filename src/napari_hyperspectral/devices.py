"""The device on which networks run, and its threads and precision."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from .machine import Machine

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


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
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"no device {name!r} here ({error}); choose auto or cpu") from error
    return device


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
