"""The command that maps a band, a range of the axis, a ratio of two, or three as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from .bars import reading, watching
from .options import Axes, Force, ImageName, Out, PathText
from .targets import check_target

if TYPE_CHECKING:
    from ..cube import Cube
    from ..progress import Job

_WHAT: Final = (
    "give one of --at, --from with --to, --rgb three times, --false-colours, --phasors, or --like"
)


def map_of_band(
    path: PathText,
    out: Out,
    at: Annotated[float | None, typer.Option(help="Take the band nearest to this")] = None,
    start: Annotated[float | None, typer.Option("--from", help="Start of the range")] = None,
    end: Annotated[float | None, typer.Option("--to", help="End of the range")] = None,
    measure: Annotated[
        Literal["area", "mean", "maximum", "position", "centroid"],
        typer.Option(help="What is mapped of the range"),
    ] = "area",
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Count from 0, not from a straight baseline")
    ] = False,
    over: Annotated[
        str | None,
        typer.Option(metavar="START:END", help="Divide by the same measure of this range"),
    ] = None,
    rgb: Annotated[
        list[str] | None,
        typer.Option(metavar="START:END", help="Range of red, green, blue: give it three times"),
    ] = None,
    false_colours: Annotated[
        bool, typer.Option("--false-colours", help="Three principal components as a picture")
    ] = False,
    phasors: Annotated[
        int | None, typer.Option(metavar="HARMONIC", help="Phasors g and s of this harmonic")
    ] = None,
    like: Annotated[
        str | None, typer.Option(metavar="ROW,COLUMN", help="Spectral angle to this pixel")
    ] = None,
    axes: Axes = None,
    image: ImageName = None,
    force: Force = False,
) -> None:
    """Map a band (--at), a range (--from, --to), a ratio (--over), or a picture (--rgb)."""
    from ..io import read, write
    from ..progress import run
    from ..system.locks import locked

    has_range = start is not None and end is not None
    has_half_a_range = (start is None) != (end is None)
    chosen = [at is not None, has_range, bool(rgb), false_colours, phasors is not None, bool(like)]
    if sum(chosen) != 1 or has_half_a_range:
        raise typer.BadParameter(_WHAT)
    if over is not None and not has_range:
        raise typer.BadParameter("--over divides a range by another; give --from and --to, too")
    ranges = [_range_of(text) for text in rgb or ()]
    if rgb and len(ranges) != 3:
        raise typer.BadParameter(f"got --rgb {len(ranges)} times; wanted it three times")
    denominator = None if over is None else _range_of(over)
    check_target(out, force)
    with locked(out):
        with reading(path) as watch:
            cube = read(path, axes=axes, image=image, watch=watch)
        job: Job[Cube]
        if at is not None:
            from ..spectra.maps import band_map

            print(write(out, band_map(cube, at), overwrite=force))
            return
        if start is not None and end is not None:
            job = _of_range(cube, (start, end), denominator, measure, not no_baseline)
        elif ranges:
            job = _of_three(cube, ranges, measure, not no_baseline)
        else:
            job = _of_all_bands(cube, phasors, like)
        with watching("mapping", after=0.5) as watch:
            mapped = run(job, watch)
        print(write(out, mapped, overwrite=force))


def _of_range(
    cube: Cube,
    ends: tuple[float, float],
    denominator: tuple[float, float] | None,
    measure: str,
    above_line: bool,
) -> Job[Cube]:
    """Return the job that maps a range, or a ratio of two."""
    from ..spectra.ranges.range_map import RangeMap, range_map_steps, ratio_map_steps

    about = {"measure": measure, "above_line": above_line}
    settings = RangeMap.model_validate({"start": ends[0], "end": ends[1]} | about)
    if denominator is None:
        return range_map_steps(cube, settings)
    lower = RangeMap.model_validate({"start": denominator[0], "end": denominator[1]} | about)
    return ratio_map_steps(cube, settings, lower)


def _of_three(
    cube: Cube, ranges: Sequence[tuple[float, float]], measure: str, above_line: bool
) -> Job[Cube]:
    """Return the job that makes a picture of three ranges."""
    from ..spectra.ranges.colours import rgb_of_ranges_steps
    from ..spectra.ranges.range_map import RangeMap

    about = {"measure": measure, "above_line": above_line}
    settings = []
    for low, high in ranges:
        settings.append(RangeMap.model_validate({"start": low, "end": high} | about))
    return rgb_of_ranges_steps(cube, settings)


def _of_all_bands(cube: Cube, harmonic: int | None, like: str | None) -> Job[Cube]:
    """Return the job that makes phasors, angles to a pixel, or false colours."""
    from ..spectra.decomposition.phasors import phasors_steps
    from ..spectra.matching.similarity import similarity_map_steps
    from ..spectra.ranges.colours import false_colours_steps
    from ..spectra.regions import pixel_spectrum

    if harmonic is not None:
        return phasors_steps(cube, harmonic)
    if like is None:
        return false_colours_steps(cube)
    row, column = _pixel_of(like, cube)
    spectrum = pixel_spectrum(cube.data, row, column, (0,) * (len(cube.shape) - 3))
    return similarity_map_steps(cube, spectrum, of=f"pixel ({row}, {column})")


def _range_of(text: str) -> tuple[float, float]:
    """Return the ends that "START:END" spells."""
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise typer.BadParameter(f"got {text!r}; wanted START:END, such as 1430:1470") from None
    return low, high


def _pixel_of(text: str, cube: Cube) -> tuple[int, int]:
    """Return the row and column that "ROW,COLUMN" spells, from 0."""
    height, width = cube.shape[-2:]
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"got {text!r}; wanted ROW,COLUMN, such as 12,30") from None
    if not (0 <= row < height and 0 <= column < width):
        raise typer.BadParameter(f"({row}, {column}) is no pixel of an image of {height} × {width}")
    return row, column
