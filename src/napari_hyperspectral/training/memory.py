"""What memory a training takes, told before it begins.

The network is built and run on torch's meta device, which counts and computes nothing: what
backpropagation would keep of a batch is added up, beside weights, slopes and moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psutil
import torch
from torch import Tensor, nn

from ..networks import Ports, build_module, geometry_of
from ..networks.blocks.discriminator import random_bands
from ..recipe.recipe import Recipe
from ..tasks import Example, Task

_MOMENTS: Final = {"adamw": 2, "adam": 2, "rmsprop": 1, "adagrad": 1, "sgd": 1}
"""Numbers that an optimiser keeps for each weight."""
_COPIES: Final = 2
"""Copies of all weights besides: the best so far, and that of the last epoch or of a save."""


_LEFT_BEHIND: Final = {"cpu": 2.0}
"""How much more of a batch a device takes than backpropagation keeps: measured; freed pieces of
the last batch are not where the next one fits."""


_LIBRARIES: Final = 64 * 2**20
"""What torch and the libraries below it take for themselves once they compute: measured."""


_JUDGED: Final = 2
"""Looks of a critic at a batch that are in memory at once, of three (at what was made, for the
network and for itself, and at what was wanted): measured."""


class TooLargeError(MemoryError):
    """A training needs more memory than there is."""

    def __init__(self, needed: int, free: int, device: torch.device, remedy: str) -> None:
        super().__init__(
            f"this training needs about {_gigabytes(needed)}, {_gigabytes(free)} are free on "
            f"{device}; {remedy}"
        )


def training_bytes(
    recipe: Recipe, ports: Ports, examples: Sequence[Example], device: str = "cpu"
) -> int:
    """Return about how many bytes a training takes at its peak, right within a factor of 1.5.

    Parameters
    ----------
    recipe : Recipe
        Task, network, training.
    ports : Ports
        Bands it takes, and bands or classes it gives.
    examples : sequence of Example
        What it learns from.
    device : str
        Kind of device, as torch names it.
    """
    task: Task = recipe.task
    with torch.device("meta"):
        network, discriminator = build_module(recipe.network, ports), task.discriminator(ports)
    copies = 2 + _MOMENTS[recipe.training.optimiser] + _COPIES + bool(recipe.training.average)
    weights = copies * _bytes_of(network)
    data = sum(3 * (e.input.nbytes + e.target.nbytes) for e in examples)
    batch = _batch(recipe, ports, examples)
    kept = _kept(network, batch)
    if discriminator is not None:
        made = batch.new_empty(
            len(batch),
            len(random_bands(ports.bands_out)),
            *(ports.scale * side for side in batch.shape[-2:]),
        )
        weights += copies * _bytes_of(discriminator)
        kept += _JUDGED * _kept(discriminator, made)
    return weights + data + int(_LEFT_BEHIND.get(device, 1.2) * kept) + _LIBRARIES


def check_training(
    recipe: Recipe, ports: Ports, examples: Sequence[Example], device: torch.device
) -> int:
    """Return `training_bytes`, if they are free on the device.

    Raises
    ------
    TooLargeError
        If they are not; it says what to change.
    """
    needed = training_bytes(recipe, ports, examples, device.type)
    free = free_bytes(device)
    if needed > free:
        small = "a smaller batch" if recipe.per_spectrum else "a smaller window"
        bands = f"fewer bands than {ports.bands_in} (crop the cube)"
        raise TooLargeError(needed, free, device, f"take {small}, a narrower network, or {bands}")
    return needed


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _batch(recipe: Recipe, ports: Ports, examples: Sequence[Example]) -> Tensor:
    """Return the largest batch of a training, without values."""
    bands = ports.bands_in
    if recipe.per_spectrum:
        return torch.empty(recipe.training.batch_size, bands, 1, 1, device="meta")
    stride, patch_size = geometry_of(recipe.network, ports).stride, recipe.training.patch_size
    sides = [
        max(-(-min(patch_size, max(e.input.shape[axis] for e in examples)) // stride), 2) * stride
        for axis in (-2, -1)
    ]
    return torch.empty(recipe.image_batch_size, bands, *sides, device="meta")


def _bytes_of(network: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in network.parameters())


def _kept(network: nn.Module, batch: Tensor) -> int:
    """Return the bytes that backpropagation keeps of a batch, each storage once."""
    owned = {id(tensor) for tensor in network.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in owned:
            kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.train()(batch)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
