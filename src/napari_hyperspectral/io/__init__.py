"""Read and write cubes and labels. One file a format; `FORMATS` in formats.py lists them.

A reader is a module of this folder with ``read_images(source: Source) -> list[Image]``: all the
images that `source` asks for, lazy, transposed to (band, y, x), with axis, unit, pixel size and
one line of history. A writer has ``write_image(path: Path, image: Image) -> None``; it just
writes: that nothing is overwritten or left half done is seen to here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..atomic import replacing
from ..axis import ChannelAxis, SpectralAxis
from ..cube import Cube, Image, Labels
from ..errors import AmbiguousError, FileFormatError, MissingPackageError, UnknownFormatError
from ..progress import Progress
from .formats import FORMATS, Format, format_of, module_of
from .source import Source

__all__ = [
    "FORMATS",
    "AmbiguousError",
    "FileFormatError",
    "Format",
    "MissingPackageError",
    "Source",
    "UnknownFormatError",
    "chosen",
    "format_of",
    "read",
    "read_all",
    "read_labels",
    "write",
]


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
        Name of the format, where the name of the file does not tell.
    watch : callable, optional
        Told how far a long reading is; what it raises ends the reading.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged, or does not say which array or axis is meant.
    """
    found = chosen(read_all(path, axes=axes, format=format, watch=watch), path, image)
    return _cube_of_labels(found) if isinstance(found, Labels) else found


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
        Where given, what the file leaves open is guessed, and told to this, not refused.
    watch : callable, optional
        Told how far a long reading is; what it raises ends the reading.
    """
    return _read(replace(Source.parse(path, axes), on_guess=on_guess, watch=watch), format)


def read_labels(
    path: str | Path,
    *,
    axes: str | None = None,
    image: str | int | None = None,
    watch: Callable[[Progress], object] | None = None,
) -> Labels:
    """Read a label image; any file with one band of whole numbers will do. See `read`."""
    source = replace(Source.parse(path, axes), flat=True, watch=watch)
    found = chosen(_read(source, None), source.path, image)
    return found if isinstance(found, Labels) else _labels_of_cube(found, source.path)


def chosen(images: list[Image], path: str | Path, wanted: str | int | None = None) -> Image:
    """Return the image of this name or number; without one, the only one with a spectrum.

    Raises
    ------
    FileFormatError
        If there is none, or it does not say which of several is meant.
    """
    names = [image.name for image in images]
    if wanted is None:
        main = images if len(images) == 1 else [i for i in images if _is_spectral(i)]
        if len(main) == 1:  # the others are pictures that the instrument took along
            return main[0]
        raise AmbiguousError(
            path,
            f"{len(images)} images: {', '.join(f'{i} {n!r}' for i, n in enumerate(names))}",
            "choose one, image=… (--image), or open all with read_all",
        )
    if wanted in names:
        return images[names.index(str(wanted))]
    if str(wanted).isdecimal() and int(wanted) < len(images):
        return images[int(wanted)]
    raise FileFormatError(path, f"no image {wanted!r}", f"there are {', '.join(names)}")


def write(
    path: str | Path,
    image: Image,
    *,
    overwrite: bool = False,
    format: str | None = None,  # noqa: A002
) -> Path:
    """Write a cube or labels to `path`; the suffix tells the format. Whole or not at all.

    Raises
    ------
    FileExistsError
        If `path` (or a file that belongs to it) exists, unless `overwrite`.
    FileFormatError
        If the format cannot hold the image without loss.
    """
    path = Path(path)
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
            f"the folder {path.name} holds other things than {known.name} and is not replaced; "
            "choose another name"
        )
    with replacing(*files) as drafts:
        module_of(known.writer).write_image(drafts[-1], image)
    return path


def _may_replace(known: Format, folder: Path) -> bool:
    """Whether a folder is of this format and no other: what people keep in one is theirs."""
    is_ours = getattr(module_of(known.writer), "is_ours", None)
    return is_ours is not None and bool(is_ours(folder))


def _read(source: Source, name: str | None) -> list[Image]:
    if not source.path.exists():
        raise FileNotFoundError(f"there is no file {str(source.path)!r}")
    known = format_of(source.path, "read", name)
    try:
        images: list[Image] = module_of(known.reader).read_images(source)
    except FileFormatError:
        raise
    except ValueError as error:  # what the file holds makes no cube
        raise FileFormatError(
            source.path, str(error), "choose another file, or array (path::name)"
        ) from error
    if source.array is not None and len(images) > 1:  # a reader that knows no arrays has images
        return [chosen(images, source.path, source.array)]
    return images


def _is_spectral(image: Image) -> bool:
    axis = getattr(image, "axis", None)
    return isinstance(axis, SpectralAxis) and axis.kind != "index"


def _labels_of_cube(cube: Cube, path: Path) -> Labels:
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
    shared = {k: v for k, v in vars(cube).items() if k in Labels.__dataclass_fields__}
    return Labels(**shared | {"data": data[..., 0, :, :]})


def _cube_of_labels(labels: Labels) -> Cube:
    shared = {k: v for k, v in vars(labels).items() if k in Cube.__dataclass_fields__}
    return Cube(**shared | {"data": labels.data[..., None, :, :], "axis": ChannelAxis(("labels",))})
