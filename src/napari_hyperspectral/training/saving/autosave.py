"""Saving a training in progress now and then: what fails is told once, and ends no training."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from ...system.locks import LockedError, locked
from ..checkpoint import Checkpoint

SECONDS_BETWEEN_SAVES: Final = 10.0


class Autosave:
    """Where a training in progress is saved, and when it was.

    Parameters
    ----------
    path : path, optional
        The file; None saves nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.written = False
        """Whether the file holds a state of this training."""
        self._tried = time.monotonic()
        self._warned = False

    @property
    def existing(self) -> Path | None:
        """The file, if it is there."""
        return self.path if self.path is not None and self.path.exists() else None

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Keep other trainings from being saved there, as far as locks can be written.

        Raises
        ------
        LockedError
            If one is.
        """
        with ExitStack() as stack:
            try:
                if self.path is not None:
                    stack.enter_context(locked(self.path))
            except LockedError:
                raise
            except OSError:
                pass  # which saving there will say, too
            yield

    def now_and_then(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Save what `checkpoint` returns, unless that was done in the last ten seconds."""
        if time.monotonic() - self._tried > SECONDS_BETWEEN_SAVES:
            self.now(checkpoint)

    def now(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Save what `checkpoint` returns; warn, the first time that this fails."""
        if self.path is None:
            return
        try:
            checkpoint().write(self.path)
            self.written = True
        except Exception as error:  # whatever it is, the training is worth more
            self._warn(error)
        self._tried = time.monotonic()

    def way_on(self) -> str:
        """Return how to go on with a training that failed, a sentence."""
        if not self.written:
            return "Nothing of the training was saved."
        return (
            f"The training so far is saved in {self.path}: go on from there with --resume, "
            "or with fit(…, autosave=that file, resume=True)."
        )

    def _warn(self, error: Exception) -> None:
        if self._warned:
            return
        self._warned = True
        reason = " ".join(str(error).split()) or type(error).__name__
        warnings.warn(
            f"the training in progress could not be saved in {self.path} ({reason}); it goes on, but "
            "nothing of it is left if it is interrupted: make room there, or choose another folder "
            "(--cache)",
            stacklevel=2,
        )
