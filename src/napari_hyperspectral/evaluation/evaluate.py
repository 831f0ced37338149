"""A model against baselines on the test pixels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..cube import Image
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job, Progress, Stop, part_of, run_with_bar
from ..training.splits import beyond
from .comparison import comparison_for
from .comparisons.base import GuardedTest
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
    prediction = predict_steps(model, pair.input, machine=machine)
    predicted = yield from part_of(prediction, 0, _PREDICTED, "predicting")
    comparison = comparison_for(pair, model)
    results = [comparison.model_result(predicted.numpy())]
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
    class_tables = comparison.class_tables(results, tests[0])
    report = Report(
        _title(model, pair),
        [Table("Test pixels", rows), *class_tables],
        comparison.notes(pixel_counts(model, comparison.pair)),
    )
    figures = {
        "figures": [json_row(row) for row in rows],
        "notes": list(report.notes),
    }
    return Evaluation(model.with_metrics(figures), report, predicted)


def _title(model: Model, pair: EvaluationPair) -> str:
    kind = model.card.recipe["task"]["kind"]
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
