"""What goes wrong while a network trains costs no training: kills, full disks, Ctrl-C, memory."""

import os
import signal
import time
import warnings

import pytest
import torch

from napari_hyperspectral import Machine, Recipe, Training, fit
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.progress import Stop
from napari_hyperspectral.system.locks import LockedError
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.training.checkpoint import Checkpoint
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.saving import autosave as autosaving
from napari_hyperspectral.training.step import gradients

ONE = Machine(device="cpu", threads=1)
RECIPE = Recipe(
    task=Denoise(),
    method=Pixelwise(width=8),
    training=Training(epochs=3, batch_size=64, average=0.9, refit=False, schedule="constant"),
)
NO_MEMORY = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on POSIX only")


@pytest.fixture
def examples(noisy, clean):
    return [RECIPE.example(noisy=noisy, clean=clean)]


@pytest.fixture
def expected(examples):
    return fit(RECIPE, examples, machine=ONE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "going.safetensors"


@pytest.fixture
def saved_at_each_step(monkeypatch):
    monkeypatch.setattr(autosaving, "SECONDS_BETWEEN_SAVES", -1.0)


def with_training(**settings):
    training = RECIPE.training.model_copy(update=settings)
    return RECIPE.model_copy(update={"training": training})


def weights_of(model):
    return model.network.state_dict()


def assert_equal(one, other):
    for name, tensor in weights_of(one).items():
        assert torch.equal(tensor, weights_of(other)[name]), name


def child(work):
    """Do some work in a process of its own; return its number. It ends with 0 if nothing fails."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


@posix
def test_a_training_that_was_killed_goes_on_bit_for_bit(
    examples, expected, path, saved_at_each_step
):
    def train_slowly():
        for _ in fit_steps(RECIPE, examples, machine=ONE, autosave=path):
            time.sleep(0.02)

    process = child(train_slowly)
    while not path.exists():
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    resumed = fit(RECIPE, examples, machine=ONE, autosave=path, resume=True)
    assert_equal(resumed, expected)


@posix
def test_a_training_ends_on_a_full_disk_and_says_once_that_nothing_is_saved(
    examples, expected, path, saved_at_each_step
):
    import resource

    def train_on_a_full_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model = fit(RECIPE, examples, machine=ONE, autosave=path)
        assert_equal(model, expected)
        assert len([one for one in told if "could not be saved" in str(one.message)]) == 1

    _, status = os.waitpid(child(train_on_a_full_disk), 0)
    assert status == 0
    assert not path.exists()


def test_a_failing_autosave_is_one_warning_refit_included(
    examples, path, saved_at_each_step, monkeypatch
):
    def fail(checkpoint, path):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Checkpoint, "write", fail)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = fit(with_training(refit=True), examples, machine=ONE, autosave=path)
    assert model.card.refitted
    (message,) = [str(one.message) for one in told if "could not be saved" in str(one.message)]
    assert str(path) in message
    assert "Read-only file system" in message


def fail_in_step(monkeypatch, number, error):
    """Let the step of this number, from 1, fail after its forward pass."""
    losses, count = gradients.Gradients._losses, iter(range(1, 1000))

    def failing(run, batch):
        loss = losses(run, batch)
        if next(count) == number:
            raise error
        return loss

    monkeypatch.setattr(gradients.Gradients, "_losses", failing)


@pytest.mark.parametrize("method", [Pixelwise(width=8), SpectralUNet.smallest()])
def test_an_error_leaves_the_last_whole_state_and_says_how_to_go_on(
    noisy, clean, path, monkeypatch, method
):
    """With statistics of batches, too: the step that failed had changed them."""
    recipe = RECIPE.model_copy(update={"method": method})
    examples = [recipe.example(noisy=noisy, clean=clean)]
    expected = fit(recipe, examples, machine=ONE)
    with monkeypatch.context() as patch:
        fail_in_step(patch, 12, RuntimeError("the driver is gone"))
        with pytest.raises(RuntimeError, match="the driver is gone") as raised:
            fit(recipe, examples, machine=ONE, autosave=path)
    (note,) = raised.value.__notes__
    assert str(path) in note
    assert "--resume" in note
    assert Checkpoint.read(path).steps == 11
    assert_equal(fit(recipe, examples, machine=ONE, autosave=path, resume=True), expected)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(NO_MEMORY),
        RuntimeError("could not create a primitive"),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
)
def test_a_step_without_memory_is_taken_in_parts(noisy, clean, monkeypatch, error):
    recipe = RECIPE.model_copy(update={"method": Pixelwise(width=8, dropout=0)})
    examples = [recipe.example(noisy=noisy, clean=clean)]
    expected = fit(recipe, examples, machine=ONE)
    losses, sizes = gradients.Gradients._losses, []

    def scarce(run, batch):
        if len(batch.input) > 16:
            raise error
        sizes.append(len(batch.input))
        return losses(run, batch)

    monkeypatch.setattr(gradients.Gradients, "_losses", scarce)
    with pytest.warns(UserWarning, match="memory ran out") as told:
        model = fit(recipe, examples, machine=ONE)
    assert len(told) == 2  # halves, then quarters, which is remembered
    assert max(sizes) == 16
    assert model.card.losses == pytest.approx(expected.card.losses, rel=1e-3)
    for name, tensor in weights_of(model).items():
        torch.testing.assert_close(tensor, weights_of(expected)[name], rtol=1e-2, atol=1e-3)


def test_an_image_without_memory_is_cut(noisy, clean, monkeypatch):
    recipe = RECIPE.model_copy(update={"method": SpectralUNet.smallest()})
    losses, sizes = gradients.Gradients._losses, []

    def scarce(run, batch):
        height, width = batch.input.shape[-2:]
        if height * width > 300:
            raise RuntimeError(NO_MEMORY)
        sizes.append((height, width))
        return losses(run, batch)

    monkeypatch.setattr(gradients.Gradients, "_losses", scarce)
    with pytest.warns(UserWarning, match="memory ran out"):
        model = fit(recipe, [recipe.example(noisy=noisy, clean=clean)], machine=ONE)
    assert len(model.card.losses) == 3
    assert sizes


def test_a_step_that_never_fits_ends_with_what_to_do_and_is_saved(examples, path, monkeypatch):
    losses, done = gradients.Gradients._losses, []

    def scarce(run, batch):
        if len(done) >= 5:
            raise RuntimeError(NO_MEMORY)
        done.append(batch)
        return losses(run, batch)

    monkeypatch.setattr(gradients.Gradients, "_losses", scarce)
    with (
        pytest.warns(UserWarning, match="memory ran out"),
        pytest.raises(MemoryError, match="not even in parts; take a smaller patch size or batch"),
    ):
        fit(RECIPE, examples, machine=ONE, autosave=path)
    assert Checkpoint.read(path).steps == 5


def broken(monkeypatch, error, *, from_call=1, above=0):
    """Let layers fail from this call on, for inputs of more than so many images."""
    convolve, count = torch.nn.Conv2d.forward, iter(range(1, 10_000))

    def failing(layer, input):
        training = torch.is_grad_enabled() and not input.is_meta  # a meta tensor is an estimate
        if training and next(count) >= from_call and len(input) > above:
            raise error
        return convolve(layer, input)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", failing)


@pytest.mark.filterwarnings("ignore:memory ran out")
def test_a_layer_without_memory_for_a_whole_batch_costs_no_training(noisy, clean, monkeypatch):
    recipe = RECIPE.model_copy(update={"method": Pixelwise(width=8, dropout=0)})
    examples = [recipe.example(noisy=noisy, clean=clean)]
    expected = fit(recipe, examples, machine=ONE)
    broken(monkeypatch, RuntimeError(NO_MEMORY), above=16)
    assert fit(recipe, examples, machine=ONE).card.losses == pytest.approx(
        expected.card.losses, rel=1e-3
    )


def test_of_a_layer_that_fails_the_error_says_how_to_go_on(examples, path, monkeypatch):
    broken(monkeypatch, RuntimeError("the driver is gone"), from_call=40)
    with pytest.raises(RuntimeError, match="the driver is gone") as raised:
        fit(RECIPE, examples, machine=ONE, autosave=path)
    assert "--resume" in " ".join(getattr(raised.value, "__notes__", []))
    assert path.exists()


def test_a_training_whose_autosave_has_no_folder_is_not_lost(examples, expected, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit(RECIPE, examples, machine=ONE, autosave=tmp_path / "cache" / "a.safetensors")
    assert_equal(model, expected)


def test_other_errors_are_no_lack_of_memory(examples, monkeypatch):
    fail_in_step(monkeypatch, 2, RuntimeError("sizes of tensors must match"))
    with pytest.raises(RuntimeError, match="sizes of tensors"):
        fit(RECIPE, examples, machine=ONE)


def press_ctrl_c_within_step(monkeypatch, number):
    """Press Ctrl-C between the step of the optimiser and its count."""
    advance, count = torch.optim.AdamW.step, iter(range(1, 1000))

    def interrupted(optimiser, *arguments):
        result = advance(optimiser, *arguments)
        if next(count) == number:
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)


@pytest.mark.parametrize("driven", ["by fit", "by hand"])
def test_ctrl_c_is_heard_between_steps_and_the_training_goes_on_bit_for_bit(
    examples, expected, path, monkeypatch, driven
):
    with monkeypatch.context() as patch:
        press_ctrl_c_within_step(patch, 11)
        if driven == "by fit":
            assert fit(RECIPE, examples, machine=ONE, autosave=path).card.ended == "by hand"
        else:
            for _ in fit_steps(RECIPE, examples, machine=ONE, autosave=path):
                pass
    assert Checkpoint.read(path).steps == 11
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert_equal(fit(RECIPE, examples, machine=ONE, autosave=path, resume=True), expected)


def test_a_stop_in_the_validation_of_an_epoch_goes_on_bit_for_bit(
    examples, expected, path, monkeypatch
):
    job = fit_steps(RECIPE, examples, machine=ONE, autosave=path)
    done = [-1]
    for step in job:
        if step.done == done[-1]:  # no step was taken: it validates
            break
        done.append(step.done)
    with pytest.raises(StopIteration):
        job.throw(Stop())
    assert_equal(fit(RECIPE, examples, machine=ONE, autosave=path, resume=True), expected)


@pytest.mark.parametrize("refit", [False, True])
def test_more_epochs_go_on_where_a_finished_training_stood(noisy, clean, path, refit):
    brief, longer = with_training(refit=refit), with_training(epochs=5, refit=refit)
    examples = [brief.example(noisy=noisy, clean=clean)]
    before = fit(brief, examples, machine=ONE, autosave=path)
    assert before.card.refitted == refit
    model = fit(longer, examples, machine=ONE, autosave=path, resume=True)
    at_once = fit(longer, examples, machine=ONE)
    assert model.card.losses[:3] == before.card.losses
    assert model.card.losses == at_once.card.losses
    assert model.card.refitted == refit
    assert_equal(model, at_once)


def test_more_patience_goes_on_too(examples, path):
    impatient = with_training(epochs=12, patience=1, learning_rate=0.5)
    first = fit(impatient, examples, machine=ONE, autosave=path)
    assert first.card.ended == "patience"
    patient = with_training(epochs=12, patience=12, learning_rate=0.5)
    model = fit(patient, examples, machine=ONE, autosave=path, resume=True)
    assert len(model.card.losses) > len(first.card.losses)


def test_fewer_epochs_than_there_were_are_refused_and_nothing_is_touched(examples, path):
    from napari_hyperspectral.errors import FileFormatError

    fit(RECIPE, examples, machine=ONE, autosave=path)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match="3 epochs behind it, the recipe asks for 2"):
        fit(with_training(epochs=2), examples, machine=ONE, autosave=path, resume=True)
    assert path.read_bytes() == before


def test_a_second_training_with_the_same_autosave_is_refused_at_its_start(examples, path):
    first = fit_steps(RECIPE, examples, machine=ONE, autosave=path)
    next(first)
    with pytest.raises(LockedError, match=f"{path.name} is being written by process"):
        fit(RECIPE, examples, machine=ONE, autosave=path)
    first.close()
    assert fit(RECIPE, examples, machine=ONE, autosave=path).card.ended == "done"
