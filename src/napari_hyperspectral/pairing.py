"""Which files are examples of what: folders, lists and single files become a table of rows.

Images of a folder go with those of another by their names, never by the order in which a disk
happens to list them; what the names leave open is refused, with the names.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import glob, has_magic
from io import StringIO
from itertools import chain, combinations
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias, TypeVar

import numpy as np

from .cube import Cube, Image, Labels
from .io import AmbiguousError, Source, read, read_labels
from .io.folder import entries, holds_bands, images_among, is_image
from .io.textfile import read_text
from .progress import Progress

Roles: TypeAlias = Mapping[str, type[Cube] | type[Labels] | type[str]]
"""What a task asks for: name to kind, as ``task.asks_for()`` gives them."""
Watch: TypeAlias = Callable[[Progress], object]

LIST: Final = "list"
"""The word for a CSV file that names the files of each example."""
CLASSES: Final = "classes"
"""The word for a folder with one folder a class."""
_MORE: Final = ("group", "split")
_USES: Final = {"train": "training", "validation": "validation", "test": "testing"}
"""What a row can be kept for, and its name; "train" is what none says."""
_WANTED: Final = {Cube: "PATH", Labels: "PATH", str: "TEXT"}
_TOLD: Final = 8
"""Names in an error; more are counted."""


class PairingError(ValueError):
    """Files do not make examples; the message names them, and says what to do."""


class WordsError(PairingError):
    """The words themselves are not what the task asks for, whatever the files."""


@dataclass(frozen=True)
class Row:
    """The files of one example."""

    files: dict[str, str]
    """Role to path (``path::array@axes`` too); of a text, such as a class, the text itself."""
    group: str = ""
    """Rows of one group (a sample, a patient) are held out together."""
    split: Literal["", "train", "validation", "test"] = ""
    """What the row is kept for, where a list says so; "validation" judges the epochs of a training,
    and then nothing else is held out."""
    of_class: bool = False
    """Whether labels are not a file, but the name of the class of every spectrum."""


@dataclass(frozen=True)
class Pairing:
    """A table of examples to be, in an order that only the names decide."""

    roles: Roles
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = field(default=())
    """Files and folders that are no images."""

    def of(self, split: Literal["train", "test"]) -> Pairing:
        """Return the rows to train with, or to test on; a list that says nothing has all in both.

        Those for validation go with those to train on.
        """
        if not any(row.split for row in self.rows):
            return self
        wanted, kept = {
            "train": (("", "train"), ("", "train", "validation")),
            "test": (("test",), ("test",)),
        }[split]
        if not any(row.split in wanted for row in self.rows):
            raise PairingError(f"no row of the list is for {split!r}; see its column 'split'")
        return replace(self, rows=tuple(row for row in self.rows if row.split in kept))

    @property
    def columns(self) -> tuple[str, ...]:
        """The titles of the table: the roles; group and split where a row has one."""
        return (*self.roles, *(m for m in _MORE if any(getattr(row, m) for row in self.rows)))

    def cells(self) -> list[list[str]]:
        """Return the table as texts, a list a row; of a path, the file and its folder."""
        return [
            [_cell(row, name, self.roles.get(name, str)) for name in self.columns]
            for row in self.rows
        ]

    def lines(self) -> list[str]:
        """Return the table as lines of equal columns, for people; what was left out comes last."""
        table = [list(self.columns), *self.cells()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        return [*lines, f"left out: {_some(self.left_out)}"] if self.left_out else lines


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
            wanted = " ".join(f"{known}={_WANTED[kind]}" for known, kind in roles.items())
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


def rows_of_list(roles: Roles, path: Path) -> list[Row]:
    """Return the rows of a CSV file: a column for each role, and perhaps `group` and `split`.

    Paths are relative to the folder of the list. `split` is "train", "validation", "test" or empty.

    Raises
    ------
    PairingError
        If columns are missing or unknown, rows are wrong (all are named), or a file or group is
        for two of training, validation and testing.
    """
    if not path.is_file():
        raise PairingError(f"there is no list {str(path)!r}")
    text = read_text(path)
    mark = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    columns = [(name or "").strip() for name in reader.fieldnames or ()]
    wrong = [name for name in columns if name not in (*roles, *_MORE)]
    missing = [name for name in roles if name not in columns]
    if wrong or missing:
        raise PairingError(
            f"{path.name} has the columns {', '.join(columns) or 'of nothing'}; wanted "
            f"{', '.join(roles)}, and perhaps {' and '.join(_MORE)}"
        )
    reader.fieldnames = columns
    rows: list[Row] = []
    faults: list[str] = []
    for cells in reader:
        try:
            rows.append(_listed(roles, cells, path.parent))
        except PairingError as error:
            faults.append(f"line {reader.line_num}: {error}")
    if faults or not rows:
        raise PairingError(f"{path.name}: {_some(faults, '; ') or 'there is no row in it'}")
    for one, other in combinations(_USES, 2):
        both = _for_both(roles, rows, one, other)
        if both:
            raise PairingError(
                f"{path.name}: both for {_USES[one]} and for {_USES[other]} are {_some(both)}; a "
                "model that is tested on what it has seen is tested on nothing"
            )
    return rows


def rows_of_classes(roles: Roles, folder: Path) -> Pairing:
    """Return a row for each image in the sub-folders of `folder`, whose names are the classes.

    A file of n spectra is n spectra of its class.

    Raises
    ------
    PairingError
        If the task does not learn classes of images or spectra, or there are not two.
    """
    told = [name for name, kind in roles.items() if kind is not Cube]
    images = [name for name, kind in roles.items() if kind is Cube]
    if (len(told), len(images)) != (1, 1):
        raise PairingError(
            f"a folder with a folder a class is for tasks of one image and its class; "
            f"this one wants {', '.join(roles)}"
        )
    painted = roles[told[0]] is Labels
    if not folder.is_dir():
        raise PairingError(f"there is no folder {str(folder)!r}")
    inside = [entry for entry in entries(folder) if entry.is_dir() and not is_image(entry)]
    found = {entry: _images(entries(entry)) for entry in inside}
    rows = [
        Row({images[0]: str(path), told[0]: entry.name}, of_class=painted)
        for entry, (paths, _) in found.items()
        for path in paths.values()
    ]
    filled = [entry.name for entry, (paths, _) in found.items() if paths]
    if len(filled) < 2:
        raise PairingError(
            f"{folder} holds images of too few classes ({_some(filled) or 'none'}); wanted "
            "at least two folders, each with the images of a class and named after it"
        )
    beside = [str(entry) for entry in entries(folder) if entry not in inside]
    empty = [str(entry) for entry, (paths, _) in found.items() if not paths]
    others = chain.from_iterable(others for _, others in found.values())
    return Pairing(roles, tuple(rows), (*beside, *empty, *others))


ExampleT = TypeVar("ExampleT", bound="_Grouped")
_MadeT = TypeVar("_MadeT", bound="_Grouped", covariant=True)


class _Grouped(Protocol):
    """What `replace` can give a group, and say of that it validates."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class _Maker(Protocol[_MadeT]):
    """What makes examples: a recipe."""

    def example(self, **images: Any) -> _MadeT: ...


def read_examples(
    recipe: _Maker[ExampleT],
    pairing: Pairing,
    watch: Watch | None = None,
    *,
    axes: str | None = None,
    image: str | None = None,
) -> Iterator[ExampleT]:
    """Read the examples of a table, one at a time, as they are asked for.

    Parameters
    ----------
    recipe : Recipe
        Makes an example of the images of a row.
    pairing : Pairing
        The table.
    watch : callable, optional
        Told how far it is; what it raises ends the reading.
    axes, image : str, optional
        Layout of the arrays, and which image of each file, as `io.read` takes them.

    Raises
    ------
    ValueError, OSError
        As reading a file, or making an example, does; the message names the row.
    """
    count = len(pairing.rows)
    for number, row in enumerate(pairing.rows):

        def tell(step: Progress, number: int = number, row: Row = row) -> None:
            if watch is not None:
                done = 100 * number + 100 * step.done // max(step.total, 1)
                watch(Progress(done, 100 * count, note=_cell(row, next(iter(row.files)), Cube)))

        tell(Progress(0, 1))
        images = read_row(pairing.roles, row, tell, axes=axes, image=image)
        try:
            example = recipe.example(**images)
        except ValueError as error:
            if count == 1:
                raise
            raise PairingError(f"{' + '.join(row.files.values())}: {error}") from error
        yield replace(example, group=row.group, validates=row.split == "validation")


def read_row(
    roles: Roles,
    row: Row,
    watch: Watch | None = None,
    *,
    axes: str | None = None,
    image: str | None = None,
) -> dict[str, Image | str]:
    """Read the images of one row, by role; texts are themselves. See `read_examples`."""
    found: dict[str, Image | str] = {}
    for name, kind in roles.items():
        text = row.files[name]
        if kind is str:
            found[name] = text
        elif kind is Cube:
            found[name] = read(text, axes=axes, image=image, watch=watch)
        elif not row.of_class:
            found[name] = read_labels(text, image=image, watch=watch)
    if row.of_class:
        (told,) = roles.keys() - found.keys()
        found[told] = _all_of(row.files[told], next(iter(found.values())))
    return found


def _all_of(name: str, cube: Image | str) -> Labels:
    """Return labels that give every pixel of a cube the class of this name."""
    assert isinstance(cube, Cube)
    size = tuple(n for n, dim in zip(cube.shape, cube.dims, strict=True) if dim != "band")
    return Labels(np.ones(size, np.uint8), (name,), z=cube.z, t=cube.t, name=name)


class RowImages(Sequence[Mapping[str, Image | str]]):
    """The images of each row of a table, read when they are asked for."""

    def __init__(self, pairing: Pairing, *, axes: str | None = None, image: str | None = None):
        self._pairing, self._axes, self._image = pairing, axes, image

    def __len__(self) -> int:
        return len(self._pairing.rows)

    def __getitem__(self, index: Any) -> Any:
        roles, rows = self._pairing.roles, self._pairing.rows
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(rows)))]
        return read_row(roles, rows[index], axes=self._axes, image=self._image)


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
        images, others = _images(entries(here))
        bands = kind is not Labels and holds_bands(here)
        return _Word(text, _with_array(images, mark + array), bands, others)
    if here.exists():
        return _Word(text, {}, True)
    if has_magic(path):
        fitting = glob(path, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        images, others = _images(map(Path, fitting))
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
        for files in _matched({name: word.images for name, word in words.items()})
    ]
    left_out = chain.from_iterable(word.left_out for word in words.values())
    return Pairing(roles, tuple(rows), tuple(left_out))


# Names of two folders


def _matched(folders: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
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
        f"found {counts}; without a partner of the same name: {_some(alone)}; "
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


# Images of one folder


def _images(paths: Iterable[Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return images by stem, and what is none; see `io.folder.images_among`."""
    try:
        images, others = images_among(paths)
    except AmbiguousError as error:
        raise PairingError(str(error)) from error
    return images, tuple(map(str, others))


# What is shown


def _cell(row: Row, name: str, kind: type) -> str:
    if name in _MORE:
        return str(getattr(row, name))
    text = row.files[name]
    return (
        text
        if kind is str or (kind is Labels and row.of_class)
        else "/".join(Path(text).parts[-2:])
    )


def _listed(roles: Roles, cells: Mapping[str | None, Any], folder: Path) -> Row:
    """Return a row of a list; its error tells all that is wrong with it."""
    faults = ["it has more cells than there are columns"] if None in cells else []
    texts = {str(name): (text or "").strip() for name, text in cells.items() if name is not None}
    faults += [f"no {name}" for name in roles if not texts[name]]
    files = {n: texts[n] if kind is str else str(folder / texts[n]) for n, kind in roles.items()}
    faults += [
        f"there is no file {texts[name]!r}"
        for name, kind in roles.items()
        if kind is not str and texts[name] and not Source.parse(files[name]).path.exists()
    ]
    split = texts.get("split", "").lower()
    if split not in ("", *_USES):
        faults.append(f"split is {split!r}, wanted {', '.join(_USES)} or nothing")
    if faults:
        raise PairingError(", ".join(faults))
    return Row(files, texts.get("group", ""), split)  # type: ignore[arg-type]


def _for_both(roles: Roles, rows: Sequence[Row], one: str, other: str) -> list[str]:
    """Return the files and groups that are in rows of one use and in rows of another."""
    first, second = (
        {
            key: name
            for row in rows
            if (row.split or "train") == use
            for key, name in _used(roles, row)
        }
        for use in (one, other)
    )
    return sorted(first[key] for key in first.keys() & second.keys())


def _used(roles: Roles, row: Row) -> Iterator[tuple[object, str]]:
    """Yield the images and the group of a row, each with what tells it from all others."""
    if row.group:
        yield row.group, f"group {row.group}"
    for name, text in row.files.items():
        if roles[name] is Cube:
            source = Source.parse(text)  # ./a.npz is a.npz, whatever the layout of its array
            yield (source.path.resolve(), source.array), text


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = len(names) - _TOLD
    told = between.join(names[:_TOLD])
    return f"{told} and {more} more" if more > 0 else told
