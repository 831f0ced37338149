"""Files that are written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(*paths: Path) -> Generator[tuple[Path, ...], None, None]:
    """Give a temporary path for each of `paths`, and move all into place if nothing fails.

    The temporary files have the same names and suffixes, in a folder beside the first path;
    it goes in any case. A path may become a file or a folder; the last one is moved last (put
    there what makes the others be found, such as a header).
    """
    parent = paths[0].parent
    if not parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(parent)!r} to write {paths[0].name} into")
    shelf = Path(tempfile.mkdtemp(prefix=f".{paths[0].name}.", suffix=".part", dir=parent))
    try:
        drafts = tuple(shelf / path.name for path in paths)
        yield drafts
        for draft, path in zip(drafts, paths, strict=True):
            if path.is_dir():
                old = shelf / "replaced"
                path.rename(old)
                try:
                    draft.rename(path)
                except OSError:
                    old.rename(path)
                    raise
                shutil.rmtree(old)
            else:
                draft.replace(path)
    finally:
        shutil.rmtree(shelf, ignore_errors=True)
