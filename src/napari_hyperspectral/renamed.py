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
    "Recipe": {"network": "method"},
    "Restore": {"critic_width": "discriminator_width"},
    "BandwiseEDSR": {"at_once": "bands_per_step"},
}
"""Settings by the class that has them: old key to new key."""

VALUES: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("RRDB", "bands"): {"together": "jointly"},
}
"""Choices by the class and the key of their setting: old choice to new choice."""

CARD: Final[Mapping[str, str]] = {
    "takes": "input_bands",
    "gives": "output_bands",
    "validations": "validation_losses",
    "held_out": "validation",
    "made": "created",
}
"""Keys of a model's card; for "stopped" see `ENDED`."""

ENDED: Final[Mapping[str, str]] = {
    "stopped by hand": "by hand",
    "no better validation loss": "patience",
    "the loss of epoch": "diverged",
}
"""Why a training ended: beginnings of what stood under "stopped" on a card, and the values of
"ended" today."""

TRAINED_ON: Final[Mapping[str, str]] = {
    "taught": "training_pixels",
    "held_out": "validation_pixels",
}
"""Keys of each example on a model's card."""

METRICS: Final[Mapping[str, str]] = {"held_out": "figures"}
"""Keys of the figures of merit on a model's card."""

EVALUATION_PAIR: Final[Mapping[str, str]] = {
    "given": "input",
    "wanted": "target",
    "taught": "train",
}
"""Fields of an evaluation pair, once called HeldOut."""

WEIGHTS: Final[Mapping[str, str]] = {
    "body.": "module.",  # again and again where a network is wrapped; RCAN has a body of its own
    "normalise.least": "normalise.floor",
    "normalise.given_mean": "normalise.input_mean",
    "normalise.given_spread": "normalise.input_std",
    "normalise.wanted_mean": "normalise.target_mean",
    "normalise.wanted_spread": "normalise.target_std",
}
"""Beginnings of the names of weights in a model file."""

CHECKPOINT_NAMES: Final[Mapping[str, str]] = {
    "done.": "checkpoint.",
    "average.": "checkpoint.average.",
    "frozen.": "checkpoint.frozen.",
    "optimiser.": "checkpoint.optimiser.",
    "critic.judge.": "checkpoint.discriminator.head.",
    "critic.": "checkpoint.discriminator.",
    "critic_optimiser.": "checkpoint.discriminator_optimiser.",
}
"""Beginnings of the names of what only a resumed training needs; the first that fits counts."""


BACKGROUNDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "minimum": ("minimum_baseline", ()),
    "polynomial": ("polynomial_baseline", ("order",)),
    "als": ("asls_baseline", ("smoothness", "asymmetry")),
}
"""Backgrounds of a preprocessing: the kind of step, and its settings."""

NORMALISATIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "maximum": ("normalise_maximum", ()),
    "area": ("normalise_area", ()),
    "vector": ("normalise_vector", ()),
    "snv": ("snv", ()),
    "percentile": ("normalise_percentile", ("percentile",)),
}
"""Normalisations of a preprocessing: the kind of step, and its settings."""

_PREPROCESSING: Final = frozenset(
    ["first", "last", "background", "order", "smoothness", "asymmetry", "normalise", "percentile"]
)
"""Settings of the preprocessing that chains of steps replaced."""

COMMAND_NAMES: Final[Mapping[str, str]] = {"adopt": "import-weights"}
"""Commands of the command line."""


def with_new_keys(old: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a mapping whose old keys are replaced by the new ones; a new key that is there wins."""
    replaced = {names[key]: value for key, value in old.items() if key in names}
    unchanged = {key: value for key, value in old.items() if key not in names}
    return replaced | unchanged


def settings_with_new_keys(class_name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a settings class by their new keys; warn of each old one."""
    names = SETTINGS.get(class_name, {})
    for old in names.keys() & values.keys():
        warnings.warn(
            f"the setting {old} of {class_name} is called {names[old]} now",
            DeprecationWarning,
            stacklevel=2,
        )
    if class_name == "Chain":
        chain = chain_of_preprocessing(values)
        if chain != dict(values) and chain["steps"]:
            warnings.warn(
                "preprocessing is a chain of steps now; `recipe` and `chain` write such chains",
                DeprecationWarning,
                stacklevel=2,
            )
        values = chain
    if class_name == "Recipe":
        values = _recipe_as_published(values)
    return _with_new_values(class_name, with_new_keys(values, names))


def chain_of_preprocessing(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preprocessing, a fixed sequence of three steps, as a chain that does the same."""
    if not _PREPROCESSING & old.keys():
        return dict(old)
    steps: list[dict[str, Any]] = []
    limits = _those_of(old, ("first", "last"))
    if any(limit is not None for limit in limits.values()):
        steps.append({"kind": "crop", **limits})
    for key, kinds in (("background", BACKGROUNDS), ("normalise", NORMALISATIONS)):
        choice = old.get(key, "none")
        if choice != "none":
            kind, names = kinds.get(choice, (f"{key} {choice}", ()))
            steps.append({"kind": kind, **_those_of(old, names)})
    # what is neither old nor new stays, to be refused
    others = {key: value for key, value in old.items() if key not in _PREPROCESSING}
    return {"steps": steps, **others}


def recipe_with_new_keys(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe from a model file, as JSON, by the keys of today; nobody is warned."""
    parts = with_new_keys(_recipe_as_published(recipe), SETTINGS["Recipe"])
    return {part: _part_with_new_keys(part, value) for part, value in parts.items()}


def card_with_new_keys(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card, as JSON of any version, by the keys of today."""
    new = with_new_keys(card, CARD)
    new["recipe"] = recipe_with_new_keys(new.get("recipe", {}))
    new["trained_on"] = [with_new_keys(one, TRAINED_ON) for one in new.get("trained_on", ())]
    new["metrics"] = with_new_keys(new.get("metrics", {}), METRICS)
    if "stopped" in new:
        new["ended"] = _ended(new.pop("stopped"), new)
    return new


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


def checkpoint_with_new_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of a model file; what a resume needs has its prefix of today."""
    return {_new_beginning(name): tensor for name, tensor in tensors.items()}


def _part_with_new_keys(part: str, value: Any) -> Any:
    """Return the settings of one part of a recipe by the keys of today."""
    if not isinstance(value, dict):
        return value
    if part == "preprocessing":
        return chain_of_preprocessing(value)
    # a task or method of the kind super_resolve is a SuperResolve, the part training a Training
    kind = str(value.get("kind", part)).replace("_", "")
    for class_name, names in SETTINGS.items():
        if class_name.lower() == kind:
            return with_new_keys(value, names)
    return value


def _recipe_as_published(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe whose network, under the old key, has no linear skip: there was none then."""
    network = recipe.get("network")
    if not isinstance(network, dict):
        return dict(recipe)
    return {**recipe, "network": {"linear_skip": False, **network}}


def _those_of(old: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in old.items() if key in names}


def _ended(stopped: str, card: Mapping[str, Any]) -> str:
    """Return why a training of version 0.1 ended, which its card said in prose or not at all."""
    for beginning, ended in ENDED.items():
        if stopped.startswith(beginning):
            return ended
    epochs = card["recipe"].get("training", {}).get("epochs")
    return "done" if len(card.get("losses", ())) == epochs else ""


def _new_beginning(name: str) -> str:
    for old, new in CHECKPOINT_NAMES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _with_new_values(class_name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a settings class, old choices replaced by what they are called now."""
    replaced = dict(values)
    for (owner, key), choices in VALUES.items():
        if owner == class_name and values.get(key) in choices:
            replaced[key] = choices[values[key]]
    return replaced


def _new_name(name: str, expected: Collection[str]) -> str:
    """Return what a network of today calls a weight; the old name where it has none such."""
    replaced, remaining = "", name
    while replaced + remaining not in expected:
        old = next((beginning for beginning in WEIGHTS if remaining.startswith(beginning)), None)
        if old is None:
            return name
        replaced += WEIGHTS[old]
        remaining = remaining.removeprefix(old)
    return replaced + remaining
