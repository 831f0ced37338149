"""Changing training data at random, in ways that should not change the answer."""

from __future__ import annotations

from .settings import Settings


class Augmentation(Settings):
    """How training data are varied at random."""
