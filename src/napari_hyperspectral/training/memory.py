"""How much memory a training takes, estimated before it begins.

The network is built and run on torch's meta device, which counts and computes nothing: what
backpropagation would keep of a batch is added to weights, gradients, moments and data.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from ..devices import free_bytes
from ..networks.blocks.discriminator import shown_bands
from ..networks.blocks.padding import padded_size
from ..recipe.building import geometry_of, module_of
from ..tasks import Task
from .batches import LEAST_STRIDES
from .plan import TrainingPlan

_MOMENTS: Final = {
    "adamw": 2,
    "adam": 2,
    "rmsprop": 1,
    "adagrad": 1,
    "sgd": 1,
}
"""Numbers that an optimiser keeps for each weight."""
_COPIES: Final = 2
"""Copies of all weights besides: the best so far, and that of the last epoch or of a save."""
_DATA_COPIES: Final = 3
"""Copies of the data: the examples, training targets and validation targets apart."""
_FRAGMENTATION: Final = {"cpu": 2.0}
"""How much more of a batch a device takes than backpropagation keeps: measured; freed pieces of
the last batch are not where the next one fits."""
_FRAGMENTATION_ELSEWHERE: Final = 1.2
_LIBRARIES: Final = 64 * 2**20
"""Bytes that torch and the libraries below it take for themselves once they compute: measured."""
_DISCRIMINATOR_PASSES: Final = 2
"""Passes through a discriminator that are in memory at once, of three (of predictions, for the
network and for itself, and of targets): measured."""


class TooLargeError(MemoryError):
    """A training needs more memory than there is."""

    def __init__(
        self,
        needed: int,
        free: int,
        device: torch.device,
        remedy: str,
    ) -> None:
        super().__init__(
            f"this training needs about {_gigabytes(needed)}, {_gigabytes(free)} are free on "
            f"{device}; {remedy}"
        )


def training_bytes(plan: TrainingPlan, device: str = "cpu") -> int:
    """Return about how many bytes a training takes at its peak, right within a factor of 1.5.

    Parameters
    ----------
    plan : TrainingPlan
        The training.
    device : str
        Kind of device, as torch names it.
    """
    training = plan.recipe.training
    task: Task = plan.recipe.task
    with torch.device("meta"):
        network = module_of(plan.recipe, plan.ports)
        discriminator = task.discriminator(plan.ports)
    batch = _largest_batch(plan)
    weights = _weight_bytes(network)
    kept = _kept_bytes(network, batch)
    if discriminator is not None:
        weights += _weight_bytes(discriminator)
        prediction = _prediction(plan, batch)
        kept += _DISCRIMINATOR_PASSES * _kept_bytes(discriminator, prediction)
    copies = 2  # weights and gradients
    copies += _MOMENTS[training.optimiser]
    copies += _COPIES
    if training.average:
        copies += 1
    data = 0
    for example in plan.examples:
        data += example.input.nbytes
        data += example.target.nbytes
    overhead = _FRAGMENTATION.get(device, _FRAGMENTATION_ELSEWHERE)
    total = copies * weights
    total += _DATA_COPIES * data
    total += int(overhead * kept)
    return total + _LIBRARIES


def check_memory(plan: TrainingPlan, device: torch.device) -> int:
    """Return `training_bytes`, if they are free on the device.

    Raises
    ------
    TooLargeError
        If they are not; the message says what to change.
    """
    needed = training_bytes(plan, device.type)
    free = free_bytes(device)
    if needed > free:
        smaller = "a smaller patch size"
        if plan.recipe.per_spectrum:
            smaller = "a smaller batch"
        remedy = (
            f"take {smaller}, a narrower network, or fewer bands than {plan.ports.bands_in} "
            "(crop the cube)"
        )
        raise TooLargeError(needed, free, device, remedy)
    return needed


def _largest_batch(plan: TrainingPlan) -> Tensor:
    """Return the largest input of a training step, (batch, band, y, x), without values."""
    recipe = plan.recipe
    bands = plan.ports.bands_in
    if recipe.per_spectrum:
        spectra = recipe.training.batch_size
        return torch.empty(spectra, bands, 1, 1, device="meta")
    geometry = geometry_of(recipe, plan.ports)
    sides = []
    for axis in (-2, -1):
        largest = max(example.input.shape[axis] for example in plan.examples)
        patch = min(recipe.training.patch_size, largest)
        side = padded_size(patch, geometry.stride, LEAST_STRIDES)
        sides.append(side)
    images = recipe.image_batch_size
    return torch.empty(images, bands, *sides, device="meta")


def _prediction(plan: TrainingPlan, batch: Tensor) -> Tensor:
    """Return what the discriminator sees of a batch, (batch, band, y, x), without values."""
    count, _, height, width = batch.shape
    scale = plan.ports.scale
    # it is shown some of the bands only
    bands = shown_bands(plan.ports.bands_out)
    return batch.new_empty(
        count,
        bands,
        scale * height,
        scale * width,
    )


def _weight_bytes(network: nn.Module) -> int:
    return sum(weight.nbytes for weight in network.parameters())


def _kept_bytes(network: nn.Module, batch: Tensor) -> int:
    """Return the bytes that backpropagation keeps of a batch, each storage once."""
    weights = {id(weight) for weight in network.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in weights:
            # several views share a storage: by its address, it counts once
            storage = tensor.untyped_storage()
            kept[storage._cdata] = tensor
        return tensor

    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(batch)
    total = 0
    for tensor in kept.values():
        storage = tensor.untyped_storage()
        total += storage.nbytes()
    return total


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
