"""Files that are written completely or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(*paths: Path) -> Generator[tuple[Path, ...], None, None]:
    """Yield a temporary path for each of `paths`, and rename all to `paths` if nothing fails.

    The temporary files have the same names and suffixes, in a folder beside the first path, which
    is removed in any case. A path may become a file or a folder. The last one is renamed last: put
    there the file that leads to the others, such as a header.
    """
    parent = paths[0].parent
    if not parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(parent)!r} to write {paths[0].name} into")
    folder = Path(tempfile.mkdtemp(prefix=f".{paths[0].name}.", suffix=".part", dir=parent))
    try:
        drafts = tuple(folder / path.name for path in paths)
        yield drafts
        for draft, path in zip(drafts, paths, strict=True):
            if path.is_dir():
                _replace_folder(path, draft, folder / "replaced")
            else:
                draft.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace_folder(path: Path, draft: Path, old: Path) -> None:
    """Put a folder in the place of another, which is moved to `old` for as long as that may fail."""
    path.rename(old)  # no system renames onto a folder that has something in it
    try:
        draft.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old)
