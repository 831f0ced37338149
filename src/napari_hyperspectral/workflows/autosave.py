"""Where trainings in progress are saved, so that a crash or a stop loses nothing.

All of them, of docks and command line, are in the folder ``trainings`` of the cache, of which the
latest ten stay. A file is named by when its training began, its task, and a fingerprint of its
recipe and examples: by that, ``--resume`` finds the training again; people see the time and task.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..examples.source import ExampleSource
from ..machine import Machine
from ..models.card import Card
from ..recipe.recipe import Recipe
from .targets import MODEL_SUFFIX

KEPT: Final = 10
"""Trainings whose files stay in the folder."""


def autosave_folder(machine: Machine) -> Path:
    """Return the folder of all trainings in progress."""
    return machine.cache / "trainings"


def autosave_path(machine: Machine, recipe: Recipe, source: ExampleSource) -> Path:
    """Return the file for a training that begins now, and make room for it.

    Raises
    ------
    OSError
        If the folder cannot be made, or nothing can be removed from it.
    """
    folder = autosave_folder(machine)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_oldest(folder)
    now = datetime.now().strftime("%Y-%m-%d %H-%M-%S-%f")
    return folder / f"{now} {_name(recipe, source)}"


def interrupted_training(machine: Machine, recipe: Recipe, source: ExampleSource) -> Path | None:
    """Return the file of the latest training with this recipe and these examples, if any."""
    name = _name(recipe, source)
    # the time comes first in the names: the last of them in the alphabet is the latest
    files = sorted(autosave_folder(machine).glob(f"* {name}"))
    return files[-1] if files else None


def discard_autosave(path: Path, card: Card) -> None:
    """Remove the file of a training whose model is saved, unless it may still be resumed.

    Parameters
    ----------
    path : path
        What the training had saved.
    card : Card
        Of the model that came of it.
    """
    if card.ended != "by hand":  # what a person stopped, they may go on with
        path.unlink(missing_ok=True)


def _name(recipe: Recipe, source: ExampleSource) -> str:
    """Return the part of a file's name that all trainings of a recipe on these examples share."""
    text = recipe.model_dump_json() + repr(source.identity)
    fingerprint = sha256(text.encode()).hexdigest()[:12]
    return f"{recipe.task.kind} {fingerprint}{MODEL_SUFFIX}"


def _remove_oldest(folder: Path) -> None:
    """Remove files until one more fits; a training that is running was saved lately, and stays."""
    files = sorted(folder.glob(f"*{MODEL_SUFFIX}"), key=_saved_at)
    for file in files[: -KEPT + 1]:
        file.unlink(missing_ok=True)


def _saved_at(file: Path) -> tuple[float, str]:
    """Return when a file was last written; names decide where the disk's clock is too coarse."""
    try:
        return file.stat().st_mtime, file.name
    except FileNotFoundError:  # another process has just removed it
        return 0.0, file.name
