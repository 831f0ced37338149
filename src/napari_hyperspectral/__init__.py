"""Hyperspectral images in napari: read them, look at spectra, train networks, predict, save.

Everything here is imported when it is first used, so that importing the package loads
neither torch nor Qt nor napari.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

# Threads of OpenMP spin while they wait. Where a viewer or another program shares the cores that
# makes training on a CPU many times slower (two cores, two busy neighbours: 51 s against 2.6 s);
# the variable is read when torch is loaded, so it must stand here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from .axis import ChannelAxis, SpectralAxis
    from .card import Card, read_card
    from .chain import predict_all
    from .cube import Cube, Labels
    from .evaluation import HeldOut, evaluate
    from .io import read, read_all, read_labels, write
    from .layers import from_layer, to_layer
    from .machine import Machine
    from .model import Model
    from .pairing import pairing_of, read_examples
    from .prediction import predict, predict_classes
    from .presets import preset
    from .progress import Progress, Stop, finish
    from .recipe import Recipe, Training
    from .training import fit

_HOMES: Final = {
    "axis": ("ChannelAxis", "SpectralAxis"),
    "card": ("Card", "read_card"),
    "chain": ("predict_all",),
    "cube": ("Cube", "Labels"),
    "evaluation": ("HeldOut", "evaluate"),
    "io": ("read", "read_all", "read_labels", "write"),
    "layers": ("from_layer", "to_layer"),
    "machine": ("Machine",),
    "model": ("Model",),
    "pairing": ("pairing_of", "read_examples"),
    "prediction": ("predict", "predict_classes"),
    "presets": ("preset",),
    "progress": ("Progress", "Stop", "finish"),
    "recipe": ("Recipe", "Training"),
    "training": ("fit",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Card",
    "ChannelAxis",
    "Cube",
    "HeldOut",
    "Labels",
    "Machine",
    "Model",
    "Progress",
    "Recipe",
    "SpectralAxis",
    "Stop",
    "Training",
    "evaluate",
    "finish",
    "fit",
    "from_layer",
    "pairing_of",
    "predict",
    "predict_all",
    "predict_classes",
    "preset",
    "read",
    "read_all",
    "read_card",
    "read_examples",
    "read_labels",
    "to_layer",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
