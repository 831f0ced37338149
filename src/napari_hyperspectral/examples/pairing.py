"""Which files are examples of what: folders, lists and single files become a table of rows.

Images of a folder go with those of another by their names, never by the order in which a disk
happens to list them; what the names leave open is refused, with the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import chain
from pathlib import Path

from ..cube import Labels
from ..io import Source
from ..io.folder import entries, holds_bands, is_image
from .folders import images_by_stem, rows_of_classes
from .lists import rows_of_list
from .names import matched_by_name
from .table import (
    CLASSES,
    LIST,
    PLACEHOLDERS,
    Pairing,
    PairingError,
    Roles,
    Row,
    WordsError,
)


def pairing_of(roles: Roles, words: Sequence[tuple[str, str]]) -> Pairing:
    """Return the table of examples that words such as ``noisy=low/ clean=high/`` speak of.

    The first word of a role goes with the first of each other. What they name may be a file, a
    folder or a glob pattern of files, paired by name, or, of a role that is a text, the text.
    ``list=files.csv`` and ``classes=folder/`` are rows by themselves: see `rows_of_list` and
    `rows_of_classes`.

    Parameters
    ----------
    roles : mapping of name to Cube, Labels or str
        As ``task.asks_for()`` gives them.
    words : sequence of (name, text)
        In the order they were given.

    Raises
    ------
    PairingError
        If a name is unknown, a file is not there, or names leave open what goes with what.
    """
    named: dict[str, list[str]] = {name: [] for name in (*roles, LIST, CLASSES)}
    for name, text in words:
        if name not in named:
            wanted = " ".join(f"{known}={PLACEHOLDERS[kind]}" for known, kind in roles.items())
            raise WordsError(f"got {name!r}; this task wants {wanted}, or {LIST}=FILE.csv")
        named[name].append(text)
    lists, folders = named.pop(LIST), named.pop(CLASSES)
    counts = {name: len(texts) for name, texts in named.items()}
    if len(set(counts.values())) > 1 or not words:  # a list or classes alone are none of each
        got = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise WordsError(f"got {got}; give as many of each, at least one")
    slots = [dict(zip(named, texts, strict=True)) for texts in zip(*named.values(), strict=True)]
    parts = [
        *(_paired(roles, slot) for slot in slots),
        *(Pairing(roles, tuple(rows_of_list(roles, Path(text)))) for text in lists),
        *(rows_of_classes(roles, Path(text)) for text in folders),
    ]
    rows = tuple(chain.from_iterable(part.rows for part in parts))
    return Pairing(roles, rows, tuple(chain.from_iterable(part.left_out for part in parts)))


# Files of one word


@dataclass(frozen=True)
class _Word:
    """What a person named for one role."""

    text: str
    images: dict[str, str]
    """Stem to path, where it may mean several images."""
    single: bool
    """Whether it may mean one image."""
    left_out: tuple[str, ...] = ()


def _word(text: str, kind: type) -> _Word:
    path, mark, array = text.partition("::")
    here = Path(text) if Path(text).exists() else Path(path)
    if here.is_dir() and not is_image(here):
        images, others = images_by_stem(entries(here))
        bands = kind is not Labels and holds_bands(here)
        return _Word(text, _with_array(images, mark + array), bands, others)
    if here.exists():
        return _Word(text, {}, True)
    if has_magic(path):
        fitting = glob(path, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        images, others = images_by_stem(map(Path, fitting))
        if images:
            return _Word(text, _with_array(images, mark + array), False, others)
        raise PairingError(f"no image fits {path!r}")
    if Source.parse(text).path.exists():  # path@axes
        return _Word(text, {}, True)
    raise PairingError(f"there is no file or folder {path!r}")


def _with_array(images: dict[str, Path], array: str) -> dict[str, str]:
    return {stem: f"{path}{array}" for stem, path in images.items()}


def _paired(roles: Roles, slot: Mapping[str, str]) -> Pairing:
    """Return the rows of one word a role: one of single files, many of folders."""
    texts = {name: text for name, text in slot.items() if roles[name] is str}
    words = {n: _word(text, roles[n]) for n, text in slot.items() if n not in texts}
    if all(word.single for word in words.values()):
        return Pairing(roles, (Row({name: slot[name] for name in roles}),))
    for name, word in sorted(words.items(), key=lambda named: named[1].single):
        if not word.images:
            found = "is one image, others are several" if word.single else "holds no image"
            raise PairingError(
                f"{name}={word.text} {found}; name one image for each role, or a folder for each"
            )
    rows = [
        Row({name: texts.get(name, files.get(name, "")) for name in roles})
        for files in matched_by_name({name: word.images for name, word in words.items()})
    ]
    left_out = chain.from_iterable(word.left_out for word in words.values())
    return Pairing(roles, tuple(rows), tuple(left_out))


# Names of two folders


# Images of one folder


# What is shown
