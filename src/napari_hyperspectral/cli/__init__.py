"""The command line: each command is a call of the library, with progress bars and readable errors.

What is heavy (torch above all) is imported inside the commands that need it, so that the others
are quick.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Final, NoReturn

import typer

from .. import renamed
from ..errors import printable
from ..progress import Stop
from ..system.paths import with_homes
from .chains import apply, chain
from .clusters import cluster, peaks
from .components import components
from .errors import explained
from .files import axis, convert, formats, info
from .maps import map_of_band
from .models import card, import_weights, predict
from .places import register, resample
from .printing import printing_safely
from .recipes import recipe
from .signals import code_after, listening
from .statistics import statistics
from .trainings import demo, evaluate, preview, train

COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "info": info,
    "convert": convert,
    "axis": axis,
    "chain": chain,
    "apply": apply,
    "train": train,
    "evaluate": evaluate,
    "preview": preview,
    "recipe": recipe,
    "predict": predict,
    "components": components,
    "map": map_of_band,
    "cluster": cluster,
    "peaks": peaks,
    "statistics": statistics,
    "resample": resample,
    "register": register,
    "import-weights": import_weights,
    "card": card,
    "demo": demo,
    "formats": formats,
}
"""By name, in the order in which `--help` lists them."""

app = typer.Typer(
    name="napari-hyperspectral",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes break messages in the middle
    help="Read, convert, train on and predict hyperspectral images.",
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and end the process.

    0 done, 1 an error, 2 wrong usage; 130 stopped by Ctrl-C, 143 by SIGTERM, with what was done by
    then.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    for stream in (sys.stdout, sys.stderr):  # a terminal without µ or ⁻¹ gets a question mark
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if not debug:
        warnings.showwarning = _note_warning
    words = [with_homes(word) for word in words if word != "--debug"]
    words = _with_new_command(words)
    with listening():
        code = _exit_code_of(words, debug)
    sys.exit(code_after(code))


def _exit_code_of(words: list[str], debug: bool) -> int:
    """Run a command; return its exit code."""
    try:
        with printing_safely():
            app(words, prog_name="napari-hyperspectral")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (KeyboardInterrupt, Stop):  # before there was anything to keep
        print("stopped", file=sys.stderr)
        return 1  # the signal says more
    except Exception as error:  # the last door: what no command expected is a line, too
        if debug:
            raise
        for line in explained(error):
            print(f"error: {printable(line)}", file=sys.stderr)
        return 1
    return 0


def _with_new_command(words: list[str]) -> list[str]:
    """Return the words with a command of an earlier version by its present name; say so."""
    if not words or words[0] not in renamed.COMMAND_NAMES:
        return words
    name = renamed.COMMAND_NAMES[words[0]]
    print(f"note: the command {words[0]} is called {name} now", file=sys.stderr)
    return [name, *words[1:]]


def _note_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning in a line; where in the code it was raised helps nobody here."""
    print(f"note: {printable(' '.join(str(message).split()))}", file=sys.stderr)


def _print_version(asked_for: bool) -> None:
    """Print the version of this package, and end."""
    if asked_for:
        print(f"napari-hyperspectral {version('napari-hyperspectral')}")
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version", is_eager=True, callback=_print_version),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from")] = False,
) -> None:
    """Read, convert, train on and predict hyperspectral images."""
