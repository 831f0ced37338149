"""A training draws from generators of its own: whatever else draws changes no bit."""

import threading
from itertools import zip_longest

import numpy as np
import pytest
import torch
from torch import Generator, nn
from torch.nn.modules.module import (
    register_module_forward_pre_hook,
    register_module_parameter_registration_hook,
)

from napari_hyperspectral import Machine, Recipe, Training, fit
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.networks import (
    BandwiseEDSR,
    DenseNet,
    EfficientNet,
    Normalise,
    Normalised,
    Pixelwise,
    Ports,
    SegNet,
    SpectralUNet,
    UNet,
    build_module,
)
from napari_hyperspectral.progress import Stop
from napari_hyperspectral.random_numbers import Dropout, Generators, drawing_from
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.tasks import (
    Denoise,
    DenoiseSelfSupervised,
    Restore,
    SuperResolve,
)
from napari_hyperspectral.training.fit import fit_steps

ONE_THREAD = Machine(device="cpu", threads=1)
BANDS = 12


def _cube(seed):
    rng = np.random.default_rng(seed)
    return Cube(
        rng.poisson(20, size=(BANDS, 16, 18)).astype(np.float32),
        SpectralAxis(400 + np.arange(BANDS, dtype=float), "nm"),
        name=f"cube {seed}",
    )


PAIR = {"noisy": _cube(0), "clean": _cube(1)}
RANDOM = {
    "dropout": (Denoise(), Pixelwise(width=4), PAIR),
    "dropout of channels": (Denoise(), SpectralUNet(components=3, width=2, depth=1), PAIR),
    "bands left out": (SuperResolve(scale=2), BandwiseEDSR(width=2, blocks=1), {"fine": _cube(0)}),
    "hidden bands": (DenoiseSelfSupervised(hidden="bands"), Pixelwise(width=4), {"noisy": _cube(0)}),
    "halved counts": (DenoiseSelfSupervised(hidden="counts"), Pixelwise(width=4), {"noisy": _cube(0)}),
    "bands of a discriminator": (
        Restore(scale=2, discriminator_width=2),
        BandwiseEDSR(width=2, blocks=1),
        {"fine": _cube(0)},
    ),
}  # fmt: skip
each_case = pytest.mark.parametrize("case", RANDOM)


def recipe_of(case, **training):
    task, method, images = RANDOM[case]
    training = {"epochs": 1, "batch_size": 128, "patch_size": 16, **training}
    recipe = Recipe(
        task=task,
        method=method,
        training=Training(**training),
        augmentation=Augmentation(noise=0.1, gain=0.1),
    )
    return recipe, [recipe.example(**images)]


def trained(case):
    return fit(*recipe_of(case), machine=ONE_THREAD)


def same_weights(one, other):
    ours = one.network.state_dict()
    theirs = other.network.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def draw(*_):
    """Draw in another thread, as a second training would."""
    thread = threading.Thread(target=torch.rand, args=(3,))
    thread.start()
    thread.join()


@each_case
def test_drawing_in_the_middle_of_each_step_changes_no_bit(case):
    undisturbed = trained(case)
    hook = register_module_forward_pre_hook(draw)
    try:
        disturbed = trained(case)
    finally:
        hook.remove()
    assert same_weights(disturbed, undisturbed)


@pytest.mark.parametrize("case", ["dropout", "bands of a discriminator"])
def test_drawing_while_a_network_is_built_changes_no_bit(case):
    undisturbed = trained(case)
    hook = register_module_parameter_registration_hook(draw)
    try:
        disturbed = trained(case)
    finally:
        hook.remove()
    assert same_weights(disturbed, undisturbed)


@pytest.mark.parametrize("case", ["dropout", "bands of a discriminator"])
def test_a_training_leaves_the_random_numbers_of_the_process_as_they_are(case, monkeypatch):
    recipe, examples = recipe_of(case)
    before = torch.get_rng_state()

    def refuse(seed):
        raise AssertionError("the process was seeded")

    monkeypatch.setattr(torch, "manual_seed", refuse)
    fit(recipe, examples, machine=ONE_THREAD)
    assert torch.equal(torch.get_rng_state(), before)


def test_two_trainings_in_turns_are_as_each_by_itself():
    alone = [trained("dropout"), trained("hidden bands")]
    jobs = [fit_steps(*recipe_of(case), machine=ONE_THREAD) for case in ("dropout", "hidden bands")]
    models = []
    for _ in zip_longest(*(finished_into(models, job) for job in jobs)):
        pass
    by_recipe = {model.recipe: model for model in models}
    for model in alone:
        assert same_weights(by_recipe[model.recipe], model)


def finished_into(models, job):
    models.append((yield from job))


def test_a_thread_that_draws_and_seeds_changes_no_bit():
    undisturbed = trained("dropout")
    over = threading.Event()

    def disturb():
        while not over.wait(0.0001):
            torch.manual_seed(1)
            torch.rand(3)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        disturbed = trained("dropout")
    finally:
        over.set()
        thread.join()
    assert same_weights(disturbed, undisturbed)


@pytest.mark.parametrize(
    "method",
    [
        UNet(width=2, depth=1, dropout=0.3),
        SegNet(width=2, depth=2),
        DenseNet(growth=2, dropout=0.3),
        EfficientNet(width=4),
    ],
    ids=lambda method: method.kind,
)
def test_random_layers_draw_from_the_generators_of_the_training(method):
    if method.kind in ("densenet", "efficientnet"):
        pytest.importorskip("monai", reason="MONAI's layers are an extra")
    module = build_module(method, Ports(bands_in=8, bands_out=2))
    network = Normalised(Normalise("cube", 8, 2), module, predicts_intensities=False).train()
    x = torch.randn(6, 8, 4, 4, generator=Generator().manual_seed(0))
    outputs = []
    for seed in (5, 5, 6):
        network.draw_from(Generators(seed))
        draw()
        outputs.append(network(x))
    same, other = (torch.equal(outputs[0], each) for each in outputs[1:])
    assert same
    assert not other


def test_a_training_stopped_within_an_epoch_goes_on_with_the_same_random_numbers(tmp_path):
    recipe, examples = recipe_of("dropout", epochs=3, batch_size=32)
    uninterrupted = fit(recipe, examples, machine=ONE_THREAD)
    autosave = tmp_path / "autosave.safetensors"
    steps = fit_steps(recipe, examples, machine=ONE_THREAD, autosave=autosave)
    for _ in range(9):
        next(steps)
    with pytest.raises(StopIteration):
        steps.throw(Stop())
    draw()
    resumed = fit(recipe, examples, machine=ONE_THREAD, autosave=autosave, resume=True)
    assert same_weights(resumed, uninterrupted)


@pytest.mark.parametrize(
    ("layer", "of_channels", "shape"),
    [
        (nn.Dropout, False, (5, 4, 7, 6)),
        (nn.Dropout1d, True, (5, 4, 7)),
        (nn.Dropout2d, True, (5, 4, 7, 6)),
        (nn.Dropout3d, True, (5, 4, 3, 7, 6)),
    ],
)
def test_dropout_is_that_of_pytorch(layer, of_channels, shape):
    x = torch.randn(shape, generator=Generator().manual_seed(0))
    own = Dropout(0.3, of_channels=of_channels)
    theirs = layer(0.3)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        expected = theirs(x)
        torch.manual_seed(2)
        assert torch.equal(own(x), expected)
    assert torch.equal(own.eval()(x), x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.rand(3),
        lambda: torch.randn(3, 2),
        lambda: torch.randperm(9),
        lambda: torch.randint(9, (4,)),
        lambda: torch.randint(3, 9, (4,)),
        lambda: torch.bernoulli(torch.full((9,), 0.5)),
        lambda: nn.Linear(3, 2).weight,
        lambda: nn.init.trunc_normal_(torch.empty(5)),
    ],
)
def test_code_of_others_draws_from_the_generator_of_its_caller(make):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        expected = make()
    state = torch.get_rng_state()
    with drawing_from(Generator().manual_seed(4)):
        drawn = make()
    assert torch.equal(drawn, expected)
    assert torch.equal(torch.get_rng_state(), state)
