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
from ..progress import Job, Progress, Stop, part_of, run_with_bar
from ..training.splits import beyond
from .about import about_model
from .comparison import comparison_for
from .comparisons.base import GuardedTest, MethodResult
from .merit import better_of, ranked
from .pairs import EvaluationPair, pixel_counts
from .reports import Report, Row, Table, json_row

_PREDICTED: Final = 50
"""Percent of the work that is the model's own prediction."""
_PER_BASELINE: Final = 12
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
        machine=machine,
    )
    return run_with_bar(steps, "evaluating")


def evaluate_steps(
    model: Model,
    pair: EvaluationPair,
    *,
    guards: Sequence[int] = (0,),
    baselines: bool = True,
    machine: Machine | None = None,
) -> Job[Evaluation]:
    """Predict, and compare model and baselines with the truth on the test pixels.

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
        Whether to tune and run the classical methods too; takes seconds, not minutes. A denoiser
        is compared with raw data in any case.
    machine : Machine, optional
        Where the model runs.

    Raises
    ------
    ValueError
        If not even the narrowest guard leaves a test pixel.
    """
    tests = _guarded_tests(pair, guards)
    prediction = _predict_steps(model, pair.input, machine)
    predicted, probabilities = yield from part_of(prediction, 0, _PREDICTED, "predicting")
    comparison = comparison_for(pair, model)
    results = [comparison.model_result(predicted.numpy(), probabilities)]
    for step, baseline in enumerate(comparison.baselines(tuned=baselines), start=1):
        results.append(comparison.result(baseline))
        # how many there will be is not known before the last
        done = min(_PREDICTED + _PER_BASELINE * step, 100)
        try:
            yield Progress(done, 100, note=f"tuned {baseline.name}")
        except Stop:
            break  # report what there is
    rows: list[Row] = []
    for guarded in tests:
        rows += [comparison.row(result, guarded) for result in results]
    table = Table("Test pixels", rows, better_of(rows), ["guard"])
    class_tables = comparison.class_tables(results, tests[0])
    report = Report(
        _title(model, pair),
        [table, *class_tables],
        comparison.notes(pixel_counts(model, comparison.pair)),
        comparison.pictures(_best_first(results, rows), tests[0].test),
        about_model(model),
    )
    figures = {
        "figures": [json_row(row) for row in rows],
        "notes": list(report.notes),
    }
    return Evaluation(model.with_metrics(figures), report, predicted)


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
