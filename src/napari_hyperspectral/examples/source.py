"""Where examples come from: images in memory, or a table of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ..cube import Image
from .table import Pairing

ExampleSource: TypeAlias = Sequence[Mapping[str, Image | str]] | Pairing
"""Images by their names, or a table of their files."""
