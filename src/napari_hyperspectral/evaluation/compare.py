"""A model against honest baselines on held-out ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cube import Image, Labels
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job, Progress, Stop, part_of, run_with_bar
from ..training.splits import beyond
from .baselines import (
    Ground,
    Method,
    blocks_of,
    denoisers,
    enlargers,
    predictors,
    spectra_of,
    tuned_svm,
)
from .figures import (
    accuracy_by_class,
    counted,
    judge_of,
)
from .ground import (
    EvaluationPair,
    Guarded,
    good_bands,
    numbered_alike,
    predicts_spectra,
    prepared,
    sides_of,
)
from .notes import notes_on
from .reports import Report, Table, plain

_PREDICTED: Final = 50
"""Percent of the work that is the model's own prediction."""


class Evaluation(NamedTuple):
    """What comes of an evaluation."""

    model: Model
    """The model, with figures on held-out ground on its card."""
    report: Report
    predicted: Image
    """What the model made of the cube."""


def evaluate(
    model: Model,
    held_out: EvaluationPair,
    *,
    guards: Sequence[int] = (0,),
    baselines: bool = True,
    machine: Machine | None = None,
) -> Evaluation:
    """Compare a model and baselines with the truth, with a bar in a terminal or notebook.

    For the parameters and errors see `evaluate_steps`.
    """
    steps = evaluate_steps(model, held_out, guards=guards, baselines=baselines, machine=machine)
    return run_with_bar(steps, "evaluating")


def evaluate_steps(
    model: Model,
    held_out: EvaluationPair,
    *,
    guards: Sequence[int] = (0,),
    baselines: bool = True,
    machine: Machine | None = None,
) -> Job[Evaluation]:
    """Predict, and compare model and baselines with the truth on ground that taught neither.

    Parameters
    ----------
    model : Model
        That learned from the `train` pixels only.
    held_out : HeldOut
        The measurement, its truth, and its two sides.
    guards : sequence of int
        Test pixels up to so many pixels (Chebyshev distance) from training pixels are left out,
        for each in turn: neighbours are nearly copies of each other.
    baselines : bool
        Whether to tune and run the classical methods too; takes seconds, not minutes. Raw data
        stand beside a denoiser in any case.
    machine : Machine, optional
        Where the model runs.

    Raises
    ------
    ValueError
        If not even the narrowest guard leaves a test pixel.
    """
    held_out = numbered_alike(held_out, model)
    prediction = predict_steps(model, held_out.input, machine=machine)
    predicted = yield from part_of(prediction, 0, _PREDICTED, "predicting")
    held_out = prepared(held_out, model)
    grounds = [Guarded(g, held_out.test & beyond(held_out.train, g)) for g in sorted(guards)]
    if not grounds[0].test.any():
        raise ValueError(f"a guard of {grounds[0].guard} pixels leaves no pixel to test on")
    found: dict[tuple[str, str], NDArray[Any]] = {}
    found[type(model.recipe.network).__name__, ""] = np.asarray(predicted.data)
    for step, method in enumerate(methods_beside(held_out, model, baselines), start=1):
        found[method.name, method.settings] = method.run(held_out.input.numpy())
        try:
            yield Progress(min(_PREDICTED + 12 * step, 100), 100, note=f"tuned {method.name}")
        except Stop:
            break  # report what there is
    judge = judge_of(held_out, model)
    rows: list[dict[str, Any]] = [
        {"guard": ground.guard, "method": name, "settings": settings} | judge(image, ground.test)
        for ground in grounds
        for (name, settings), image in found.items()
    ]
    tests = {ground.guard: ground.test for ground in grounds}
    counts = [counted(row, held_out, tests[row["guard"]]) for row in rows]
    tables = [Table("On held-out ground", counts)]
    if isinstance(held_out.target, Labels):
        tables.append(accuracy_by_class(held_out, found, grounds[0]))
    report = Report(
        f"{model.card.task_kind} on {held_out.input.name or 'a cube'}",
        tables,
        notes_on(model, held_out, sides_of(model, held_out)),
    )
    figures = {"figures": [plain(row) for row in tables[0].rows], "notes": list(report.notes)}
    return Evaluation(model.with_metrics(figures), report, predicted)


def methods_beside(held_out: EvaluationPair, model: Model, tuned: bool) -> Iterator[Method]:
    """Yield the baselines; without `tuned` only the raw data, where they are comparable.

    Where no pixel taught, nothing can be tuned, nor the raw data be brought to another unit.
    """
    if held_out.scale > 1:
        yield from enlargers(held_out.scale, held_out.offset)
        return
    if not held_out.train.any():
        if held_out.same_bands:
            yield Method("raw", "", lambda data: np.asarray(data, np.float32))
        return
    input, train = held_out.input.numpy(), held_out.train
    good, block = held_out.input.axis.good, blocks_of(train, held_out.input.shape)
    spectra = spectra_of(input, train)
    if isinstance(held_out.target, Labels):
        if tuned:
            target = held_out.target.numpy()[..., train].reshape(1, -1)
            yield tuned_svm(Ground(spectra, target, block), good)
    elif held_out.same_bands:
        target = spectra_of(held_out.target.numpy(), train)
        methods = denoisers(Ground(spectra, target, block), good_bands(held_out))
        yield from methods if tuned else islice(methods, 1)
    elif tuned:
        methods = predictors(input, held_out.target.numpy(), train, good)
        # trees are grown for each band: of a spectrum, that takes hours
        yield from islice(methods, 2) if predicts_spectra(model) else methods
