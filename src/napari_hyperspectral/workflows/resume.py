"""Resuming a training on the command line: what goes on, what is done already, what cannot go on.

A model that is there is never begun anew over: where nothing can go on, it stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..machine import Machine
from ..models.card import Card
from ..recipe.candidates import candidates_for
from ..recipe.choice import Choose
from ..recipe.recipe import Recipe
from ..tasks import Example
from ..training.record import fingerprint
from ..training.saving.resuming import same_but_for_length
from .autosave import autosave_folder, card_if_any, saved_trainings


class CannotResumeError(ValueError):
    """A training cannot go on; the model that is there is left as it is."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path.name}: {problem}; it is left as it is: {remedy}")


@dataclass(frozen=True)
class Resumption:
    """What there is to do to resume a training: with neither, it begins."""

    autosave: Path | None = None
    """What goes on from here."""
    complete: Path | None = None
    """The model that is what would come of it."""


def resumption(
    machine: Machine, recipe: Recipe, examples: Sequence[Example], out: Path, *, overwrite: bool
) -> Resumption:
    """Return what there is to do to resume a training whose model is to be at `out`.

    Parameters
    ----------
    machine : Machine
        Where trainings in progress are saved.
    recipe : Recipe
        What is asked for.
    examples : sequence of Example
        Its training data: by their values a training is found again, wherever their files are.
    out : path
        The model.
    overwrite : bool
        Whether a model of another training may be replaced.

    Raises
    ------
    CannotResumeError
        If there is a model, and nothing from which its training could go on.
    FileExistsError
        If there is a model of another training.
    """
    hashes = [fingerprint(example) for example in examples]
    present = card_if_any(out) if out.exists() else None
    is_ours = present is not None and _is_of(present, recipe, hashes)
    if out.exists() and not is_ours and not overwrite:
        raise FileExistsError(
            f"{out.name} exists already, and is of another training; --force overwrites it"
        )
    if present is not None and is_ours and _is_complete(present, recipe):
        return Resumption(complete=out)
    for file, card in saved_trainings(machine):
        if _is_of(card, recipe, hashes) and len(card.losses) <= _epochs(recipe, card):
            return Resumption(autosave=file)
    if out.exists():
        raise CannotResumeError(out, *_why_not(machine, recipe, present if is_ours else None))
    return Resumption()


def _is_of(card: Card, recipe: Recipe, hashes: Sequence[str]) -> bool:
    """Return whether a card is of the training that a recipe asks for, but for its length."""
    if [example.sha256 for example in card.trained_on] != list(hashes):
        return False
    saved = Recipe.model_validate(card.recipe)
    if not isinstance(recipe.method, Choose):
        return same_but_for_length(saved, recipe)
    for candidate in candidates_for(recipe):
        asked = candidate.recipe(recipe)
        if card.compared:  # the final training has no validation: the folds were it
            training = asked.training.model_copy(update={"validation": 0.0})
            asked = asked.model_copy(update={"training": training})
        if same_but_for_length(saved, asked):
            return True
    return False


def _epochs(recipe: Recipe, card: Card) -> int:
    """Return how many epochs are asked for; of a method that was chosen, as many as it was given."""
    if isinstance(recipe.method, Choose):
        return Recipe.model_validate(card.recipe).training.epochs
    return recipe.training.epochs


def _is_complete(card: Card, recipe: Recipe) -> bool:
    """Return whether a training has come to its end, and no more is asked of it."""
    if card.ended in ("", "by hand"):
        return False
    if isinstance(recipe.method, Choose) or not card.losses:
        return True
    saved = Recipe.model_validate(card.recipe).training
    if card.ended == "patience":
        return saved.patience >= recipe.training.patience > 0
    if card.ended == "diverged":
        return True
    return len(card.losses) == recipe.training.epochs


def _why_not(machine: Machine, recipe: Recipe, card: Card | None) -> tuple[str, str]:
    """Return why nothing goes on to the model that is there, and what to do."""
    anew = "to begin anew, train without --resume into another file, or with --force into this one"
    if card is None:
        return "it is of another recipe, or of other data", f"resume with those, or {anew}"
    epochs = len(card.losses)
    if epochs > _epochs(recipe, card):
        return (
            f"it has {epochs} epochs behind it, the recipe asks for {recipe.training.epochs}",
            f"ask for more, or {anew}",
        )
    return (
        f"what its training was going on from is not in {autosave_folder(machine)} (it was trained "
        "on another computer, or with another --cache, or its file was removed)",
        f"copy it there; to start from its weights, give --from; {anew}",
    )
