"""Examples from a folder that holds one folder for each class."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from ..cube import Cube, Labels
from ..io import AmbiguousError
from ..io.folder import entries, images_among, is_image
from .table import (
    Pairing,
    PairingError,
    Roles,
    Row,
    shortened,
)


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
    found = {entry: images_by_stem(entries(entry)) for entry in inside}
    rows = [
        Row({images[0]: str(path), told[0]: entry.name}, of_class=painted)
        for entry, (paths, _) in found.items()
        for path in paths.values()
    ]
    filled = [entry.name for entry, (paths, _) in found.items() if paths]
    if len(filled) < 2:
        raise PairingError(
            f"{folder} holds images of too few classes ({shortened(filled) or 'none'}); wanted "
            "at least two folders, each with the images of a class and named after it"
        )
    beside = [str(entry) for entry in entries(folder) if entry not in inside]
    empty = [str(entry) for entry, (paths, _) in found.items() if not paths]
    others = chain.from_iterable(others for _, others in found.values())
    return Pairing(roles, tuple(rows), (*beside, *empty, *others))


def images_by_stem(paths: Iterable[Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return images by stem, and what is none; see `io.folder.images_among`."""
    try:
        images, others = images_among(paths)
    except AmbiguousError as error:
        raise PairingError(str(error)) from error
    return images, tuple(map(str, others))
