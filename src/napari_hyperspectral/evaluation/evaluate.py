"""A model against baselines on the test pixels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cube import Cube, Image
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_classes_steps, predict_steps
from ..progress import Cancelled, Job, Progress, Stop, part_of, run_with_bar
from ..training.splits import beyond
from .about import about_model
from .baselines.baseline import Values
from .classical import (
    LONG_FITS,
    NO_CLASSICS,
    FittedClassics,
    fit_classics_steps,
    plan_of_pair,
    predict_all_steps,
)
from .comparison import comparison_for
from .comparisons.base import ALL_EVALUATED, Comparison, GuardedTest, MethodResult
from .merit import better_of, ranked
from .pairs import EvaluationPair, pixel_counts
from .reports import Report, Row, Table, json_row
from .training_pixels import Overlap, without_training_pixels

_PREDICTED: Final = 50
"""Percent of the work that is the model's own prediction."""
_FITTED: Final = 80
"""Percent of the work when the classical methods are fitted and run."""
_CLASS_BY_CLASS: Final = 3
"""Methods that are compared class by class: the model, and the best of the others."""
_PER_BASELINE: Final = 10
"""Percent of the work for each baseline."""


class Evaluation(NamedTuple):
    """What comes of an evaluation."""

    model: Model
    """The model, with its figures on the test pixels on its card."""
    report: Report
    predicted: Image
    """What the model predicted from the input."""


def evaluate(
    model: Model,
    pair: EvaluationPair,
    *,
    guards: Sequence[int] = (0,),
    baselines: bool = True,
    long_fits: int = LONG_FITS,
    machine: Machine | None = None,
) -> Evaluation:
    """Compare a model and baselines with the truth, with a bar in a terminal or notebook.

    For the parameters and errors see `evaluate_steps`.
    """
    steps = evaluate_steps(
        model,
        pair,
        guards=guards,
        baselines=baselines,
        long_fits=long_fits,
        machine=machine,
    )
    return run_with_bar(steps, "evaluating")


def evaluate_steps(
    model: Model,
    pair: EvaluationPair,
    *,
    guards: Sequence[int] = (0,),
    baselines: bool = True,
    long_fits: int = LONG_FITS,
    machine: Machine | None = None,
) -> Job[Evaluation]:
    """Predict, and compare model and baselines with the truth on the test pixels.

    Test pixels that trained the model, by the record on its card, are left out, and the notes of the
    report say how many; where all of them did, none is held out, and the notes say so.

    Parameters
    ----------
    model : Model
        Trained on the `train` pixels only.
    pair : EvaluationPair
        The measurement, its truth, and which of its pixels train and test.
    guards : sequence of int
        Test pixels up to so many pixels (Chebyshev distance) from training pixels are left out,
        for each in turn: neighbours are nearly copies of each other.
    baselines : bool
        Whether to train the classical methods of the task on the same pixels, and to show them as
        well; of many pixels, only those that are quick. Without training pixels, those are shown that
        were trained with the model and are kept in it, and what needs no training.
    long_fits : int
        Targets (pixels by channels, or labelled pixels) up to which classical methods whose fits take
        long, such as boosted trees, are among them.
    machine : Machine, optional
        Where the model runs.

    Raises
    ------
    ValueError
        If not even the narrowest guard leaves a test pixel.
    """
    pair, overlap = without_training_pixels(model, pair)
    tests = _guarded_tests(pair, guards)
    prediction = _predict_steps(model, pair.input, machine)
    predicted, probabilities = yield from part_of(prediction, 0, _PREDICTED, "predicting")
    comparison = comparison_for(pair, model)
    results = [comparison.model_result(predicted.numpy(), probabilities)]
    classics = yield from part_of(
        _classics_steps(model, pair, long_fits if baselines else None, machine),
        _PREDICTED,
        _FITTED,
        "classical methods",
    )
    for fitted, image in classics.results:
        results.append(comparison.classic_result(fitted, image))
    for step, baseline in enumerate(comparison.baselines(tuned=baselines), start=1):
        results.append(comparison.result(baseline))
        # how many there will be is not known before the last
        done = min(_FITTED + _PER_BASELINE * step, 100)
        try:
            yield Progress(done, 100, note=f"tuned {baseline.name}")
        except Stop:
            break  # report what there is
    rows: list[Row] = []
    for guarded in tests:
        rows += [comparison.row(result, guarded) for result in results]
    table = Table("Test pixels", rows, better_of(rows), ["guard"])
    ordered = _best_first(results, rows)
    # columns of each method: more than a few are not read
    class_tables = comparison.class_tables(ordered[:_CLASS_BY_CLASS], tests[0])
    report = Report(
        _title(model, pair),
        [table, *class_tables],
        [*_notes(model, comparison, overlap), *classics.notes],
        comparison.pictures(ordered, tests[0].test),
        about_model(model),
    )
    figures = {
        "figures": [json_row(row) for row in rows],
        "notes": list(report.notes),
    }
    return Evaluation(model.with_metrics(figures), report, predicted)


class _Classics(NamedTuple):
    """What the classical methods of a task give for the input."""

    results: Sequence[tuple[Model, Values]] = ()
    notes: Sequence[str] = ()


def _classics_steps(
    model: Model,
    pair: EvaluationPair,
    long_fits: int | None,
    machine: Machine | None,
) -> Job[_Classics]:
    """Train classical methods on the training pixels of a pair, and run them on its input.

    Without `long_fits`, none is trained.
    """
    fitted = NO_CLASSICS
    try:
        if not pair.train.any():
            fitted = FittedClassics(model.baselines, ())
        elif long_fits is not None:
            plan = plan_of_pair(model, pair)
            job = fit_classics_steps(plan, machine or Machine(), long_fits=long_fits)
            fitted = yield from part_of(job, 0, 60, "fitting classical methods")
        job_of_all = predict_all_steps(fitted.models, pair.input, machine)
        images = yield from part_of(job_of_all, 60, 100, "running classical methods")
    except Cancelled:
        return _Classics()  # report what there is
    return _Classics(list(zip(fitted.models, images, strict=True)), fitted.notes)


def _predict_steps(
    model: Model,
    cube: Cube,
    machine: Machine | None,
) -> Job[tuple[Image, NDArray[np.float32] | None]]:
    """Return a prediction, and the probabilities of classes, (…, class, y, x), if it is of these."""
    if model.recipe.task.predicts_intensities:
        predicted = yield from predict_steps(model, cube, machine=machine)
        return predicted, None
    labels, probabilities = yield from predict_classes_steps(model, cube, machine=machine)
    return labels, probabilities.numpy()


def _best_first(results: Sequence[MethodResult], rows: Sequence[Row]) -> list[MethodResult]:
    """Return the model's result, then those of the baselines from the best to the worst.

    The rows of the first guard are in the order of the results.
    """
    order = ranked(rows[: len(results)])
    baselines = [results[number] for number in order if number > 0]
    return [results[0], *baselines]


def _title(model: Model, pair: EvaluationPair) -> str:
    kind = model.card.task_kind.replace("_", " ")
    return f"{kind} on {pair.input.name or 'a cube'}"


def _notes(model: Model, comparison: Comparison, overlap: Overlap | None) -> list[str]:
    """Return sentences about what was evaluated, those about pixels that the model knows first."""
    notes = list(comparison.notes(pixel_counts(model, comparison.pair)))
    if overlap is None:
        return notes
    if overlap.trained:
        # not "all measured pixels": some are left out, or none was held out
        notes = [note for note in notes if note != ALL_EVALUATED]
    return [*overlap.notes, *notes]


def _guarded_tests(pair: EvaluationPair, guards: Sequence[int]) -> list[GuardedTest]:
    """Return the test pixels that each guard leaves, the narrowest guard first."""
    tests = []
    for guard in sorted(guards):
        test = pair.test & beyond(pair.train, guard)
        tests.append(GuardedTest(guard, test))
    # what the narrowest leaves out, wider ones leave out as well
    narrowest = tests[0]
    if not narrowest.test.any():
        raise ValueError(
            f"a guard of {narrowest.guard} pixels leaves no pixel to test on; "
            "choose a narrower guard, or fewer training pixels"
        )
    return tests
