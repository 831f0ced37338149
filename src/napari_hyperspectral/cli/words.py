"""Parsing the words of a command line: images, axes, steps, machines, recipes, examples."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..axis import SpectralAxis
    from ..cube import Image
    from ..examples.table import Pairing
    from ..machine import Machine
    from ..progress import Watch
    from ..recipe.recipe import Recipe
    from ..spectra.axes import AxisStep
    from ..tasks import Task


def read_image(path: str, axes: str | None, image: str | None, watch: Watch) -> Image:
    """Read a cube or labels, whichever the file says it holds."""
    from ..io import chosen, read_all

    return chosen(read_all(path, axes=axes, watch=watch), path, image)


def axis_of(text: str, unit: str, quantity: str) -> SpectralAxis:
    """Return the axis that "FIRST:LAST:BANDS" spells, or that a file of this name holds."""
    from typing import cast

    import numpy as np

    from ..axis import Kind, SpectralAxis, Unit
    from ..io.metadata.axis_file import read_axis

    try:
        first_text, last_text, bands_text = text.split(":")
        first = float(first_text)
        last = float(last_text)
        bands = int(bands_text)
    except ValueError:  # other than three parts, or one that is no number: C:\axis.csv has two
        if Path(text).is_file():
            return read_axis(text)
        raise typer.BadParameter(
            f"got {text!r}; wanted FIRST:LAST:BANDS, such as 500:1800:500, or a file"
        ) from None
    centres = np.linspace(first, last, bands)
    return SpectralAxis(centres, cast(Unit, unit), cast(Kind, quantity))


def step_of(text: str) -> AxisStep:
    """Return the step that "KIND key=value …" spells; values are JSON, or plain words."""
    from pydantic import TypeAdapter

    from ..spectra.axes import AXIS_STEPS, AnyAxisStep

    kinds = [step.model_fields["kind"].default for step in AXIS_STEPS]
    kind, *pairs = shlex.split(text) or [""]
    if kind not in kinds or not all("=" in pair for pair in pairs):
        raise typer.BadParameter(
            f"got {text!r}; wanted KIND key=value …, KIND being one of {', '.join(kinds)}"
        )
    settings: dict[str, object] = {"kind": kind}
    for pair in pairs:
        key, _, value = pair.partition("=")
        try:
            settings[key] = json.loads(value)
        except ValueError:  # a plain word
            settings[key] = value
    step: AxisStep = TypeAdapter(AnyAxisStep).validate_python(settings)
    return step


def machine_of(
    device: str | None,
    precision: str | None,
    threads: int | None,
    tile_memory: int | None,
    cache: Path | None,
) -> Machine:
    """Return the default machine with the settings that these options name."""
    from ..machine import Machine

    options = {
        "device": device,
        "precision": precision,
        "threads": threads,
        "tile_memory": tile_memory,
        "cache": cache,
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    return Machine.model_validate(chosen)


def recipe_of(task: str, method: str | None = None, budget: float | None = None) -> Recipe:
    """Return the recipe for a task, with the settings that were measured to suit the method."""
    from ..recipe.candidates import measured_recipe
    from ..recipe.methods import unserved
    from ..recipe.recipe import Recipe

    if budget is not None and method not in (None, "choose"):
        raise typer.BadParameter(
            f"{method} is trained without a choice, which is what the time is for; leave out --method, "
            "or --budget",
            param_hint="--budget",
        )
    parts: dict[str, object] = {"task": {"kind": task}}
    chosen: dict[str, object] = {"kind": method or "choose"}
    if budget is not None:
        chosen["budget"] = budget
    parts["method"] = chosen
    recipe = Recipe.model_validate(parts)
    reason = unserved(recipe.task, recipe.method)
    if reason:
        raise typer.BadParameter(reason, param_hint="--method")
    return measured_recipe(recipe)


def trusting_pixels(recipe: Recipe) -> Recipe:
    """Return a recipe whose task pairs images by rows and columns, whatever places they state."""
    try:
        return recipe.trusting_pixels()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--same-pixels") from error


def recipe_and_images(
    words: Sequence[str],
    task: str | None,
    method: str | None,
    budget: float | None = None,
) -> tuple[Recipe, list[str]]:
    """Return the recipe, and the words with a "=", which are images.

    The recipe is a file among the words, or else that of a task and method by their kinds.
    """
    layers = [word for word in words if "=" in word]
    files = [word for word in words if "=" not in word]
    if len(files) > 1:
        raise typer.BadParameter(
            f"got {' and '.join(files)}; wanted one recipe, and images as NAME=PATH",
            param_hint="RECIPE.json",
        )
    if not layers:
        raise typer.BadParameter("give images as NAME=PATH", param_hint="NAME=PATH")
    if files and not (task or method or budget):
        from ..recipe.reading import read_recipe

        recipe = read_recipe(files[0])
        tell_inactive(recipe)
        return recipe, layers
    if files or task is None:
        raise typer.BadParameter(
            "give either a recipe, or --task, perhaps with --method or --budget",
            param_hint="--task",
        )
    return recipe_of(task, method, budget), layers


def tell_inactive(recipe: Recipe) -> None:
    """Print which settings of a recipe, other than their defaults, do nothing next to its others."""
    from ..recipe.inactive import inactive_settings

    reasons = inactive_settings(recipe)
    for part, settings in recipe:
        for name, field in type(settings).model_fields.items():
            reason = reasons.get(f"{part}.{name}")
            if reason is not None and getattr(settings, name) != field.default:
                print(f"note: {part}.{name} does nothing here. {reason}", file=sys.stderr)


def pairing_from(task: Task, words: Sequence[str]) -> Pairing:
    """Return the table of examples that words such as noisy=a.hdr name."""
    from ..examples.pairing import pairing_of
    from ..examples.table import WordsError

    named: list[tuple[str, str]] = []
    for word in words:
        name, _, text = word.partition("=")
        named.append((name, text))
    try:
        return pairing_of(task.asks_for(), named)
    except WordsError as error:
        raise typer.BadParameter(str(error)) from error
