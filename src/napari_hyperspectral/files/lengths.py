"""What can be a length: of files that state another, positions are counted in pixels."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import numpy as np

_SHORTEST: Final = 1e-30
_LONGEST: Final = 1e30
"""Bounds of a pixel size, in whatever unit: what lies beyond them no viewer can show."""
_READING: Final[ContextVar[str | None]] = ContextVar("reading", default=None)
"""Name of the file that is being read, if any: a wrong pixel size is then no reason to refuse it."""


@contextmanager
def mending_positions(name: str) -> Generator[None, None, None]:
    """Warn of pixel sizes that are no lengths, and go on with pixels, instead of an error.

    Parameters
    ----------
    name : str
        Of the file that is read, for the warning.
    """
    token = _READING.set(name)
    try:
        yield
    finally:
        _READING.reset(token)


def file_being_read() -> str | None:
    """Return the name of the file whose wrong pixel sizes are no reason to refuse it; None: of none."""
    return _READING.get()


def are_steps(values: Any) -> bool:
    """Whether values are two lengths that some ruler has, or their negatives."""
    if not are_finite(values, 2):
        return False
    return all(_SHORTEST <= abs(value) <= _LONGEST for value in values)


def are_finite(values: Any, count: int) -> bool:
    """Whether values are so many finite numbers."""
    try:
        numbers = np.asarray(values)
    except (TypeError, ValueError, OverflowError):
        return False
    if numbers.dtype.kind not in "iuf" or numbers.shape != (count,):
        return False
    return bool(np.isfinite(numbers).all())


def shown(value: Any) -> str:
    """Return numbers of a file as text for a message, at most so many letters."""
    try:
        numbers = [f"{float(number):g}" for number in np.ravel(value)]
    except (TypeError, ValueError, OverflowError):
        return repr(value)[:40]
    return " × ".join(numbers)[:80]
