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
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from .cube import Image
    from .io import Format
    from .machine import Machine
    from .progress import Progress
    from .recipe import Recipe
    from .spectra.axes import Step
    from .tasks import Task

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
    recipe_file: Annotated[Path, typer.Argument(metavar="RECIPE.json", help="See `recipe`")],
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=PATH...",
            help="The images the task asks for: noisy=a.hdr clean=b.hdr, or cube=c.hdr labels=l.tif;"
            " repeat the names to train on several",
        ),
    ],
    out: Out,
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
    from .progress import finish

    machine = _machine(device, precision, threads, tile_memory, cache)
    if out.suffix != ".safetensors":
        raise ValueError(
            f"a model is saved as .safetensors, not as {out.name!r}: -o model.safetensors"
        )
    _check_target(out, force)
    recipe = _read_recipe(recipe_file)
    images = _images(recipe.task, layers, axes, image)
    from .evaluation import judged
    from .summary import lines_of_card
    from .training import fit

    autosave = _autosave(machine, recipe, out)
    examples = [recipe.example(**pair) for pair in images]
    job = fit(recipe, examples, machine=machine, autosave=autosave, resume=resume)
    with _watching(f"training {out.name}") as watch:
        model = finish(job, watch)
    with _watching("judging it on the pixels held out") as watch:
        model = finish(judged(model, examples, images, machine=machine), watch)
    model.save(out, overwrite=force)
    if autosave is not None and model.card.stopped != "stopped by hand":
        autosave.unlink(missing_ok=True)
    _print_pairs(lines_of_card(model.card))
    print(out)


@app.command()
def recipe(
    task: Annotated[str | None, typer.Option(help="Kind of the task, such as denoise")] = None,
    network: Annotated[str | None, typer.Option(help="Kind of network, such as resunet1d")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write")] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="Tell what each setting means instead")
    ] = False,
    force: Force = False,
) -> None:
    """List tasks and networks; with --task, write a recipe that has every setting in it."""
    from .networks import NETWORKS
    from .tasks import TASKS

    if task is None and network is None and not settings and out is None:
        _print_choices("Task", TASKS)
        _print_choices("Network", NETWORKS)
        return
    if task is None:
        raise typer.BadParameter("a recipe needs --task", param_hint="--task")
    chosen = _recipe_of(task, network)
    if settings:
        _print_settings(chosen)
        return
    text = chosen.model_dump_json(indent=2)
    if out is None:
        print(text)
        return
    _check_target(out, force)
    out.write_text(text + "\n", encoding="utf-8")
    print(out)


@app.command()
def predict(
    model_file: Annotated[Path, typer.Argument(metavar="MODEL", help="File that `train` wrote")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Cubes, path::name@axes")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File; for several cubes a folder")],
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
    targets = _targets(paths, out, suffix)
    for target in targets:
        _check_target(target, force)
    from .io import read, write
    from .model import Model
    from .prediction import predict as predicting
    from .progress import finish

    model = Model.load(model_file)
    for path, target in zip(paths, targets, strict=True):
        with _reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        with _watching(f"predicting {target.name}") as watch:
            result = finish(predicting(model, cube, machine=machine), watch)
        write(target, result, overwrite=force)
        print(target)


@app.command()
def card(
    model_file: Annotated[Path, typer.Argument(metavar="MODEL", help="File that `train` wrote")],
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


def _images(
    task: Task, words: Sequence[str], axes: str | None, image: str | None
) -> list[dict[str, Image]]:
    """Read what was named, and pair it in order: the first noisy with the first clean."""
    from .cube import Labels
    from .io import read, read_labels

    kinds = task.asks_for()
    paths: dict[str, list[str]] = {name: [] for name in kinds}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or name not in kinds:
            wanted = " ".join(f"{known}=PATH" for known in kinds)
            raise typer.BadParameter(f"got {word!r}; this task wants {wanted}")
        paths[name].append(path)
    counts = {len(found) for found in paths.values()}
    if len(counts) > 1 or counts == {0}:
        got = ", ".join(f"{len(found)} {name}" for name, found in paths.items())
        raise typer.BadParameter(f"got {got}; give as many of each, at least one")
    return [
        {
            name: read_labels(path, image=image)
            if kinds[name] is Labels
            else read(path, axes=axes, image=image)
            for name, path in zip(kinds, chosen, strict=True)
        }
        for chosen in zip(*paths.values(), strict=True)
    ]


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
