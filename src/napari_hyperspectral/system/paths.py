"""Paths as people write them: a ~ is their home, in Python and behind a = as well."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(path: str | Path) -> Path:
    """Return a path with ~ or ~name at its beginning replaced by that home folder.

    A file of exactly this name takes precedence; a home that nobody has stays as it is.
    """
    literal = Path(path)
    if not str(path).startswith("~") or literal.exists():
        return literal
    return Path(os.path.expanduser(path))  # noqa: PTH111  (that of pathlib raises RuntimeError)


def user_text(text: str) -> str:
    """Return a text that names a file, as ``path::array@axes`` does, with `user_path` applied."""
    if not text.startswith("~") or Path(text).exists():
        return text
    return os.path.expanduser(text)  # noqa: PTH111


def with_homes(word: str) -> str:
    """Return a word of a command line, such as ~/a.npz, noisy=~/a.npz or --out=~/m, without ~."""
    name, mark, text = word.partition("=")
    if mark and text.startswith("~"):
        return f"{name}={user_text(text)}"
    return user_text(word)
