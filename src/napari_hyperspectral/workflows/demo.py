"""The main job from end to end on real data: train, predict, evaluate, save.

Indian Pines, an agricultural scene of 16 classes (AVIRIS, Baumgardner et al. 2015,
https://doi.org/10.4231/R7RX991C). A tenth of its labelled pixels, in blocks, is for training.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import samples
from ..axis import Axis, SpectralAxis
from ..cube import Cube, Labels
from ..evaluation.evaluate import evaluate_steps
from ..evaluation.pairs import EvaluationPair
from ..evaluation.pictures.base import Picture
from ..evaluation.pictures.simple import Curves, Photograph
from ..evaluation.reports import Report
from ..io import write
from ..machine import Machine
from ..models.model import Model
from ..networks import Pixelwise
from ..progress import Job, Progress, part_of
from ..recipe.recipe import Recipe
from ..recipe.training import Training
from ..tasks import Segment
from ..training.fit import fit_steps
from ..training.splits import Split, block_split

SHARE: Final = 0.07
"""Least part of the pixels of each class for training; in whole blocks, it comes to a tenth."""
BLOCK: Final = 8
"""Side of the training blocks, in pixels."""
GUARDS: Final = (0, 4, 8, 16)
"""Distances from the training pixels at which the test begins, in pixels."""
NETWORK: Final = Pixelwise()
"""It sees one spectrum at a time, so that no test pixel profits from training pixels nearby."""
TRAINING: Final = Training(epochs=100, validation=0)
"""Nothing is held out of the training blocks: the rest of the scene is the test set."""


class Demo(NamedTuple):
    """The images, the model, the report and the files of the demo."""

    cube: Cube
    truth: Labels
    train: Labels
    """The part of the truth that the model was trained on."""
    predicted: Labels
    model: Model
    report: Report
    files: tuple[Path, ...]


def demonstrate(
    folder: Path,
    *,
    machine: Machine | None = None,
    overwrite: bool = False,
    training: Training = TRAINING,
    seed: int = 0,
) -> Job[Demo]:
    """Train on a tenth of Indian Pines, predict all of it, and compare with an SVM.

    Writes the label map, the model, and a report with pictures into `folder`. Where the package
    that brings the scene is missing, a synthetic one takes its place, and the report says so.

    Parameters
    ----------
    folder : path
        Of the results; it is made if it does not exist.
    machine : Machine, optional
        Where the network runs.
    overwrite : bool
        Whether results of an earlier demo may be replaced.
    training : Training
        Training settings.
    seed : int
        Of the choice of training blocks.

    Raises
    ------
    FileExistsError
        If `folder` holds results already, unless `overwrite`; before anything else is done.
    """
    map_path = folder / "label_map.ome.tif"
    model_path = folder / "model.safetensors"
    for path in (map_path, model_path, folder / "report.md"):
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists already; choose another folder, or overwrite")
    yield Progress(0, 100, note="loading the scene")
    cube, truth, warnings = _scene()
    # what a split holds out is what the demo trains on: a small part of the scene, in blocks
    split = block_split(truth.numpy(), SHARE, block=BLOCK, seed=seed)
    training_ids = np.where(split.validation, truth.data, 0)  # (y, x); 0: not labelled
    train = truth.after("kept training blocks", data=training_ids)
    task = Segment()
    recipe = Recipe(task=task, method=NETWORK, training=training)
    example = task.example(cube=cube, labels=train)
    fit_job = fit_steps(recipe, [example], machine=machine)
    model = yield from part_of(fit_job, 1, 70, "training")
    folder.mkdir(parents=True, exist_ok=True)
    model.save(model_path, overwrite=overwrite)  # before its evaluation, which may fail
    test_set = EvaluationPair(cube, truth, split.validation, split.train)
    evaluation_job = evaluate_steps(model, test_set, guards=GUARDS, machine=machine)
    model, report, predicted = yield from part_of(evaluation_job, 70, 98, "evaluating")
    assert isinstance(predicted, Labels)
    notes = (*warnings, *_notes(truth, split, seed, model), *report.notes)
    report = replace(report, notes=notes, images=_pictures(cube, truth, train, predicted))
    files = (
        write(map_path, predicted, overwrite=overwrite),
        model.save(model_path, overwrite=True),
        *report.save(folder),
    )
    yield Progress(100, 100, note=f"wrote {len(files)} files")
    return Demo(cube, truth, train, predicted, model, report, files)


def false_colour(cube: Cube) -> NDArray[np.float32]:
    """Return infrared, red and green as red, green and blue, shape (y, x, 3), from 0 to 1.

    On an axis without these wavelengths, three bands spread over it are taken. Each is stretched
    from its 2nd to its 98th percentile.
    """
    bands = [np.asarray(cube.data[band], np.float32) for band in _rgb_bands(cube.axis)]
    image = np.stack(bands, axis=-1)  # (y, x, 3)
    low, high = np.nanpercentile(image, (2, 98), axis=(0, 1))
    contrast = np.where(high > low, high - low, 1)  # a band of one value becomes black
    stretched: NDArray[np.float32] = np.clip((image - low) / contrast, 0, 1)
    return np.nan_to_num(stretched).astype(np.float32)


def mean_spectra(cube: Cube, labels: Labels) -> Curves:
    """Return the mean spectrum of each class, over the physical axis."""
    data = cube.numpy()
    ids = labels.numpy()
    axis = cube.axis
    x = axis.centres if isinstance(axis, SpectralAxis) else np.arange(len(axis), dtype=float)
    spectra = {}
    for class_id in range(1, int(ids.max()) + 1):
        name = labels.classes[class_id - 1] if labels.classes else f"class {class_id}"
        pixels = ids == class_id
        if pixels.any():
            mean = np.nanmean(data[:, pixels], axis=1)  # (band,)
            spectra[name] = np.where(axis.good, mean, np.nan)
    return Curves("Mean spectra", x, axis.title, spectra)


def _rgb_bands(axis: Axis) -> list[int]:
    """Return the bands to show as red, green and blue."""
    if isinstance(axis, SpectralAxis) and axis.kind == "wavelength":
        per_nm = {"nm": 1.0, "um": 1e-3}.get(axis.unit or "nm", 1.0)
        infrared, red, green = (nm * per_nm for nm in (860, 650, 550))
        if axis.centres.min() < green and axis.centres.max() > infrared:
            return [axis.nearest(wavelength) for wavelength in (infrared, red, green)]
    return [len(axis) * quarter // 4 for quarter in (3, 2, 1)]


def _scene() -> tuple[Cube, Labels, tuple[str, ...]]:
    """Return a scene with its truth, and what the report must say about it."""
    try:
        return *samples.indian_pines(), ()
    except ImportError as error:
        warning = f"A SYNTHETIC scene takes the place of Indian Pines: {error}"
        return *samples.land_scene(), (warning,)


def _notes(truth: Labels, split: Split, seed: int, model: Model) -> tuple[str, ...]:
    """Return the lines of the report on split, training and guard."""
    labelled = truth.numpy() > 0  # (y, x)
    share = (split.validation & labelled).sum() / labelled.sum()
    return (
        f"Split: of each class, blocks of {BLOCK} × {BLOCK} pixels were drawn (seed {seed}) until "
        f"they held {SHARE:.0%} of its pixels; in whole blocks, that is {share:.1%} of all "
        "labelled ones.",
        f"Trained for {model.card.seconds:.0f} s on {model.card.device}, "
        f"{len(model.card.losses)} epochs, {model.card.parameters} weights.",
        "Guard: pixels up to that far from a training pixel are left out of the test; the pixels "
        "and classes left are in the same row. Rows of different guards are about different pixels: "
        "compare methods within a guard.",
    )


def _pictures(cube: Cube, truth: Labels, train: Labels, predicted: Labels) -> tuple[Picture, ...]:
    return (
        Photograph("False colour", false_colour(cube)),
        Photograph("Ground truth", truth.numpy(), truth.classes),
        Photograph("Training blocks", train.numpy(), truth.classes),
        Photograph("Prediction", predicted.numpy(), truth.classes),
        mean_spectra(cube, truth),
    )
