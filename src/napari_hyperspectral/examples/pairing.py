"""Which files are examples of what: folders, lists and single files become a table of rows.

Images of a folder go with those of another by their names, never by the order in which a disk
happens to list them; what the names leave open is refused, with the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import TypeAlias

from ..cube import Labels
from ..io import Source
from ..io.folder import entries, holds_bands, is_image
from ..system.paths import user_text
from .folders import images_by_stem, rows_of_classes
from .lists import rows_of_list
from .names import matched_by_name
from .table import (
    CLASSES,
    LIST,
    PLACEHOLDERS,
    Pairing,
    PairingError,
    PairingRow,
    Roles,
    Words,
    WordsError,
)

_Texts: TypeAlias = dict[str, list[str]]
"""What was named for each role, and the lists and folders of classes."""


def pairing_of(roles: Roles, words: Words) -> Pairing:
    """Return the table of examples that words such as ``noisy=low/ clean=high/`` name.

    The first word of a role goes with the first of each other. What they name may be a file, a
    folder or a glob pattern of files, paired by name, or, of a role that is a text, the text.
    ``list=files.csv`` and ``classes=folder/`` are rows by themselves: see `rows_of_list` and
    `rows_of_classes`.

    Parameters
    ----------
    roles : mapping of name to Cube, Labels or str
        As ``task.asks_for()`` gives them.
    words : sequence of (name, text)
        In the order in which a person wrote them.

    Raises
    ------
    PairingError
        If a name is unknown, a file is not there, or names leave open what goes with what.
    """
    texts = _by_name(roles, words)
    lists = texts.pop(LIST)
    folders = texts.pop(CLASSES)
    _check_counts(texts, words)
    parts: list[Pairing] = []
    # the first text of each role, then the second of each …
    for group in zip(*texts.values(), strict=True):
        text_of_role = dict(zip(texts, group, strict=True))
        parts.append(_paired(roles, text_of_role))
    for text in lists:
        rows = rows_of_list(roles, Path(text))
        parts.append(Pairing(roles, tuple(rows)))
    for text in folders:
        parts.append(rows_of_classes(roles, Path(text)))
    return _joined(roles, parts)


def _joined(roles: Roles, parts: Sequence[Pairing]) -> Pairing:
    """Return the rows of all parts as one table."""
    rows: list[PairingRow] = []
    left_out: list[str] = []
    for part in parts:
        rows += part.rows
        left_out += part.left_out
    return Pairing(roles, tuple(rows), tuple(left_out))


def _by_name(roles: Roles, words: Words) -> _Texts:
    """Return the texts of each role, and of the words for lists and folders of classes."""
    names = (*roles, LIST, CLASSES)
    texts: _Texts = {name: [] for name in names}
    for name, text in words:
        if name not in texts:
            usage = _usage(roles)
            raise WordsError(f"got {name!r}; this task needs {usage}, or {LIST}=FILE.csv")
        texts[name].append(text)
    return texts


def _usage(roles: Roles) -> str:
    """Return the words that a task needs, with placeholders for their texts."""
    needed = []
    for role, kind in roles.items():
        needed.append(f"{role}={PLACEHOLDERS[kind]}")
    return " ".join(needed)


def _check_counts(texts: _Texts, words: Words) -> None:
    """Refuse roles with different numbers of texts, and no words at all.

    A list or a folder of classes alone leaves every role without a text, which is fine.
    """
    counts = {len(texts_of_role) for texts_of_role in texts.values()}
    same_count = len(counts) <= 1
    if same_count and words:
        return
    seen = []
    for role, texts_of_role in texts.items():
        seen.append(f"{len(texts_of_role)} {role}")
    raise WordsError(f"got {', '.join(seen)}; give as many of each, at least one")


# The files that one word names


@dataclass(frozen=True)
class _Named:
    """What a person named for one role."""

    text: str
    images: dict[str, str] = field(default_factory=dict)
    """Stem to path, where it may mean several images."""
    single: bool = False
    """Whether it may mean one image."""
    left_out: tuple[str, ...] = ()


def _named(text: str, kind: type) -> _Named:
    """Return the images that a text of a role names: a file, a folder, a pattern or an array."""
    text = user_text(text)
    path, mark, name = text.partition("::")
    array = mark + name
    existing = Path(text)
    # a file that really has such a name comes first
    if not existing.exists():
        existing = Path(path)
    if existing.is_dir() and not is_image(existing):
        images, others = images_by_stem(entries(existing))
        # a folder of bands is one cube, and yet it may be a folder of cubes with a band each
        single = kind is not Labels and holds_bands(existing)
        return _Named(
            text,
            images=_with_array(images, array),
            single=single,
            left_out=others,
        )
    if existing.exists():
        return _Named(text, single=True)
    if has_magic(path):
        matches = glob(path, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        images, others = images_by_stem(map(Path, matches))
        if not images:
            raise PairingError(f"no image fits {path!r}; give a pattern that names image files")
        return _Named(
            text,
            images=_with_array(images, array),
            left_out=others,
        )
    if Source.parse(text).path.exists():  # path@axes
        return _Named(text, single=True)
    raise PairingError(f"there is no file or folder {path!r}")


def _with_array(images: dict[str, Path], array: str) -> dict[str, str]:
    """Return paths with the array that is meant in each file."""
    sources = {}
    for stem, path in images.items():
        sources[stem] = f"{path}{array}"
    return sources


def _paired(roles: Roles, texts: Mapping[str, str]) -> Pairing:
    """Return the rows of one text a role: one of single files, many of folders."""
    named: dict[str, _Named] = {}
    for role, text in texts.items():
        kind = roles[role]
        if kind is not str:
            named[role] = _named(text, kind)
    if all(images.single for images in named.values()):
        row = PairingRow({role: texts[role] for role in roles})
        return Pairing(roles, (row,))
    _check_several(named)
    folders = {role: images.images for role, images in named.items()}
    rows: list[PairingRow] = []
    for files in matched_by_name(folders):
        # a text, such as a class, holds for all images of the folder
        files_and_texts = {role: files.get(role, texts[role]) for role in roles}
        rows.append(PairingRow(files_and_texts))
    left_out: list[str] = []
    for images in named.values():
        left_out += images.left_out
    return Pairing(roles, tuple(rows), tuple(left_out))


def _check_several(named: Mapping[str, _Named]) -> None:
    """Refuse a role that names a single image, or none, where others name several."""
    without_images = []
    for role, images in named.items():
        if not images.images:
            without_images.append(role)
    if not without_images:
        return
    # a folder without images is the likelier mistake: it is named first
    role = min(without_images, key=lambda name: named[name].single)
    images = named[role]
    seen = "holds no image"
    if images.single:
        seen = "is one image, others are several"
    raise PairingError(
        f"{role}={images.text} {seen}; name one image for each role, or a folder for each"
    )
