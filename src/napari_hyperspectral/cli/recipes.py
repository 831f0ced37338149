"""The command that writes recipes, and lists tasks, methods, presets and settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..files.atomic import write_text
from .options import Force
from .targets import check_target
from .words import recipe_of

if TYPE_CHECKING:
    from ..networks import Method
    from ..recipe.recipe import Recipe
    from ..tasks import Task


def recipe(
    task: Annotated[str | None, typer.Option(help="Kind of the task, such as denoise")] = None,
    method: Annotated[
        str | None,
        typer.Option("--method", "--network", help="Kind of method, such as ridge or resunet1d"),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Name of a published experiment, such as deeper-denoise")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write")] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="List the settings with their meaning")
    ] = False,
    force: Force = False,
) -> None:
    """List tasks, methods and presets, or write a recipe.

    The recipe of a task or preset has every setting, to be changed by hand.
    """
    if not (task or method or preset or settings or out):
        _print_all_choices()
        return
    if (task is None) == (preset is None) or (method and preset):
        raise typer.BadParameter(
            "a recipe needs --task, perhaps with --method, or else --preset", param_hint="--task"
        )
    if out is not None:
        check_target(out, force)
    chosen = recipe_of(str(task), method) if preset is None else _recipe_of_preset(preset)
    if settings:
        _print_settings(chosen)
        return
    text = chosen.model_dump_json(indent=2)
    if out is None:
        print(text)
        return
    write_text(out, text + "\n")
    print(out)


def _recipe_of_preset(name: str) -> Recipe:
    """Return the recipe of a published experiment; its title, source and notes go to stderr."""
    from ..recipe.presets import preset

    known = preset(name)
    for text in (known.title, known.reference, known.notes):
        print(text, file=sys.stderr)
    return known.recipe


def _print_all_choices() -> None:
    from ..classics import CLASSICS
    from ..networks import NETWORKS
    from ..recipe.choice import Choose
    from ..recipe.presets import PRESETS
    from ..tasks import TASKS

    _print_choices("Task", TASKS)
    _print_choices("Method", [Choose, *CLASSICS])
    _print_choices("Network", NETWORKS)
    table = Table("Preset", "", box=None)
    for known in PRESETS:
        table.add_row(known.name, known.title)
    Console(markup=False, emoji=False).print(table)


def _print_choices(title: str, choices: Sequence[type[Task] | type[Method]]) -> None:
    """Print the kinds of tasks or networks, each with the first line of its documentation."""
    table = Table(title, "", box=None)
    table.add_column("Source", overflow="fold")  # an address is of use only as a whole
    for choice in choices:
        line = (choice.__doc__ or "").partition("\n")[0]
        table.add_row(choice.model_fields["kind"].default, line, choice.source)
    Console(markup=False, emoji=False).print(table)


def _print_settings(chosen: Recipe) -> None:
    """Print each setting with its value and meaning, and why it is inactive, where it is."""
    from ..recipe.inactive import inactive_settings

    reasons = inactive_settings(chosen)
    table = Table(box=None)
    for title in ("Setting", "Default", "Meaning"):
        table.add_column(title, overflow="fold")
    for part, settings in chosen:
        for name, field in type(settings).model_fields.items():
            value = settings.model_dump(mode="json")[name]
            meaning = " ".join((field.description or "").split())
            reason = reasons.get(f"{part}.{name}")
            if reason is not None:
                meaning += f" (Inactive here. {reason})"
            table.add_row(f"{part}.{name}", json.dumps(value), meaning)
    Console(markup=False, emoji=False).print(table)
