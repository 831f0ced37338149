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
    from ..recipe import Recipe

_OURS: Final = (".safetensors", ".json")
"""Files of ours that are no images: models and recipes."""


def check_target(path: Path, force: bool, format_name: str | None = None) -> None:
    """Refuse what exists, unless forced, a format that is not written, and no folder to write to."""
    from ..io import format_of

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


def check_model(out: Path, force: bool) -> None:
    """Refuse what is no name of a model file, and what `check_target` refuses."""
    if out.suffix != ".safetensors":
        raise ValueError(
            f"a model is saved as .safetensors, not as {out.name!r}: -o model.safetensors"
        )
    check_target(out, force)


def checked_targets(
    paths: Sequence[str], out: Path, suffix: str, words: Sequence[str], force: bool
) -> list[list[Path]]:
    """Return where the images of each cube go: one for each word, which its name ends with."""
    targets = [[_with_word(t, word) for word in words] for t in _targets(paths, out, suffix)]
    for target in chain.from_iterable(targets):
        check_target(target, force)
    return targets


def _targets(paths: Sequence[str], out: Path, suffix: str) -> list[Path]:
    """Return where each result goes; a folder is made for several, or where one is there."""
    from ..io import Source, format_of

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
