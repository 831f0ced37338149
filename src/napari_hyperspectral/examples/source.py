"""Where examples come from: images in memory, or files that are read when they are needed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from ..progress import Job, Progress, Watch
from .reading import ExampleMaker, ExampleT, ImagesByRole, RowImages, read_examples
from .table import Pairing

_QUICK_BYTES: Final = 64 * 2**20
"""Images of more than this would keep a form waiting."""


class ExampleSource(Protocol):
    """Images by the names that a task gives them, an example each."""

    @property
    def images(self) -> Sequence[ImagesByRole]:
        """The images, and texts, of each example; those of files are read one at a time."""
        ...

    @property
    def identity(self) -> Hashable:
        """What tells these examples from others, without reading them: paths, or names."""
        ...

    @property
    def quick(self) -> bool:
        """Whether the examples can be made while a person waits."""
        ...

    def examples(self, recipe: ExampleMaker[ExampleT]) -> Job[list[ExampleT]]:
        """Make all examples as a recipe says, an example a step."""
        ...

    def __str__(self) -> str:
        """Return how many there are, and of what."""
        ...


class ImageSource:
    """Examples of images in memory, such as those of layers.

    Parameters
    ----------
    images : sequence of mapping of name to image
        The images, and texts, of each example.
    """

    def __init__(self, images: Sequence[ImagesByRole]) -> None:
        self.images = images

    @property
    def identity(self) -> Hashable:
        """The names of the images, and the texts, of each example."""
        names: list[tuple[str, str]] = []
        for example in self.images:
            for role, image in example.items():
                # an image by its name: to compare its values would take too long
                name = image if isinstance(image, str) else image.name
                names.append((role, name))
        return tuple(names)

    @property
    def quick(self) -> bool:
        """Whether the images are small, and none is lazy."""
        size = 0
        for example in self.images:
            for image in example.values():
                if isinstance(image, str):
                    continue
                # lazy data are a file, or a computation
                if not isinstance(image.data, np.ndarray):
                    return False
                size += image.data.nbytes
        return size <= _QUICK_BYTES

    def examples(self, recipe: ExampleMaker[ExampleT]) -> Job[list[ExampleT]]:
        """Make all examples as a recipe says, an example a step."""
        examples: list[ExampleT] = []
        count = len(self.images)
        for number, images in enumerate(self.images):
            # before each, not after: a person sees what is waited for
            yield Progress(number, count, note="loading the layers")
            examples.append(recipe.example(**images))
        return examples

    def __str__(self) -> str:
        return _counted(len(self.images), "example")


class FileSource:
    """Examples of a table of files.

    Parameters
    ----------
    pairing : Pairing
        The table.
    axes, image : str, optional
        Layout of the arrays, and which image of each file, as `io.read` takes them.
    watch : callable, optional
        Shown how far the reading of a file is; what it raises ends the reading.
    """

    def __init__(
        self,
        pairing: Pairing,
        *,
        axes: str | None = None,
        image: str | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.pairing = pairing
        self._axes = axes
        self._image = image
        self._watch = watch

    @property
    def images(self) -> Sequence[ImagesByRole]:
        """The images of each row, read when they are asked for."""
        return RowImages(self.pairing, axes=self._axes, image=self._image)

    @property
    def identity(self) -> Hashable:
        """The full path of each file, wherever the process was started."""
        files: list[tuple[str, str]] = []
        for row in self.pairing.rows:
            for role, text in row.files.items():
                if not row.is_text(role, self.pairing.roles):
                    text = str(Path(text).absolute())
                files.append((role, text))
        return tuple(files)

    @property
    def quick(self) -> bool:
        """Files take their time."""
        return False

    def examples(self, recipe: ExampleMaker[ExampleT]) -> Job[list[ExampleT]]:
        """Read all examples and prepare them as a recipe says, an example a step."""
        examples: list[ExampleT] = []
        count = len(self.pairing.rows)
        reading = read_examples(
            recipe,
            self.pairing,
            self._watch,
            axes=self._axes,
            image=self._image,
        )
        for example in reading:
            examples.append(example)
            yield Progress(len(examples), count, note="reading the files")
        return examples

    def __str__(self) -> str:
        examples = _counted(len(self.pairing.rows), "example")
        return f"{examples} from files"


def _counted(count: int, noun: str) -> str:
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun}s"
