"""Which saved training can go on as what is asked for: the same but for its length."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...errors import FileFormatError
from ...models.card import Card
from ...recipe.recipe import Recipe
from ..record import data_of

_LENGTH: Final = ("epochs", "patience")
"""Settings of a training that only say how long it goes on."""


def same_but_for_length(saved: Recipe, asked: Recipe) -> bool:
    """Return whether two recipes are one training, which one of them lets go on for longer."""
    length = {name: getattr(asked.training, name) for name in _LENGTH}
    training = saved.training.model_copy(update=length)
    return saved.model_copy(update={"training": training}) == asked


def check_resumable(path: Path, saved: Card, asked: Card) -> None:
    """Check that the training saved at `path` is the one that is asked for.

    Parameters
    ----------
    path : path
        What was saved.
    saved, asked : Card
        Of the saved training, and of the one that is to go on from it.

    Raises
    ------
    FileFormatError
        If it is of another recipe, or of other data, or has more epochs behind it than the recipe
        asks for.
    """
    recipe = Recipe.model_validate(asked.recipe)
    same_recipe = same_but_for_length(Recipe.model_validate(saved.recipe), recipe)
    if not same_recipe or data_of(saved) != data_of(asked):
        raise FileFormatError(
            path,
            "it holds the training of another recipe, of other data, or with another validation "
            "split",
            "train without resuming, or resume with the recipe and data of that file",
        )
    epochs = len(saved.losses)
    if epochs > recipe.training.epochs:
        raise FileFormatError(
            path,
            f"it has {epochs} epochs behind it, the recipe asks for {recipe.training.epochs}",
            "ask for more, or train without resuming",
        )
