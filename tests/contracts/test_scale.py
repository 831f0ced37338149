"""No threshold is absolute: data that are 2^k times as large give the same digits, scaled.

By powers of 10 the last digits differ. Steps that assume counts are left out.
"""

import numpy as np
import pytest
import torch
from torch import Generator

from napari_hyperspectral import Machine, Recipe, Training, fit, metrics, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import CLASSICS, Bicubic, Ridge
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.networks import (
    NETWORKS,
    BandwiseEDSR,
    DenseNet,
    EfficientNet,
    Normalise,
    Pixelwise,
    ResNet,
    SpectralUNet,
)
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.augmentation import Augment, Augmentation, Batch
from napari_hyperspectral.recipe.methods import unserved
from napari_hyperspectral.scale import power_of_two, scale_of
from napari_hyperspectral.spectra.blur import best_width
from napari_hyperspectral.spectra.decompose import PrincipalComponents
from napari_hyperspectral.spectra.low_rank import LowRank
from napari_hyperspectral.spectra.noise import noise_law
from napari_hyperspectral.spectra.smooth import savitzky_golay
from napari_hyperspectral.spectra.steps.baseline import (
    AsLSBaseline,
    MinimumBaseline,
    PolynomialBaseline,
)
from napari_hyperspectral.spectra.steps.chain import STEPS as ALL_STEPS
from napari_hyperspectral.spectra.unmix import abundances, vertex_components
from napari_hyperspectral.tasks import (
    Calibrate,
    ClassifyImages,
    Denoise,
    DenoiseSelfSupervised,
    PredictChannels,
    Restore,
    Segment,
    SuperResolve,
    losses,
)
from napari_hyperspectral.tasks.degradation import Degradation
from napari_hyperspectral.training.clusters import cluster_image

POWERS = (-66, -31, 40, 66)
each_power = pytest.mark.parametrize("power", POWERS)
ENDS = pytest.mark.parametrize("power", [-66, 66])
MACHINE = Machine(device="cpu", threads=1)
BANDS = 8


def planes(seed=0, bands=BANDS, height=16, width=14):
    """Spectra of two materials with noise, (band, y, x), between about 0.5 and 6."""
    rng = np.random.default_rng(seed)
    band = np.arange(bands)[:, None, None]
    amount = np.linspace(0.5, 2, width)[None, None] * (1 + np.arange(height) // 6)[None, :, None]
    peak = np.exp(-((band - 2 - 3 * (np.arange(width) > 6)) ** 2) / 4)
    clean = amount * peak + 0.5
    return (clean + 0.05 * rng.normal(size=clean.shape)).astype(np.float32)


def cube(data, name="cube"):
    return Cube(data, SpectralAxis(400 + 10.0 * np.arange(len(data)), "nm"), name=name)


def scaled(values, power):
    return (np.float32(2.0**power) * values).astype(np.float32)


# -- the scale itself


@pytest.mark.parametrize(
    ("magnitude", "power"),
    [(1.0, 1.0), (1.99, 1.0), (2.0, 2.0), (3e-20, 2.0**-65), (0, 1), (np.inf, 1), (np.nan, 1)],
)
def test_the_scale_is_a_power_of_two_below_the_magnitude(magnitude, power):
    assert power_of_two(magnitude) == power


def test_what_is_missing_has_no_scale():
    assert scale_of(np.array([np.nan, -5.0, np.inf])) == 4
    assert scale_of(np.array([np.nan])) == 1


# -- normalisation


@each_power
@pytest.mark.parametrize("of", ["input", "target", "both"])
@pytest.mark.parametrize("kind", ["band", "cube", "mean", "maximum"])
def test_normalised_data_have_no_scale(kind, of, power):
    spectra = torch.from_numpy(planes().reshape(BANDS, -1).T.copy())
    targets = 3 * spectra[:, :3] + 1
    good = torch.arange(BANDS) != 1
    factor = 2.0**power
    other, other_targets = spectra, targets
    if of != "target":
        other = factor * spectra
    if of != "input":
        other_targets = factor * targets
    one = fitted(kind, spectra, targets, good)
    two = fitted(kind, other, other_targets, good)
    images = spectra[:, :, None, None]
    other_images = other[:, :, None, None]
    assert torch.equal(one(images), two(other_images))
    normalised = one.target(targets[:, :, None, None], images)
    assert torch.equal(normalised, two.target(other_targets[:, :, None, None], other_images))
    unit = 1 if of == "input" else factor
    back = one.inverse(normalised, images)
    assert torch.equal(unit * back, two.inverse(normalised, other_images))


def fitted(kind, spectra, targets, good):
    normalise = Normalise(kind, spectra.shape[1], targets.shape[1])
    normalise.fit(spectra, targets, good)
    return normalise


@ENDS
@pytest.mark.parametrize("kind", ["band", "cube", "mean", "maximum"])
@pytest.mark.parametrize(
    "odd",
    [
        lambda spectra: torch.cat([spectra[:, :1] * 0 + 0.1, spectra[:, 1:]], dim=1),
        lambda spectra: torch.full_like(spectra, 0.3),
        lambda spectra: -spectra,
        lambda spectra: spectra - spectra.mean(dim=1, keepdim=True),
        lambda spectra: torch.where(spectra > 1, spectra, torch.nan),
    ],
    ids=["a constant band", "constant", "below 0", "of mean 0", "with gaps"],
)
def test_odd_data_are_normalised_whatever_their_scale(odd, kind, power):
    spectra = odd(torch.from_numpy(planes().reshape(BANDS, -1).T.copy()))
    good = torch.ones(BANDS, dtype=torch.bool)
    factor = 2.0**power
    one = fitted(kind, spectra, spectra, good)
    two = fitted(kind, factor * spectra, factor * spectra, good)
    # of new data, too, that are not as constant
    images = 1.5 * spectra[:, :, None, None] + 0.01 * torch.arange(BANDS)[:, None, None]
    normalised = one(images)
    assert normalised.isfinite().all()
    assert torch.equal(normalised, two(factor * images))
    assert torch.equal(
        factor * one.inverse(normalised, images), two.inverse(normalised, factor * images)
    )


def test_a_band_that_is_constant_but_for_rounding_is_not_made_noise():
    spectra = torch.from_numpy(planes().reshape(BANDS, -1).T.copy())
    spectra[:, 2] = 1234.567 * (1 + 1e-7 * torch.rand(len(spectra)))
    normalise = fitted("band", spectra, spectra, torch.ones(BANDS, dtype=torch.bool))
    assert normalise(spectra[:, :, None, None])[:, 2].abs().max() < 0.01


# -- losses


@each_power
@pytest.mark.parametrize("name", ["spectral_angle", "frc", "correlation"])
def test_losses_blind_to_a_common_scale_are_so_whatever_it_is(name, power):
    loss = getattr(losses, name)
    prediction = torch.from_numpy(planes(1))[None].requires_grad_()
    target = torch.from_numpy(planes(0))[None].clone()
    target[0, :, 3, 4] = torch.nan
    expected = loss(prediction, target)
    factor = 2.0**power
    other = (factor * prediction.detach()).requires_grad_()
    found = loss(other, factor * target)
    assert torch.equal(found, expected)
    expected.backward()
    found.backward()
    assert torch.equal(factor * other.grad, prediction.grad)


@each_power
def test_structural_similarity_follows_its_declared_range(power):
    prediction, target = (torch.from_numpy(planes(seed))[None] for seed in (1, 0))
    factor = 2.0**power
    expected = losses.ssim(prediction, target, data_range=6.0)
    found = losses.ssim(factor * prediction, factor * target, data_range=6 * factor)
    assert torch.equal(found, expected)


# -- figures of merit

FIGURES = {
    "mse": (lambda p, t, s: metrics.mse(p, t), 2),
    "rmse": (lambda p, t, s: metrics.rmse(p, t), 1),
    "psnr": (lambda p, t, s: metrics.psnr(p, t, data_range=6 * s), 0),
    "ssim": (lambda p, t, s: metrics.ssim(p, t, data_range=6 * s), 0),
    "fsim": (lambda p, t, s: metrics.fsim(p, t, data_range=6 * s), 0),
    "spectral_angle": (lambda p, t, s: metrics.spectral_angle(p, t), 0),
    "pearson": (lambda p, t, s: metrics.pearson(p, t), 0),
    "fitted_mse": (lambda p, t, s: metrics.fitted_mse(p, t), 0),
    "ergas": (lambda p, t, s: metrics.ergas(p, t, scale=2), 0),
}


@each_power
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_in_their_unit_or_have_none(name, power):
    figure, order = FIGURES[name]
    prediction, target = planes(1), planes(0)
    factor = 2.0**power
    found = figure(scaled(prediction, power), scaled(target, power), factor)
    assert found == figure(prediction, target, 1.0) * factor**order


# -- spectra

KEEP_SCALE = [
    MinimumBaseline(),
    PolynomialBaseline(order=2),
    AsLSBaseline(smoothness=100),
]
NEED = {"normalise_peak": {"position": 430}}
"""Settings without which a step has nothing to do here."""
NORMALISE = [
    kind(**NEED.get(kind.model_fields["kind"].default, {})) for kind in ALL_STEPS if kind.normalises
]
STEPS = [*KEEP_SCALE, *NORMALISE]


@each_power
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind)
def test_steps_keep_or_take_away_the_scale(step, power):
    data = planes()
    data[:, 0, 0] = 0
    data[2, 3, 4] = np.nan
    unit = power if step in KEEP_SCALE else 0
    expected = step.on(cube(data)).numpy()
    found = step.on(cube(scaled(data, power))).numpy()
    assert np.array_equal(found, scaled(expected, unit), equal_nan=True)


@each_power
def test_noise_is_estimated_in_the_unit_of_the_data(power):
    data = planes(bands=12)
    law = noise_law(data)
    other = noise_law(scaled(data, power))
    factor = 2.0**power
    assert (other.read, other.gain) == (factor * law.read, factor * law.gain)
    assert other.spectral_correlation == law.spectral_correlation
    assert other.spatial_correlation == law.spatial_correlation


@each_power
def test_principal_components_have_the_directions_of_scaled_spectra(power):
    data = planes(bands=12)
    components = PrincipalComponents.of(data, 4)
    other = PrincipalComponents.of(scaled(data, power), 4)
    assert np.array_equal(other.directions, components.directions)
    assert np.array_equal(other.spread, 2.0**power * components.spread)


@ENDS
def test_low_rank_smoothing_blurring_and_clusters_have_no_scale(power):
    data = planes(bands=12)
    other = scaled(data, power)
    assert np.array_equal(LowRank.fit(other)(other), scaled(LowRank.fit(data)(data), power))
    smooth = savitzky_golay(data, 2, 5)
    assert np.array_equal(savitzky_golay(other, 2, 5), scaled(smooth, power))
    width = best_width(data[0].astype(float), (0, 1), (0, 0), 0.05)
    assert best_width(other[0].astype(float), (0, 1), (0, 0), 0.05 * 2.0**power) == width
    usable = np.ones((1, *data.shape[1:]), bool)
    for per_spectrum in (False, True):
        clusters = cluster_image(data[None], usable, per_spectrum=per_spectrum, seed=0)
        same = cluster_image(other[None], usable, per_spectrum=per_spectrum, seed=0)
        assert clusters.max() > 1
        assert np.array_equal(same, clusters)


@each_power
@pytest.mark.parametrize("sum_to_one", [False, True])
def test_abundances_have_no_scale(sum_to_one, power):
    table = planes().reshape(BANDS, -1).T.astype(float)
    pure = vertex_components(table, 3)
    factor = 2.0**power
    other = vertex_components(factor * table, 3)
    assert np.array_equal(other.pixels, pure.pixels)
    assert np.array_equal(other.spectra, factor * pure.spectra)
    shares = abundances(table, pure.spectra, sum_to_one=sum_to_one)
    assert np.array_equal(abundances(factor * table, other.spectra, sum_to_one=sum_to_one), shares)


# -- augmentation and degradation


@each_power
@pytest.mark.parametrize("name", ["noise", "baseline", "gain", "spikes", "mixup"])
def test_augmentation_is_relative_to_the_data(name, power):
    axis = SpectralAxis(np.arange(float(BANDS)), "nm")
    settings = Augmentation(**{name: 1.0, "turns": False})
    images = torch.from_numpy(np.stack([planes(0), planes(1)]))
    batches = []
    for factor in (1.0, 2.0**power):
        augment = Augment(settings, axis, axis, input_std=1.3 * factor)
        batch = Batch(factor * images, factor * images)
        batches.append(augment(batch, Generator().manual_seed(0)))
    one, two = batches
    assert torch.equal(2.0**power * one.input, two.input)
    assert not torch.equal(one.input, images)


@each_power
def test_noise_of_coarse_images_is_in_their_unit(power):
    task = SuperResolve(scale=2)
    input = torch.from_numpy(planes())[None]
    noisy = task.with_noise(input, (0.04, 0.02), Generator().manual_seed(0))
    factor = 2.0**power
    noise = (0.04 * factor**2, 0.02 * factor)
    other = task.with_noise(factor * input, noise, Generator().manual_seed(0))
    assert torch.equal(other, factor * noisy)
    degradation = Degradation(scale=2)
    fine = input.repeat_interleave(2, -1).repeat_interleave(2, -2)
    projected = degradation.project_within_noise(fine, noisy, (0.04, 0.02))
    found = degradation.project_within_noise(factor * fine, other, noise)
    assert torch.equal(found, factor * projected)


# -- training and prediction

ONCE = {"epochs": 2, "batch_size": 64, "patch_size": 16, "patches_per_epoch": 2, "refit": False}
CHANNELS = ChannelAxis(("a", "b"))


def channels(factor=1.0):
    data = planes(0)[2:6:3] * np.float32(2)
    return Cube(np.float32(factor) * data, CHANNELS, name="channels")


def images_of(task, factor, target_factor):
    input = cube(np.float32(factor) * planes(0), "input")
    target = cube(np.float32(target_factor) * planes(1), "target")
    match task:
        case Denoise():
            return {"noisy": input, "clean": target}
        case Calibrate():
            return {"measured": input, "reference": target}
        case PredictChannels():
            return {"cube": input, "target": channels(target_factor)}
        case DenoiseSelfSupervised():
            return {"noisy": input}
        case SuperResolve() | Restore():
            return {"fine": input}
        case ClassifyImages():
            return {"image": input, "label": "one"}
        case Segment():
            classes = np.where(np.arange(14) > 6, 2, 1)[None].repeat(16, 0)
            return {"cube": input, "labels": Labels(classes, ("left", "right"))}


def trained(recipe, factor=1.0, target_factor=1.0):
    images = images_of(recipe.task, factor, target_factor)
    examples = [recipe.example(**images)]
    if isinstance(recipe.task, ClassifyImages):
        other = images | {"image": cube(np.float32(factor) * planes(1)[::-1]), "label": "other"}
        examples.append(recipe.example(**other))
    model = fit(recipe, examples, machine=MACHINE)
    return model, predict(model, images[recipe.task.input_name], machine=MACHINE).numpy()


TRAININGS = [
    *((Denoise(normalise=by), Pixelwise(width=4)) for by in ("band", "cube", "mean", "maximum")),
    (Denoise(angle=0.1, correlation=0.1), SpectralUNet(components=3, width=2, depth=1)),
    (Denoise(ssim=0.1, frc=0.1, penalty="charbonnier"), SpectralUNet(components=3, width=2, depth=1)),
    (Calibrate(), Pixelwise(width=4)),
    (PredictChannels(), Pixelwise(width=4)),
    (DenoiseSelfSupervised(), Pixelwise(width=4)),
    (Segment(), Pixelwise(width=4)),
    (SuperResolve(scale=2), BandwiseEDSR(width=2, blocks=1)),
    pytest.param(
        SuperResolve(scale=2, normalise="image"),
        BandwiseEDSR(width=2, blocks=1),
        marks=pytest.mark.slow,
    ),
    (Restore(scale=2, discriminator_width=2), BandwiseEDSR(width=2, blocks=1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "method"), TRAININGS, ids=lambda each: f"{each.kind} {getattr(each, 'normalise', '')}"
)
def test_a_network_learns_the_same_weights_whatever_the_scale(task, method):
    recipe = Recipe(
        task=task,
        method=method,
        training=Training(**ONCE),
        augmentation=Augmentation(noise=0.05, turns=False),
    )
    model, predicted = trained(recipe)
    weights = model.network.module.state_dict()
    powers = [(-66, -66), (66, 66)]
    if task.target_name is not None and task.predicts_intensities:
        powers += [(-66, 0), (0, 66)]
    for power, target_power in powers:
        other, found = trained(recipe, 2.0**power, 2.0**target_power)
        same = other.network.module.state_dict()
        assert all(torch.equal(same[name], weights[name]) for name in weights)
        unit = target_power if task.predicts_intensities else 0
        assert np.array_equal(found, predicted * type(predicted.flat[0])(2.0**unit))


DEEP = (DenseNet, EfficientNet, ResNet)
EVERY_NETWORK = [
    pytest.param(each, marks=pytest.mark.slow if each in DEEP else (), id=each.__name__)
    for each in NETWORKS
]


@pytest.mark.parametrize("network", EVERY_NETWORK)
def test_every_network_learns_the_same_weights_whatever_the_scale(network):
    method = network.smallest()
    if method.output_level == "image":
        task = ClassifyImages()
    else:
        task = Denoise() if not unserved(Denoise(), method) else SuperResolve(scale=2)
    briefly = Training(epochs=1, batch_size=8, patch_size=16, patches_per_epoch=1, refit=False)
    recipe = Recipe(task=task, method=method, training=briefly)
    same_numbers_at_all_scales(recipe, (-40, 40))


@pytest.mark.parametrize("method", CLASSICS, ids=lambda each: each.__name__)
def test_a_classical_method_learns_the_same_numbers_whatever_the_scale(method):
    task = Segment()
    if method.model_fields["kind"].default == "bicubic":
        task = SuperResolve(scale=2)
    elif method.predicts == "intensities":
        task = Denoise(normalise="cube") if method.denoises else PredictChannels()
    recipe = Recipe(task=task, method=method.smallest(), training=Training(refit=False))
    same_numbers_at_all_scales(recipe, (-66, 66))


def same_numbers_at_all_scales(recipe, powers):
    model, predicted = trained(recipe)
    numbers = model.network.module.state_dict()
    for power in powers:
        other, found = trained(recipe, 2.0**power, 2.0**power)
        same = other.network.module.state_dict()
        assert all(torch.equal(same[name], numbers[name]) for name in numbers)
        unit = power if recipe.task.predicts_intensities else 0
        assert np.array_equal(found, predicted * type(predicted.flat[0])(2.0**unit))


@pytest.mark.parametrize("exponent", [-15, 12])
def test_powers_of_ten_change_a_result_by_less_than_a_thousandth(exponent):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=4), training=Training(**ONCE))
    _, predicted = trained(recipe)
    factor = 10.0**exponent
    _, found = trained(recipe, factor, factor)
    assert found / factor == pytest.approx(predicted, rel=1e-3)


@pytest.mark.parametrize("factor", [1e-12, 1e12], ids=["currents", "counts"])
@pytest.mark.parametrize(
    ("task", "method"),
    [(Denoise(), Ridge()), (PredictChannels(), Ridge()), (SuperResolve(scale=2), Bicubic())],
    ids=["denoise", "predict_channels", "super_resolve"],
)
def test_reports_on_very_small_and_very_large_targets_have_the_figures_of_those_of_one(
    task, method, factor
):
    one, other = (reported(task, method, each) for each in (1.0, factor))
    for row, same in zip(one.tables[0].rows, other.tables[0].rows, strict=True):
        for heading, figure in row.items():
            if not isinstance(figure, float):
                assert same[heading] == figure
                continue
            order = UNITS.get(heading, 0)
            assert same[heading] == pytest.approx(
                figure * factor**order, rel=1e-3, abs=1e-6 * factor**order
            )
    words = other.to_markdown().replace("|", " ").split()
    assert not {"0.0", "0.000", "0.0000", "inf", "nan"} & set(words)


UNITS = {"MSE": 2, "removed": 1, "RMSE": 1}
"""Powers of the unit of the targets that figures are in."""


def reported(task, method, factor):
    images = images_of(task, factor, factor)
    recipe = Recipe(task=task, method=method, training=Training(refit=False))
    model = fit(recipe, [recipe.example(**images)], machine=MACHINE)
    return run(evaluate_test_set_steps(model, [images], machine=MACHINE))
