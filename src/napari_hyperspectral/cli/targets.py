"""Where results go: refused before the work, not after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..workflows.targets import Targets


def check_target(path: Path, force: bool, format_name: str | None = None) -> None:
    """Refuse what exists, unless forced, a format that is not written, and no folder to write to."""
    from ..workflows.targets import check_parent

    _check_existing([path], force, format_name)
    check_parent(path)


def check_targets_in(folder: Path, targets: Iterable[Path], force: bool) -> None:
    """Refuse what `check_target` does, of files in a folder that is made with the first of them."""
    check_folder(folder)
    _check_existing(targets, force)


def check_model(out: Path, force: bool) -> None:
    """Refuse what is no name of a model file, and what `check_target` refuses."""
    from ..workflows.targets import check_model_target

    check_model_target(out)
    check_target(out, force)


def check_folder(out: Path) -> None:
    """Refuse a folder that cannot be made, for a file has its name, and one in a Zarr store."""
    from ..files.atomic import refuse_inside_store

    refuse_inside_store(out / "results")
    existing = next(path for path in (out, *out.parents) if path.exists())
    if not existing.is_dir():
        raise typer.BadParameter(
            f"{existing} is a file; wanted a folder to write several files into"
        )


def check_folder_in_place(out: Path) -> None:
    """Refuse what `check_folder` does, and a folder whose own folder is not there."""
    check_folder(out)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(out.parent)!r} to make {out.name} in")


def check_report_folder(out: Path, force: bool) -> None:
    """Refuse what `check_folder_in_place` does, and a folder with a report in it, unless forced."""
    from ..evaluation.reports import REPORT_FILES

    check_folder_in_place(out)
    existing = [name for name in REPORT_FILES if (out / name).exists()]
    if existing and not force:
        raise FileExistsError(f"{', '.join(existing)} exists already; --force overwrites it")


def prediction_targets(
    out: Path,
    paths: Sequence[str],
    suffix: str,
    force: bool,
    *,
    probabilities: bool,
    reports: Path | None,
) -> list[Targets]:
    """Return where the results of each cube go, having checked that they can.

    Several cubes need a folder, which is made with the first result; one may have a file.
    """
    from ..workflows.targets import targets_in_folder, targets_of_file

    if len(paths) == 1 and not out.is_dir():
        target = targets_of_file(out, paths[0], probabilities=probabilities, reports=reports)
        for file in target.images:
            check_target(file, force)
        return [target]
    targets = targets_in_folder(out, paths, suffix, probabilities=probabilities, reports=reports)
    check_targets_in(out, chain.from_iterable(target.images for target in targets), force)
    return targets


def _check_existing(targets: Iterable[Path], force: bool, format_name: str | None = None) -> None:
    from ..workflows.targets import existing_files

    existing = existing_files(targets, format_name)
    if existing and not force:
        names = ", ".join(file.name for file in existing)
        raise FileExistsError(f"{names} exists already; --force overwrites it")
