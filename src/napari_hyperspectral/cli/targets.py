"""Where results go: refused before the work, not after it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from ..machine import Machine
    from ..recipe.recipe import Recipe

_OURS: Final = (".safetensors", ".json")
"""Files of ours that are no images: models and recipes."""


def check_target(
    path: Path, force: bool, format_name: str | None = None, *, to_be_made: bool = False
) -> None:
    """Refuse what exists, unless forced, a format that is not written, and no folder to write to.

    Where the folder is `to_be_made`, once there is something to write, it need not be there.
    """
    from ..io import format_of

    files: tuple[Path, ...] = (path,)
    if path.suffix not in _OURS:
        files = format_of(path, "write", format_name).files(path)
    existing = [file.name for file in files if file.exists()]
    if existing and not force:
        raise FileExistsError(f"{', '.join(existing)} exists already; --force overwrites it")
    if not (path.parent.is_dir() or to_be_made):
        raise FileNotFoundError(
            f"there is no folder {str(path.parent)!r} to write {path.name} into"
        )


def check_model(out: Path, force: bool) -> None:
    """Refuse what is no name of a model file, and what `check_target` refuses."""
    if out.suffix != ".safetensors":
        raise ValueError(
            f"a model is saved as .safetensors, not as {out.name!r}: -o model.safetensors"
        )
    check_target(out, force)


def check_folder(out: Path) -> None:
    """Refuse a folder that cannot be made, for a file has its name."""
    there = next(place for place in (out, *out.parents) if place.exists())
    if not there.is_dir():
        raise typer.BadParameter(f"{there} is a file; wanted a folder to write several files into")


def check_folder_in_place(out: Path) -> None:
    """Refuse what `check_folder` does, and a folder whose own folder is not there."""
    check_folder(out)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(out.parent)!r} to make {out.name} in")


def targets_of_one(out: Path, words: Sequence[str], force: bool) -> list[Path]:
    """Return where the images of a cube go: one for each word, which its name ends with."""
    targets = [_with_word(out, word) for word in words]
    for target in targets:
        check_target(target, force)
    return targets


def targets_in(
    out: Path, paths: Sequence[str], suffix: str, words: Sequence[str], force: bool
) -> list[list[Path]]:
    """Return where the images of each cube go in a folder, which is still to be made."""
    check_folder(out)
    targets = [
        [_with_word(out / (stem + suffix), word) for word in words] for stem in _stems(paths)
    ]
    for target in chain.from_iterable(targets):
        check_target(target, force, to_be_made=True)
    return targets


def _stems(paths: Sequence[str]) -> list[str]:
    """Return what results are named by, as the cubes are."""
    from ..io import Source

    sources = [Source.parse(path) for path in paths]
    stems = [s.path.name.split(".")[0] + (f" {s.array}" if s.array else "") for s in sources]
    if len(set(stems)) < len(stems):
        raise typer.BadParameter("two cubes would be written to files of the same name")
    return stems


def _with_word(path: Path, word: str) -> Path:
    """Return a path whose name has one word more, if any, before its suffix."""
    stem, dot, suffix = path.name.partition(".")
    return path.with_name("_".join(filter(None, (stem, word))) + dot + suffix)


def autosave_of(machine: Machine, recipe: Recipe, out: Path) -> Path | None:
    """Return where a training is kept while it runs, one file for each recipe and model."""
    text = recipe.model_dump_json() + str(out.resolve())
    try:
        machine.cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"note: nothing is saved before the end ({error}); see --cache", file=sys.stderr)
        return None
    return machine.cache / f"{out.stem}-{sha256(text.encode()).hexdigest()[:12]}.safetensors"
