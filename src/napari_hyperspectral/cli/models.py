"""Commands for models: run them, tell what they are, make them of weights that others released."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .bars import reading, watching
from .options import (
    AsJson,
    Axes,
    Device,
    Force,
    ImageName,
    ModelFile,
    Out,
    Precision,
    Threads,
    TileMemory,
)
from .tables import print_pairs, print_rows
from .targets import check_model, targets_in, targets_of_one
from .words import axis_of, machine_of


def predict(
    model_file: ModelFile,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Cubes, path::name@axes")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File; for several cubes a folder")],
    then: Annotated[
        list[Path] | None,
        typer.Option(metavar="MODEL2", help="Run this model on what the first one made; repeat it"),
    ] = None,
    dwell: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="SLOW FAST",
            help="Time that a pixel takes to measure well, and that these took: what is saved is told",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of each class, too")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for reports with pictures on finer images, one folder each"),
    ] = None,
    suffix: Annotated[
        str, typer.Option(help="Format of the files, where OUT is a folder")
    ] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
    device: Device = None,
    precision: Precision = None,
    threads: Threads = None,
    tile_memory: TileMemory = None,
) -> None:
    """Run a model on cubes: a cube or a label image comes out, as the model was trained for."""
    machine = machine_of(device, precision, threads, tile_memory, None)
    words = ("", "probabilities") if probabilities else ("",)
    if len(paths) > 1 or out.is_dir():
        targets = targets_in(out, paths, suffix, words, force)
    else:
        targets = [targets_of_one(out, words, force)]
    from ..io import read, write
    from ..models.model import Model
    from ..models.summary import scores_of
    from ..progress import run
    from ..workflows.predict import predict_and_report_steps, speed_up_note

    models = [Model.load(file) for file in (model_file, *(then or ()))]
    scores = []
    for path, files in zip(paths, targets, strict=True):
        with reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        with watching(f"predicting {files[0].name}") as watch:
            job = predict_and_report_steps(
                models, cube, probabilities=probabilities, dwell=dwell, machine=machine
            )
            results = run(job, watch)
        files[0].parent.mkdir(parents=True, exist_ok=True)
        for file, result in zip(files, results.images, strict=True):
            print(write(file, result, overwrite=force))
        if results.report is not None:
            Console().print(results.report)
        if results.report is not None and report is not None:
            folder = report / Path(path.partition("::")[0]).name.partition(".")[0]
            folder.mkdir(parents=True, exist_ok=True)
            results.report.save(folder)
        scores += scores_of(results.images[0])
    if scores:
        print_rows(scores)
    saved = speed_up_note(models, dwell)
    if saved:
        print(saved)


def card(
    model_file: ModelFile,
    as_json: AsJson = False,
) -> None:
    """Tell what a model is: recipe, axis, training data, figures of merit."""
    from ..models.card import read_card
    from ..models.summary import lines_of_card

    found = read_card(model_file)
    if as_json:
        print(json.dumps(found.model_dump(mode="json"), indent=1))
    else:
        print_pairs(lines_of_card(found))


def import_weights(
    weights: Annotated[
        Path,
        typer.Argument(metavar="WEIGHTS", help="State dict that DeepeR released: ResUNet.pt …"),
    ],
    out: Out,
    axis: Annotated[
        str,
        typer.Option(
            metavar="FIRST:LAST:BANDS",
            help="What its bands stand for, such as 500:1800:500; or a file with the axis",
        ),
    ],
    unit: Annotated[str, typer.Option(help="Unit of --axis FIRST:LAST:BANDS")] = "1/cm",
    quantity: Annotated[
        str, typer.Option(metavar="KIND", help="Quantity of --axis FIRST:LAST:BANDS")
    ] = "raman_shift",
    force: Force = False,
) -> None:
    """Make a model of weights that others released: denoiser and super-resolution of DeepeR."""
    check_model(out, force)
    from ..models.deeper import model_from_deeper
    from ..models.summary import lines_of_card

    model = model_from_deeper(weights, axis_of(axis, unit, quantity))
    model.save(out, overwrite=force)
    print_pairs(lines_of_card(model.card))
    print(out)
