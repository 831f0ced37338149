"""Models from the weights that the authors of DeepeR released."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from ..axis import SpectralAxis, axis_to_json
from ..errors import FileFormatError
from ..networks import HyRISR, NetworkModule, Normalise, Normalised, ResUNet1D, build_module
from ..recipe.recipe import Recipe
from ..tasks import Denoise, SuperResolve, Task
from ..tasks.degradation import DegradationKind
from .card import Card
from .model import Model, State

_REMEDY: Final = "give a state dict of DeepeR, such as ResUNet.pt or RCAN_4x.pt"
_DENOISER: Final = "linear7.body.0.weight"
"""A weight that only the denoiser has, (bands, bands)."""
_BATCH_NORM: Final = "conv1.0.body.2.running_mean"
"""Of the denoiser as their instructions train it, with batch normalisation after activations."""
_UPSAMPLING: Final = tuple(f"head1.0.{layer}.weight" for layer in (0, 2, 4))
"""Weights of super-resolution: (bands · step², bands, 3, 3) for each upsampling step."""


def model_from_deeper(path: str | Path, axis: SpectralAxis) -> Model:
    """Return a model that the authors of DeepeR released, ready to predict.

    Intensities are divided as theirs were, by the maximum of each spectrum (denoising) or of the
    whole image (super-resolution), and results multiplied by it: they are those of the original.

    The result of super-resolution is placed on the input as it was in their training. Of each block
    of pixels, ×2 and ×3 were trained on number 1, counted from 0, in rows and columns: `decimate`,
    whose coarse pixel lies on that one. ×4 was trained on number 1 or 2 at random: on average the
    coarse pixel lies in the middle of its block, as with `area`, which the recipe therefore names.
    The preset always trains on number 1, and places its results accordingly.

    Parameters
    ----------
    path : path
        A state dict of theirs (MIT licence), or of a network that their code trained:
        ``ResUNet.pt`` denoises, with or without batch normalisation, ``RCAN_2x.pt``,
        ``RCAN_3x.pt`` and ``RCAN_4x.pt`` make pixels smaller. Which it is, and for how many bands,
        follows from the shapes in it. Read without running code from it.
    axis : SpectralAxis
        Centres of its bands, 500 in the released files, which do not contain them.

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
            "its training data"
        )
    task: Task = recipe.task
    with torch.device("meta"):  # no memory for weights that the file replaces
        module = build_module(recipe.method, task.ports(axis, axis))
    _load(module, state, path)
    normalise = Normalise(task.normalise, bands, bands)
    card = Card(
        recipe=json.loads(recipe.model_dump_json()),
        input_bands=axis_to_json(axis),
        output_bands=axis_to_json(axis),
        parameters=sum(weight.numel() for weight in module.parameters()),
    )
    return Model(card, Normalised(normalise, module, task.predicts_intensities).eval())


def _read_state(path: Path) -> State:
    """Return a state dict read from a file; no code from the file is run."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds: pickle's, zipfile's, torch's
        raise FileFormatError(
            path, f"not a PyTorch state dict ({type(error).__name__})", _REMEDY
        ) from error
    if not _is_state(state):
        raise FileFormatError(path, "no state dict: not all in it are named tensors", _REMEDY)
    # a network that was trained on several GPUs is wrapped in another module
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _is_state(content: object) -> bool:
    if not isinstance(content, Mapping):
        return False
    names_are_text = all(isinstance(name, str) for name in content)
    return names_are_text and all(isinstance(value, Tensor) for value in content.values())


def _recognised(state: State, path: Path) -> tuple[Recipe, int]:
    """Return the recipe that a state dict is for, and its number of bands."""
    if _DENOISER in state:
        norm: Literal["none", "batch"] = "batch" if _BATCH_NORM in state else "none"
        network = ResUNet1D(norm=norm, linear_skip=False)
        bands = len(state[_DENOISER])
        return Recipe(task=Denoise(normalise="maximum", penalty="l1"), method=network), bands
    steps = [state[name] for name in _UPSAMPLING if name in state]
    if not steps or any(step.ndim != 4 for step in steps):
        first = ", ".join(list(state)[:3]) or "nothing"
        raise FileFormatError(path, f"no network of DeepeR: it begins with {first}", _REMEDY)
    scale = 1
    for step in steps:  # (bands · step², bands, 3, 3)
        scale *= math.isqrt(step.shape[0] // step.shape[1])
    if scale not in HyRISR.scales:
        known = ", ".join(map(str, HyRISR.scales))
        raise FileFormatError(path, f"weights for a scale of {scale}, not of {known}", _REMEDY)
    # see `model_from_deeper`
    degradation: DegradationKind = "area" if scale == 4 else "decimate"
    task = SuperResolve(
        scale=scale,  # type: ignore[arg-type]  # one of HyRISR.scales
        degradation=degradation,
        project=False,
        input_noise="none",
        normalise="image",
    )
    return Recipe(task=task, method=HyRISR(linear_skip=False)), steps[0].shape[1]


def _load(module: NetworkModule, state: State, path: Path) -> None:
    """Give a network the weights of a state dict, without a copy of them."""
    expected = module.state_dict()
    missing = [name for name in expected if name not in state]
    unknown = [name for name in state if name not in expected]
    reshaped = []
    for name, tensor in expected.items():
        if name in state and state[name].shape != tensor.shape:
            reshaped.append(f"{name} {tuple(state[name].shape)} for {tuple(tensor.shape)}")
    differences = [
        _listed("missing", missing),
        _listed("not of this network", unknown),
        _listed("of another shape", reshaped),
    ]
    if any(differences):
        reasons = "; ".join(filter(None, differences))
        raise FileFormatError(path, f"other weights: {reasons}", _REMEDY)
    # in our types: weights may be stored in half precision, and counts of batches are integers
    typed = {name: tensor.to(expected[name].dtype) for name, tensor in state.items()}
    module.load_state_dict(typed, assign=True)


def _listed(difference: str, names: Sequence[str]) -> str:
    """Return how many weights differ in this way, with the first of them; nothing if none do."""
    if not names:
        return ""
    more = ", …" if len(names) > 2 else ""
    return f"{len(names)} {difference} ({', '.join(names[:2])}{more})"
