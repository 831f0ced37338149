"""Errors in the words of people: a line a problem."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..settings import reason_of

_PACKAGE: Final = __name__.partition(".")[0]
"""This package: errors of its own are expected."""
_EXPECTED: Final = (ValueError, OSError, ImportError, ArithmeticError, MemoryError)
"""Errors whose message is for people; the others are mistakes of ours."""
_MESSAGES: Final = {
    "extra_forbidden": "there is no such setting; `recipe --task … --settings` lists them",
    "missing": "this is needed",
}
"""By the type of pydantic's error, where its own message is not for people."""


def explained(error: Exception) -> list[str]:
    """Return what a person needs to know of an error, a line a problem, and what to do."""
    lines = _problems(error)
    if not isinstance(error, ValidationError):
        lines += getattr(error, "__notes__", [])
    return lines


def print_each(errors: Mapping[str, Exception]) -> None:
    """Print what went wrong with each of several files, a line a problem; by their paths."""
    for source, error in errors.items():
        for line in explained(error):
            problem = line.removeprefix(f"{Path(source).name}: ")
            print(f"error: {source}: {problem}", file=sys.stderr)


def _problems(error: Exception) -> list[str]:
    if isinstance(error, ValidationError):
        file = getattr(error, "__notes__", [error.title])[0]  # the file, where there is one
        return [_problem(file, details) for details in error.errors()]
    if isinstance(error, OSError) and error.filename and error.strerror:
        return [f"{error.filename}: {error.strerror}"]
    text = reason_of(error)
    ours = type(error).__module__.startswith(_PACKAGE)
    if ours or isinstance(error, _EXPECTED):
        return [text]
    return [f"{type(error).__name__}: {text} (--debug shows where)"]


def _problem(file: str, details: ErrorDetails) -> str:
    """Return the file, the setting and the message of one wrong setting, and its value."""
    kind = details["type"]
    setting = ".".join(str(part) for part in _without_kinds(details["loc"]))
    message = _MESSAGES.get(kind, details["msg"])
    line = ": ".join(filter(None, (file, setting, message)))
    value = details["input"]
    # our own messages speak of the setting, and what is no scalar would fill the terminal
    if kind in _MESSAGES or value == "" or isinstance(value, dict | bytes):
        return line
    return f"{line} (got {value!r})"


def _without_kinds(location: Sequence[str | int]) -> Sequence[str | int]:
    """Leave out the kind that pydantic puts after "task", "method", and the number of a step."""
    if location[:1] in (("task",), ("method",)):
        return (location[0], *location[2:])
    if "steps" in location:
        kind = location.index("steps") + 2
        return (*location[:kind], *location[kind + 1 :])
    return location
