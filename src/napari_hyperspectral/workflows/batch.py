"""A model run over many files: one bad file does not end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cube import Cube
from ..io import FORMATS, Format, format_of, read, write
from ..machine import Machine
from ..models.summary import scores_of
from ..progress import Job, Progress, Stop

if TYPE_CHECKING:
    from ..models.model import Model
    from .predict import Results

_ADDED = " predicted"
"""What a result's name has more than its source's."""


@dataclass(frozen=True)
class Order:
    """What is to be done with cubes."""

    models: tuple[Model | Path, ...]
    """One after the other; models, or files of them."""
    probabilities: bool = False
    """Whether those of the classes are wanted, too."""
    dwell: tuple[float, float] | None = None
    """Time a pixel takes to measure well, and the time it took, in one unit."""

    def loaded(self) -> list[Model]:
        """Return the models, read from their files; loads torch: for the worker thread."""
        from ..models.model import Model

        return [Model.load(model) if isinstance(model, Path) else model for model in self.models]

    def job(self, models: Sequence[Model], cube: Cube, machine: Machine) -> Job[Results]:
        """Run the models over a cube."""
        from .predict import predict_and_report_steps

        return predict_and_report_steps(
            models, cube, probabilities=self.probabilities, dwell=self.dwell, machine=machine
        )

    def saved(self, models: Sequence[Model]) -> str:
        """Return what the models save of the time to measure, in a line; "" where nothing."""
        from .predict import speed_up_note

        return speed_up_note(models, self.dwell)

    def files(self, target: Path) -> list[Path]:
        """Return the files that the results for a target go to."""
        if not self.probabilities:
            return [target]
        stem, dot, suffix = target.name.partition(".")
        return [target, target.with_name(f"{stem}_probabilities{dot}{suffix}")]


@dataclass(frozen=True)
class Predicted:
    """What became of layers."""

    results: Sequence[Results]
    """Of each of them; of fewer, if it was stopped."""
    saved: str = ""
    """What was saved of the time to measure, in a line."""


@dataclass
class Batch:
    """What became of a batch."""

    written: list[Path] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Of images that were classified as a whole: name, class and probabilities."""
    failed: dict[str, str] = field(default_factory=dict)
    """Source and reason, in order."""
    saved: str = ""
    """What was saved of the time to measure, in a line."""


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


def predict_layers(order: Order, cubes: Sequence[Cube], machine: Machine) -> Job[Predicted]:
    """Run models over cubes; stopped, return what is done by then."""
    from ..prediction.predict import Cancelled  # loads torch: in the worker thread, if at all

    models = order.loaded()
    results: list[Results] = []
    for number, cube in enumerate(cubes):
        job = order.job(models, cube, machine)
        try:
            results.append((yield from _numbered(job, number, len(cubes), cube.name)))
        except (Cancelled, Stop):
            if not results:
                raise
            break
    return Predicted(results, order.saved(models))


def predict_files(
    order: Order,
    sources: Sequence[str],
    folder: Path,
    suffix: str,
    machine: Machine,
    *,
    overwrite: bool = False,
) -> Job[Batch]:
    """Run models over files and write the results; stopped, return what is done by then."""
    from ..prediction.predict import Cancelled

    models = order.loaded()
    batch = Batch(saved=order.saved(models))
    for number, source in enumerate(sources):
        name, target = Path(source).name, target_of(source, folder, suffix)
        try:
            cube = read(source)
            job = order.job(models, cube, machine)
            results = yield from _numbered(job, number, len(sources), name)
            folder.mkdir(parents=True, exist_ok=True)
            for file, result in zip(order.files(target), results.images, strict=True):
                batch.written.append(write(file, result, overwrite=overwrite))
            if results.report is not None:
                beside = folder / f"{target.name.removesuffix(suffix)}_report"
                beside.mkdir(exist_ok=True)
                results.report.save(beside)
            batch.scores += scores_of(results.images[0])
        except (Cancelled, Stop):
            batch.failed[source] = "stopped"
            break
        except Exception as error:  # whatever it is, the other files are to be tried
            batch.failed[source] = " ".join(str(error).split()) or type(error).__name__
    return batch


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
