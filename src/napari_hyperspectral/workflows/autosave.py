"""Where trainings in progress are saved, so that a crash or a stop loses nothing.

All of them, of docks and command line, are in the folder ``trainings`` of the cache, of which the
latest ten stay: those that have ended as well, for more epochs may be asked of them. A file is named
by when its training began, and its task, for people; ``--resume`` finds it by what it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from ..errors import FileFormatError
from ..machine import Machine
from ..models.card import Card, read_card
from ..recipe.recipe import Recipe
from .targets import MODEL_SUFFIX

KEPT: Final = 10
"""Trainings whose files stay in the folder."""


def autosave_folder(machine: Machine) -> Path:
    """Return the folder of all trainings in progress."""
    return machine.cache / "trainings"


def autosave_path(machine: Machine, recipe: Recipe) -> Path:
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
    return folder / f"{now} {recipe.task.kind} {uuid4().hex[:6]}{MODEL_SUFFIX}"


def saved_trainings(machine: Machine) -> Iterator[tuple[Path, Card]]:
    """Yield the files of trainings with their cards, those that began last first."""
    # the time comes first in the names: the last of them in the alphabet is the latest
    for file in sorted(autosave_folder(machine).glob(f"*{MODEL_SUFFIX}"), reverse=True):
        card = card_if_any(file)
        if card is not None:
            yield file, card


def card_if_any(path: Path) -> Card | None:
    """Return the card of a model file; None where there is none, or it cannot be read."""
    try:
        return read_card(path)
    except (FileFormatError, OSError):
        return None


def _remove_oldest(folder: Path) -> None:
    """Remove files until one more fits, those of trainings that have ended first.

    A training that is running was saved lately, and stays.
    """
    files = sorted(folder.glob(f"*{MODEL_SUFFIX}"), key=_worth)
    for file in files[: -KEPT + 1]:
        file.unlink(missing_ok=True)


def _worth(file: Path) -> tuple[bool, float, str]:
    """Return by what files are kept: whether they go on, when they were written, their names."""
    card = card_if_any(file)
    goes_on = card is None or card.ended in ("", "by hand")
    try:
        saved = file.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        saved = 0.0
    return goes_on, saved, file.name
