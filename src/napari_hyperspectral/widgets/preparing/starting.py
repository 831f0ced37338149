"""The chains to start from, as choices of a box."""

from __future__ import annotations

from typing import Final

from ...spectra.steps.starters import STARTERS

EMPTY: Final = "empty"
"""The choice of a chain without steps."""
OWN: Final = "own"
"""Shown while the chain is none of the others."""


def starter_choices() -> list[tuple[str, str]]:
    """Return the choices, each as people name it, and by its name."""
    named = [(each.title, each.name) for each in STARTERS]
    return [*named, ("Empty", EMPTY), ("Your own chain", OWN)]
