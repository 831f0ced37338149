"""Random numbers of a job's own: whatever else draws in the process, its own stay the same.

PyTorch has one series of random numbers for all threads. What draws from it in between, another
thread or a second training, changes the numbers that come next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import torch
from torch import Generator, Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

_WITH_GENERATOR: Final = {"default": "generator", "low": "low_generator"}
"""Forms of `rand`, `randperm` and others without a generator, and with one."""


class Generators:
    """Generators of one seed, a device each.

    Parameters
    ----------
    seed : int
        Of all of them.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._by_device: dict[torch.device, Generator] = {}

    def restart(self, seed: int) -> None:
        """Begin the series of another seed, on all devices."""
        self._seed = seed
        for generator in self._by_device.values():
            generator.manual_seed(seed)

    def on(self, device: torch.device) -> Generator:
        """Return the generator of a device."""
        if device not in self._by_device:
            self._by_device[device] = Generator(device).manual_seed(self._seed)
        return self._by_device[device]


class Randomised(nn.Module):
    """A module that draws random numbers in training: those of its own generators, if it has any."""

    generators: Generators | None = None

    def generator_on(self, device: torch.device) -> Generator | None:
        """Return what draws on a device; None is PyTorch's own, which all threads share."""
        if self.generators is None or device.type == "meta":
            return None
        return self.generators.on(device)

    def draw_from(self, generators: Generators) -> None:
        """Let this module, and all within it, draw from these generators."""
        for module in self.modules():
            if isinstance(module, Randomised):
                module.generators = generators


class Dropout(Randomised):
    """Dropout, as `torch.nn.Dropout`, or of whole channels, as `torch.nn.Dropout2d` and so on.

    Equal seeds give the numbers that PyTorch's layers would give.

    Parameters
    ----------
    share : float
        Of what is set to 0.
    of_channels : bool
        Whether it sets whole channels to 0.
    """

    def __init__(self, share: float, *, of_channels: bool = False) -> None:
        super().__init__()
        self.share = share
        self.of_channels = of_channels

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        if self.of_channels:
            noise = x.new_empty(*x.shape[:2], *[1] * (x.ndim - 2))
        else:
            noise = torch.empty_like(x)
        kept = 1 - self.share
        noise.bernoulli_(kept, generator=self.generator_on(x.device))
        return x * noise.div_(kept)


@contextmanager
def drawing_from(generator: Generator | None) -> Iterator[None]:
    """Let everything that this thread draws on the generator's device come from it.

    For code of others that takes no generator: each operation costs some microseconds more. None
    changes nothing.
    """
    if generator is None:
        yield
        return
    with _Drawing(generator):
        yield


class _Drawing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives a generator to operations that would take PyTorch's own; belongs to one thread."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generator = generator

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        options = dict(kwargs or {})
        draws = torch.Tag.nondeterministic_seeded in func.tags
        if draws and _device_of(args, options) == self._generator.device.type:
            func = _taking_generator(func)
            if _takes_generator(func):
                options["generator"] = self._generator
        return func(*args, **options)


def _device_of(args: Sequence[object], options: Mapping[str, object]) -> str:
    """Return the kind of device that an operation runs on."""
    for argument in args:
        if isinstance(argument, Tensor):
            return argument.device.type
    return torch.device(str(options.get("device") or "cpu")).type


def _taking_generator(func: OpOverload) -> OpOverload:
    """Return an operation that makes tensors in the form that takes a generator, if there is one."""
    if _takes_generator(func):
        return func
    name = _WITH_GENERATOR.get(func._overloadname, "")
    packet = func.overloadpacket
    if name not in packet.overloads():
        return func
    taking: OpOverload = getattr(packet, name)
    return taking


def _takes_generator(func: OpOverload) -> bool:
    return any(argument.name == "generator" for argument in func._schema.arguments)
