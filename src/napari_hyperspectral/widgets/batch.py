"""A model run over many files: one bad file does not end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cube import Cube, Image
from ..io import FORMATS, Format, format_of, read, write
from ..machine import Machine
from ..progress import Job, Progress, Stop

if TYPE_CHECKING:
    from ..model import Model

_ADDED = " predicted"
"""What a result's name has more than its source's."""


@dataclass
class Batch:
    """What became of a batch."""

    written: list[Path] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Source and reason, in order."""


def output_suffixes() -> dict[str, Format]:
    """Return the suffixes that results can be written by, and the formats they stand for."""
    return {
        pattern.lstrip("*").rstrip("/"): chosen
        for chosen in reversed(FORMATS)  # the first format of a suffix has it
        if chosen.writer
        for pattern in chosen.writes or chosen.patterns
        if pattern.rstrip("/") != "*"
    }


def target_of(source: str, folder: Path, suffix: str) -> Path:
    """Return where the result of a file goes: its name, "predicted", and the chosen suffix."""
    name = Path(source.partition("::")[0]).name
    for known in sorted(_suffixes_of(name), key=len, reverse=True):
        name = name.removesuffix(known)
    return folder / f"{name}{_ADDED}{suffix}"


def existing(targets: Sequence[Path]) -> list[Path]:
    """Return the files that writing `targets` would overwrite."""
    return [
        file
        for target in targets
        for file in format_of(target, "write").files(target)
        if file.exists()
    ]


def predict_layers(
    model: Model | Path, cubes: Sequence[Cube], machine: Machine
) -> Job[list[Image]]:
    """Run a model, or the model of a file, over cubes; stopped, return what is done by then."""
    from ..prediction import Cancelled, predict  # loads torch: in the worker thread, if at all

    loaded = _loaded(model)
    results: list[Image] = []
    for number, cube in enumerate(cubes):
        job = predict(loaded, cube, machine=machine)
        try:
            results.append((yield from _numbered(job, number, len(cubes), cube.name)))
        except (Cancelled, Stop):
            if not results:
                raise
            break
    return results


def predict_files(
    model: Model | Path,
    sources: Sequence[str],
    folder: Path,
    suffix: str,
    machine: Machine,
    *,
    overwrite: bool = False,
) -> Job[Batch]:
    """Run a model over files and write the results; stopped, return what is done by then."""
    from ..prediction import Cancelled, predict

    loaded, batch = _loaded(model), Batch()
    for number, source in enumerate(sources):
        name, target = Path(source).name, target_of(source, folder, suffix)
        try:
            cube = read(source)
            job = predict(loaded, cube, machine=machine)
            result = yield from _numbered(job, number, len(sources), name)
            folder.mkdir(parents=True, exist_ok=True)
            batch.written.append(write(target, result, overwrite=overwrite))
        except (Cancelled, Stop):
            batch.failed[source] = "stopped"
            break
        except Exception as error:  # whatever it is, the other files are to be tried
            batch.failed[source] = " ".join(str(error).split()) or type(error).__name__
    return batch


def _loaded(model: Model | Path) -> Model:
    from ..model import Model

    return Model.load(model) if isinstance(model, Path) else model


def _numbered(job: Job[Any], number: int, count: int, name: str) -> Job[Any]:
    """Run a job as one of several: its steps count for a part of all."""
    note = f"{number + 1} of {count}: {name}"
    yield Progress(1000 * number, 1000 * count, note=note)
    try:
        step = next(job)
        while True:
            done = 1000 * number + 1000 * step.done // max(1, step.total)
            try:
                yield Progress(done, 1000 * count, note=note)
            except Stop as stop:
                step = job.throw(stop)
            else:
                step = next(job)
    except StopIteration as end:
        return end.value


def _suffixes_of(name: str) -> list[str]:
    """Return the ends of a file's name that tell its format."""
    lower = name.lower()
    ends = (p.lstrip("*").rstrip("/") for one in FORMATS for p in one.patterns)
    return [name[-len(end) :] for end in ends if end and lower.endswith(end)]
