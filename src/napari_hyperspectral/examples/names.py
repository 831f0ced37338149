"""Pairing the files of two folders by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .table import (
    LIST,
    PairingError,
    shortened,
)


def matched_by_name(folders: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the files of equal names, by role; refuse where names do not tell.

    Names are compared as they are, then without the words that all of a folder end with:
    ``a_low, b_low`` go with ``a_high, b_high``.
    """
    bare = {name: _without_ending(images) for name, images in folders.items()}
    for tried in (folders, bare):
        stems = [list(images) for images in tried.values()]
        if all(set(other) == set(stems[0]) for other in stems):
            return [{n: images[stem] for n, images in tried.items()} for stem in stems[0]]
    raise PairingError(_unmatched(bare))


def _unmatched(folders: Mapping[str, Mapping[str, str]]) -> str:
    counts = ", ".join(f"{len(images)} {name}" for name, images in folders.items())
    alone = [
        f"{name} {Path(path).name}"
        for name, images in folders.items()
        for stem, path in images.items()
        if any(stem not in other for other in folders.values())
    ]
    return (
        f"found {counts}; without a partner of the same name: {shortened(alone)}; "
        f"rename or move them, choose files by a pattern ('folder/*.tif'), or give {LIST}=files.csv"
    )


_ENDING: Final = re.compile(r"[_\-\s]+([^\W\d_]+|\d+([.,]\d+)?[^\W\d_]+)$")
"""A last word that may say what a whole folder is: "_low", "-mask", "_0.1s"; no bare number, which
says which of the images it is."""


def _without_ending(images: Mapping[str, str]) -> dict[str, str]:
    """Return images by stems without the words that all of them end with.

    A single one ends with nothing that all have: its last word may say which it is.
    """
    stems = list(images)
    while len(stems) > 1:
        endings = {match[0] if (match := _ENDING.search(stem)) else "" for stem in stems}
        ending = endings.pop()
        if endings or not ending or len(ending) == len(min(stems, key=len)):
            break
        stems = [stem.removesuffix(ending) for stem in stems]
    return dict(zip(stems, images.values(), strict=True))
