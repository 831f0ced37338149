"""Every task learns its own small scene, of which the truth is known; form, command line and Python
leave the same weights. A new member of `AnyTask` is tested by having a scene here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cli import main
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.io import write
from napari_hyperspectral.layers import to_layer
from napari_hyperspectral.networks import Pixelwise, SpectralUNet, SubspaceRCAN, enlarged
from napari_hyperspectral.progress import run
from napari_hyperspectral.tasks import TASKS, Denoise
from napari_hyperspectral.training.record import fingerprint

ONE = Machine(device="cpu", threads=1)
AXIS = SpectralAxis(np.linspace(600, 1700, 12), "1/cm", "raman_shift")
BY_SPECTRUM = Training(epochs=30, batch_size=64, learning_rate=0.01, validation=0)
BY_IMAGE = Training(
    epochs=12, patches_per_epoch=6, patch_size=24, learning_rate=0.005, validation=0
)
PIXELS = Pixelwise(width=32, dropout=0)
each_task = pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.__name__)


@dataclass(frozen=True)
class Scene:
    """What a task learns from, and how far from the truth what it gives of another image is."""

    recipe: Recipe
    examples: tuple[dict[str, Any], ...]
    new: Cube
    error: Callable[[Any], float]
    """Of a result for `new`; 1 is what doing nothing, or guessing, gives."""


def blobs(seed, side=24):
    """Two materials with spectra of their own, in smooth blobs: (amounts, intensities)."""
    rng = np.random.default_rng(seed)
    waves = np.fft.fftfreq(side)[:, None] ** 2 + np.fft.fftfreq(side) ** 2
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * np.exp(-waves * 120)).real
    amount = 1 / (1 + np.exp(-6 * field / field.std()))
    peaks = np.exp(-(((AXIS.centres[:, None] - [850, 1400]) / 130) ** 2))
    clean = 20 + 60 * np.tensordot(peaks, np.stack([amount, 1 - amount]), 1)
    return amount, clean.astype(np.float32)


def noisy(clean, seed):
    return (clean + np.random.default_rng(seed).normal(0, 8, clean.shape)).astype(np.float32)


def per_spectrum(found, truth, nothing):
    """Return the squared error of a result as a part of that of doing nothing."""
    return float(np.square(found - truth).mean() / np.square(nothing - truth).mean())


def scene_of(task, network, training, examples, new, error):
    recipe = Recipe(task=task, method=network, training=training)
    return Scene(recipe, tuple(examples), new, error)


def denoise(kind):
    (_, one), (_, two) = blobs(0), blobs(1)
    new = noisy(two, 3)
    pair = {"noisy": Cube(noisy(one, 2), AXIS), "clean": Cube(one, AXIS)}
    return scene_of(
        kind(), PIXELS, BY_SPECTRUM, [pair], Cube(new, AXIS),
        lambda found: per_spectrum(found.data, two, new),
    )  # fmt: skip


def denoise_self_supervised(kind):
    (_, one), (_, two) = blobs(0), blobs(1)
    new = noisy(two, 3)
    return scene_of(
        kind(), PIXELS, BY_SPECTRUM, [{"noisy": Cube(noisy(one, 2), AXIS)}], Cube(new, AXIS),
        lambda found: per_spectrum(found.data, two, new),
    )  # fmt: skip


def calibrate(kind):
    """Another instrument: other bands, a gain that falls, and an offset."""
    other = SpectralAxis(np.linspace(700, 1600, 8), "1/cm", "raman_shift")

    def seen_there(clean):
        on = [np.interp(other.centres, AXIS.centres, s) for s in clean.reshape(len(AXIS), -1).T]
        return (np.linspace(2, 1, 8)[:, None] * np.array(on).T + 5).reshape(8, *clean.shape[1:])

    (_, one), (_, two) = blobs(0), blobs(1)
    truth = seen_there(two)
    pair = {"measured": Cube(one, AXIS), "reference": Cube(seen_there(one), other)}
    return scene_of(
        kind(), PIXELS, BY_SPECTRUM, [pair], Cube(two, AXIS),
        lambda found: per_spectrum(found.data, truth, truth.mean(axis=(1, 2), keepdims=True)),
    )  # fmt: skip


def predict_channels(kind):
    """A stain whose brightness is that of what lies around, which a spectrum alone cannot tell."""

    def stain(amount):
        return (
            100 * sum(np.roll(amount, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1))[None]
        )

    (first, one), (second, two) = blobs(0), blobs(1)
    pair = {"cube": Cube(one, AXIS), "target": Cube(stain(first), ChannelAxis(("stain",)))}
    truth = stain(second)
    return scene_of(
        kind(), SpectralUNet(components=4, width=8, depth=1, dropout=0), BY_IMAGE, [pair],
        Cube(two, AXIS), lambda found: per_spectrum(found.data, truth, truth.mean()),
    )  # fmt: skip


def classes(kind):
    (first, one), (second, two) = blobs(0), blobs(1)
    name = kind.input_name
    pair = {
        name: Cube(noisy(one, 2), AXIS),
        "labels": Labels((1 + (first > 0.5)).astype(np.uint8), ("much", "little")),
    }
    truth = 1 + (second > 0.5)
    return scene_of(
        kind(), PIXELS, BY_SPECTRUM, [pair], Cube(noisy(two, 3), AXIS),
        lambda found: 2 * float((found.data != truth).mean()),
    )  # fmt: skip


def classify_images(kind):
    """Coarse stripes and fine ones, of equal spectra and equal brightness."""

    def striped(seed, period):
        start = np.random.default_rng(seed).uniform(0, period)
        stripes = np.sin(2 * np.pi * (start + np.arange(20)) / period) * np.ones((20, 1))
        spectrum = np.exp(-(((AXIS.centres - 1100) / 200) ** 2))
        return Cube(noisy(50 + 30 * np.multiply.outer(spectrum, stripes), seed), AXIS)

    examples = [
        {"image": striped(seed, period), "label": label}
        for seed in range(4)
        for period, label in ((4, "fine"), (10, "coarse"))
    ]
    training = BY_IMAGE.model_copy(update={"epochs": 20, "patches_per_epoch": 4})
    return scene_of(
        kind(), SpectralUNet(components=4, width=8, depth=1, dropout=0), training, examples,
        striped(9, 10), lambda found: 2 * (1 - found.metadata["scores"]["coarse"]),
    )  # fmt: skip


def finer(kind):
    (_, one), (_, two) = blobs(0, 48), blobs(1, 48)
    small = {"discriminator_width": 4} if "discriminator_width" in kind.model_fields else {}
    task = kind(scale=2, degradation="area", normalise="cube", **small)
    coarse = two.reshape(len(AXIS), 24, 2, 24, 2).mean(axis=(2, 4))
    cubic = enlarged(torch.from_numpy(coarse)[None], 2)[0].numpy()
    network = SubspaceRCAN(components=3, width=12, groups=1, blocks=2, attention=False)
    # a discriminator takes ten times as long
    training = BY_IMAGE.model_copy(update={"epochs": 6}) if small else BY_IMAGE
    return scene_of(
        task, network, training, [{"fine": Cube(one, AXIS)}], Cube(coarse, AXIS),
        lambda found: per_spectrum(found.data, two, cubic),
    )  # fmt: skip


SCENES = {
    "denoise": (denoise, 0.3),
    "denoise_self_supervised": (denoise_self_supervised, 0.5),
    "calibrate": (calibrate, 0.05),
    "predict_channels": (predict_channels, 0.2),
    "segment": (classes, 0.3),
    "classify_spectra": (classes, 0.3),
    "classify_images": (classify_images, 0.5),
    "super_resolve": (finer, 0.9),
    "restore": (finer, 0.9),
}
"""How each is made, and the error it is to fall below."""


@cache
def scene(kind):
    return SCENES[kind.model_fields["kind"].default][0](kind)


@cache
def by_python(kind):
    one = scene(kind)
    examples = [one.recipe.example(**images) for images in one.examples]
    return fit(one.recipe, examples, machine=ONE)


def same_weights(one, other):
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_each_task_has_a_scene():
    assert {kind.model_fields["kind"].default for kind in TASKS} == set(SCENES)


@each_task
def test_each_task_learns_its_scene(kind):
    one = scene(kind)
    found = predict(by_python(kind), one.new, machine=ONE)
    assert one.error(found) < SCENES[one.recipe.task.kind][1]


@each_task
def test_each_task_names_its_input_and_its_target_among_what_it_asks_for(kind):
    kinds = dict(kind.asks_for())
    assert kinds.pop(kind.input_name) is Cube
    assert list(kinds) == ([] if kind.target_name is None else [kind.target_name])
    assert (str in kinds.values()) == kind.image_level


@each_task
def test_the_order_in_which_images_are_given_or_asked_for_changes_nothing(kind, monkeypatch):
    def outcome(examples):
        """What training and evaluation make of images."""
        seen = [fingerprint(one.recipe.example(**images)) for images in examples]
        report = run(evaluate_test_set_steps(by_python(kind), examples, machine=ONE))
        return seen, [table.rows for table in report.tables], report.notes

    one = scene(kind)
    in_order = repr(outcome(one.examples))
    asked_for = dict(reversed(kind.asks_for().items()))
    monkeypatch.setattr(kind, "asks_for", classmethod(lambda cls: asked_for))
    assert repr(outcome([dict(reversed(images.items())) for images in one.examples])) == in_order


@each_task
def test_an_example_of_images_without_names_is_told_in_words(kind):
    one = scene(kind)
    example = one.recipe.example(**one.examples[0])
    assert example.source[0].isalpha(), "messages begin with it"


def test_an_example_is_called_by_the_names_that_its_images_have():
    low, nameless = Cube(np.ones((12, 2, 3)), AXIS, name="low"), Cube(np.ones((12, 2, 3)), AXIS)
    assert Denoise().example(noisy=low, clean=nameless).source == "low → unnamed"
    assert Denoise().example(noisy=nameless, clean=nameless).source == "an example"


@each_task
def test_the_command_line_leaves_the_weights_that_python_does(kind, tmp_path):
    one = scene(kind)
    words = []
    for number, images in enumerate(one.examples):
        for name, image in images.items():
            if isinstance(image, str):
                words.append(f"{name}={image}")
                continue
            suffix = ".ome.tif" if isinstance(image, Labels) else ".npz"
            words.append(f"{name}={write(tmp_path / f'{name}{number}{suffix}', image)}")
    recipe, out = tmp_path / "recipe.json", tmp_path / "model.safetensors"
    recipe.write_text(one.recipe.model_dump_json())
    with pytest.raises(SystemExit) as ended:
        main(["train", str(recipe), *words, "-o", str(out), "--threads", "1", "--device", "cpu"])
    assert ended.value.code == 0
    assert same_weights(Model.load(out), by_python(kind))


@pytest.mark.slow  # in tests/widgets/test_train.py one task is trained by clicking
def test_the_form_leaves_the_weights_that_python_does(
    make_napari_viewer_proxy, qtbot, monkeypatch, tmp_path
):
    from napari_hyperspectral.widgets import train

    machine = ONE.model_copy(update={"cache": tmp_path})
    monkeypatch.setattr(train, "preferred_machine", lambda: machine)
    viewer = make_napari_viewer_proxy()
    dock = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Train")[1]
    for kind in TASKS:
        one = scene(kind)
        dock.recipe = one.recipe
        dock.choose(*(shown(viewer, images) for images in one.examples))
        dock._model = None
        dock.train()
        qtbot.waitUntil(lambda: not dock.panel.running and dock.model is not None, timeout=120_000)
        assert same_weights(dock.model, by_python(kind)), kind
        viewer.layers.clear()


def shown(viewer, images):
    """Show images as layers; texts stay texts."""
    layers = {}
    for name, image in images.items():
        if isinstance(image, str):
            layers[name] = image
            continue
        data, attributes, kind = to_layer(image)
        layers[name] = getattr(viewer, f"add_{kind}")(data, **attributes)
    return layers
