"""Commands that train: a look at the data, the training, its judgement, all of it as a demo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .bars import watching
from .options import (
    AsJson,
    Axes,
    Cache,
    Device,
    Force,
    ImageName,
    Layers,
    ModelFile,
    Precision,
    RecipeFile,
    Threads,
    TileMemory,
)
from .tables import print_pairs
from .targets import autosave_of, check_folder_in_place, check_model, check_target
from .words import examples_of, machine_of, pairing_from, read_recipe


def train(
    recipe_file: RecipeFile,
    layers: Layers,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Model file to write")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Start from this model, not from chance")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show which files are paired with which")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training of this model where it ended")
    ] = False,
    force: Force = False,
    device: Device = None,
    precision: Precision = None,
    threads: Threads = None,
    tile_memory: TileMemory = None,
    cache: Cache = None,
) -> None:
    """Train a model on images; Ctrl-C keeps the best so far."""
    machine = machine_of(device, precision, threads, tile_memory, cache)
    if out is not None:
        check_model(out, force)
    recipe = read_recipe(recipe_file)
    if resume and start is not None:
        raise typer.BadParameter(
            f"it goes on with the weights that the training has, not with those of {start.name}; "
            f"leave out --from, or leave out --resume to begin again from {start.name}",
            param_hint="--resume",
        )
    pairing = pairing_from(recipe.task, layers).of("train")
    if dry_run:
        print("\n".join(pairing.lines()))
        return
    if out is None:
        raise typer.BadParameter("give the model file to write: -o model.safetensors")
    print("\n".join(_fewer(pairing.lines())), file=sys.stderr)
    from ..evaluation.validation import validate_steps
    from ..examples.reading import RowImages
    from ..models.model import Model
    from ..models.summary import lines_of_card
    from ..progress import run
    from ..training.fit import fit_steps

    autosave = autosave_of(machine, recipe, out)
    if resume and (autosave is None or not autosave.exists()):
        print("note: there is nothing to resume; training from the start", file=sys.stderr)
    begin = None if start is None else Model.load(start)
    examples = examples_of(recipe, pairing, axes, image)
    job = fit_steps(
        recipe, examples, machine=machine, autosave=autosave, resume=resume, start=begin
    )
    with watching(f"training {out.name}") as watch:
        model = run(job, watch)
    images = RowImages(pairing, axes=axes, image=image)
    with watching("judging it on the pixels held out") as watch:
        model = run(validate_steps(model, examples, images, machine=machine), watch)
    model.save(out, overwrite=force)
    if autosave is not None and model.card.ended != "by hand":
        autosave.unlink(missing_ok=True)
    print_pairs(lines_of_card(model.card))
    print(out)


def evaluate(
    model_file: ModelFile,
    layers: Layers,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for report.md and report.json")
    ] = None,
    as_json: AsJson = False,
    axes: Axes = None,
    image: ImageName = None,
    device: Device = None,
    precision: Precision = None,
    threads: Threads = None,
    tile_memory: TileMemory = None,
) -> None:
    """Compare what a model makes of images with the truth; they must not have taught it."""
    machine = machine_of(device, precision, threads, tile_memory, None)
    if out is not None:
        check_folder_in_place(out)
    from ..evaluation.test_set import evaluate_test_set_steps
    from ..examples.reading import RowImages
    from ..models.model import Model
    from ..progress import run

    model = Model.load(model_file)
    pairing = pairing_from(model.recipe.task, layers).of("test")
    images = RowImages(pairing, axes=axes, image=image)
    with watching(f"evaluating {model_file.name}") as watch:
        report = run(evaluate_test_set_steps(model, images, machine=machine), watch)
    if as_json:
        print(report.to_json(), end="")
    else:
        Console().print(report)
    if out is not None:
        out.mkdir(exist_ok=True)
        report.save(out)
        print(out)


def preview(
    recipe_file: RecipeFile,
    layers: Layers,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images")],
    epoch: Annotated[int, typer.Option(min=1, help="Of which epoch")] = 1,
    suffix: Annotated[str, typer.Option(help="Format of the files")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Write the first batch of a training as images: prepared, varied, and what is wanted of it."""
    check_folder_in_place(out)
    recipe = read_recipe(recipe_file)
    pairing = pairing_from(recipe.task, layers).of("train")
    from ..io import format_of, write
    from ..training.previews import preview_names, preview_of

    format_of(Path("x" + suffix), "write")
    for name in preview_names(recipe):
        check_target(out / (name + suffix), force, to_be_made=True)
    shown = preview_of(recipe, examples_of(recipe, pairing, axes, image), epoch)
    out.mkdir(exist_ok=True)
    for name, picture in shown.items():
        target = write(out / (name + suffix), picture, overwrite=force)
        print(target)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what it makes")] = Path(
        "demo-output"
    ),
    no_viewer: Annotated[
        bool, typer.Option("--no-viewer", help="Do not open napari at the end")
    ] = False,
    force: Force = False,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Do the main job on a real scene: train, predict, evaluate; leave model, maps and a report."""
    from .demonstration import run_demo

    machine = machine_of(device, None, threads, None, None)
    run_demo(out, viewer=not no_viewer, machine=machine, overwrite=force)


def _fewer(lines: Sequence[str], most: int = 20) -> list[str]:
    """Return lines for a person who only wants to see that they are right."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"… and {len(lines) - most + 1} more; --dry-run shows all"]
