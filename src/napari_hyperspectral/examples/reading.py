"""Reading the images of examples from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from ..cube import Cube, Image, Labels
from ..io import read, read_labels
from ..progress import Progress
from .table import (
    Pairing,
    PairingError,
    Roles,
    Row,
    Watch,
    cell_text,
)

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
                watch(Progress(done, 100 * count, note=cell_text(row, next(iter(row.files)), Cube)))

        tell(Progress(0, 1))
        images = read_row(pairing.roles, row, tell, axes=axes, image=image)
        try:
            example = recipe.example(**images)
        except ValueError as error:
            if count == 1:
                raise
            raise PairingError(f"{' + '.join(row.files.values())}: {error}") from error
        yield replace(example, group=row.group, for_validation=row.split == "validation")


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
