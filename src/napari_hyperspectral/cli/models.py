"""Commands for models: predict with them, show their card, import released weights."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from .bars import watching
from .errors import print_each
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
from .targets import check_model, prediction_targets
from .words import axis_of, machine_of

if TYPE_CHECKING:
    from ..workflows.predict_files import PredictedFiles


def predict(
    model_file: ModelFile,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Cubes, path::name@axes")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="File to write; for several cubes a folder, in which results are named after "
            "their cubes: NAME_predicted",
        ),
    ],
    then: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL2", help="Run this model on the output of the first one; repeat it"
        ),
    ] = None,
    dwell: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="SLOW FAST",
            help="Dwell time of a pixel that is measured well, and of these cubes: the time saved "
            "is printed",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of each class, too")
    ] = False,
    turns: Annotated[
        bool,
        typer.Option(
            "--turns",
            help="Predict the mean over the eight flips and quarter turns of each image: slightly "
            "better, eight times slower",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the reports on super-resolved images, one folder each; without it, "
            "they are written where OUT is a folder"
        ),
    ] = None,
    suffix: Annotated[
        str, typer.Option(help="Format of the files, where OUT is a folder")
    ] = ".ome.tif",
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going",
            help="Predict the other cubes where some cannot be opened; else all are checked first, "
            "and none is predicted",
        ),
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
    device: Device = None,
    precision: Precision = None,
    threads: Threads = None,
    tile_memory: TileMemory = None,
) -> None:
    """Run a model on cubes, and write its predictions.

    These are cubes or label images, as the task of the model says. All cubes are opened before the
    first is predicted; one that fails after that does not end it.
    """
    machine = machine_of(device, precision, threads, tile_memory, None)
    targets = prediction_targets(
        out, paths, suffix, force, probabilities=probabilities, reports=report
    )
    from ..progress import run
    from ..workflows.predict_files import PredictionRequest, predict_files_steps

    request = PredictionRequest((model_file, *(then or ())), probabilities, dwell, turns)
    title = targets[0].result.name if len(paths) == 1 else f"{len(paths)} cubes"
    with watching(f"predicting {title}") as watch:
        job = predict_files_steps(
            request,
            paths,
            targets,
            machine,
            overwrite=force,
            check_first=not keep_going,
            axes=axes,
            image=image,
            watch=watch,
        )
        predicted = run(job, watch)
    _print_predicted(predicted)
    _raise_errors(predicted, paths)


def _print_predicted(predicted: PredictedFiles) -> None:
    """Print the files that were written, and what there is to know of the results."""
    for path in predicted.written:
        print(path)
    for restored in predicted.reports:
        Console(markup=False, emoji=False).print(restored)
    if predicted.scores:
        print_rows(predicted.scores)
    if predicted.written and predicted.time_saved:
        print(predicted.time_saved)


def _raise_errors(predicted: PredictedFiles, paths: Sequence[str]) -> None:
    """End with an error where cubes failed: of one cube its own, of several a line each."""
    if not predicted.errors:
        return
    if len(paths) == 1:
        raise predicted.errors[paths[0]]
    print_each(predicted.errors)
    if not predicted.begun:
        some = f"{len(predicted.errors)} of {len(paths)} cubes"
        print(
            f"error: {some} cannot be predicted, so none was; leave them out, or predict the others "
            "with --keep-going",
            file=sys.stderr,
        )
    raise typer.Exit(1)


def card(
    model_file: ModelFile,
    as_json: AsJson = False,
) -> None:
    """Show the card of a model.

    That is its recipe, axes, training data and figures of merit.
    """
    from ..models.card import read_card
    from ..models.summary import lines_of_card

    model_card = read_card(model_file)
    if as_json:
        print(json.dumps(model_card.model_dump(mode="json"), indent=1))
    else:
        print_pairs(lines_of_card(model_card))


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
            help="Axis of its bands, such as 500:1800:500; or a file with the axis",
        ),
    ],
    unit: Annotated[str, typer.Option(help="Unit of --axis FIRST:LAST:BANDS")] = "1/cm",
    quantity: Annotated[
        str, typer.Option(metavar="KIND", help="Quantity of --axis FIRST:LAST:BANDS")
    ] = "raman_shift",
    force: Force = False,
) -> None:
    """Make a model of weights that DeepeR released.

    Both the denoiser and the super-resolution networks can be imported.
    """
    check_model(out, force)
    from ..models.card import read_card
    from ..models.summary import lines_of_card
    from ..progress import run
    from ..workflows.import_weights import import_weights_steps

    spectral_axis = axis_of(axis, unit, quantity)
    run(import_weights_steps(weights, spectral_axis, out, overwrite=force))
    print_pairs(lines_of_card(read_card(out)))
    print(out)
