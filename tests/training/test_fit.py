import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_hyperspectral import Machine, Model, Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import Ridge
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.networks import (
    NETWORKS,
    BandwiseEDSR,
    DenseNet,
    EfficientNet,
    Pixelwise,
    ResUNet1D,
    SpectralUNet,
)
from napari_hyperspectral.progress import Cancelled, Stop, run
from napari_hyperspectral.tasks import ClassifySpectra, Denoise, PredictChannels, Restore, Segment
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.history import DivergedError

SMALL = [
    Pixelwise(width=16, dropout=0),
    ResUNet1D(width=4, dense=False),
    SpectralUNet(components=6, width=8, depth=1, dropout=0),
]
QUICK = Training(epochs=25, learning_rate=5e-3, batch_size=64)
ONCE = Training(epochs=1)


def quick_first(networks):
    """Return networks to try, of which those with a hundred layers are for the slow tests."""
    large = (DenseNet, EfficientNet)
    return [
        pytest.param(one, marks=pytest.mark.slow if isinstance(one, large) else (), id=one.kind)
        for one in networks
    ]


each_network = pytest.mark.parametrize("network", SMALL, ids=lambda n: n.kind)


def learn(task, network, training=QUICK, **images):
    return fit(Recipe(task=task, method=network, training=training), [task.example(**images)])


def error(one, other):
    return float(np.nanmean(np.abs(one.numpy() - other.numpy())))


def weights(model):
    return model.network.state_dict()


def same(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(weights(one).values(), weights(other).values(), strict=True)
    )


@each_network
def test_denoising_brings_a_cube_closer_to_the_truth(noisy, clean, network):
    model = learn(Denoise(normalise="cube"), network, noisy=noisy, clean=clean)
    denoised = predict(model, noisy)
    assert error(denoised, clean) < 0.7 * error(noisy, clean)
    assert denoised.axis == noisy.axis
    assert denoised.history == (*noisy.history, "denoised")
    assert denoised.pixel_size == noisy.pixel_size


@each_network
def test_segmentation_learns_from_a_few_painted_pixels(noisy, truth, network):
    painted = np.zeros_like(truth.data)
    painted[::2] = truth.data[::2]  # every second row
    labels = Labels(painted, truth.classes)
    model = learn(
        Segment(),
        network,
        Training(epochs=15, learning_rate=5e-3, batch_size=32),
        cube=noisy,
        labels=labels,
    )
    found = predict(model, noisy)
    assert found.classes == ("first", "second")
    assert (found.data == truth.data).mean() > 0.8


@each_network
def test_equal_seeds_give_equal_weights_and_other_seeds_do_not(noisy, clean, network):
    network = type(network)()  # with dropout, where it has any
    network = network.model_copy(update={"width": 4})
    models = [
        learn(Denoise(), network, Training(epochs=2, seed=seed), noisy=noisy, clean=clean)
        for seed in (3, 3, 4)
    ]
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_whoever_draws_random_numbers_meanwhile_changes_nothing(noisy, clean):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=2))
    example = recipe.task.example(noisy=noisy, clean=clean)
    quiet = fit(recipe, [example])
    disturbed = run(fit_steps(recipe, [example]), watch=lambda _: torch.rand(7))
    assert same(quiet, disturbed)
    state = torch.get_rng_state()
    fit(recipe, [example])
    assert torch.equal(state, torch.get_rng_state())


def test_a_stop_answers_within_a_batch_and_leaves_a_model_that_loads(noisy, clean, tmp_path):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=1000))
    steps = fit_steps(recipe, [recipe.task.example(noisy=noisy, clean=clean)])
    for _ in range(40):
        next(steps)
    with pytest.raises(StopIteration) as end:
        steps.throw(Stop())
    model = end.value.value
    assert model.card.ended == "by hand"
    assert model.card.trained
    assert model.card.best_epoch <= len(model.card.losses) < 10
    path = model.save(tmp_path / "stopped.safetensors")
    assert same(Model.load(path), model)


def test_a_stop_before_the_first_epoch_still_gives_a_model(noisy, clean):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8))
    steps = fit_steps(recipe, [recipe.task.example(noisy=noisy, clean=clean)])
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.throw(Stop())
    assert predict(end.value.value, noisy).shape == noisy.shape


def test_a_stop_in_the_first_epoch_gives_the_averaged_weights(noisy, clean):
    training = Training(epochs=1, average=0.9, learning_rate=0.1, seed=1)
    method = Pixelwise(width=8, linear_skip=False)
    recipe = Recipe(task=Denoise(), method=method, training=training)
    steps = fit_steps(recipe, [recipe.task.example(noisy=noisy, clean=clean)])
    for _ in range(3):
        next(steps)
    with pytest.raises(StopIteration) as end:
        steps.throw(Stop())
    model = end.value.value
    assert any(not torch.equal(tensor, model.last[name]) for name, tensor in weights(model).items())


def test_ctrl_c_in_the_middle_of_a_batch_keeps_the_best_so_far(noisy, clean, monkeypatch):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=1000))
    loss, calls = Denoise.loss, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 50:
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(Denoise, "loss", interrupted)
    model = fit(recipe, [recipe.task.example(noisy=noisy, clean=clean)])
    assert model.card.ended == "by hand"
    assert model.card.trained


def test_ctrl_c_between_two_steps_keeps_the_best_so_far(noisy, clean):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=1000))

    def interrupt(progress):
        if progress.done == 30:
            raise KeyboardInterrupt

    model = run(fit_steps(recipe, [recipe.task.example(noisy=noisy, clean=clean)]), interrupt)
    assert model.card.ended == "by hand"


def test_the_best_epoch_is_the_one_of_least_selection_error(noisy, clean):
    model = learn(
        Denoise(),
        Pixelwise(width=16, linear_skip=False),
        Training(epochs=15, schedule="constant"),
        noisy=noisy,
        clean=clean,
    )
    errors = model.card.validation_errors
    assert model.card.best_epoch == 1 + int(np.argmin(errors))
    assert len(errors) == len(model.card.validation_losses) == len(model.card.losses) == 15


def test_a_generative_task_is_chosen_by_its_validation_loss(noisy):
    task = Restore(scale=2, adversarial=0)
    model = learn(task, BandwiseEDSR.smallest(), Training(epochs=3), fine=noisy)
    validation_losses = model.card.validation_losses
    assert model.card.best_epoch == 1 + int(np.argmin(validation_losses))
    assert model.card.validation_errors == (None, None, None)


def test_training_ends_early_when_it_gets_no_better(noisy, clean):
    shuffled = clean.after(
        "shuffled", data=np.random.default_rng(1).permuted(clean.data, axis=None)
    )
    training = Training(epochs=200, patience=3, learning_rate=0.05, schedule="constant")
    model = learn(
        Denoise(normalise="cube"), Pixelwise(width=32), training, noisy=noisy, clean=shuffled
    )
    assert model.card.ended == "patience"
    assert len(model.card.losses) == model.card.best_epoch + 3


def test_a_training_that_is_taken_up_again_ends_where_an_unbroken_one_does(noisy, clean, tmp_path):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=6))
    examples = [recipe.task.example(noisy=noisy, clean=clean)]
    unbroken = fit(recipe, examples)
    saved = tmp_path / "going.safetensors"
    steps = fit_steps(recipe, examples, autosave=saved)
    while next(steps).note != "epoch 3 of 6":
        pass
    with pytest.raises(StopIteration):
        steps.throw(Stop())
    assert Model.load(saved).card.trained
    resumed = fit(recipe, examples, autosave=saved, resume=True)
    assert same(unbroken, resumed)
    assert resumed.card.losses == unbroken.card.losses


@pytest.mark.parametrize("until", [3, 20, 31], ids=["first epoch", "second", "third"])
def test_a_training_stopped_within_an_epoch_goes_on_with_the_next_batch(
    noisy, clean, tmp_path, until
):
    training = Training(epochs=4, average=0.9, optimiser="rmsprop", schedule="plateau", every=1)
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=training)
    examples = [recipe.task.example(noisy=noisy, clean=clean)]
    unbroken = fit(recipe, examples)

    def stop(progress):
        if progress.done == until:
            raise Stop

    saved = tmp_path / "going.safetensors"
    run(fit_steps(recipe, examples, autosave=saved), stop)
    resumed = fit(recipe, examples, autosave=saved, resume=True)
    assert same(unbroken, resumed)
    assert resumed.card.losses == unbroken.card.losses


def test_a_long_epoch_is_saved_before_its_end(noisy, clean, tmp_path, monkeypatch):
    module = "napari_hyperspectral.training.saving.autosave"
    monkeypatch.setattr(f"{module}.SECONDS_BETWEEN_SAVES", 0.0)
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=ONCE)
    saved = tmp_path / "going.safetensors"
    steps = fit_steps(recipe, [recipe.task.example(noisy=noisy, clean=clean)], autosave=saved)
    step = next(steps)
    while not step.done:  # the regression that it begins as is validated first
        step = next(steps)
    assert step.done < step.total
    assert Model.load(saved).card.best_epoch == 0


def test_a_training_with_averaged_weights_saves_a_model_that_loads(noisy, clean, tmp_path):
    training = Training(epochs=2, average=0.9)
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=training)
    saved = tmp_path / "average.safetensors"
    model = fit(recipe, [recipe.task.example(noisy=noisy, clean=clean)], autosave=saved)
    assert same(Model.load(saved), model)


def test_a_finished_model_is_no_training_to_resume(noisy, clean, tmp_path):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=ONCE)
    examples = [recipe.task.example(noisy=noisy, clean=clean)]
    path = fit(recipe, examples).save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="not a training in progress"):
        fit(recipe, examples, autosave=path, resume=True)


def test_a_plateau_is_one_of_the_training_loss_where_nothing_is_held_out(noisy, clean):
    training = Training(
        epochs=8, learning_rate=1.0, schedule="plateau", every=1, drop=0.01, validation=0
    )
    network = Pixelwise(width=4, linear_skip=False)  # the skip leaves no plateau
    losses = learn(Denoise(), network, training, noisy=noisy, clean=clean).card.losses
    constant = training.model_copy(update={"schedule": "constant"})
    others = learn(Denoise(), network, constant, noisy=noisy, clean=clean).card.losses
    assert losses[0] == others[0]
    assert losses[-1] < others[-1]


def test_a_training_is_not_resumed_with_another_recipe(noisy, clean, tmp_path):
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=ONCE)
    examples = [recipe.task.example(noisy=noisy, clean=clean)]
    fit(recipe, examples, autosave=tmp_path / "a.safetensors")
    other = recipe.model_copy(update={"training": Training(epochs=2, learning_rate=0.1)})
    with pytest.raises(ValueError, match=r"a\.safetensors: it holds the training of another"):
        fit(other, examples, autosave=tmp_path / "a.safetensors", resume=True)


def test_a_training_is_not_resumed_when_what_validates_is_another(noisy, clean, tmp_path):
    """What taught before the break would judge after it."""
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=ONCE)
    halves = [
        recipe.example(
            noisy=noisy.after("cut", data=noisy.data[..., part]),
            clean=clean.after("cut", data=clean.data[..., part]),
        )
        for part in (slice(None, 13), slice(13, None))
    ]
    saved = tmp_path / "a.safetensors"
    fit(recipe, [replace(halves[0], for_validation=True), halves[1]], autosave=saved)
    others = [halves[0], replace(halves[1], for_validation=True)]
    with pytest.raises(ValueError, match="another validation split"):
        fit(recipe, others, autosave=saved, resume=True)


def test_cubes_of_several_sizes_teach_together(noisy, clean):
    task = Denoise()
    pieces = [(slice(0, 20), slice(0, 9)), (slice(0, 7), slice(9, 26))]
    examples = [
        task.example(
            noisy=noisy.after("cut", data=noisy.data[(slice(None), *piece)]),
            clean=clean.after("cut", data=clean.data[(slice(None), *piece)]),
        )
        for piece in pieces
    ]
    for network in SMALL:
        model = fit(Recipe(task=task, method=network, training=ONCE), examples)
        shapes = [trained.shape for trained in model.card.trained_on]
        assert shapes == [(1, 12, 20, 9), (1, 12, 7, 17)]


@each_network
def test_missing_values_teach_nothing_and_stay_missing(noisy, clean, network):
    data, target = noisy.data.copy(), clean.data.copy()
    data[:, 3, 4] = np.nan  # a spectrum never measured
    data[5, 8, 9] = np.nan  # a single value
    target[:, 12:15, 10:12] = np.nan
    holey, incomplete = noisy.after("holes", data=data), clean.after("holes", data=target)
    model = learn(Denoise(normalise="cube"), network, ONCE, noisy=holey, clean=incomplete)
    assert np.isfinite(model.card.losses).all()
    denoised = predict(model, holey)
    assert np.array_equal(np.isnan(denoised.data), np.isnan(data))


def test_unmeasured_pixels_are_unlabelled_in_a_segmentation(noisy, truth):
    data = noisy.data.copy()
    data[:, 3, 4] = np.nan
    holey = noisy.after("holes", data=data)
    model = learn(Segment(), Pixelwise(width=8), ONCE, cube=holey, labels=truth)
    found = predict(model, holey).data
    assert found[3, 4] == 0
    assert (found > 0).sum() == found.size - 1


def test_bad_bands_are_ignored_and_come_out_missing(noisy, clean):
    bad = np.arange(12) == 4
    axis = SpectralAxis(noisy.axis.centres, "nm", bad=bad)
    spoilt = noisy.data.copy()
    spoilt[4] = 1e9
    good = noisy.after("marked", axis=axis)
    bad_one = good.after("spoilt", data=spoilt)
    task = Denoise()
    one, other = (
        learn(task, Pixelwise(width=8), ONCE, noisy=input, clean=clean.after("m", axis=axis))
        for input in (good, bad_one)
    )
    assert one.card.losses == other.card.losses
    denoised = predict(other, bad_one).data
    assert np.isnan(denoised[4]).all()
    assert np.isfinite(denoised[[0, 3, 5]]).all()


def test_bands_bad_in_a_second_example_are_ignored_there(noisy, clean, truth):
    spoilt = noisy.data.copy()
    spoilt[4] = 1e9
    axis = SpectralAxis(noisy.axis.centres, "nm", bad=np.arange(12) == 4)
    second, task = noisy.after("spoilt", data=spoilt, axis=axis), Segment()
    examples = [task.example(cube=cube, labels=truth) for cube in (noisy, second)]
    model = fit(Recipe(task=task, method=Pixelwise(width=8), training=ONCE), examples)
    assert model.network.normalise.input_mean[4] < 1e3


def test_a_band_that_was_bad_in_training_is_not_made_up(noisy, clean):
    axis = SpectralAxis(noisy.axis.centres, "nm", bad=np.arange(12) == 4)
    marked = clean.after("marked", axis=axis)
    model = learn(Denoise(), Pixelwise(width=8), ONCE, noisy=noisy, clean=marked)
    denoised = predict(model, noisy).data
    assert np.isnan(denoised[4]).all()
    assert np.isfinite(np.delete(denoised, 4, axis=0)).all()


@each_network
def test_infinite_intensities_are_missing_ones(noisy, clean, network):
    holes, peaks = noisy.data.copy(), noisy.data.copy()
    holes[5, 8, 9], peaks[5, 8, 9] = np.nan, np.inf  # such as the absorbance of no light
    one, other = noisy.after("holes", data=holes), noisy.after("peaks", data=peaks)
    models = [
        learn(Denoise(normalise="cube"), network, ONCE, noisy=c, clean=clean) for c in (one, other)
    ]
    assert models[0].card.losses == models[1].card.losses
    found = [predict(models[0], cube).data for cube in (one, other)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("network", quick_first(kind.smallest() for kind in NETWORKS))
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 1, 9), (5, 7, 1)], ids=str)
def test_the_oddest_cubes_can_be_learned_from(network, shape, rng):
    data = rng.normal(5, 1, shape).astype(np.float32)
    cube = Cube(data, SpectralAxis(np.arange(shape[0]) + 1.0, "nm"))
    model = learn(Denoise(), network, ONCE, noisy=cube, clean=cube)
    assert np.isfinite(predict(model, cube).data).all()


def test_the_order_in_which_spectra_are_listed_is_not_to_be_learned(noisy):
    network = SpectralUNet(components=2, width=2, depth=1)
    row = noisy.after("cut", data=noisy.data[:, :1], pixel_unit=None)
    labels = Labels(np.resize([1, 1, 2], (1, 26)))
    spectra = {"spectra": row, "labels": labels}
    with pytest.raises(ValueError, match=r"one row of 26 spectra .* choose a network along"):
        learn(ClassifySpectra(), network, ONCE, **spectra)
    learn(ClassifySpectra(), Pixelwise(width=2), ONCE, **spectra)
    with pytest.warns(UserWarning, match="if it is such a list, and no line scan"):
        learn(Denoise(), network, ONCE, noisy=row, clean=row)


@pytest.mark.filterwarnings("error:.*one row of")
def test_neighbours_in_a_line_scan_are_real(noisy):
    scan = noisy.after("cut", data=noisy.data[:, :1], pixel_unit="um")
    network = SpectralUNet(components=2, width=2, depth=1)
    learn(Denoise(), network, ONCE, noisy=scan, clean=scan)
    learn(ClassifySpectra(), network, ONCE, spectra=scan, labels=Labels(np.resize([1, 2], (1, 26))))


def test_a_stack_is_learned_plane_by_plane(noisy, clean):
    from napari_hyperspectral.cube import Sampling

    def stack(cube):
        return Cube(np.stack([cube.data, cube.data[:, ::-1]]), cube.axis, z=Sampling(2.0, 0, "um"))

    model = learn(Denoise(), Pixelwise(width=8), ONCE, noisy=stack(noisy), clean=stack(clean))
    denoised = predict(model, stack(noisy))
    assert denoised.dims == ("z", "band", "y", "x")
    flat = predict(model, noisy)
    np.testing.assert_allclose(denoised.data[0], flat.data, atol=1e-6)


def test_the_card_tells_what_a_model_was_made_of(noisy, truth):
    model = learn(
        Segment(), Pixelwise(width=8), Training(epochs=2, seed=7), cube=noisy, labels=truth
    )
    card = model.card
    assert card.input_axis == noisy.axis
    assert card.output_axis == ChannelAxis(("first", "second"))
    assert card.pixel_size == (0.5, 0.5)
    assert card.seed == 7
    assert card.threads == Machine().thread_count
    assert (
        card.trained_on[0].training_pixels + card.trained_on[0].validation_pixels <= truth.data.size
    )
    assert card.parameters == sum(p.numel() for p in model.network.module.parameters())
    assert Recipe.model_validate(card.recipe).training.epochs == 2


def test_a_loss_that_is_no_number_ends_with_advice(noisy, clean):
    with pytest.raises(DivergedError, match="lower the learning rate"):
        learn(
            Denoise(),
            Pixelwise(width=8),
            Training(epochs=2, learning_rate=1e30, schedule="constant"),
            noisy=noisy,
            clean=clean,
        )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            lambda n, c: (n, c.after("cut", data=c.data[:, 1:])),
            r"noisy 'noisy' is \(12, 20, 26\), clean",
        ),
        (lambda n, c: (n, c.after("m", axis=SpectralAxis(np.arange(12), "nm"))), "resample one"),
        (
            lambda n, c: (n.after("nan", data=n.data * np.nan), c),
            "holds no measured value: all are NaN",
        ),
    ],
)
def test_pairs_that_do_not_match_are_refused(noisy, clean, images, message):
    one, other = images(noisy, clean)
    with pytest.raises(ValueError, match=message):
        Denoise().example(noisy=one, clean=other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ids: ids[:-1], "make a label image of that size"),
        (lambda ids: np.minimum(ids, 1), "paint at least two"),
        (lambda ids: ids.astype(np.int16) - 2, "0 for unlabelled"),
    ],
)
def test_labels_that_teach_no_classes_are_refused(noisy, truth, change, message):
    with pytest.raises(ValueError, match=message):
        Segment().example(cube=noisy, labels=Labels(change(truth.data)))


def test_examples_of_other_bands_are_refused_together(noisy, clean):
    task = Denoise()
    other = SpectralAxis(noisy.axis.centres + 1, "nm")
    examples = [
        task.example(noisy=noisy, clean=clean),
        task.example(noisy=noisy.after("m", axis=other), clean=clean.after("m", axis=other)),
    ]
    with pytest.raises(ValueError, match="resample them to the same bands first"):
        fit(Recipe(task=task), examples)
    with pytest.raises(ValueError, match="give at least one example"):
        fit(Recipe(task=task), [])


def test_targets_of_other_channels_are_refused_together(noisy, clean):
    task = PredictChannels()
    targets = [Cube(clean.data[: len(names)], ChannelAxis(names)) for names in (("a",), ("a", "b"))]
    examples = [task.example(cube=noisy, target=target) for target in targets]
    with pytest.raises(ValueError, match="they must agree"):
        fit(Recipe(task=task), examples)


def test_threads_are_those_asked_for_or_those_the_environment_allows(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert Machine().thread_count == 3
    assert Machine(threads=2).thread_count == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    for cores, threads in ((1, 1), (2, 2), (8, 7)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, n=cores: range(n), raising=False)
        assert Machine().thread_count == threads


def test_threads_are_given_back_after_a_job(noisy, clean):
    before = torch.get_num_threads()
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=4), training=ONCE)
    steps = fit_steps(
        recipe, [recipe.task.example(noisy=noisy, clean=clean)], machine=Machine(threads=1)
    )
    next(steps)
    steps.close()
    assert torch.get_num_threads() == before


def test_an_unknown_device_is_refused(noisy, clean):
    recipe = Recipe(task=Denoise(), training=ONCE)
    with pytest.raises(ValueError, match="no device 'abacus' here"):
        fit(
            recipe,
            [recipe.task.example(noisy=noisy, clean=clean)],
            machine=Machine(device="abacus"),
        )


def test_an_averaged_training_goes_on_where_it_was_stopped(noisy, clean, tmp_path):
    """The average is saved beside the weights: half and half is the whole, bit for bit."""
    base = Training(epochs=6, average=0.9, optimiser="sgd", clip=1.0, schedule="constant")
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8), training=base)
    example = recipe.task.example(noisy=noisy, clean=clean)
    whole = fit(recipe, [example])
    stopped = tmp_path / "half.safetensors"

    def until_the_third(step):
        if step.note.startswith("epoch 3"):
            raise Stop

    run(fit_steps(recipe, [example], autosave=stopped), until_the_third)
    resumed = fit(recipe, [example], autosave=stopped, resume=True)
    assert len(resumed.card.losses) == 6
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_an_average_is_smoother_than_what_it_is_of(noisy, clean):
    changes = {}
    for average in (0.0, 0.9):
        training = Training(
            epochs=20, batch_size=64, learning_rate=0.05, schedule="constant", average=average,
            validation=0.3, block=4,
        )  # fmt: skip
        network = Pixelwise(width=16, linear_skip=False)
        model = learn(Denoise(), network, training, noisy=noisy, clean=clean)
        changes[average] = np.abs(np.diff(model.card.validation_losses[8:])).mean()
    assert changes[0.9] < 0.6 * changes[0.0]


def test_a_stop_in_the_validation_of_an_epoch_keeps_the_best_one_before(noisy, clean):
    training = Training(epochs=9, schedule="constant", refit=False, batch_size=16)
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=8, linear_skip=False), training=training)
    example = recipe.task.example(noisy=noisy, clean=clean)
    steps = fit_steps(recipe, [example])
    while next(steps).note != "epoch 1 of 9":
        pass
    while next(steps).loss is not None:  # until the validation of epoch 2
        pass
    with pytest.raises(StopIteration) as end:
        steps.throw(Stop())
    model = end.value.value
    assert model.card.ended == "by hand"
    assert model.card.best_epoch == len(model.card.losses) == 1
    once = training.model_copy(update={"epochs": 1})
    assert same(model, fit(recipe.model_copy(update={"training": once}), [example]))


def test_a_stop_during_a_quick_classical_fit_is_answered_at_once(noisy, clean, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(Ridge, "fit", lambda *_: released.wait(20))
    recipe = Recipe(task=Denoise(), method=Ridge())
    steps = fit_steps(recipe, [recipe.task.example(noisy=noisy, clean=clean)])
    for _ in range(3):
        next(steps)
    began = time.monotonic()
    with pytest.raises(Cancelled, match="fit"):
        steps.throw(Stop())
    assert time.monotonic() - began < 5
    released.set()
