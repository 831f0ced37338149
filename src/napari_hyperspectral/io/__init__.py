"""Read and write cubes and labels, in the formats of `FORMATS`.

What a module that reads or writes a format owes is in `formats.Reader` and `formats.Writer`. That
nothing is overwritten or left half written is seen to here, for all of them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from ..axis import SpectralAxis
from ..cube import Cube, Image, Labels
from ..errors import AmbiguousError, FileFormatError, MissingPackageError, UnknownFormatError
from ..files.atomic import finish_moves, replacing
from ..files.lengths import mending_positions
from ..files.regular import check_regular
from ..progress import Progress
from ..system.paths import user_path
from .arrays.identity import Identity, check_unchanged
from .arrays.lazy import Lazy
from .arrays.positional import by_position
from .formats import FORMATS, FolderWriter, Format, Reader, Writer, format_of, reader_of, writer_of
from .source import Source

__all__ = [
    "FORMATS",
    "AmbiguousError",
    "FileFormatError",
    "Format",
    "MissingPackageError",
    "Reader",
    "Source",
    "UnknownFormatError",
    "Writer",
    "chosen",
    "format_of",
    "read",
    "read_all",
    "read_labels",
    "write",
]


_FROM_DAMAGE: Final = (
    *(AttributeError, TypeError, LookupError, ArithmeticError, RecursionError, EOFError),
    *(struct.error, zlib.error),
)
"""What numbers and texts can cause that no reader expected."""


def read(
    path: str | Path,
    *,
    axes: str | None = None,
    image: str | int | None = None,
    format: str | None = None,  # noqa: A002 (the word everybody uses)
    watch: Callable[[Progress], object] | None = None,
) -> Cube:
    """Read the cube at `path`, lazily where the format allows.

    Parameters
    ----------
    path : path
        File or folder; ``path::name`` picks an array of a container, ``path::name@yxb`` also
        says its layout.
    axes : str, optional
        Layout of the array, a letter an axis of t, z, b(and), y, x: "yxb", "byx", "xb" …
    image : str or int, optional
        Name or number of the image, where a file holds several; left out, it is the one that
        has a spectrum, if only one has.
    format : str, optional
        Name of the format, where the name of the file does not determine it.
    watch : callable, optional
        Called with the progress of a long reading; what it raises ends the reading.

    Returns
    -------
    Cube
        Its data of shape (t, z, band, y, x) without the axes that the file lacks, as stored: in
        the unit `intensity_unit`, where the file states one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged, or does not say which array or axis is meant.
    """
    images = read_all(path, axes=axes, format=format, watch=watch)
    result = chosen(images, path, image)
    return result.as_cube() if isinstance(result, Labels) else result


def read_all(
    path: str | Path,
    *,
    axes: str | None = None,
    format: str | None = None,  # noqa: A002
    on_guess: Callable[[str], object] | None = None,
    watch: Callable[[Progress], object] | None = None,
) -> list[Image]:
    """Read all the cubes and label images at `path`; see `read`.

    Parameters
    ----------
    on_guess : callable, optional
        Called with a sentence for each guess. Without it, what the file leaves open is not
        guessed but refused.
    watch : callable, optional
        Called with the progress of a long reading; what it raises ends the reading.
    """
    source = replace(Source.parse(path, axes), on_guess=on_guess, watch=watch)
    return _read(source, format)


def read_labels(
    path: str | Path,
    *,
    axes: str | None = None,
    image: str | int | None = None,
    watch: Callable[[Progress], object] | None = None,
) -> Labels:
    """Read a label image, of shape (y, x) or (z, y, x); see `read`.

    Any file with one band of whole numbers will do.
    """
    source = replace(Source.parse(path, axes), flat=True, watch=watch)
    images = _read(source, None)
    result = chosen(images, source.path, image)
    return result if isinstance(result, Labels) else _labels_of_cube(result, source.path)


def chosen(images: list[Image], path: str | Path, image: str | int | None = None) -> Image:
    """Return the image of this name or number; without one, the only one with a spectrum.

    Raises
    ------
    FileFormatError
        If there is none, or it does not say which of several is meant.
    """
    names = [each.name for each in images]
    if image is None:
        return _main_image(images, names, path)
    if image in names:
        return images[names.index(str(image))]
    if str(image).isdecimal() and int(image) < len(images):
        return images[int(image)]
    raise FileFormatError(path, f"no image {image!r}", f"there are {', '.join(names)}")


def _main_image(images: list[Image], names: list[str], path: str | Path) -> Image:
    """Return the only image with a spectrum: others are pictures that the instrument took as well."""
    if len(images) == 1:
        return images[0]
    spectral = [image for image in images if _is_spectral(image)]
    if len(spectral) == 1:
        return spectral[0]
    numbered = ", ".join(f"{number} {name!r}" for number, name in enumerate(names))
    raise AmbiguousError(
        path,
        f"{len(images)} images: {numbered}",
        "choose one, image=… (--image), or open all with read_all",
    )


def write(
    path: str | Path,
    image: Image,
    *,
    overwrite: bool = False,
    format: str | None = None,  # noqa: A002
) -> Path:
    """Write a cube or labels to `path`, completely or not at all; the suffix determines the format.

    Raises
    ------
    FileExistsError
        If `path` (or a file that belongs to it) exists, unless `overwrite`.
    FileFormatError
        If the format cannot hold the image without loss.
    """
    path = user_path(path)
    known = format_of(path, "write", format)
    if isinstance(image, Labels) and not known.labels:
        raise FileFormatError(path, f"{known.name} cannot hold labels", "write .ome.tif or .npz")
    files = known.files(path)
    existing = [file.name for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"{', '.join(existing)} exists already; choose another name or allow overwriting"
        )
    if path.is_dir() and any(path.iterdir()) and not _may_replace(known, path):
        raise FileExistsError(
            f"the folder {path.name} holds other things than {known.name} that was written here, and "
            "is not replaced; choose another name, or remove it yourself"
        )
    writer = writer_of(known)
    with replacing(*files) as drafts:
        writer.write_image(drafts[-1], image)  # the last one is the file that is opened
    return path


def _may_replace(known: Format, folder: Path) -> bool:
    """Whether a folder is of this format and no other: what people keep in one is theirs."""
    writer = writer_of(known)
    return isinstance(writer, FolderWriter) and writer.is_ours(folder)


def _read(source: Source, name: str | None) -> list[Image]:
    """Return all images of a file, what is wrong with it as one kind of error."""
    _finish_writing(source.path)
    if not source.path.exists():
        raise FileNotFoundError(f"there is no file {str(source.path)!r}")
    check_regular(source.path)
    reader = reader_of(format_of(source.path, "read", name))
    try:
        identity = Identity.of(source.path)
        with mending_positions(source.path.name):
            images = reader.read_images(source)
        images = [_by_position(image, source.path, identity) for image in images]
    except FileFormatError:
        raise
    except ValueError as error:  # the values make no cube, such as an axis with NaN in it
        raise FileFormatError(
            source.path, str(error), "choose another file, or array (path::name)"
        ) from error
    except _FROM_DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(
            source.path,
            f"it is damaged, or not as its format says ({type(error).__name__}: {reason})",
            "copy or export it again; if other programs read it, please report it",
        ) from error
    except MemoryError as error:
        raise FileFormatError(
            source.path, f"there is not enough memory for it ({error})", "free memory, or crop it"
        ) from error
    if source.array is not None and len(images) > 1:
        # readers of files that name no arrays leave the choice to us: path::name means an image
        return [chosen(images, source.path, source.array)]
    return images


def _by_position(image: Image, path: Path, identity: Identity) -> Image:
    """Return an image whose data, where they lie in a file, can be read whatever becomes of it.

    What a library reads later is checked to be of the same file still; folders are, if at all, by
    their readers.
    """
    data = by_position(image.data)
    if isinstance(data, Lazy) and data is image.data and path.is_file():
        data = data.checked(partial(check_unchanged, path, identity))
    return image if data is image.data else replace(image, data=data)


def _finish_writing(path: Path) -> None:
    """Finish a writing that was interrupted when all was written and only half of it in place."""
    try:
        finish_moves(path)
    except OSError as error:
        raise FileFormatError(
            path,
            f"its writing was interrupted, and cannot be finished here ({error.strerror or error})",
            "open it where its folder may be changed",
        ) from error


def _is_spectral(image: Image) -> bool:
    if isinstance(image, Labels) or not isinstance(image.axis, SpectralAxis):
        return False
    return image.axis.kind != "index"


def _labels_of_cube(cube: Cube, path: Path) -> Labels:
    """Return a cube of one band of whole numbers as labels, shape (…, y, x)."""
    data = np.asarray(cube.data)
    if data.shape[-3] != 1:
        raise FileFormatError(
            path, f"{data.shape[-3]} bands, labels have one", "pick the label array: path::name"
        )
    if data.dtype.kind == "f":
        if not np.array_equal(data, np.round(data)) or data.min() < 0:
            raise FileFormatError(
                path, "not whole numbers", "labels are 0 for unlabelled, 1, 2, … for the classes"
            )
        data = data.astype(np.int32)
    return cube.as_labels(data[..., 0, :, :])
