"""Every setting does something: changing it changes a loss, a weight or an output."""

from functools import cache
from typing import Literal, get_args, get_origin

import numpy as np
import pytest

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import CLASSICS
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import (
    NETWORKS,
    DenseNet,
    EfficientNet,
    Pixelwise,
    ResNet,
    SpectralUNet,
)
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.methods import unsuitable
from napari_hyperspectral.tasks import (
    TASKS,
    ClassifyImages,
    PredictChannels,
    Restore,
    Segment,
    SuperResolve,
)
from napari_hyperspectral.training.previews import preview_of

ONE = Machine(device="cpu", threads=1)  # so small that threads would only wait for each other
BASE = Training(
    epochs=4,
    batch_size=16,
    patches_per_epoch=2,
    patch_size=16,
    block=3,
    guard=1,
    learning_rate=0.01,
)
ONCE = BASE.model_copy(update={"epochs": 1})
OTHER = {  # another value of each field, and what else it takes to see it
    "epochs": 5,
    "learning_rate": 0.003,
    "batch_size": 32,
    "patches_per_epoch": 3,
    "patch_size": 9,
    "image_batch_size": 2,
    "validation_split": "images",
    "frozen": "first half",
    "validation": 0.4,
    "refit": False,
    "block": 6,
    "guard": 0,
    "patience": 1,
    "schedule": "cosine",
    "optimiser": "sgd",
    "clip": 0.01,
    "average": 0.9,
    "drop": 0.5,
    "every": 2,
    "weight_decay": 0.5,
    "seed": 1,
    "classes": ("one", "two", "three"),
    "weights": ("two=4",),
    "balance": 0.0,
    "smoothing": 0.3,
    "angle": 1.0,
    "ssim": 1.0,
    "frc": 1.0,
    "correlation": 1.0,
    "psf": 1.5,
    "row": 0,
    "column": 0,
    "adversarial": 0.5,
    "consistency": 0.0,
    "discriminator_width": 3,
    "dice": 1.0,
    "width": 7,
    "dense": False,
    "layers": 3,
    "dropout": 0.6,
    "components": 3,
    "depth": 2,
    "variant": "nested",
    "middle": 5,
    "unets": 1,
    "shared": False,
    "legacy": True,
    "groups": 2,
    "blocks": 2,
    "channels": 3,
    "reduction": 1,
    "attention": False,
    "bands_per_step": 1,
    "ensemble": False,
    "widest": 3,
    "residual": True,
    "growth": 3,
    "size": 1,
    "first": 502.0,
    "last": 505.0,
    "order": 1,
    "smoothness": 10.0,
    "asymmetry": 0.2,
    "percentile": 30.0,
    "turns": False,
    "shift": 1.5,
    "gain": 0.3,
    "noise": 0.2,
    "baseline": 0.3,
    "photons": 4.0,
    "spikes": 0.1,
    "elastic": 2.0,
    "rotate": 20.0,
    "zoom": 0.2,
    "mixup": 0.9,
    "mixup_alpha": 2.0,
    "spectral_flip": True,
    "window": 3,
    "levels": 2,
    "cost": 100.0,
    "gamma": 0.01,
    "shrinkage": 0.01,
    "trees": 3,
    "leaf": 9,
    "rate": 0.5,
}
ONLY_WITH = {  # what a setting takes to be seen
    "order": {"background": "polynomial"},
    "smoothness": {"background": "als"},
    "asymmetry": {"background": "als"},
    "percentile": {"normalise": "percentile"},
    "row": {"degradation": "decimate"},
    "column": {"degradation": "decimate"},
    "mixup_alpha": {"mixup": 0.9},
    "weights": {"classes": ("one", "two")},
    "project": {"input_noise": "none"},  # else the images differ by less than their noise
}
ONLY_WITH_METHOD = {"order": {"window": 5}}
QUICK = {Restore: {"scale": 2, "discriminator_width": 2}}  # what would take long
IMAGE_ONLY = {"patches_per_epoch", "patch_size", "image_batch_size", "ssim", "frc"}


@pytest.fixture(scope="module")
def images():
    """A scene of 8 bands, with two classes of which one is rare, and clean truth: of each task,
    what its examples are made of."""
    rng = np.random.default_rng(0)
    axis = SpectralAxis(np.arange(8) + 500.0, "nm")
    ids = np.where(np.add.outer(np.arange(14), np.arange(18)) % 9 < 2, 2, 1).astype(np.uint8)
    clean = (1 + ids * np.arange(1, 9)[:, None, None]).astype(np.float32)
    noisy = clean + rng.normal(0, 2, clean.shape).astype(np.float32)
    cube = Cube(noisy, axis)
    stains = Cube(clean[2:4] ** 2, ChannelAxis(("DAPI", "lipid")))
    large = Cube(np.tile(noisy, (1, 2, 2)), axis)
    return {
        "denoise": [{"noisy": cube, "clean": Cube(clean, axis)}],
        "denoise_self_supervised": [{"noisy": Cube(rng.poisson(clean).astype(np.float32), axis)}],
        "segment": [{"cube": cube, "labels": Labels(ids)}],
        "predict_channels": [{"cube": cube, "target": stains}],
        "calibrate": [{"measured": cube, "reference": Cube(clean[1:6], axis.take(slice(1, 6)))}],
        "classify_spectra": [{"spectra": cube, "labels": Labels(ids)}],
        "classify_images": [
            {"image": Cube(noisy * (1 + n % 2), axis), "label": ("one", "two")[n % 2]}
            for n in range(5)  # of one class more than of the other: they can be balanced
        ],
        "super_resolve": [{"fine": large}],
        "restore": [{"fine": large}],
    }


def fingerprint(recipe, images, start=None):
    """All that a training leaves: losses, weights, a prediction."""
    examples = images[recipe.task.kind]
    train = [recipe.example(**pictures) for pictures in examples]
    model = fit(recipe, train, machine=ONE, start=start)
    result = predict(model, next(iter(examples[0].values())), machine=ONE)
    state = [t.numpy() for t in model.network.state_dict().values()]
    return (
        model.card.losses,
        model.card.validation_losses,
        getattr(result, "classes", ()),
        result.data,
        state,
    )


@pytest.fixture(scope="module")
def fingerprint_of(images):
    """`fingerprint` on the scene; many settings are compared with one recipe, trained once."""
    return cache(lambda recipe: fingerprint(recipe, images))


def different(one, other):
    return any(
        not np.array_equal(np.asarray(a), np.asarray(b))
        if not isinstance(a, list)
        else len(a) != len(b) or any(not np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(one, other, strict=True)
    )


def another(settings, name):
    """Return a value of a setting that is not the one it has: the last of a choice."""
    field, present = type(settings).model_fields[name], getattr(settings, name)
    if field.annotation is bool:
        return not present
    if get_origin(field.annotation) is not Literal:
        return OTHER[name]
    return [choice for choice in get_args(field.annotation) if choice != present][-1]


def marks_of(kind):
    """Return the mark of networks with tens of layers, and of two networks at once: seconds a setting."""
    return pytest.mark.slow if kind in (DenseNet, EfficientNet, ResNet, Restore) else ()


def fields(kinds):
    return [
        pytest.param(kind, name, id=f"{kind.__name__}-{name}", marks=marks_of(kind))
        for kind in kinds
        for name in kind.model_fields
        # what pairs images is not of the training: see tests/place/test_same.py
        if name not in ("kind", "same_pixels")
    ]


@pytest.mark.parametrize(("kind", "name"), fields([Training]))
def test_every_setting_of_the_training_does_something(kind, name, images):
    network = (
        SpectralUNet(components=4, width=4, depth=1) if name in IMAGE_ONLY else Pixelwise(width=8)
    )
    base = BASE
    if name == "patience":  # nothing to stop early while it still gets better
        base = base.model_copy(update={"epochs": 12, "learning_rate": 0.2, "schedule": "constant"})
    if name in ("drop", "every"):
        base = base.model_copy(update={"schedule": "multiplicative"})
    if name == "validation_split":  # there must be images to hold out
        images = {"denoise": 3 * images["denoise"]}
    one, other = (
        Recipe(task=TASKS[0](), method=network, training=t)
        for t in (base, base.model_copy(update={name: OTHER[name]}))
    )
    start = None
    if name == "frozen":  # there must be something learned to freeze
        start = fit(one, [one.example(**images["denoise"][0])], machine=ONE)
    assert different(fingerprint(one, images, start), fingerprint(other, images, start))


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        (name, choice)
        for name in ("optimiser", "schedule")
        for choice in get_args(Training.model_fields[name].annotation)
        if choice != Training.model_fields[name].default
    ],
)
def test_every_choice_of_how_to_step_is_another_training(name, choice, fingerprint_of):
    base = BASE.model_copy(update={"every": 1})
    one, other = (
        Recipe(task=TASKS[0](), method=Pixelwise(width=8), training=training)
        for training in (base, base.model_copy(update={name: choice}))
    )
    assert different(fingerprint_of(one), fingerprint_of(other))


@pytest.mark.parametrize(("kind", "name"), fields(TASKS))
def test_every_setting_of_a_task_does_something(kind, name, fingerprint_of):
    network = (
        SpectralUNet(components=4, width=4, depth=1) if name in IMAGE_ONLY else Pixelwise(width=8)
    )
    base = kind(**ONLY_WITH.get(name, {}), **QUICK.get(kind, {}))
    changed = kind.model_validate(base.model_dump() | {name: another(base, name)})
    one, other = (Recipe(task=task, method=network, training=ONCE) for task in (base, changed))
    assert different(fingerprint_of(one), fingerprint_of(other))


@pytest.mark.parametrize(("kind", "name"), fields(NETWORKS))
def test_every_setting_of_a_network_does_something(kind, name, fingerprint_of):
    smallest = kind.smallest()
    networks = (smallest, smallest.model_copy(update={name: another(smallest, name)}))
    by_pixel = all(network.output_level == "pixel" for network in networks)
    task = TASKS[0]() if by_pixel else ClassifyImages()
    training = ONCE.model_copy(update={"batch_size": 64})  # some have 200 layers
    one, other = (Recipe(task=task, method=network, training=training) for network in networks)
    assert different(fingerprint_of(one), fingerprint_of(other))


@pytest.mark.parametrize(("kind", "name"), fields(CLASSICS))
def test_every_setting_of_a_classical_method_does_something(kind, name, fingerprint_of):
    smallest = kind.smallest()
    base = smallest.model_copy(update=ONLY_WITH_METHOD.get(name, {}))
    methods = (base, base.model_copy(update={name: another(base, name)}))
    tasks = (TASKS[0](), PredictChannels(), Segment(), SuperResolve(scale=2))
    task = next(task for task in tasks if not unsuitable(kind, task))
    one, other = (Recipe(task=task, method=method, training=ONCE) for method in methods)
    assert different(fingerprint_of(one), fingerprint_of(other))


def shown(augmentation, images):
    """What a network that sees images is shown first."""
    recipe = Recipe(
        task=TASKS[0](),
        method=SpectralUNet(components=4, width=4, depth=1),
        augmentation=augmentation,
        training=BASE.model_copy(update={"image_batch_size": 2}),
    )
    example = recipe.example(**images["denoise"][0])
    return [image.data for image in preview_of(recipe, [example]).values()]


@pytest.mark.parametrize(("kind", "name"), fields([Augmentation]))
def test_every_setting_of_the_augmentation_does_something(kind, name, images):
    base = kind(**ONLY_WITH.get(name, {}))
    other = base.model_copy(update={name: OTHER[name]})
    assert different(shown(base, images), shown(other, images))


def test_equal_recipes_leave_equal_traces(images):
    recipe = Recipe(task=TASKS[0](), method=Pixelwise(width=8), training=BASE)
    assert not different(fingerprint(recipe, images), fingerprint(recipe, images))
