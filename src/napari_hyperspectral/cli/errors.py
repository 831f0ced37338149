"""Errors in the words of people: a line a problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError

_OURS: Final = __name__.partition(".")[0]
"""The package: errors of its own are expected."""
_WORDS: Final = {
    "extra_forbidden": "there is no such setting; `recipe --task … --settings` lists them",
    "missing": "this is needed",
}


def explained(error: Exception) -> list[str]:
    """Return what a person needs to know of an error, a line a problem."""
    if isinstance(error, ValidationError):
        where = getattr(error, "__notes__", [error.title])[0]  # the file, where there is one
        return [_problem(where, about) for about in error.errors()]
    text = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError | FileExistsError | PermissionError) and error.filename:
        text = f"{error.filename}: {error.strerror}"
    expected = isinstance(error, ValueError | OSError | ImportError | ArithmeticError | MemoryError)
    if expected or type(error).__module__.startswith(_OURS):
        return [text or type(error).__name__]
    return [f"{type(error).__name__}: {text} (--debug shows where)"]


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
