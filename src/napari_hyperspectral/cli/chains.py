"""Commands that prepare cubes by chains of steps: apply one, write one to start from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from .bars import reading, watching
from .errors import print_each
from .options import Axes, Force, ImageName
from .targets import check_target, check_targets_in

if TYPE_CHECKING:
    from ..spectra.steps.starters import Starter
    from ..workflows.prepare import PreparedFiles


def apply(
    chain_file: Annotated[
        Path, typer.Argument(metavar="CHAIN.json", help="Steps, as `chain` writes")
    ],
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Cubes, path::name@axes")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="File to write; for several cubes a folder, in which results are named after "
            "their cubes: NAME_prepared",
        ),
    ],
    suffix: Annotated[
        str, typer.Option(help="Format of the files, where OUT is a folder")
    ] = ".ome.tif",
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Prepare cubes by a chain of steps, such as crop, baseline and normalisation.

    Cubes may be larger than memory: they are read, prepared and written part by part. One that fails
    does not end it.
    """
    targets = _targets(out, paths, suffix, force)
    from ..progress import run
    from ..spectra.steps.chain import Chain
    from ..workflows.prepare import prepare_files_steps

    chain = Chain.read(chain_file)
    title = targets[0].name if len(paths) == 1 else f"{len(paths)} cubes"
    with watching(f"preparing {title}", after=0.5) as watch:
        job = prepare_files_steps(
            chain, paths, targets, overwrite=force, axes=axes, image=image, watch=watch
        )
        prepared = run(job, watch)
    for path in prepared.written:
        print(path)
    _raise_errors(prepared, paths)


def chain(
    starter: Annotated[
        str | None, typer.Option(help="Name of a chain to start from, such as raman")
    ] = None,
    cube: Annotated[
        str | None,
        typer.Option("--for", metavar="PATH", help="Take the starter chain that suits this cube"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write")] = None,
    force: Force = False,
) -> None:
    """List steps and starter chains, or write a starter chain, to be changed by hand."""
    if starter is not None and cube is not None:
        raise typer.BadParameter("give either --starter or --for, not both", param_hint="--starter")
    if starter is None and cube is None:
        if out is not None:
            raise typer.BadParameter("a chain needs --starter NAME or --for PATH")
        _print_all_choices()
        return
    if out is not None:
        check_target(out, force)
    chosen = _starter_by_name(starter) if cube is None else _starter_for(cube)
    if out is None:
        print(chosen.chain.model_dump_json(indent=2))
        return
    print(chosen.chain.write(out, overwrite=force))


def _targets(out: Path, paths: Sequence[str], suffix: str, force: bool) -> list[Path]:
    """Return where the result of each cube goes, having checked that it can.

    Several cubes need a folder, which is made with the first result; one may have a file.
    """
    from ..workflows.targets import PREPARED, image_targets, targets_of_file

    if len(paths) == 1 and not out.is_dir():
        target = targets_of_file(out, paths[0]).result
        check_target(target, force)
        return [target]
    targets = [target for (target,) in image_targets(out, paths, suffix, [PREPARED])]
    check_targets_in(out, targets, force)
    return targets


def _starter_by_name(name: str | None) -> Starter:
    from ..spectra.steps.starters import STARTERS, starter

    names = [each.name for each in STARTERS]
    if name not in names:
        raise typer.BadParameter(
            f"got {name!r}; wanted one of {', '.join(names)}", param_hint="--starter"
        )
    return starter(name)


def _starter_for(path: str) -> Starter:
    """Return the starter chain for the cube of a file; which it is goes to stderr."""
    from ..io import read
    from ..spectra.steps.starters import starter_for

    with reading(path) as watch:
        chosen = starter_for(read(path, watch=watch))
    print(f"note: {Path(path).name} looks like {chosen.title}", file=sys.stderr)
    return chosen


def _print_all_choices() -> None:
    from ..spectra.steps.chain import STEPS
    from ..spectra.steps.starters import STARTERS

    table = Table("Starter", "", "Steps", box=None)
    for each in STARTERS:
        steps = ", ".join(step.kind for step in each.chain.steps)
        table.add_row(each.name, each.title, steps)
    console = Console(markup=False, emoji=False)
    console.print(table)
    table = Table("Step", "", box=None)
    for kind in STEPS:
        line = (kind.__doc__ or "").partition("\n")[0]
        table.add_row(str(kind.model_fields["kind"].default), line)
    console.print(table)


def _raise_errors(prepared: PreparedFiles, paths: Sequence[str]) -> None:
    """End with an error where cubes failed: of one cube its own, of several a line each."""
    if not prepared.errors:
        return
    if len(paths) == 1:
        raise prepared.errors[paths[0]]
    print_each(prepared.errors)
    raise typer.Exit(1)
