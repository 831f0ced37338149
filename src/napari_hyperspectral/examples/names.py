"""Pairing the files of several folders by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from .table import LIST, PairingError, shortened

_LAST_WORD: Final = re.compile(r"[_\-\s]+([^\W\d_]+|\d+([.,]\d+)?[^\W\d_]+)$")
"""A last word that may say what a whole folder is: "_low", "-mask", "_0.1s"; no bare number, which
says which of the images it is."""

ImagesByStem: TypeAlias = Mapping[str, str]
"""Paths of images, by their stems."""
Folders: TypeAlias = Mapping[str, ImagesByStem]
"""The images of a folder for each role."""


def matched_by_name(folders: Folders) -> list[dict[str, str]]:
    """Return the files of equal names, by role, an example each.

    Names are compared as they are, then without the words that all of a folder end with:
    ``a_low, b_low`` go with ``a_high, b_high``.

    Parameters
    ----------
    folders : mapping of role to (mapping of stem to path)
        The images of each folder.

    Raises
    ------
    PairingError
        If an image has no counterpart in another folder.
    """
    without_endings: dict[str, ImagesByStem] = {}
    for role, images in folders.items():
        without_endings[role] = _without_ending(images)
    # names as they are come first: an ending may be what tells two images apart
    for stems in (folders, without_endings):
        first, *others = stems.values()
        same_stems = all(images.keys() == first.keys() for images in others)
        if same_stems:
            return _by_stem(stems)
    raise PairingError(_unmatched(without_endings))


def _by_stem(folders: Folders) -> list[dict[str, str]]:
    """Return the files of each stem, by role; all folders have the same stems."""
    # in the order of the first folder, as a person named it
    first_folder = next(iter(folders.values()))
    examples = []
    for stem in first_folder:
        example = {role: images[stem] for role, images in folders.items()}
        examples.append(example)
    return examples


def _unmatched(folders: Folders) -> str:
    """Return a message that names the images without a counterpart."""
    unmatched: list[str] = []
    counts: list[str] = []
    for role, images in folders.items():
        counts.append(f"{len(images)} {role}")
        for stem, path in images.items():
            everywhere = all(stem in others for others in folders.values())
            if not everywhere:
                unmatched.append(f"{role} {Path(path).name}")
    seen = ", ".join(counts)
    return (
        f"found {seen}; without a partner of the same name: {shortened(unmatched)}; "
        f"rename or move them, choose files by a pattern ('folder/*.tif'), or give {LIST}=files.csv"
    )


def _without_ending(images: ImagesByStem) -> ImagesByStem:
    """Return images by stems without the words that all of them end with.

    A single one ends with nothing that all have: its last word may say which it is.
    """
    stems = list(images)
    while len(stems) > 1:
        ending = _common_last_word(stems)
        # a stem of nothing but the ending would be left without a name
        if not ending or ending in stems:
            break
        stems = [stem.removesuffix(ending) for stem in stems]
    paths = images.values()
    return dict(zip(stems, paths, strict=True))


def _common_last_word(stems: list[str]) -> str:
    """Return the word, with the mark before it, that all stems end with; "" where there is none."""
    match = _LAST_WORD.search(stems[0])
    if match is None:
        return ""
    ending = match[0]
    for stem in stems[1:]:
        match = _LAST_WORD.search(stem)
        if match is None or match[0] != ending:
            return ""
    return ending
