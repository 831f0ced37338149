"""Undo of changes of a chain."""

from __future__ import annotations

import time
from typing import Final

from ...spectra.steps.chain import NOTHING, Chain

_ONE_CHANGE_S: Final = 0.8
"""Changes of one setting within so long, as while a number is typed, are undone at once."""
_MOST: Final = 100


class ChainHistory:
    """The states of a chain, in order; one of them is the present one."""

    def __init__(self, chain: Chain = NOTHING) -> None:
        self._states = [chain]
        self._present = 0
        self._changed = 0.0

    @property
    def present(self) -> Chain:
        """The chain as it is now."""
        return self._states[self._present]

    @property
    def can_undo(self) -> bool:
        """Whether there is a state before the present one."""
        return self._present > 0

    @property
    def can_redo(self) -> bool:
        """Whether a change was undone."""
        return self._present < len(self._states) - 1

    def add(self, chain: Chain) -> None:
        """Make a chain the present state; what was undone is forgotten."""
        if chain == self.present:
            return
        now = time.monotonic()
        same_steps = _kinds(chain) == _kinds(self.present)
        merges = same_steps and self._present > 0 and now - self._changed < _ONE_CHANGE_S
        self._changed = now
        kept = self._states[: self._present + (not merges)]
        self._states = [*kept, chain][-_MOST:]
        self._present = len(self._states) - 1

    def undo(self) -> Chain:
        """Go back by a change, if there is one, and return the chain."""
        self._present = max(0, self._present - 1)
        self._changed = 0.0
        return self.present

    def redo(self) -> Chain:
        """Take back an undo, if there is one, and return the chain."""
        self._present = min(len(self._states) - 1, self._present + 1)
        self._changed = 0.0
        return self.present


def _kinds(chain: Chain) -> list[tuple[type, bool]]:
    return [(type(step), step.enabled) for step in chain.steps]
