"""Reading the images of examples from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from ..cube import Cube, Image, Labels
from ..io import read, read_labels
from ..progress import Progress, Watch
from .table import Pairing, PairingError, PairingRow, Roles, short_path

ImageOrText: TypeAlias = Image | str
"""What a task takes for one role."""
ImagesByRole: TypeAlias = Mapping[str, ImageOrText]
"""The images, and texts, of an example, by the names that a task gives them."""

ExampleT = TypeVar("ExampleT", bound="_Grouped")
_MadeT = TypeVar("_MadeT", bound="_Grouped", covariant=True)


class _Grouped(Protocol):
    """A dataclass with the fields `group` and `for_validation`; this room knows no more of it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class ExampleMaker(Protocol[_MadeT]):
    """What makes an example of images: a recipe."""

    def example(self, **images: Any) -> _MadeT:
        """Return an example of images, by the names that the task gives them."""
        ...


def read_examples(
    recipe: ExampleMaker[ExampleT],
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
        Shown how far it is; what it raises ends the reading.
    axes, image : str, optional
        Layout of the arrays, and which image of each file, as `io.read` takes them.

    Raises
    ------
    ValueError, OSError
        As reading a file, or making an example, does; the message names the row.
    """
    count = len(pairing.rows)
    for number, row in enumerate(pairing.rows):
        watch_row = _watch_of_row(watch, number, count, row)
        watch_row(Progress(0, 1))  # the name of a file is shown before it is opened
        images = read_row(
            pairing.roles,
            row,
            watch_row,
            axes=axes,
            image=image,
        )
        try:
            example = recipe.example(**images)
        except ValueError as error:
            if count == 1:
                raise
            files = " + ".join(row.files.values())
            raise PairingError(f"{files}: {error}") from error
        yield replace(
            example,
            group=row.group,
            for_validation=row.split == "validation",
        )


def read_row(
    roles: Roles,
    row: PairingRow,
    watch: Watch | None = None,
    *,
    axes: str | None = None,
    image: str | None = None,
) -> dict[str, ImageOrText]:
    """Read the images of one row, by role; texts are themselves. See `read_examples`."""
    images: dict[str, ImageOrText] = {}
    for name, kind in roles.items():
        text = row.files[name]
        if kind is str:
            images[name] = text
        elif kind is Cube:
            images[name] = read(text, axes=axes, image=image, watch=watch)
        elif not row.of_class:
            images[name] = read_labels(text, image=image, watch=watch)
    if row.of_class:
        # the class is a text in the table, and labels for the task
        (class_role,) = roles.keys() - images.keys()
        (cube,) = images.values()
        images[class_role] = _labels_of_one_class(row.files[class_role], cube)
    return images


class RowImages(Sequence[ImagesByRole]):
    """The images of each row of a table, read when they are asked for."""

    def __init__(
        self,
        pairing: Pairing,
        *,
        axes: str | None = None,
        image: str | None = None,
    ) -> None:
        self._pairing = pairing
        self._axes = axes
        self._image = image

    def __len__(self) -> int:
        return len(self._pairing.rows)

    @overload
    def __getitem__(self, index: int) -> ImagesByRole: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ImagesByRole]: ...

    def __getitem__(self, index: int | slice) -> ImagesByRole | Sequence[ImagesByRole]:
        if isinstance(index, slice):
            rows = self._pairing.rows[index]
            chosen = replace(self._pairing, rows=rows)
            return RowImages(chosen, axes=self._axes, image=self._image)
        row = self._pairing.rows[index]
        return read_row(
            self._pairing.roles,
            row,
            axes=self._axes,
            image=self._image,
        )


def _watch_of_row(
    watch: Watch | None,
    number: int,
    count: int,
    row: PairingRow,
) -> Watch:
    """Return what shows the reading of a file of a row as a part of the reading of all rows."""
    first_file = next(iter(row.files.values()))
    name = short_path(first_file)

    def watch_row(step: Progress) -> None:
        if watch is None:
            return
        total = max(step.total, 1)  # of a file, it may be unknown yet
        percent = 100 * step.done // total
        done = 100 * number + percent
        watch(Progress(done, 100 * count, note=name))

    return watch_row


def _labels_of_one_class(name: str, cube: ImageOrText) -> Labels:
    """Return labels that give every pixel of a cube the class of this name."""
    assert isinstance(cube, Cube)
    *leading, _bands, height, width = cube.shape
    shape = (*leading, height, width)  # (t, z, y, x)
    ids = np.ones(shape, np.uint8)  # the first class is 1
    return Labels(
        ids,
        (name,),
        z=cube.z,
        t=cube.t,
        name=name,
    )
