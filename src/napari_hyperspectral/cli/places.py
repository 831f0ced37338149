"""Commands that bring an image onto the pixels of another: by its place, landmarks or correlation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .bars import reading
from .options import Axes, Force, ImageName, PathText
from .targets import check_target
from .words import read_image

if TYPE_CHECKING:
    from ..cube import Image

Onto = Annotated[str, typer.Argument(metavar="ONTO", help="Image on whose pixels it is wanted")]
OutFile = Annotated[
    Path, typer.Argument(metavar="OUT", help="File to write; its suffix is the format")
]
AreLabels = Annotated[bool, typer.Option("--labels", help="PATH holds a label image")]


def resample(
    path: PathText,
    onto: Onto,
    out: OutFile,
    labels: AreLabels = False,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Resample an image onto the pixels of another, by the places that both state.

    Intensities are interpolated, and averaged over larger pixels; of labels the nearest is taken.
    """
    from ..io import write
    from ..place.resample import resample_onto

    check_target(out, force)
    resampled = resample_onto(_read(path, axes, image, labels), _read(onto, None, None, False))
    print(write(out, resampled, overwrite=force))


def register(
    path: PathText,
    onto: Onto,
    out: OutFile,
    landmarks: Annotated[
        Path | None,
        typer.Option(
            help="CSV file with the columns row, column, onto_row, onto_column: pixels of the same "
            "landmark in both images, counted from 0; left out, images are correlated"
        ),
    ] = None,
    motion: Annotated[
        str | None,
        typer.Option(help="What landmarks may differ by: shift, rigid, similarity or affine"),
    ] = None,
    keep_pixels: Annotated[
        bool,
        typer.Option("--keep-pixels", help="Only correct the stated place; resample nothing"),
    ] = False,
    labels: AreLabels = False,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Move an image onto another, by landmarks or correlation, and resample it onto its pixels.

    How far it was moved and what is left is printed.
    """
    from ..io import write
    from ..place.landmarks import motion_of, read_landmarks
    from ..place.register import register_by_correlation, register_by_landmarks
    from ..place.resample import resample_onto

    check_target(out, force)
    if motion is not None and landmarks is None:
        raise typer.BadParameter("give --landmarks, too: correlation finds a shift alone")
    moving = _read(path, axes, image, labels)
    fixed = _read(onto, None, None, False)
    if landmarks is None:
        registration = register_by_correlation(moving, fixed)
    else:
        points, onto_points = read_landmarks(landmarks)
        chosen = None if motion is None else motion_of(motion)
        registration = register_by_landmarks(moving, fixed, points, onto_points, chosen)
    print(registration)
    moved = registration.image
    if not keep_pixels:
        moved = resample_onto(moved, fixed)
    print(write(out, moved, overwrite=force))


def _read(path: str, axes: str | None, image: str | None, labels: bool) -> Image:
    from ..io import read_labels

    with reading(path) as watch:
        if labels:
            return read_labels(path, axes=axes, image=image, watch=watch)
        return read_image(path, axes, image, watch)
