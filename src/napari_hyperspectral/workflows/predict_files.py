"""Models run over many cubes, of layers or files: one bad file does not end it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..cube import Cube
from ..io import Source, format_of, read, write
from ..machine import Machine
from ..models.summary import scores_of
from ..progress import Cancelled, Job, Progress, Result, Stop, Watch, part_of
from ..settings import reason_of
from ..system.locks import locked
from .targets import Targets

if TYPE_CHECKING:
    from ..evaluation.reports import Report
    from ..models.model import Model
    from .predict import Results

_STEPS: Final = 1000
"""Of each cube: a job of any length counts for as many."""
_QUICK_BYTES: Final = 32 * 2**20
"""Files of formats that are loaded as a whole are read up to this size to see that they can be."""


@dataclass(frozen=True)
class PredictionRequest:
    """What is to be predicted of cubes."""

    models: tuple[Model | Path, ...]
    """One after the other; models, or files of them."""
    probabilities: bool = False
    """Whether the probabilities of classes are predicted, too."""
    dwell: tuple[float, float] | None = None
    """Time a pixel takes to measure well, and the time it took, in one unit."""
    turns: bool = False
    """Whether each model predicts the mean over flips and quarter turns of the image."""

    def load(self) -> list[Model]:
        """Return the models, read from their files; loads torch: for the worker thread."""
        from ..models.model import Model

        return [Model.load(model) if isinstance(model, Path) else model for model in self.models]

    def steps(self, models: Sequence[Model], cube: Cube, machine: Machine) -> Job[Results]:
        """Run the models over a cube."""
        from .predict import predict_and_report_steps

        return predict_and_report_steps(
            models,
            cube,
            probabilities=self.probabilities,
            dwell=self.dwell,
            turns=self.turns,
            machine=machine,
        )

    def time_saved(self, models: Sequence[Model]) -> str:
        """Return how much dwell time the models save, in a line; "" where they save none."""
        from .predict import speed_up_note

        return speed_up_note(models, self.dwell)


@dataclass(frozen=True)
class PredictedLayers:
    """What was predicted of cubes in memory."""

    results: Sequence[Results]
    """Of each of them; of fewer, if it was stopped."""
    time_saved: str = ""
    """How much dwell time the models save, in a line."""


@dataclass
class PredictedFiles:
    """What was predicted of files, and which of them failed."""

    written: list[Path] = field(default_factory=list)
    """Image files, in order."""
    reports: list[Report] = field(default_factory=list)
    """Of images that were super-resolved."""
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Image-level classes: a row for each image, with its name, class and probabilities."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """Why a source failed, in order; `Stop` where a person stopped it."""
    begun: bool = True
    """Whether anything was to be predicted; not where sources were refused before the first."""
    time_saved: str = ""
    """How much dwell time the models save, in a line."""

    @property
    def failed(self) -> dict[str, str]:
        """Each source that failed, with the reason in a line."""
        return {source: _reason(error) for source, error in self.errors.items()}


def predict_layers_steps(
    request: PredictionRequest, cubes: Sequence[Cube], machine: Machine
) -> Job[PredictedLayers]:
    """Run models over cubes; stopped, return what is done by then.

    Raises
    ------
    ValueError, Cancelled
        As `predict_and_report_steps` does; `Cancelled` if nothing was done by then.
    """
    models = request.load()
    results: list[Results] = []
    for number, cube in enumerate(cubes):
        job = request.steps(models, cube, machine)
        try:
            result = yield from _as_part(job, number, len(cubes), cube.name)
        except (Cancelled, Stop):
            if not results:
                raise
            break
        results.append(result)
    return PredictedLayers(results, request.time_saved(models))


def predict_files_steps(
    request: PredictionRequest,
    sources: Sequence[str],
    targets: Sequence[Targets],
    machine: Machine,
    *,
    overwrite: bool = False,
    check_first: bool = False,
    axes: str | None = None,
    image: str | None = None,
    watch: Watch | None = None,
) -> Job[PredictedFiles]:
    """Run models over files and write the results; go on after a file that fails.

    Stopped, it returns what is done by then.

    Parameters
    ----------
    request : PredictionRequest
        What is to be predicted.
    sources : sequence of str
        Files, or arrays in them as ``path::array@axes``.
    targets : sequence of Targets
        Where the results of each go; folders are made when there is something to write.
    machine : Machine
        Where the models run.
    overwrite : bool
        Whether files that exist are overwritten; else their source fails.
    check_first : bool
        Whether all sources are opened before the first is predicted; with one that cannot be,
        nothing is.
    axes, image : str, optional
        Layout of the arrays, and which image of each file, as `io.read` takes them.
    watch : callable, optional
        Shown how far the reading of a large file is; what it raises ends the reading.
    """
    images = [file for target in targets for file in target.images]
    with locked(*images):
        models = request.load()
        if check_first and len(sources) > 1:
            errors = yield from _check_steps(models, sources, axes=axes, image=image)
            if errors:
                return PredictedFiles(errors=errors, begun=False)
        job = _predict_files_steps(
            request,
            models,
            sources,
            targets,
            machine,
            overwrite,
            axes=axes,
            image=image,
            watch=watch,
        )
        return (yield from job)


def _check_steps(
    models: Sequence[Model], sources: Sequence[str], *, axes: str | None, image: str | None
) -> Job[dict[str, Exception]]:
    """Open all sources, and return why those that cannot be predicted cannot."""
    from .predict import check_chain

    errors: dict[str, Exception] = {}
    for number, source in enumerate(sources):
        yield Progress(number, _STEPS * len(sources), note=f"checking {Path(source).name}")
        try:
            parsed = Source.parse(source, axes)
            if _opens_at_once(parsed.path):
                check_chain(models, read(source, axes=axes, image=image).axis)
        except Exception as error:  # whatever it is, the others are to be checked
            errors[source] = error
    return errors


def _opens_at_once(path: Path) -> bool:
    """Return whether a file is read quickly: lazily, or because it is small; it must be there."""
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    known = format_of(path)
    return not known.loaded or path.stat().st_size < _QUICK_BYTES


def _predict_files_steps(
    request: PredictionRequest,
    models: Sequence[Model],
    sources: Sequence[str],
    targets: Sequence[Targets],
    machine: Machine,
    overwrite: bool,
    *,
    axes: str | None,
    image: str | None,
    watch: Watch | None,
) -> Job[PredictedFiles]:
    """Do what `predict_files_steps` does, the targets being ours alone."""
    predicted = PredictedFiles(time_saved=request.time_saved(models))
    for number, (source, target) in enumerate(zip(sources, targets, strict=True)):
        name = Path(source).name
        start = Progress(_STEPS * number, _STEPS * len(sources), note=f"reading {name}")
        try:
            yield start
            cube = read(source, axes=axes, image=image, watch=_within(watch, start))
            job = request.steps(models, cube, machine)
            results = yield from _as_part(job, number, len(sources), name)
            _write(results, target, predicted, overwrite)
        except (Cancelled, Stop) as error:
            predicted.errors[source] = error
            break
        except Exception as error:  # whatever it is, the other files are to be tried
            traceback.clear_frames(error.__traceback__)  # they hold the arrays of this cube
            predicted.errors[source] = error
    return predicted


def _write(results: Results, target: Targets, predicted: PredictedFiles, overwrite: bool) -> None:
    """Write the results of a cube, and note what was written."""
    target.result.parent.mkdir(parents=True, exist_ok=True)
    for file, result in zip(target.images, results.images, strict=True):
        predicted.written.append(write(file, result, overwrite=overwrite))
    if results.report is not None:
        predicted.reports.append(results.report)
        if target.report is not None:
            target.report.mkdir(parents=True, exist_ok=True)
            results.report.save(target.report)
    predicted.scores += scores_of(results.images[0])


def _as_part(job: Job[Result], number: int, count: int, name: str) -> Job[Result]:
    """Run the job of one of several cubes: its steps count for a part of all."""
    note = f"{number + 1} of {count}: {name}"
    start = _STEPS * number
    return part_of(job, start, start + _STEPS, note, total=_STEPS * count)


def _within(watch: Watch | None, start: Progress) -> Watch | None:
    """Return what shows the reading of a file without moving the bar of all files."""
    if watch is None:
        return None

    def watch_reading(step: Progress) -> None:
        percent = 100 * step.done // max(1, step.total)
        watch(start._replace(note=f"{start.note} ({percent} %)"))

    return watch_reading


def _reason(error: Exception) -> str:
    """Return why a file failed, in a line."""
    # a prediction that was stopped raises `Cancelled`, in the middle of a tile or of reading `Stop`
    if isinstance(error, Stop) or isinstance(error.__cause__, Stop):
        return "stopped"
    return reason_of(error)
