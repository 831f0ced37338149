"""Names of version 0.1 that are called otherwise now; the only place that knows them.

Recipes, models and commands of that version still work: an old name is read as its new one, with a
deprecation warning where a person wrote it.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any, Final

SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "Training": {
        "windows": "patches_per_epoch",
        "window": "patch_size",
        "together": "image_batch_size",
        "hold_out": "validation_split",
    },
    "Restore": {"critic_width": "discriminator_width"},
    "BandwiseEDSR": {"at_once": "bands_per_step"},
}
"""Settings by the class that has them: old key to new key."""

CARD: Final[Mapping[str, str]] = {
    "takes": "input_bands",
    "gives": "output_bands",
    "validations": "validation_losses",
    "held_out": "validation",
}
"""Keys of a model's card."""

TRAINED_ON: Final[Mapping[str, str]] = {
    "taught": "training_pixels",
    "held_out": "validation_pixels",
}
"""Keys of each example on a model's card."""

METRICS: Final[Mapping[str, str]] = {"held_out": "figures"}
"""Keys of the figures of merit on a model's card."""

WEIGHTS: Final[Mapping[str, str]] = {
    "body.": "module.",  # again and again where a network is wrapped; RCAN has a body of its own
    "normalise.least": "normalise.floor",
    "normalise.given_mean": "normalise.input_mean",
    "normalise.given_spread": "normalise.input_std",
    "normalise.wanted_mean": "normalise.target_mean",
    "normalise.wanted_spread": "normalise.target_std",
}
"""Beginnings of the names of weights in a model file."""


def with_new_keys(old: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a mapping whose old keys are replaced by the new ones; a new key that is there wins."""
    replaced = {names.get(key, key): value for key, value in old.items() if key in names}
    return replaced | {key: value for key, value in old.items() if key not in names}


def settings_with_new_keys(class_name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a settings class by their new keys; warn of each old one."""
    names = SETTINGS.get(class_name, {})
    for old in names.keys() & values.keys():
        warnings.warn(
            f"the setting {old} of {class_name} is called {names[old]} now",
            DeprecationWarning,
            stacklevel=2,
        )
    return with_new_keys(values, names)


def weights_with_new_names(old: Mapping[str, Any], expected: Collection[str]) -> dict[str, Any]:
    """Return weights by the names that a network of today expects.

    Parameters
    ----------
    old : mapping of str to Tensor
        Weights of a file, whatever version wrote it.
    expected : set of str
        Names of the network's own weights and buffers.
    """
    return {_new_name(name, expected): tensor for name, tensor in old.items()}


def _new_name(name: str, expected: Collection[str]) -> str:
    """Return what a network of today calls a weight; the old name where it has none such."""
    replaced, rest = "", name
    while replaced + rest not in expected:
        old = next((beginning for beginning in WEIGHTS if rest.startswith(beginning)), None)
        if old is None:
            return name
        replaced, rest = replaced + WEIGHTS[old], rest.removeprefix(old)
    return replaced + rest
