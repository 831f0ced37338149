"""Presets: recipes of published experiments, one JSON file each in the folder `published`.

They set what the publication says; all other settings have their defaults. What differs from the
publication, and why, is in the notes of each.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from ..networks import Method, Ports
from ..settings import Settings
from .recipe import Recipe
from .training import Training


class Preset(Settings):
    """A published experiment that can be repeated."""

    name: str
    """One word to choose it by."""
    title: str
    """What is learned, by which network, from which data."""
    reference: str
    """The publication."""
    notes: str
    """What is as published, what differs, and how far its figures can be trusted."""
    ports: Ports | None = None
    """Bands of the published network, where they are known."""
    parameters: int | None = None
    """Number of its weights with these bands, where it is known."""
    recipe: Recipe
    """The settings."""

    def reduced(self) -> Recipe:
        """Return the recipe for a trial: the smallest network of its kind, one short epoch."""
        patch_size = min(self.recipe.training.patch_size, _TRIAL_PATCH)
        training = _with_values(
            self.recipe.training,
            {"epochs": 1, "patches_per_epoch": 1, "patch_size": patch_size, "patience": 0},
        )
        network: Method = self.recipe.method
        # variants and switches are the network's nature; numbers are its size
        choices = {name: value for name, value in network if isinstance(value, bool | str)}
        return self.recipe.model_copy(
            update={"training": training, "method": _with_values(network.smallest(), choices)}
        )


_TRIAL_PATCH: Final = 32
"""Side of the patches of a trial, in pixels, at most."""


def _with_values(settings: Method | Training, values: dict[str, Any]) -> Method | Training:
    """Return validated settings with some other values."""
    return type(settings).model_validate(settings.model_dump() | values)


def _read_presets() -> tuple[Preset, ...]:
    """Return all presets, sorted by the names of their files."""
    folder = files(__package__) / "published"
    recipes = [file for file in folder.iterdir() if file.name.endswith(".json")]
    recipes.sort(key=lambda file: file.name)
    return tuple(Preset.model_validate_json(file.read_bytes()) for file in recipes)


PRESETS: Final = _read_presets()
"""All presets, sorted by name."""


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
