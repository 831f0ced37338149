"""A model against honest baselines on held-out ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import metrics
from .axis import ChannelAxis
from .baselines import (
    Good,
    Ground,
    Method,
    blocks_of,
    denoisers,
    enlargers,
    predictors,
    spectra_of,
    tuned_svm,
)
from .cube import Cube, Image, Labels
from .machine import Machine
from .model import Model
from .prediction import predict
from .progress import Job, Progress, Stop, part_of
from .reports import Report, Row, Table, plain
from .splits import Mask, beyond
from .tasks import Task
from .tasks.finer import FinerTask

_PREDICTED: Final = 50
"""Percent of the work that is the model's own prediction."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A measurement with its truth, and which of its pixels taught and which are to test.

    Raises
    ------
    ValueError
        If sizes differ, or no pixel is left to test on.
    """

    given: Cube
    """What the model takes."""
    wanted: Cube | Labels
    """What it should give; of super-resolution, with finer pixels."""
    taught: Mask
    """Pixels the model learned from, shape (y, x); baselines learn from the same."""
    test: Mask
    """Pixels that may test it, shape (y, x)."""

    @property
    def scale(self) -> int:
        """Rows, and columns, of the truth for each of the measurement."""
        return max(1, self.wanted.shape[-1] // self.given.shape[-1])

    @property
    def offset(self) -> tuple[float, float]:
        """Row and column of the centre of the first measured pixel, in pixels of the truth."""
        starts = zip(self.given.origin, self.wanted.origin, self.wanted.pixel_size, strict=True)
        row, column = ((given - wanted) / side for given, wanted, side in starts)
        return row, column

    @property
    def same_bands(self) -> bool:
        """Whether intensities of the same bands are wanted, as of a denoised cube."""
        return isinstance(self.wanted, Cube) and self.given.axis.same_bands(self.wanted.axis)

    def __post_init__(self) -> None:
        size = self.given.shape[-2:]
        fine = tuple(self.scale * side for side in size)
        for name, other, expected in (
            ("truth", self.wanted.shape[-2:], fine),
            ("mask of training pixels", self.taught.shape, size),
            ("mask of test pixels", self.test.shape, size),
        ):
            if other != expected:
                raise ValueError(f"the cube has {size} pixels, the {name} {other}")
        if not self.test.any():
            raise ValueError("no pixel is held out to test on; hold out more, or narrow the guard")
        if (self.test & self.taught).any():
            raise ValueError(
                f"{int((self.test & self.taught).sum())} pixels both teach and test; "
                "a model that is tested on what it has seen is tested on nothing"
            )


class Evaluation(NamedTuple):
    """What comes of an evaluation."""

    model: Model
    """The model, with figures on held-out ground on its card."""
    report: Report
    predicted: Image
    """What the model made of the cube."""


class _Guarded(NamedTuple):
    """Test pixels that lie further than `guard` from all that taught."""

    guard: int
    test: Mask


def evaluate(
    model: Model,
    held_out: HeldOut,
    *,
    guards: Sequence[int] = (0,),
    baselines: bool = True,
    machine: Machine | None = None,
) -> Job[Evaluation]:
    """Predict, and compare model and baselines with the truth on ground that taught neither.

    Parameters
    ----------
    model : Model
        That learned from the `taught` pixels only.
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
    prediction = predict(model, held_out.given, machine=machine)
    predicted = yield from part_of(prediction, 0, _PREDICTED, "predicting")
    held_out = prepared(held_out, model)
    grounds = [_Guarded(g, held_out.test & beyond(held_out.taught, g)) for g in sorted(guards)]
    if not grounds[0].test.any():
        raise ValueError(f"a guard of {grounds[0].guard} pixels leaves no pixel to test on")
    found: dict[tuple[str, str], NDArray[Any]] = {}
    found[type(model.recipe.network).__name__, ""] = np.asarray(predicted.data)
    for step, method in enumerate(methods_beside(held_out, model, baselines), start=1):
        found[method.name, method.settings] = method.run(held_out.given.numpy())
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
    if isinstance(held_out.wanted, Labels):
        tables.append(_by_class(held_out, found, grounds[0]))
    report = Report(
        f"{model.card.recipe['task']['kind']} on {held_out.given.name or 'a cube'}",
        tables,
        notes_on(model, held_out, sides_of(model, held_out)),
    )
    figures = {"held_out": [plain(row) for row in tables[0].rows], "notes": list(report.notes)}
    return Evaluation(model.with_metrics(figures), report, predicted)


def pair_of(task: Task, images: Mapping[str, Image | str]) -> tuple[Cube, Cube | Labels]:
    """Return what a task is given of an example's images, and what it should give.

    Of a fine image alone, that is its coarse self, and what of it fills whole coarse pixels.
    """
    found = [images[name] for name in task.asks_for()]
    if isinstance(task, FinerTask):
        (fine,) = found
        assert isinstance(fine, Cube)
        return _coarse_and_fine(task, fine)
    given, wanted = found
    assert isinstance(given, Cube)
    assert isinstance(wanted, Cube | Labels)
    return given, wanted


def classes_of_planes(result: Labels) -> list[int]:
    """Return the class of each plane of an image classified as a whole; 0 was not measured."""
    found: list[int] = result.numpy().reshape(-1, *result.shape[-2:]).max(axis=(1, 2)).tolist()
    return found


def rows_on_classes(
    model: Model, images: int, found: Sequence[int], truths: Sequence[int]
) -> list[dict[str, Any]]:
    """Return figures on so many images classified as a whole: the model's, and plain guessing's.

    Parameters
    ----------
    model : Model
        Whose classes they are.
    images : int
        How many images there were.
    found, truths : sequence of int
        Class of each plane of them, from 1; 0 was not measured.
    """
    most_frequent = [int(np.bincount(truths, minlength=2)[1:].argmax()) + 1] * len(truths)
    guesses = {type(model.recipe.network).__name__: found, "most frequent class": most_frequent}
    count = len(model.card.output_axis)
    return [
        {"method": name, "images": images} | _accuracies(np.array(guess), np.array(truths), count)
        for name, guess in guesses.items()
    ]


def numbered_alike(held_out: HeldOut, model: Model) -> HeldOut:
    """Number classes as the model does, where it knows all their names: files may count otherwise."""
    wanted, gives = held_out.wanted, model.card.output_axis
    if not isinstance(wanted, Labels) or not isinstance(gives, ChannelAxis):
        return held_out
    if not wanted.classes or not set(wanted.classes) <= set(gives.names):
        return held_out
    number = np.array([0, *(gives.names.index(name) + 1 for name in wanted.classes)])
    truth = replace(wanted, data=number[wanted.numpy()], classes=gives.names, colours=())
    return replace(held_out, wanted=truth)


def prepared(held_out: HeldOut, model: Model) -> HeldOut:
    """Preprocess a measurement and its truth as those that the model learned from."""
    preprocessing = model.recipe.preprocessing
    given, wanted = held_out.given, held_out.wanted
    if isinstance(wanted, Cube) and _of_spectra(model):
        paired = len(model.recipe.task.spectra) > 1
        wanted = preprocessing.on(wanted, beside=given if paired else None)
    return replace(held_out, given=preprocessing.on(given), wanted=wanted)


class Sides(NamedTuple):
    """How many pixels of an image are on which side."""

    taught: int
    test: int
    near: int
    """Of the test pixels, how many have training pixels among what the network sees."""
    all: int


def sides_of(model: Model, held_out: HeldOut) -> Sides:
    """Count the pixels that taught, those that test, and those of them that see what taught."""
    far = held_out.test & beyond(held_out.taught, model.recipe.network.reach)
    test = int(held_out.test.sum())
    return Sides(int(held_out.taught.sum()), test, test - int(far.sum()), held_out.test.size)


def methods_beside(held_out: HeldOut, model: Model, tuned: bool) -> Iterator[Method]:
    """Yield the baselines; without `tuned` only the raw data, where they are comparable.

    Where no pixel taught, nothing can be tuned, nor the raw data be brought to another unit.
    """
    if held_out.scale > 1:
        yield from enlargers(held_out.scale, held_out.offset)
        return
    if not held_out.taught.any():
        if held_out.same_bands:
            yield Method("raw", "", lambda data: np.asarray(data, np.float32))
        return
    given, taught = held_out.given.numpy(), held_out.taught
    good, block = held_out.given.axis.good, blocks_of(taught, held_out.given.shape)
    spectra = spectra_of(given, taught)
    if isinstance(held_out.wanted, Labels):
        if tuned:
            wanted = held_out.wanted.numpy()[..., taught].reshape(1, -1)
            yield tuned_svm(Ground(spectra, wanted, block), good)
    elif held_out.same_bands:
        wanted = spectra_of(held_out.wanted.numpy(), taught)
        methods = denoisers(Ground(spectra, wanted, block), _good(held_out))
        yield from methods if tuned else islice(methods, 1)
    elif tuned:
        methods = predictors(given, held_out.wanted.numpy(), taught, good)
        # trees are grown for each band: of a spectrum, that takes hours
        yield from islice(methods, 2) if _of_spectra(model) else methods


def judge_of(held_out: HeldOut, model: Model) -> Callable[[NDArray[Any], Mask], dict[str, Any]]:
    """Return what measures a result on some pixels."""
    if isinstance(held_out.wanted, Labels):
        truth = held_out.wanted.numpy()
        count = _class_count(held_out)

        def of_classes(found: NDArray[Any], test: Mask) -> dict[str, Any]:
            return _accuracies(found[..., test], truth[..., test], count)

        return of_classes
    if held_out.scale > 1:
        return _judge_of_finer(held_out.wanted, held_out.scale)
    if not held_out.same_bands and not _of_spectra(model):
        return _judge_of_channels(held_out.wanted)
    clean, good = held_out.wanted.numpy(), _good(held_out)

    def of_intensities(found: NDArray[Any], test: Mask) -> dict[str, Any]:
        ours, theirs = spectra_of(found, test), spectra_of(clean, test)
        span = _span(theirs[good])
        return {
            "fitted MSE": metrics.fitted_mse(ours, theirs, good=good),
            "MSE": metrics.mse(ours, theirs, good=good),
            "PSNR dB": metrics.psnr(ours, theirs, data_range=span, good=good)
            if span > 0
            else float("nan"),
            "angle °": metrics.spectral_angle(ours, theirs, good=good),
            "Pearson": metrics.pearson(ours, theirs, good=good),
        }

    return of_intensities


def counted(row: Row, held_out: HeldOut, test: Mask) -> Row:
    """Return a row with the pixels, and the classes, that its guard leaves to `test`."""
    counts: dict[str, Any] = {"guard": row["guard"], "pixels": int(test.sum())}
    if isinstance(held_out.wanted, Labels):
        left = held_out.wanted.numpy()[..., test]
        counts |= {"pixels": int((left > 0).sum()), "classes": len(np.unique(left[left > 0]))}
    return counts | dict(row)


def notes_on(model: Model, held_out: HeldOut, sides: Sides) -> list[str]:
    """Return in sentences how figures came about, on ground with so many pixels on each side."""
    if held_out.scale > 1:
        return notes_on_finer(held_out.scale, sides)
    return [*_notes_on_ground(model, sides), *_notes_on_figures(held_out, sides)]


def notes_on_finer(scale: int, sides: Sides) -> list[str]:
    """Return in sentences how figures on finer images came about."""
    return [
        f"Of {sides.all} coarse pixels, {sides.test} test: each by the {scale}² fine ones it was "
        "made of. Nearest and bicubic know where the coarse pixels lie in the fine image.",
        "The range of PSNR and SSIM is that of the truth on the test pixels; SSIM is of each "
        "band as an image, ERGAS counts all bands alike.",
    ]


def _accuracies(found: NDArray[Any], truth: NDArray[Any], count: int) -> dict[str, float]:
    """Return accuracy in all, averaged over classes, and beyond chance, in %."""
    table = metrics.confusion(found, truth, count)
    return {
        "OA %": 100 * metrics.overall_accuracy(table),
        "AA %": 100 * metrics.average_accuracy(table),
        "kappa %": 100 * metrics.kappa(table),
    }


def _coarse_and_fine(task: FinerTask, fine: Cube) -> tuple[Cube, Cube]:
    example = task.example(fine=fine)
    coarse, whole = (
        planes.reshape(*fine.shape[:-3], *planes.shape[1:])
        for planes in (example.given, example.wanted)
    )
    top, left = (
        start + step * side
        for start, step, side in zip(
            fine.origin, task.degrades.offset, fine.pixel_size, strict=True
        )
    )
    given = replace(
        fine, data=coarse, pixel_size=example.pixel_size, origin=(top, left), georeference=None
    )
    return given, replace(fine, data=whole)


def _of_spectra(model: Model) -> bool:
    """Whether what the model gives are spectra, not channels or classes."""
    task: Task = model.recipe.task
    return list(task.asks_for())[-1] in task.spectra


def _judge_of_finer(wanted: Cube, scale: int) -> Callable[[NDArray[Any], Mask], dict[str, Any]]:
    """Return what measures a finer image on some coarse pixels."""
    truth, good = wanted.numpy(), wanted.axis.good

    def of_finer(found: NDArray[Any], test: Mask) -> dict[str, Any]:
        fine = test.repeat(scale, axis=0).repeat(scale, axis=1)
        ours, theirs = spectra_of(found, fine), spectra_of(truth, fine)
        span = _span(theirs[good])
        flat = float("nan")
        return {
            "PSNR dB": metrics.psnr(ours, theirs, data_range=span, good=good) if span else flat,
            "SSIM": metrics.ssim(found, truth, data_range=span, good=good, where=fine)
            if span
            else flat,
            "angle °": metrics.spectral_angle(ours, theirs, good=good),
            "ERGAS %": metrics.ergas(ours, theirs, scale=scale, good=good),
            "RMSE": metrics.rmse(ours, theirs, good=good),
        }

    return of_finer


def _span(truth: NDArray[Any]) -> float:
    """Return the range of what is known of a truth; 0 where nothing is."""
    known = truth[np.isfinite(truth)]
    return float(np.ptp(known)) if known.size else 0.0


def _judge_of_channels(wanted: Cube) -> Callable[[NDArray[Any], Mask], dict[str, Any]]:
    truth = wanted.numpy()
    names = wanted.axis.names if isinstance(wanted.axis, ChannelAxis) else ()

    def of_channels(found: NDArray[Any], test: Mask) -> dict[str, Any]:
        ours, theirs = spectra_of(found, test), spectra_of(truth, test)
        each = [metrics.pearson(a[None], b[None]) for a, b in zip(ours, theirs, strict=True)]
        spreads = np.nanstd(theirs, axis=(1, 2), keepdims=True)
        spreads = np.where(spreads > 0, spreads, np.nan)
        figures = {"Pearson": float(np.mean(each))}
        figures |= {f"Pearson, {name}": value for name, value in zip(names, each, strict=False)}
        figures |= {"NRMSE": metrics.rmse(ours / spreads, theirs / spreads)}
        if min(truth.shape[-2:]) > 1:  # a list has no features
            figures |= {"FSIM": _features(found, truth, test)}
        return figures

    return of_channels


def _features(found: NDArray[Any], truth: NDArray[Any], test: Mask) -> float:
    """Return the feature similarity on some pixels, averaged over channels, each by its range."""
    each = []
    for channel in range(truth.shape[-3]):
        ours, theirs = (image[..., channel : channel + 1, :, :] for image in (found, truth))
        span = _span(theirs[..., test])
        alike = metrics.fsim(ours, theirs, data_range=span, where=test) if span else np.nan
        each.append(alike)
    return float(np.mean(each))


def _by_class(
    held_out: HeldOut, found: dict[tuple[str, str], NDArray[Any]], ground: _Guarded
) -> Table:
    assert isinstance(held_out.wanted, Labels)
    truth, count = held_out.wanted.numpy(), _class_count(held_out)
    names = held_out.wanted.classes or tuple(f"class {i}" for i in range(1, count + 1))
    tables = {
        method: metrics.confusion(image[..., ground.test], truth[..., ground.test], count)
        for (method, _), image in found.items()
    }
    taught = np.bincount(truth[..., held_out.taught].ravel(), minlength=count + 1)
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names[:count]):
        tested = int(next(iter(tables.values()))[i].sum())
        rows.append({"class": name, "taught": int(taught[i + 1]), "tested": tested})
        for method, table in tables.items():
            rows[-1][f"{method}: found %"] = 100 * float(metrics.class_accuracy(table)[i])
            rows[-1][f"{method}: IoU %"] = 100 * float(metrics.iou(table)[i])
    return Table(f"Class by class, guard {ground.guard}", rows)


def _notes_on_ground(model: Model, sides: Sides) -> list[str]:
    if not sides.taught:
        return [
            "All measured pixels of these images are judged; what is raw is as it was measured."
        ]
    reach = model.recipe.network.reach
    return [
        f"{sides.taught} pixels taught, {sides.test} may test "
        "(a guard leaves fewer); baselines learned from, and were tuned on, the same pixels.",
        f"The network sees {reach} pixel{'s' * (reach != 1)} around each pixel: for "
        f"{sides.near / sides.test:.0%} of the test pixels (guard 0), training pixels are among "
        "what it sees."
        if reach
        else "The network sees one spectrum at a time: no test pixel has training pixels in sight.",
    ]


def _notes_on_figures(held_out: HeldOut, sides: Sides) -> list[str]:
    if held_out.same_bands:
        aligned = (
            " Raw, Savitzky–Golay and PCA are brought to the target's unit by one scale and "
            "offset from the training ground."
        )
        return [
            "Fitted MSE: each target spectrum divided by its maximum, scale and offset of each "
            f"prediction fitted to it.{aligned * (sides.taught > 0)}"
        ]
    if isinstance(held_out.wanted, Cube):
        return [
            "Pearson and NRMSE are of all test pixels at once, channel by channel; NRMSE is the "
            "root of the mean squared error over the standard deviation of the channel. FSIM compares "
            "edges, of images alone, by the range of each channel (Zhang et al. 2011)."
        ]
    return []


def _class_count(held_out: HeldOut) -> int:
    assert isinstance(held_out.wanted, Labels)
    return max(len(held_out.wanted.classes), int(held_out.wanted.numpy().max()))


def _good(held_out: HeldOut) -> Good:
    assert isinstance(held_out.wanted, Cube)
    good = held_out.wanted.axis.good
    return held_out.given.axis.good & good if held_out.same_bands else good
