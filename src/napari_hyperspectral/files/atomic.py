"""Files that are written completely or not at all, several at once too.

Drafts are written into a folder beside their targets, ``.NAME.PID@HOST.RANDOM.part``. One rename
takes a file to its place. No system renames two files at once, so for several the folder is renamed
to ``.NAME.moving`` first: from then on they are as good as in place, and whoever comes next, a
reader or a writer, moves what an interruption left in that folder.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import DiskFullError

_PART: Final = ".part"
_MOVING: Final = ".moving"
_OLD: Final = "replaced"
"""Folder among the drafts for what they replace, until all are in place."""
_OWNER: Final = re.compile(r"(?P<pid>\d+)@(?P<host>.*)\.[^.]+")
"""Who writes the drafts of a folder, in its name."""
_STORE_MARKS: Final = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FULL_TEXT: Final = re.compile(
    r"no space left|disk quota|file too large|errno = (27|28)\b|\d+ requested and \d+ written",
    re.IGNORECASE,
)
"""What libraries that keep the number of the error to themselves say of a full disk."""
_OLDEST: Final = 24 * 3600
"""Seconds for which a writer that cannot be asked for is believed to run."""
_PAUSE: Final = 0.1
"""Seconds after which a removed folder is looked for again."""
_MANY_FILES: Final = 64
"""Files from which on one flush of the system is quicker than one for each."""


@contextmanager
def replacing(*paths: Path) -> Generator[tuple[Path, ...], None, None]:
    """Yield a temporary path for each of `paths`, and rename all to `paths` if nothing fails.

    The temporary files have the same names and suffixes, in a folder beside the first path, which
    is removed in any case. A path may become a file or a folder. The last one is renamed last: put
    there the file that leads to the others, such as a header.

    Raises
    ------
    FileNotFoundError
        If there is no folder to write into.
    ValueError
        If the paths lie inside a Zarr store.
    DiskFullError
        If the disk is full.
    """
    parent = paths[0].parent
    if not parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(parent)!r} to write {paths[0].name} into")
    refuse_inside_store(paths[-1])
    finish_moves(paths[-1])
    stem = paths[-1].stem
    _clear_leftovers(parent, [path.name for path in paths] + [stem])
    owner = f"{os.getpid()}@{platform.node()}"
    try:
        prefix = f".{stem}.{owner}."
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_PART, dir=parent))
    except OSError as error:
        if _is_full(error):
            raise DiskFullError(paths[-1], error) from error
        raise
    try:
        drafts = tuple(folder / path.name for path in paths)
        yield drafts
        for draft in drafts:
            _flush(draft)
        _move(folder, paths)
        _flush_folder(parent)
    except OSError as error:
        if _is_full(error):
            raise DiskFullError(paths[-1], error) from error
        raise
    finally:
        _remove(folder)


def write_text(path: Path, text: str) -> None:
    """Write a text file, all of it or none: what was there stays as it is until then.

    Raises
    ------
    DiskFullError, FileNotFoundError, ValueError
        As `replacing` does.
    """
    with replacing(path) as (draft,):
        draft.write_text(text, encoding="utf-8", newline="\n")


def finish_moves(path: Path) -> None:
    """Move the files of `path` to their places that an interruption left between them.

    Raises
    ------
    OSError
        If that is not permitted.
    """
    moving = _moving_folder(path)
    if not moving.is_dir():
        return
    for draft in sorted(moving.iterdir()):
        if draft.name != _OLD:
            _put(draft, path.parent / draft.name, moving / _OLD)
    shutil.rmtree(moving, ignore_errors=True)
    _flush_folder(path.parent)


def refuse_inside_store(path: Path) -> None:
    """Refuse a target inside a Zarr store: whoever opens the store would not know of it.

    Raises
    ------
    ValueError
        If it lies in one.
    """
    for folder in path.absolute().parents:
        if any((folder / mark).is_file() for mark in _STORE_MARKS):
            raise ValueError(
                f"{path.name} would lie inside the Zarr store {str(folder)!r}; choose a folder outside it"
            )


def _move(folder: Path, paths: Sequence[Path]) -> None:
    """Rename the drafts in `folder` to `paths`: all of them, or none."""
    if len(paths) == 1 and not paths[0].is_dir():
        (folder / paths[0].name).replace(paths[0])
        return
    old = folder / _OLD
    old.mkdir()
    for path in paths:
        _keep(path, old)
    moving = _moving_folder(paths[-1])
    folder.rename(moving)
    try:
        for path in paths:
            _put(moving / path.name, path, moving / _OLD)
    except BaseException:
        # should this fail as well, the folder stays, and whoever comes next finishes the moves
        _take_back(moving, paths)
        moving.rename(folder)
        raise
    shutil.rmtree(moving, ignore_errors=True)


def _keep(path: Path, old: Path) -> None:
    """Have a second name for a file that is to be replaced, where the file system has such."""
    if path.is_file():
        with suppress(OSError):
            os.link(path, old / path.name)


def _put(draft: Path, path: Path, old: Path) -> None:
    """Rename a draft to its place; what is there and has no second name goes to `old`."""
    if not draft.exists():  # a reader that came between has moved it
        return
    kept = old / path.name
    if path.is_dir() or (path.exists() and not kept.exists()):
        path.rename(kept)  # no system renames onto a folder that has something in it
    draft.replace(path)


def _take_back(moving: Path, paths: Sequence[Path]) -> None:
    """Put everything where it was before the first draft was moved."""
    for path in reversed(paths):
        draft = moving / path.name
        kept = moving / _OLD / path.name
        if not draft.exists() and path.exists():
            _give_back(path, draft)
        if kept.exists():
            kept.replace(path)


def _give_back(path: Path, draft: Path) -> None:
    """Have a draft again that was moved: as a second name, so that something is always in place."""
    try:
        os.link(path, draft)
    except OSError:  # a folder, or a file system without such names
        path.rename(draft)


def _moving_folder(path: Path) -> Path:
    return path.parent / f".{path.stem}{_MOVING}"


def _clear_leftovers(parent: Path, names: Sequence[str]) -> None:
    """Remove the drafts of these files whose writer was ended before it could."""
    for name in dict.fromkeys(names):
        beginning = f".{name}."
        for entry in parent.iterdir():
            if not entry.name.startswith(beginning) or entry.suffix != _PART:
                continue
            owner = entry.name.removeprefix(beginning).removesuffix(_PART)
            if not _is_being_written(entry, owner):
                shutil.rmtree(entry, ignore_errors=True)


def _is_being_written(folder: Path, owner: str) -> bool:
    """Whether the writer named in a folder of drafts may still run; earlier versions named none."""
    match = _OWNER.fullmatch(owner)
    if match is None:
        return "." in owner  # of another file, whose name goes on after a point
    elsewhere = match["host"] != platform.node()
    if elsewhere or os.name == "nt":  # Windows has no question that could not end the process
        age = time.time() - folder.stat().st_mtime
        return age < _OLDEST
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's
        return True
    return True


def _remove(folder: Path, tries: int = 20) -> None:
    """Remove a folder of drafts, into which threads of a writer that failed may still write."""
    with suppress(OSError):
        folder.rmdir()  # nothing is left in it, where nothing failed
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE)
        tries -= 1
        if not tries:
            return


def _flush(path: Path) -> None:
    """Have a file, or all files of a folder, written to the disk, before it takes another's place."""
    if path.is_file():
        _flush_file(path)
        return
    files = [each for each in path.rglob("*") if each.is_file()]
    if len(files) >= _MANY_FILES and hasattr(os, "sync"):
        os.sync()
        return
    for file in files:
        _flush_file(file)


def _flush_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Have the names in a folder written to the disk, where a system allows."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network drives know no such thing
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_full(error: OSError) -> bool:
    return error.errno in _FULL or _FULL_TEXT.search(str(error)) is not None
