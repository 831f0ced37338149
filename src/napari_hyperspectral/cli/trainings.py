"""Commands that train: a preview of the data, the training, its evaluation, all of it as a demo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from .bars import watching
from .options import (
    AsJson,
    Axes,
    Cache,
    Device,
    Force,
    ImageFiles,
    ImageName,
    MethodKind,
    ModelFile,
    Precision,
    RecipeAndImages,
    SamePixels,
    TaskKind,
    Threads,
    TileMemory,
)
from .tables import print_pairs
from .targets import (
    check_folder_in_place,
    check_model,
    check_report_folder,
    check_targets_in,
)
from .words import machine_of, pairing_from, recipe_and_images, trusting_pixels

if TYPE_CHECKING:
    from ..models.model import Model
    from ..progress import Job

_MOST_LINES: Final = 20
"""Lines of the table of examples that a training prints."""


def train(
    words: RecipeAndImages,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Model file to write")] = None,
    task: TaskKind = None,
    method: MethodKind = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds in which the method is chosen and trained; 120 by default"),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Transfer learning: start from the weights of this model"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show which files are paired with which")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the training of this recipe on these images"),
    ] = False,
    same_pixels: SamePixels = False,
    force: Force = False,
    device: Device = None,
    precision: Precision = None,
    threads: Threads = None,
    tile_memory: TileMemory = None,
    cache: Cache = None,
) -> None:
    """Train a model on images, by a recipe or for a task; Ctrl-C keeps the best so far.

    Without a recipe, methods are compared on held-out blocks, and the best is trained on everything.
    """
    machine = machine_of(device, precision, threads, tile_memory, cache)
    if out is not None:
        check_model(out, force or resume)
    recipe, layers = recipe_and_images(words, task, method, budget)
    if same_pixels:
        recipe = trusting_pixels(recipe)
    if resume and start is not None:
        raise typer.BadParameter(
            f"it continues with the weights of that training, not with those of {start.name}; "
            f"leave out --from, or leave out --resume to begin again from {start.name}",
            param_hint="--resume",
        )
    pairing = pairing_from(recipe.task, layers).of("train")
    if dry_run:
        print("\n".join(pairing.lines()))
        return
    if out is None:
        raise typer.BadParameter("give the model file to write: -o model.safetensors")
    print("\n".join(_first_lines(pairing.lines())), file=sys.stderr)
    from ..examples.source import FileSource
    from ..models.model import Model
    from ..models.summary import lines_of_card
    from ..progress import run
    from ..system.locks import locked
    from ..workflows.train import new_autosave, resume_steps, train_steps

    with locked(out), watching(f"training {out.name}") as watch:
        first = None if start is None else Model.load(start)
        source = FileSource(pairing, axes=axes, image=image, watch=watch)
        keep = partial(_write_model, out=out, overwrite=force or resume)
        job: Job[Model | None]
        if resume:
            job = resume_steps(recipe, source, machine, out, overwrite=force, keep=keep)
        else:
            autosave = new_autosave(machine, recipe)
            job = train_steps(recipe, source, machine, autosave, first, keep=keep)
        model = run(job, watch)
        if model is not None:
            _write_model(model, out, overwrite=True)
    if model is None:
        print(f"note: {out.name} is trained to its end: nothing is left to do", file=sys.stderr)
    else:
        print_pairs(lines_of_card(model.card))
    print(out)


def _write_model(model: Model, out: Path, *, overwrite: bool) -> None:
    """Write a model; where that fails, say where else it is."""
    try:
        model.save(out, overwrite=overwrite)
    except OSError as error:
        if model.card.losses:  # of a network, whose training was saved on the way
            error.add_note(
                "The model is trained: what was saved of it in --cache gives it again, with --resume "
                "and another -o, or once this one can be written."
            )
        raise


def evaluate(
    model_file: ModelFile,
    layers: ImageFiles,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for report.html (a page with pictures), report.md and report.json",
        ),
    ] = None,
    as_json: AsJson = False,
    axes: Axes = None,
    image: ImageName = None,
    same_pixels: SamePixels = False,
    force: Force = False,
    device: Device = None,
    precision: Precision = None,
    threads: Threads = None,
    tile_memory: TileMemory = None,
) -> None:
    """Compare a model's predictions with the truth.

    The images should be others than those that the model was trained on.
    """
    machine = machine_of(device, precision, threads, tile_memory, None)
    if out is not None:
        check_report_folder(out, force)
    from ..examples.source import FileSource
    from ..models.model import Model
    from ..progress import run
    from ..system.locks import locked
    from ..workflows.evaluate import evaluate_source_steps

    model = Model.load(model_file)
    if same_pixels:
        model = model.with_recipe(trusting_pixels(model.recipe))
    pairing = pairing_from(model.recipe.task, layers).of("test")
    source = FileSource(pairing, axes=axes, image=image)
    lock = nullcontext() if out is None else locked(out)
    with lock, watching(f"evaluating {model_file.name}") as watch:
        report = run(evaluate_source_steps(model, source, machine), watch)
        if out is not None:
            out.mkdir(exist_ok=True)
            report.save(out)
    if as_json:
        print(report.to_json(), end="")
    else:
        Console(markup=False, emoji=False).print(report)
    if out is not None:
        print(out)


def preview(
    words: RecipeAndImages,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images")],
    task: TaskKind = None,
    method: MethodKind = None,
    epoch: Annotated[int, typer.Option(min=1, help="Take the first batch of this epoch")] = 1,
    suffix: Annotated[str, typer.Option(help="Format of the files")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    same_pixels: SamePixels = False,
    force: Force = False,
) -> None:
    """Write the first training batch as images.

    Inputs are as the network gets them: after preprocessing and augmentation.
    """
    check_folder_in_place(out)
    recipe, layers = recipe_and_images(words, task, method)
    if same_pixels:
        recipe = trusting_pixels(recipe)
    pairing = pairing_from(recipe.task, layers).of("train")
    from ..examples.source import FileSource
    from ..io import write
    from ..progress import run
    from ..system.locks import locked
    from ..training.previews import preview_names
    from ..workflows.train import preview_steps

    check_targets_in(out, [out / (name + suffix) for name in preview_names(recipe)], force)
    with locked(out), watching("preparing a preview", after=0.5) as watch:
        source = FileSource(pairing, axes=axes, image=image, watch=watch)
        batch = run(preview_steps(recipe, source, epoch), watch)
        out.mkdir(exist_ok=True)
        for name, picture in batch.items():
            print(write(out / (name + suffix), picture, overwrite=force))


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results")] = Path(
        "demo-output"
    ),
    no_viewer: Annotated[
        bool, typer.Option("--no-viewer", help="Do not open napari at the end")
    ] = False,
    force: Force = False,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Train, predict and evaluate on a real scene.

    Writes the model, a label map and a report, and opens napari.
    """
    from .demonstration import run_demo

    machine = machine_of(device, None, threads, None, None)
    run_demo(out, viewer=not no_viewer, machine=machine, overwrite=force)


def _first_lines(lines: Sequence[str]) -> list[str]:
    """Return lines for a person who only wants to see that they are right."""
    if len(lines) <= _MOST_LINES:
        return list(lines)
    hidden = len(lines) - _MOST_LINES + 1
    return [*lines[: _MOST_LINES - 1], f"… and {hidden} more; --dry-run shows all"]
