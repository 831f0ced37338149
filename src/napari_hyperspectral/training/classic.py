"""Fitting a classical method to the training pixels of a plan."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..classics import Classic, TrainingData, TrainingImage
from ..classics.base import Arrays, Rows
from ..classics.process import fit_in_process
from ..machine import Machine
from ..models.model import Model, fresh_network
from ..networks import FittedModule, NetworkModule, Normalise
from ..progress import Cancelled, Job, Progress, Stop
from ..spectra.arrays import Mask
from ..tasks import Example, Task
from .initialisation import initialise
from .plan import TrainingPlan
from .record import card_of
from .splits import spectra_at

_POLL: Final = 0.1
"""Seconds between two looks at a fit."""


def fit_classic_steps(plan: TrainingPlan, method: Classic, machine: Machine) -> Job[Model]:
    """Fit a classical method to the training pixels of a plan; return the model.

    A long fit runs in a process of its own: stopped, it ends with it.

    Raises
    ------
    ValueError
        If the method cannot learn from these data.
    Cancelled
        If it is stopped: half of a fit is none.
    """
    started = time.monotonic()
    device = torch.device("cpu")
    card = card_of(plan, machine, device)
    network = fresh_network(plan.recipe, card)
    initialise(network, plan, device)
    yield Progress(0, 1, note=f"fitting {type(method).__name__}")
    data = training_data(plan, network.normalise)
    if method.fits_long:
        arrays = yield from fit_in_process(method, data, machine.thread_count)
    else:
        arrays = yield from _fit_in_thread(method, data)
    _fitted_part(network.module).set_arrays(arrays)
    yield Progress(1, 1, note=f"fitted {type(method).__name__}")
    card = card.model_copy(
        update={
            "parameters": sum(array.size for array in arrays.values()),
            "tuned": method.describe(arrays),
            "best_epoch": 1,
            "ended": "done",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
        }
    )
    return Model(card, network.eval())


def _fit_in_thread(method: Classic, data: TrainingData) -> Job[Arrays]:
    """Fit a quick method in a thread, so that a stop is answered at once; the thread ends by itself."""
    pool = ThreadPoolExecutor(max_workers=1)
    fit = pool.submit(method.fit, data)
    try:
        while not wait([fit], timeout=_POLL).done:
            yield Progress(0, 0, note=f"fitting {type(method).__name__}")
        return fit.result()
    except Stop as stop:
        raise Cancelled("fit") from stop
    finally:
        pool.shutdown(wait=False)


def training_data(plan: TrainingPlan, normalise: Normalise) -> TrainingData:
    """Return the training pixels of a plan, normalised, for a classical method.

    Of tasks about whole images, every pixel has the target of its image.
    """
    images = []
    inputs = []
    targets = []
    for example, split in zip(plan.examples, plan.splits, strict=True):
        for plane in range(len(example.input)):
            train = split.train & (example.sampling_classes[plane] > 0)
            if not train.any():
                continue
            normalised = _normalised(normalise, example.input[plane])
            images.append(TrainingImage(normalised, train))
            inputs.append(spectra_at(example.input[plane : plane + 1], train[None]))
            targets.append(_target_rows(example, plane, train))
    input = np.concatenate(inputs)
    target = np.concatenate(targets)
    task: Task = plan.recipe.task

    def error(prediction: Rows, pixels: NDArray[np.intp]) -> float:
        if not task.predicts_intensities:
            return task.selection_error(prediction, target[pixels])
        in_unit = normalise.inverse(_images(prediction), _images(input[pixels]))
        return task.selection_error(_table(in_unit), target[pixels])

    normalised_target = target
    if task.predicts_intensities:
        normalised_target = _table(normalise.target(_images(target), _images(input)))
    return TrainingData(
        images=images,
        targets=normalised_target,
        error=error,
        ports=plan.ports,
        good=normalise.good.numpy(),
        seed=plan.recipe.training.seed,
    )


def _target_rows(example: Example, plane: int, train: Mask) -> Rows:
    """Return the targets of the training pixels of a plane, (pixel, out)."""
    target = example.target[plane]  # (out, y, x), or (out, 1, 1) of an image as a whole
    out = len(target)
    height, width = train.shape
    scale = target.shape[-1] // width
    if scale > 1:  # finer pixels: the mean of those in each coarse one
        blocks = target.reshape(out, height, scale, width, scale)
        target = blocks.mean(axis=(2, 4))
    spread = np.broadcast_to(target, (out, height, width))
    rows: Rows = np.moveaxis(spread, 0, -1)[train]
    return rows


def _normalised(normalise: Normalise, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image, (band, y, x), as a network would get it."""
    with torch.no_grad():
        # a copy: what is mapped from a file cannot be written
        batch = torch.from_numpy(np.array(image))[None]
        normalised: NDArray[np.float32] = normalise(batch)[0].numpy()
    return normalised


def _images(rows: Rows) -> torch.Tensor:
    """Return rows, (pixel, band), as images of one pixel."""
    return torch.from_numpy(rows.astype(np.float32))[:, :, None, None]


def _table(images: torch.Tensor) -> Rows:
    """Return images of one pixel as rows, (pixel, band)."""
    table: Rows = images[:, :, 0, 0].numpy()
    return table


def _fitted_part(module: NetworkModule) -> FittedModule:
    """Return the module of a classical method, which may be wrapped."""
    for part in module.modules():
        if isinstance(part, FittedModule):
            return part
    raise TypeError(f"{type(module).__name__} holds no fitted module")  # a mistake of ours
