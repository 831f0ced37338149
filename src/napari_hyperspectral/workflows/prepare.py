"""Chains of steps applied to files, larger than memory too: one bad file does not end it."""

from __future__ import annotations

import math
import shutil
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..cube import Cube
from ..io import read, write
from ..layers import LayerData, to_layer
from ..progress import Cancelled, Job, Progress, Stop, Watch, part_of
from ..spectra.steps.chain import Chain
from ..spectra.steps.parts import as_lazy, is_lazy, part_sizes
from ..spectra.steps.words import prepared_name
from ..system.locks import locked

_STEPS: Final = 1000
"""Of each file: one of any size counts for as many."""
_IN_MEMORY: Final = 2**28
"""Bytes of a result that is put together in memory; a larger one is in a file until it is written."""
_SAMPLE: Final = 16
"""Side of the square of pixels that give the contrast of a lazy layer."""
_ROWS_AT_A_TIME: Final = 2**26
"""Values that are computed between two steps of progress: a few parts, on all processors."""


@dataclass
class PreparedFiles:
    """What was prepared of files, and which of them failed."""

    written: list[Path] = field(default_factory=list)
    """In order."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """Why a source failed, in order; `Stop` where a person stopped it."""


@dataclass
class PreparedLayers:
    """What was prepared of cubes, as layers, and which of them failed."""

    layers: list[LayerData] = field(default_factory=list)
    """In order."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """Why a cube failed, by its name, in order."""


def prepare_files_steps(
    chain: Chain,
    sources: Sequence[str],
    targets: Sequence[Path],
    *,
    overwrite: bool = False,
    axes: str | None = None,
    image: str | None = None,
    watch: Watch | None = None,
) -> Job[PreparedFiles]:
    """Apply a chain to files and write the results; go on after a file that fails.

    Stopped, it returns what is done by then; the file it was at is not written.

    Parameters
    ----------
    chain : Chain
        What is done to each cube.
    sources : sequence of str
        Files, or arrays in them as ``path::array@axes``.
    targets : sequence of path
        Where the result of each goes; folders are made when there is something to write.
    overwrite : bool
        Whether files that exist are overwritten; else their source fails.
    axes, image : str, optional
        Layout of the arrays, and which image of each file, as `io.read` takes them.
    watch : callable, optional
        Shown how far the reading of a large file is; what it raises ends the reading.
    """
    prepared = PreparedFiles()
    total = _STEPS * len(sources)
    with locked(*targets):
        for number, (source, target) in enumerate(zip(sources, targets, strict=True)):
            name = Path(source).name
            start = _STEPS * number
            try:
                yield Progress(start, total, note=f"reading {name}")
                cube = read(source, axes=axes, image=image, watch=watch)
                note = f"{number + 1} of {len(sources)}: {name}" if len(sources) > 1 else name
                job = prepare_file_steps(chain, cube, target, overwrite=overwrite)
                path = yield from part_of(job, start, start + _STEPS, note, total=total)
                prepared.written.append(path)
            except (Cancelled, Stop) as error:
                prepared.errors[source] = error
                break
            except Exception as error:  # whatever it is, the other files are to be tried
                traceback.clear_frames(error.__traceback__)  # they hold the arrays of this cube
                prepared.errors[source] = error
    return prepared


def prepare_layers_steps(chain: Chain, cubes: Sequence[Cube]) -> Job[PreparedLayers]:
    """Apply a chain to cubes, each for a layer; go on after one that fails.

    Lazy cubes stay lazy; others are computed. Stopped, it returns those that are done by then.
    """
    prepared = PreparedLayers()
    total = _STEPS * len(cubes)
    for number, cube in enumerate(cubes):
        start = _STEPS * number
        try:
            job = _layer_steps(chain, cube)
            layer = yield from part_of(job, start, start + _STEPS, cube.name, total=total)
            prepared.layers.append(layer)
        except (Cancelled, Stop):
            if not prepared.layers:
                raise
            break
        except Exception as error:  # whatever it is, the other cubes are to be tried
            traceback.clear_frames(error.__traceback__)
            prepared.errors[cube.name] = error
    return prepared


def _layer_steps(chain: Chain, cube: Cube) -> Job[LayerData]:
    """Apply a chain to a cube; return its layer, named after what was done."""
    yield from _progress(0, 1)
    name = prepared_name(cube.name, chain)
    if is_lazy(cube.data):
        return _lazy_layer(replace(chain.on(cube), name=name))
    prepared = yield from prepare_cube_steps(chain, cube)
    return to_layer(replace(prepared, name=name))


def _lazy_layer(cube: Cube) -> LayerData:
    """Return the layer of a lazy cube, of which a few pixels in the middle give the contrast."""
    *leading, _bands, height, width = cube.shape
    planes = tuple(slice(size // 2, size // 2 + 1) for size in leading)
    rows = _in_the_middle(height)
    columns = _in_the_middle(width)
    sample = np.asarray(cube.data[(*planes, slice(None), rows, columns)], np.float32)
    _, attributes, kind = to_layer(replace(cube, data=sample))
    return cube.data, attributes, kind


def _in_the_middle(size: int) -> slice:
    start = max(0, (size - _SAMPLE) // 2)
    return slice(start, start + _SAMPLE)


def prepare_cube_steps(chain: Chain, cube: Cube) -> Job[Cube]:
    """Apply a chain to a cube, part by part on all processors; return the result, in memory.

    Raises
    ------
    StepError
        If a step cannot be taken; the message names it.
    Cancelled
        If it is stopped.
    """
    yield from _progress(0, 1)
    prepared = chain.on(replace(cube, data=as_lazy(cube.data)))
    room = np.empty(prepared.shape, np.float32)
    yield from _computed_steps(prepared.data, room)
    return replace(prepared, data=room)


def prepare_file_steps(
    chain: Chain, cube: Cube, target: Path, *, overwrite: bool = False
) -> Job[Path]:
    """Apply a chain to a cube, part by part where it is lazy, and write the result; return its path.

    A large result stands in a temporary file in the folder of the target until it is written.

    Raises
    ------
    StepError
        If a step cannot be taken; the message names it.
    OSError
        If the result cannot be written, or there is no room for it.
    Cancelled
        If it is stopped; then nothing is written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    yield from _progress(0, 1)
    prepared = chain.on(replace(cube, data=as_lazy(cube.data)))
    with _room_for(prepared, target) as room:
        if room is not None:
            yield from _computed_steps(prepared.data, room)
            prepared = replace(prepared, data=room)
        path = write(target, prepared, overwrite=overwrite)
        del prepared, room  # a file that is mapped cannot be removed on Windows
    return path


@contextmanager
def _room_for(prepared: Cube, target: Path) -> Iterator[Any]:
    """Yield an array for the data of a cube that are still to be computed; None where they are there.

    Raises
    ------
    OSError
        If there is no room on the disk.
    """
    if not hasattr(prepared.data, "dask"):
        yield None  # in a file: bands that were only selected are read when they are written
        return
    needed = math.prod(prepared.shape) * np.dtype(np.float32).itemsize
    if needed <= _IN_MEMORY:
        yield np.empty(prepared.shape, np.float32)
        return
    free = shutil.disk_usage(target.parent).free
    if 2 * needed > free:
        raise OSError(
            f"{target.name} needs {needed / 2**30:.1f} GB, and as much again while it is prepared; "
            f"{free / 2**30:.1f} GB are free: make room, or choose another folder"
        )
    prefix = f".{target.stem}."
    with tempfile.TemporaryDirectory(
        prefix=prefix, suffix=".part", dir=target.parent, ignore_cleanup_errors=True
    ) as folder:
        # row by row, as parts are computed; bands of a row lie together when they are read
        *leading, bands, height, width = prepared.shape
        shape = (*leading, height, bands, width)
        rows = np.memmap(Path(folder) / "prepared", np.float32, "w+", shape=shape)
        yield np.swapaxes(rows, -3, -2)


def _computed_steps(data: Any, room: Any) -> Job[None]:
    """Compute lazy data, (…, band, y, x), into an array of that shape, some rows at a time."""
    *leading, bands, height, width = data.shape
    chunk = part_sizes(data).rows
    rows = max(1, _ROWS_AT_A_TIME // (bands * width * chunk)) * chunk
    planes = list(np.ndindex(*leading))
    total = len(planes) * height
    for number, plane in enumerate(planes):
        for top in range(0, height, rows):
            part = (*plane, slice(None), slice(top, min(top + rows, height)))
            yield from _progress(number * height + top, total)
            room[part] = np.asarray(data[part])


def _progress(done: int, total: int) -> Job[None]:
    """Yield a step; a preparation that is stopped there is cancelled."""
    try:
        yield Progress(done, total)
    except Stop as stop:
        raise Cancelled("preparation") from stop
