"""Examples from a folder that holds one folder for each class."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..cube import Cube, Labels
from ..io import AmbiguousError
from ..io.folder import entries, images_among, is_image
from ..system.paths import user_path
from .table import Pairing, PairingError, PairingRow, Roles, shortened


def rows_of_classes(roles: Roles, folder: Path) -> Pairing:
    """Return a row for each image in the sub-folders of `folder`, whose names are the classes.

    A file of n spectra is n spectra of its class.

    Raises
    ------
    PairingError
        If the task does not learn classes of images or spectra, or there are not two.
    """
    folder = user_path(folder)
    image_role, class_role = _image_and_class(roles)
    if not folder.is_dir():
        raise PairingError(f"there is no folder {str(folder)!r}; give one with a folder a class")
    spectra_have_classes = roles[class_role] is Labels
    rows: list[PairingRow] = []
    class_names: list[str] = []
    empty: list[str] = []
    files: list[str] = []  # that are no images, in the folders of the classes
    class_folders = _class_folders(folder)
    for class_folder in class_folders:
        name = class_folder.name
        inside = entries(class_folder)
        images, others = images_by_stem(inside)
        files += others
        if not images:
            empty.append(str(class_folder))
            continue
        class_names.append(name)
        for path in images.values():
            row_files = {image_role: str(path), class_role: name}
            row = PairingRow(row_files, of_class=spectra_have_classes)
            rows.append(row)
    if len(class_names) < 2:
        seen = shortened(class_names) or "none"
        raise PairingError(
            f"{folder} holds images of too few classes ({seen}); "
            "wanted at least two folders, each with the images of a class and named after it"
        )
    outside = [str(entry) for entry in entries(folder) if entry not in class_folders]
    left_out = (*outside, *empty, *files)
    return Pairing(roles, tuple(rows), left_out)


def images_by_stem(paths: Iterable[Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return images by stem, and what is none; see `io.folder.images_among`."""
    try:
        images, others = images_among(paths)
    except AmbiguousError as error:
        raise PairingError(str(error)) from error
    return images, tuple(map(str, others))


def _class_folders(folder: Path) -> list[Path]:
    """Return the sub-folders of a folder that may each hold the images of a class."""
    folders = []
    for entry in entries(folder):
        # the files of some formats are folders
        if entry.is_dir() and not is_image(entry):
            folders.append(entry)
    return folders


def _image_and_class(roles: Roles) -> tuple[str, str]:
    """Return the name of the one image of a task, and that of its one class."""
    images: list[str] = []
    others: list[str] = []
    for name, kind in roles.items():
        if kind is Cube:
            images.append(name)
        else:
            others.append(name)
    if len(images) != 1 or len(others) != 1:
        raise PairingError(
            f"a folder with a folder a class is for tasks of one image and its class; "
            f"this one needs {', '.join(roles)}; name those instead"
        )
    return images[0], others[0]
