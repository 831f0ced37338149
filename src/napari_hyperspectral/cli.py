"""The command line: each command is a call of the library, with progress bars and readable errors.

What is heavy (torch above all) is imported inside the commands that need it, so that the others
are quick.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from .axis import SpectralAxis
    from .cube import Image
    from .io import Format
    from .machine import Machine
    from .pairing import Pairing
    from .progress import Progress
    from .recipe import Recipe
    from .spectra.axes import Step
    from .tasks import Example, Task

app = typer.Typer(
    name="napari-hyperspectral",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes break messages in the middle
    help="Read, convert, train on and predict hyperspectral images.",
)

PathText = Annotated[str, typer.Argument(metavar="PATH", help="File or folder, or path::name@axes")]
Axes = Annotated[
    str | None,
    typer.Option(metavar="LAYOUT", help="Layout of the array, a letter an axis of t z b y x: yxb"),
]
ImageName = Annotated[
    str | None, typer.Option(help="Name or number of the image, where a file holds several")
]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE.json", help="See `recipe`")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="File that `train` wrote")]
Layers = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME=PATH...",
        help="What the task asks for: noisy=a.hdr clean=b.hdr, or image=c.hdr label=TEXT. A path "
        "may be a folder or a 'pattern*': its files are paired by name. Or list=files.csv, or "
        "classes=folder/ with a folder a class. Repeat the names for several",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there")]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
Device = Annotated[
    str | None, typer.Option(help="Where networks run: auto, cpu, cuda, cuda:1, mps")
]
Precision = Annotated[str | None, typer.Option(help="float32, or bfloat16: faster, coarser")]
Threads = Annotated[int | None, typer.Option(help="Threads on the CPU")]
TileMemory = Annotated[int | None, typer.Option(help="Memory one tile may take, in MiB")]
Cache = Annotated[Path | None, typer.Option(help="Folder for trainings in progress")]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and end the process: 0 done, 1 an error, 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    for stream in (sys.stdout, sys.stderr):  # a terminal without µ or ⁻¹ gets a question mark
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if not debug:
        warnings.showwarning = _note_warning
    try:
        app([word for word in words if word != "--debug"], prog_name="napari-hyperspectral")
    except Exception as error:  # the last door: what no command expected is a line, too
        if debug:
            raise
        for line in _explained(error):
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def _note_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Tell a warning in a line; where in the code it was given helps nobody here."""
    print(f"note: {' '.join(str(message).split())}", file=sys.stderr)


@app.callback()
def _all_commands(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from")] = False,
) -> None:
    """Read, convert, train on and predict hyperspectral images."""


@app.command()
def info(
    path: PathText,
    as_json: AsJson = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Smallest, greatest and mean value; reads all of it")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
) -> None:
    """Tell what is in a file: dimensions, spectral axis, pixel size, history."""
    from .io import Source, format_of, read, read_all
    from .summary import facts, lines_of_image

    format_name = format_of(Source.parse(path).path).name
    with _reading(path) as watch:
        if image is None:
            images = read_all(path, axes=axes, watch=watch)
        else:
            images = [read(path, axes=axes, image=image, watch=watch)]
    told = [{"format": format_name} | facts(found, with_statistics=stats) for found in images]
    if as_json:
        print(json.dumps(told[0] if len(told) == 1 else {"images": told}, indent=1))
        return
    for number, (found, about) in enumerate(zip(images, told, strict=True)):
        if number:
            print()
        _print_pairs(lines_of_image(found, about))


@app.command()
def convert(
    path: PathText,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its suffix tells how")],
    axes: Axes = None,
    image: ImageName = None,
    labels: Annotated[bool, typer.Option("--labels", help="The file holds a label image")] = False,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format to write, where a suffix has several")
    ] = None,
    force: Force = False,
) -> None:
    """Read a cube (or labels) and write it in another format, with axis, units and history."""
    from .io import read_labels, write

    _check_target(out, force, format_name)
    with _reading(path) as watch:
        if labels:
            found: Image = read_labels(path, axes=axes, image=image, watch=watch)
        else:
            found = _wanted_image(path, axes, image, watch)
    with Console(stderr=True).status(f"writing {out.name}"):
        write(out, found, overwrite=force, format=format_name)
    print(out)


@app.command()
def axis(
    path: PathText,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its suffix tells how")],
    load: Annotated[
        Path | None, typer.Option(help="Text, CSV or JSON file with the axis to take")
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'KIND key=value …'",
            help="What to do, in this order: 'ends first=400 last=700', 'shift by=-1.5', "
            "'calibrate measured=[999,1602] known=[1001.4,1602.3]', "
            "'convert quantity=\"wavelength (nm)\"', 'fold columns=5' …",
        ),
    ] = None,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Give a cube its axis, calibrate or convert it, as the dock Axis does."""
    from .cube import Cube
    from .io import write
    from .io.axisfile import read_axis
    from .spectra.axes import with_axis

    _check_target(out, force)
    steps = [_axis_step(text) for text in step or ()]
    if not steps and load is None:
        raise typer.BadParameter("give --load FILE or --step 'KIND key=value …'")
    with _reading(path) as watch:
        cube = _wanted_image(path, axes, image, watch)
    if not isinstance(cube, Cube):
        raise ValueError(f"{path} holds labels, which have no axis")
    if load is not None:
        cube = with_axis(cube, read_axis(load), f"took the axis of {load.name}")
    for one in steps:
        cube = one.on(cube)
    write(out, cube, overwrite=force)
    print(out)


@app.command()
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
    machine = _machine(device, precision, threads, tile_memory, cache)
    if out is not None:
        _check_model(out, force)
    recipe = _read_recipe(recipe_file)
    pairing = _pairing(recipe.task, layers).of("train")
    if dry_run:
        print("\n".join(pairing.lines()))
        return
    if out is None:
        raise typer.BadParameter("give the model file to write: -o model.safetensors")
    print("\n".join(_fewer(pairing.lines())), file=sys.stderr)
    from .evaluation import judged
    from .model import Model
    from .pairing import RowImages
    from .progress import finish
    from .summary import lines_of_card
    from .training import fit

    autosave = _autosave(machine, recipe, out)
    if resume and (autosave is None or not autosave.exists()):
        print("note: there is nothing to resume; training from the start", file=sys.stderr)
    begin = None if start is None else Model.load(start)
    examples = _read_examples(recipe, pairing, axes, image)
    job = fit(recipe, examples, machine=machine, autosave=autosave, resume=resume, start=begin)
    with _watching(f"training {out.name}") as watch:
        model = finish(job, watch)
    images = RowImages(pairing, axes=axes, image=image)
    with _watching("judging it on the pixels held out") as watch:
        model = finish(judged(model, examples, images, machine=machine), watch)
    model.save(out, overwrite=force)
    if autosave is not None and model.card.stopped != "stopped by hand":
        autosave.unlink(missing_ok=True)
    _print_pairs(lines_of_card(model.card))
    print(out)


@app.command()
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
    machine = _machine(device, precision, threads, tile_memory, None)
    if out is not None and not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(out.parent)!r} to make {out.name} in")
    from .model import Model
    from .pairing import RowImages
    from .progress import finish
    from .unseen import evaluate_unseen

    model = Model.load(model_file)
    pairing = _pairing(model.recipe.task, layers).of("test")
    images = RowImages(pairing, axes=axes, image=image)
    with _watching(f"evaluating {model_file.name}") as watch:
        report = finish(evaluate_unseen(model, images, machine=machine), watch)
    if as_json:
        print(report.to_json(), end="")
    else:
        Console().print(report)
    if out is not None:
        out.mkdir(exist_ok=True)
        report.save(out)
        print(out)


@app.command()
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
    recipe = _read_recipe(recipe_file)
    pairing = _pairing(recipe.task, layers).of("train")
    from .io import format_of, write
    from .previews import preview_of

    format_of(Path("x" + suffix), "write")
    shown = preview_of(recipe, _read_examples(recipe, pairing, axes, image), epoch)
    targets = {out / (name + suffix): picture for name, picture in shown.items()}
    out.mkdir(exist_ok=True)
    for target in targets:
        _check_target(target, force)
    for target, picture in targets.items():
        write(target, picture, overwrite=force)
        print(target)


@app.command()
def recipe(
    task: Annotated[str | None, typer.Option(help="Kind of the task, such as denoise")] = None,
    network: Annotated[str | None, typer.Option(help="Kind of network, such as resunet1d")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Name of a published experiment, such as deeper-denoise")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write")] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="Tell what each setting means instead")
    ] = False,
    force: Force = False,
) -> None:
    """List tasks, networks and presets; with one, write a recipe that has every setting in it."""
    if task is None and network is None and preset is None and not settings and out is None:
        _print_all_choices()
        return
    if (task is None) == (preset is None) or (network and preset):
        raise typer.BadParameter(
            "a recipe needs --task, perhaps with --network, or else --preset", param_hint="--task"
        )
    if out is not None:
        _check_target(out, force)
    chosen = _recipe_of(str(task), network) if preset is None else _recipe_of_preset(preset)
    if settings:
        _print_settings(chosen)
        return
    text = chosen.model_dump_json(indent=2)
    if out is None:
        print(text)
        return
    out.write_text(text + "\n", encoding="utf-8")
    print(out)


@app.command()
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
    machine = _machine(device, precision, threads, tile_memory, None)
    words = ("", "probabilities") if probabilities else ("",)
    targets = _checked_targets(paths, out, suffix, words, force)
    from .chain import predict_and_report, told_speed_up
    from .io import read, write
    from .model import Model
    from .progress import finish
    from .summary import scores_of

    models = [Model.load(file) for file in (model_file, *(then or ()))]
    scores = []
    for path, files in zip(paths, targets, strict=True):
        with _reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        with _watching(f"predicting {files[0].name}") as watch:
            job = predict_and_report(
                models, cube, probabilities=probabilities, dwell=dwell, machine=machine
            )
            results = finish(job, watch)
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
        _print_rows(scores)
    saved = told_speed_up(models, dwell)
    if saved:
        print(saved)


@app.command()
def components(
    path: PathText,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the maps")],
    apply: Annotated[
        list[str] | None,
        typer.Option(metavar="OTHER", help="Look for the components in this cube, too; repeat it"),
    ] = None,
    count: Annotated[int, typer.Option(help="Components to look for, background included")] = 4,
    sum_to_one: Annotated[
        bool, typer.Option("--sum-to-one", help="Shares of each pixel add up to 1: reflectance")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the search for pure spectra")] = 0,
    suffix: Annotated[str, typer.Option(help="Format of the maps")] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Find pure spectra in a cube; map them there and in others, and tell how far maps agree."""
    from .components import Unmixing, unmix
    from .io import read, write
    from .progress import finish

    settings = Unmixing(count=count, sum_to_one=sum_to_one, seed=seed)
    paths = [path, *(apply or ())]
    out.mkdir(parents=True, exist_ok=True)
    table = out / "components.csv"
    _check_target(table, force)
    targets = _checked_targets(paths, out, suffix, ("abundances", "composite", "classes"), force)
    cubes = []
    for one in paths:
        with _reading(one) as watch:
            cubes.append(read(one, axes=axes, image=image, watch=watch))
    with _watching(f"unmixing {Path(path).name}") as watch:
        found = finish(unmix(cubes[0], cubes[1:], settings), watch)
    print(write(table, found.spectra, overwrite=force))
    for name, files, maps in zip(paths, targets, found.maps, strict=True):
        images: tuple[Image, ...] = (maps.abundances, maps.composite, maps.classes)
        for file, one_map in zip(files, images, strict=True):
            print(write(file, one_map, overwrite=force))
        if maps.agreement is not None:
            same = f"{maps.agreement:.1%} of the pixels have the same component"
            print(f"{Path(name).name}: {same} as in {Path(path).name}")


@app.command("map")
def map_of_band(
    path: PathText,
    out: Out,
    at: Annotated[float | None, typer.Option(help="Take the band nearest to this")] = None,
    start: Annotated[float | None, typer.Option("--from", help="Begin of a range")] = None,
    end: Annotated[float | None, typer.Option("--to", help="End of the range")] = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Count all below the peak, down to 0")
    ] = False,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Make an image of one band (--at), or of the area of a peak (--from, --to)."""
    from .components import area_map, band_map
    from .io import read, write

    if (at is None) == (start is None) or (start is None) != (end is None):
        raise typer.BadParameter("give either --at, or both --from and --to")
    _check_target(out, force)
    with _reading(path) as watch:
        cube = read(path, axes=axes, image=image, watch=watch)
    if at is not None:
        found = band_map(cube, at)
    else:
        assert start is not None
        assert end is not None
        found = area_map(cube, start, end, baseline=not no_baseline)
    print(write(out, found, overwrite=force))


@app.command()
def adopt(
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
    _check_model(out, force)
    from .released import model_from_deeper
    from .summary import lines_of_card

    model = model_from_deeper(weights, _axis_of(axis, unit, quantity))
    model.save(out, overwrite=force)
    _print_pairs(lines_of_card(model.card))
    print(out)


@app.command()
def card(
    model_file: ModelFile,
    as_json: AsJson = False,
) -> None:
    """Tell what a model is: recipe, axis, training data, figures of merit."""
    from .card import read_card
    from .summary import lines_of_card

    found = read_card(model_file)
    if as_json:
        print(json.dumps(found.model_dump(mode="json"), indent=1))
    else:
        _print_pairs(lines_of_card(found))


@app.command()
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
    from .demo import run_demo

    machine = _machine(device, None, threads, None, None)
    run_demo(out, viewer=not no_viewer, machine=machine, overwrite=force)


@app.command()
def formats(as_json: AsJson = False) -> None:
    """List the file formats: what is read and written, and what has to be installed for it."""
    from .io import FORMATS
    from .io.bridge import suffixes

    rows = [_format_facts(known) for known in FORMATS]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table("Format", "Read", "Written", "Labels", "Extra", box=None)
    for row in rows:
        words = (" ".join(row["reads"]), " ".join(row["writes"]), "yes" if row["labels"] else "")
        table.add_row(row["name"], *words, row["extra"] or "")
    Console().print(table)
    extras = dict.fromkeys(row["extra"] for row in rows if row["extra"])
    print("\nAn extra is installed with pip: " + ", ".join(map(_install, extras)))
    print("Never tried on a real file, because none is public:")
    for row in rows:
        if row["untried"]:
            print(f"  {row['name']}: {row['untried']}")
    more = suffixes()
    if more:
        print(f"Read through RosettaSciIO, which is installed: {' '.join(f'*.{s}' for s in more)}")


# What is shown


def _format_facts(known: Format) -> dict[str, Any]:
    return {
        "name": known.name,
        "reads": list(known.patterns) if known.reader else [],
        "writes": list(known.writes or known.patterns) if known.writer else [],
        "labels": bool(known.writer and known.labels),
        "extra": known.extra,
        "untried": known.untried or None,
    }


def _install(extra: str) -> str:
    return f"'napari-hyperspectral[{extra}]'"


def _print_choices(title: str, choices: Sequence[Any]) -> None:
    table = Table(title, "", box=None)
    table.add_column("Source", overflow="fold")  # an address is of use only as a whole
    for choice in choices:
        line = (choice.__doc__ or "").partition("\n")[0]
        table.add_row(choice.model_fields["kind"].default, line, choice.source)
    Console().print(table)


def _print_all_choices() -> None:
    from .networks import NETWORKS
    from .presets import PRESETS
    from .tasks import TASKS

    _print_choices("Task", TASKS)
    _print_choices("Network", NETWORKS)
    table = Table("Preset", "", box=None)
    for known in PRESETS:
        table.add_row(known.name, known.title)
    Console().print(table)


def _recipe_of_preset(name: str) -> Recipe:
    """Return the recipe of a published experiment; what there is to know of it goes to stderr."""
    from .presets import preset

    known = preset(name)
    for text in (known.title, known.reference, known.notes):
        print(text, file=sys.stderr)
    return known.recipe


def _recipe_of(task: str, network: str | None) -> Recipe:
    from .recipe import Recipe

    about: dict[str, Any] = {"task": {"kind": task}}
    return Recipe.model_validate(about | ({"network": {"kind": network}} if network else {}))


def _print_settings(chosen: Recipe) -> None:
    table = Table(box=None)
    for title in ("Setting", "Default", "Meaning"):
        table.add_column(title, overflow="fold")
    for part, settings in chosen:
        for name, field in type(settings).model_fields.items():
            value = json.dumps(settings.model_dump(mode="json")[name])
            table.add_row(f"{part}.{name}", value, " ".join((field.description or "").split()))
    Console().print(table)


def _print_rows(rows: Sequence[dict[str, Any]]) -> None:
    from rich.text import Text

    table = Table(box=None)
    for name in rows[0]:
        table.add_column(Text(name))
    for row in rows:
        words = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values())
        table.add_row(*map(Text, words))  # not markup: names may hold [brackets]
    Console().print(table)


def _print_pairs(pairs: dict[str, str]) -> None:
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, text in pairs.items():
        table.add_row(name, Text(text))  # not markup: names may hold [brackets]
    Console().print(table, highlight=False)


# From words to things


def _wanted_image(
    path: str, axes: str | None, image: str | None, watch: Callable[[Progress], object]
) -> Image:
    """Read a cube or labels, whichever the file says it holds."""
    from .io import chosen, read_all

    return chosen(read_all(path, axes=axes, watch=watch), path, image)


def _axis_of(text: str, unit: str, quantity: str) -> SpectralAxis:
    """Return the axis that "FIRST:LAST:BANDS" spells, or that a file of this name holds."""
    from typing import cast

    import numpy as np

    from .axis import Kind, SpectralAxis, Unit
    from .io.axisfile import read_axis

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


def _axis_step(text: str) -> Step:
    """Return the step that "KIND key=value …" spells; values are JSON, or plain words."""
    from pydantic import TypeAdapter

    from .spectra.axes import STEPS, AnyStep

    kinds = [step.model_fields["kind"].default for step in STEPS]
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
    found: Step = TypeAdapter(AnyStep).validate_python(about)
    return found


def _machine(
    device: str | None,
    precision: str | None,
    threads: int | None,
    tile_memory: int | None,
    cache: Path | None,
) -> Machine:
    from .machine import Machine

    given = {
        "device": device,
        "precision": precision,
        "threads": threads,
        "tile_memory": tile_memory,
        "cache": cache,
    }
    return Machine.model_validate(
        {name: value for name, value in given.items() if value is not None}
    )


def _read_recipe(path: Path) -> Recipe:
    from .recipe import Recipe

    if not path.is_file():
        raise FileNotFoundError(f"there is no recipe {str(path)!r}; `recipe --task … -o` makes one")
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except ValidationError as error:
        error.add_note(path.name)
        raise


def _pairing(task: Task, words: Sequence[str]) -> Pairing:
    """Return the table of examples that words such as noisy=a.hdr name."""
    from .pairing import WordsError, pairing_of

    try:
        return pairing_of(
            task.asks_for(), [(w.partition("=")[0], w.partition("=")[2]) for w in words]
        )
    except WordsError as error:
        raise typer.BadParameter(str(error)) from error


def _read_examples(
    recipe: Recipe, pairing: Pairing, axes: str | None, image: str | None
) -> list[Example]:
    from .pairing import read_examples

    with _watching("reading", after=0.5) as watch:
        return list(read_examples(recipe, pairing, watch, axes=axes, image=image))


def _fewer(lines: Sequence[str], most: int = 20) -> list[str]:
    """Return lines for a person who only wants to see that they are right."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"… and {len(lines) - most + 1} more; --dry-run shows all"]


def _check_model(out: Path, force: bool) -> None:
    if out.suffix != ".safetensors":
        raise ValueError(
            f"a model is saved as .safetensors, not as {out.name!r}: -o model.safetensors"
        )
    _check_target(out, force)


def _targets(paths: Sequence[str], out: Path, suffix: str) -> list[Path]:
    """Return where each result goes; a folder is made for several, or where one is there."""
    from .io import Source, format_of

    is_folder = len(paths) > 1 or out.is_dir()
    if not is_folder:
        return [out]
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out} is a file; {len(paths)} cubes need a folder")
    format_of(Path("x" + suffix), "write")
    sources = [Source.parse(path) for path in paths]
    stems = [s.path.name.split(".")[0] + (f" {s.array}" if s.array else "") for s in sources]
    if len(set(stems)) < len(stems):
        raise typer.BadParameter("two cubes would be written to files of the same name")
    out.mkdir(parents=True, exist_ok=True)
    return [out / (stem + suffix) for stem in stems]


def _checked_targets(
    paths: Sequence[str], out: Path, suffix: str, words: Sequence[str], force: bool
) -> list[list[Path]]:
    """Return where the images of each cube go: one for each word, which its name ends with."""
    targets = [[_with_word(t, word) for word in words] for t in _targets(paths, out, suffix)]
    for target in chain.from_iterable(targets):
        _check_target(target, force)
    return targets


def _with_word(path: Path, word: str) -> Path:
    """Return a path whose name has one word more, if any, before its suffix."""
    stem, dot, suffix = path.name.partition(".")
    return path.with_name("_".join(filter(None, (stem, word))) + dot + suffix)


def _check_target(path: Path, force: bool, format_name: str | None = None) -> None:
    """Refuse before the work, not after it."""
    from .io import format_of

    files: tuple[Path, ...] = (path,)
    if path.suffix not in _OURS:
        files = format_of(path, "write", format_name).files(path)
    existing = [file.name for file in files if file.exists()]
    if existing and not force:
        raise FileExistsError(f"{', '.join(existing)} exists already; --force overwrites it")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {str(path.parent)!r} to write {path.name} into"
        )


_OURS: Final = (".safetensors", ".json")
"""Files of ours that are no images: models and recipes."""


def _autosave(machine: Machine, recipe: Recipe, out: Path) -> Path | None:
    """Return where a training is kept while it runs, one file for each recipe and model."""
    text = recipe.model_dump_json() + str(out.resolve())
    try:
        machine.cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"note: nothing is saved before the end ({error}); see --cache", file=sys.stderr)
        return None
    return machine.cache / f"{out.stem}-{sha256(text.encode()).hexdigest()[:12]}.safetensors"


# Progress and errors


@contextmanager
def _watching(what: str, after: float = 0.0) -> Generator[Callable[[Progress], None], None, None]:
    """Show a job as a bar on stderr; the first Ctrl-C ends the job, a second one the program.

    What is done within `after` seconds, or before it has told of a step, shows no bar.
    """
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from .progress import Stop

    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Bar(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
    row = bar.add_task(what, total=None, note="")

    def watch(step: Progress) -> None:
        if asked:
            raise Stop
        if time.monotonic() - began >= after:
            bar.start()
        bar.update(row, completed=step.done, total=step.total, note=_note(step))

    began = time.monotonic()
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield watch
    finally:
        if bar.live.is_started:  # to stop what never began prints an empty line
            bar.stop()
        signal.signal(signal.SIGINT, before)


def _reading(path: str) -> AbstractContextManager[Callable[[Progress], None]]:
    return _watching(f"reading {Path(path).name}", after=0.5)


def _note(step: Progress) -> str:
    loss = None if step.loss is None else f"loss {step.loss:.4g}"
    validation = None if step.validation is None else f"validation {step.validation:.4g}"
    return ", ".join(filter(None, (step.note, loss, validation)))


def _explained(error: Exception) -> list[str]:
    """Return what a person needs to know of an error, a line a problem."""
    if isinstance(error, ValidationError):
        where = getattr(error, "__notes__", [error.title])[0]  # the file, where there is one
        return [_problem(where, about) for about in error.errors()]
    text = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError | FileExistsError | PermissionError) and error.filename:
        text = f"{error.filename}: {error.strerror}"
    expected = isinstance(error, ValueError | OSError | ImportError | ArithmeticError | MemoryError)
    if expected or type(error).__module__.startswith(__package__):
        return [text or type(error).__name__]
    return [f"{type(error).__name__}: {text} (--debug shows where)"]


_WORDS: Final = {
    "extra_forbidden": "there is no such setting; `recipe --task … --settings` lists them",
    "missing": "this is needed",
}


def _problem(where: str, about: Any) -> str:
    place = ".".join(str(part) for part in _without_kinds(about["loc"]))
    message = _WORDS.get(about["type"], about["msg"])
    got = (
        ""
        if about["type"] in _WORDS or isinstance(about["input"], dict | bytes)
        else about["input"]
    )
    seen = f" (got {got!r})" if got != "" else ""
    return ": ".join(filter(None, (where, place, message))) + seen


def _without_kinds(place: Sequence[str | int]) -> Sequence[str | int]:
    """Leave out the kind that pydantic puts after "task" and "network"."""
    return (place[0], *place[2:]) if place[:1] in (("task",), ("network",)) else place
