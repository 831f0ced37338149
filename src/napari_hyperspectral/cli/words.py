"""What the words on a command line stand for: images, axes, machines, recipes, pairs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from .bars import watching

if TYPE_CHECKING:
    from ..axis import SpectralAxis
    from ..cube import Image
    from ..examples.table import Pairing
    from ..machine import Machine
    from ..progress import Progress
    from ..recipe.recipe import Recipe
    from ..spectra.axes import AxisStep
    from ..tasks import Example, Task


def wanted_image(
    path: str, axes: str | None, image: str | None, watch: Callable[[Progress], object]
) -> Image:
    """Read a cube or labels, whichever the file says it holds."""
    from ..io import chosen, read_all

    return chosen(read_all(path, axes=axes, watch=watch), path, image)


def axis_of(text: str, unit: str, quantity: str) -> SpectralAxis:
    """Return the axis that "FIRST:LAST:BANDS" spells, or that a file of this name holds."""
    from typing import cast

    import numpy as np

    from ..axis import Kind, SpectralAxis, Unit
    from ..io.metadata.axis_file import read_axis

    parts = text.split(":")
    try:
        first, last, bands = float(parts[0]), float(parts[1]), int(parts[2])
    except (ValueError, IndexError):
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
    about: dict[str, Any] = {"kind": kind}
    for key, _, value in (pair.partition("=") for pair in pairs):
        try:
            about[key] = json.loads(value)
        except ValueError:
            about[key] = value
    found: AxisStep = TypeAdapter(AnyAxisStep).validate_python(about)
    return found


def machine_of(
    device: str | None,
    precision: str | None,
    threads: int | None,
    tile_memory: int | None,
    cache: Path | None,
) -> Machine:
    """Return the machine that these options make of the one by default."""
    from ..machine import Machine

    options = {
        "device": device,
        "precision": precision,
        "threads": threads,
        "tile_memory": tile_memory,
        "cache": cache,
    }
    return Machine.model_validate(
        {name: value for name, value in options.items() if value is not None}
    )


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; what is wrong in it is told with the name of the file."""
    from ..recipe.recipe import Recipe

    if not path.is_file():
        raise FileNotFoundError(f"there is no recipe {str(path)!r}; `recipe --task … -o` makes one")
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except ValidationError as error:
        error.add_note(path.name)
        raise


def pairing_from(task: Task, words: Sequence[str]) -> Pairing:
    """Return the table of examples that words such as noisy=a.hdr name."""
    from ..examples.pairing import pairing_of
    from ..examples.table import WordsError

    try:
        return pairing_of(
            task.asks_for(), [(w.partition("=")[0], w.partition("=")[2]) for w in words]
        )
    except WordsError as error:
        raise typer.BadParameter(str(error)) from error


def examples_of(
    recipe: Recipe, pairing: Pairing, axes: str | None, image: str | None
) -> list[Example]:
    """Read all that a recipe is to be trained on, prepared as it says."""
    from ..examples.reading import read_examples

    with watching("reading", after=0.5) as watch:
        return list(read_examples(recipe, pairing, watch, axes=axes, image=image))
