"""Weights that others released, made models of ours."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ..axis import SpectralAxis, axis_to_json
from ..errors import FileFormatError
from ..networks import HyRISR, NetworkModule, Normalise, Normalised, ResUNet1D, build_module
from ..recipe.recipe import Recipe
from ..tasks import Denoise, SuperResolve, Task
from .card import Card
from .model import Model, State

_GIVE: Final = "give a state dict of DeepeR, such as ResUNet.pt or RCAN_4x.pt"
_DENSE: Final = "linear7.body.0.weight"
"""Of the denoiser: (bands, bands)."""
_NORMALISED: Final = "conv1.0.body.2.running_mean"
"""Of the denoiser as their instructions train it, with batch normalisation after activations."""
_ENLARGING: Final = tuple(f"head1.0.{place}.weight" for place in (0, 2, 4))
"""Of super-resolution: (bands · step², bands, 3, 3) for each step of the enlargement."""


def model_from_deeper(path: str | Path, axis: SpectralAxis) -> Model:
    """Return a model that the authors of DeepeR released, ready to predict.

    Intensities are divided as theirs were, by the maximum of each spectrum (denoising) or of the
    whole image (super-resolution), and results multiplied by it: they are those of the original.

    Super-resolution lies where it was trained to lie. Of each block of pixels, ×2 and ×3 were given
    number 1, counted from 0, in rows and columns: `decimate`, and that pixel lies on the coarse one.
    ×4 was given number 1 or 2 by chance, and does not know which: on average the coarse pixel lies
    in the middle of its block, where `area` has it, which the recipe therefore names. What the
    preset trains is always given number 1, and its results are laid accordingly.

    Parameters
    ----------
    path : path
        A state dict of theirs (MIT licence), or of a network that their code trained:
        ``ResUNet.pt`` denoises, with or without batch normalisation, ``RCAN_2x.pt``,
        ``RCAN_3x.pt`` and ``RCAN_4x.pt`` make pixels smaller. Which it is, and for how many bands,
        follows from the shapes in it. Read without running code from it.
    axis : SpectralAxis
        What its bands stand for, 500 in what was released; the file does not say.

    Raises
    ------
    FileFormatError
        If the file holds no state dict of those networks; the message says what differs.
    ValueError
        If the axis has another number of bands than the weights are for.
    """
    path = Path(path)
    state = _read_state(path)
    recipe, bands = _recognised(state, path)
    if len(axis) != bands:
        raise ValueError(
            f"{path.name} is for {bands} bands, the axis has {len(axis)}: {axis}; give the axis of "
            "what it was trained on"
        )
    task: Task = recipe.task
    with torch.device("meta"):  # the weights of the file take the place of these
        module = build_module(recipe.network, task.ports(axis, axis))
    _fill(module, state, path)
    normalise = Normalise(task.normalise, bands, bands)
    card = Card(
        recipe=json.loads(recipe.model_dump_json()),
        input_bands=axis_to_json(axis),
        output_bands=axis_to_json(axis),
        parameters=sum(p.numel() for p in module.parameters()),
    )
    return Model(card, Normalised(normalise, module, task.predicts_intensities).eval())


def _read_state(path: Path) -> State:
    """Read a state dict; no code from the file is run."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds: pickle's, zipfile's, torch's
        raise FileFormatError(
            path, f"not a PyTorch state dict ({type(error).__name__})", _GIVE
        ) from error
    if not _is_state(state):
        raise FileFormatError(path, "no state dict: not all in it are named tensors", _GIVE)
    # one that was saved from several GPUs has a name before each name
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _is_state(found: object) -> bool:
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in found.items()
    )


def _recognised(state: State, path: Path) -> tuple[Recipe, int]:
    """Return what a state dict is for, and its number of bands."""
    if _DENSE in state:
        network = ResUNet1D(norm="batch" if _NORMALISED in state else "none")
        return Recipe(task=Denoise(normalise="maximum"), network=network), len(state[_DENSE])
    steps = [state[name] for name in _ENLARGING if name in state]
    if not steps or any(step.ndim != 4 for step in steps):
        few = ", ".join(list(state)[:3]) or "nothing"
        raise FileFormatError(path, f"no network of DeepeR: it begins with {few}", _GIVE)
    scale = math.prod(math.isqrt(step.shape[0] // step.shape[1]) for step in steps)
    if scale not in HyRISR.scales:
        raise FileFormatError(path, f"weights for a scale of {scale}, of all things", _GIVE)
    where = "area" if scale == 4 else "decimate"  # see `model_from_deeper`
    task = SuperResolve(scale=scale, degradation=where, normalise="image")  # type: ignore[arg-type]  # one of HyRISR.scales
    return Recipe(task=task, network=HyRISR()), steps[0].shape[1]


def _fill(module: NetworkModule, state: State, path: Path) -> None:
    """Give a network the weights of a state dict, without a copy of them."""
    target = module.state_dict()
    differences = [
        _listed("missing", (name for name in target if name not in state)),
        _listed("not of this network", (name for name in state if name not in target)),
        _listed(
            "of another shape",
            (
                f"{name} {tuple(state[name].shape)} for {tuple(tensor.shape)}"
                for name, tensor in target.items()
                if name in state and state[name].shape != tensor.shape
            ),
        ),
    ]
    if any(differences):
        raise FileFormatError(path, f"other weights: {'; '.join(filter(None, differences))}", _GIVE)
    # in the type of ours: weights may be in half precision, and counts of batches are whole
    typed = {name: tensor.to(target[name].dtype) for name, tensor in state.items()}
    module.load_state_dict(typed, assign=True)


def _listed(what: str, names: Iterable[str]) -> str:
    """Return how many there are, with the first of them."""
    found = list(names)
    more = ", …" if len(found) > 2 else ""
    return f"{len(found)} {what} ({', '.join(found[:2])}{more})" if found else ""
