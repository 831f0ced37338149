"""Recipes of published experiments, one JSON file each in the folder beside this file.

They say what the publication says, and no more: all else is as it always is. What we do otherwise,
and why, is in the notes of each.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from ..networks import Network, Ports
from ..settings import Settings
from .recipe import Recipe
from .training import Training


class Preset(Settings):
    """A published experiment that can be repeated."""

    name: str
    """One word, to choose it by."""
    title: str
    """What is learned, with which network, on what."""
    reference: str
    """Where it was published."""
    notes: str
    """What is as published, what we do otherwise, and what its figures are worth."""
    ports: Ports | None = None
    """Bands that the published network took and gave, where they are known."""
    parameters: int | None = None
    """Weights that the published network had with these bands, where they are known."""
    recipe: Recipe
    """The settings."""

    def reduced(self) -> Recipe:
        """Return the recipe for a trial: the smallest network of its kind, one short epoch."""
        once = {
            "epochs": 1,
            "patches_per_epoch": 1,
            "patch_size": min(self.recipe.training.patch_size, _WINDOW),
        }
        training = _changed(self.recipe.training, once | {"patience": 0})
        network: Network = self.recipe.network
        choices = {name: value for name, value in network if isinstance(value, bool | str)}
        return self.recipe.model_copy(
            update={"training": training, "network": _changed(network.smallest(), choices)}
        )


_WINDOW: Final = 32


def _changed(settings: Network | Training, update: dict[str, Any]) -> Network | Training:
    return type(settings).model_validate(settings.model_dump() | update)


def _all() -> tuple[Preset, ...]:
    folder = files(__package__) / "published"
    texts = sorted((f.name, f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".json"))
    return tuple(Preset.model_validate_json(text) for _, text in texts)


PRESETS: Final = _all()
"""All of them, by name."""


def preset(name: str) -> Preset:
    """Return the preset of this name.

    Raises
    ------
    ValueError
        If there is none; the message names those there are.
    """
    for known in PRESETS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in PRESETS)
    raise ValueError(f"there is no preset {name!r}; there are {names}")
