"""Where networks run, and with how many threads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from .machine import Machine


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
    """Give a job its device and its number of threads, and tidy up however it ends.

    The number of threads belongs to the operating system's thread that enters, so a job must
    enter where it runs.
    """
    device, threads = torch_device(machine.device), torch.get_num_threads()
    torch.set_num_threads(machine.thread_count)
    try:
        yield device
    finally:
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.cuda.empty_cache()


@contextmanager
def seeded(seed: int, device: torch.device) -> Generator[None, None, None]:
    """Draw random numbers from `seed`, and leave everybody else's as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
