"""A model is never begun anew over: what goes on goes on, what cannot says so and touches nothing."""

import json
import shutil
import signal

import pytest
import torch

from napari_hyperspectral.io import write
from napari_hyperspectral.models.card import read_card
from napari_hyperspectral.system.locks import locked
from napari_hyperspectral.workflows import train as workflow

RECIPE = {
    "task": {"kind": "denoise"},
    "method": {"kind": "pixelwise", "width": 8},
    "training": {"epochs": 2, "batch_size": 128},
}
HERE = ("--cache", "cache", "--threads", "1")
TRAIN = ("train", "recipe.json", "noisy=noisy.npz", "clean=clean.npz", "-o", "m.safetensors", *HERE)


@pytest.fixture
def pair(noisy, clean, tmp_path):
    write(tmp_path / "noisy.npz", noisy)
    write(tmp_path / "clean.npz", clean)
    set_training(tmp_path)
    return tmp_path


@pytest.fixture
def trained(run, pair):
    """A finished model."""
    assert run(*TRAIN)[0] == 0
    return pair / "m.safetensors"


def set_training(folder, **settings):
    training = RECIPE["training"] | settings
    (folder / "recipe.json").write_text(json.dumps(RECIPE | {"training": training}))


@pytest.mark.parametrize("words", [(), ("--force",)])
def test_a_finished_training_is_left_as_it_is(run, trained, words):
    before = trained.read_bytes()
    code, out, err = run(*TRAIN, "--resume", *words)
    assert (code, out) == (0, "m.safetensors\n")
    assert "trained to its end: nothing is left to do" in err
    assert trained.read_bytes() == before


def test_more_epochs_go_on_where_it_stood(run, trained, pair):
    before = read_card(trained)
    set_training(pair, epochs=4)
    assert run(*TRAIN, "--resume")[0] == 0
    after = read_card(trained)
    assert len(after.losses) == 4
    assert after.losses[:2] == before.losses


def test_fewer_epochs_are_an_error(run, trained, pair):
    before = trained.read_bytes()
    set_training(pair, epochs=1)
    code, _, err = run(*TRAIN, "--resume", "--force")
    assert code == 1
    assert "it has 2 epochs behind it, the recipe asks for 1" in err
    assert trained.read_bytes() == before


@pytest.mark.parametrize("epochs", [2, 4])
def test_a_moved_model_whose_training_is_elsewhere_is_no_reason_to_begin_anew(
    run, trained, pair, epochs
):
    shutil.rmtree(pair / "cache")
    (pair / "new").mkdir()
    moved = trained.rename(pair / "new" / "mine.safetensors")
    before = moved.read_bytes()
    set_training(pair, epochs=epochs)
    words = [word if word != "m.safetensors" else str(moved) for word in TRAIN]
    code, _, err = run(*words, "--resume", "--force")
    assert moved.read_bytes() == before
    assert code == (0 if epochs == 2 else 1)
    if code:
        assert "mine.safetensors: what its training was going on from is not in" in err


def test_a_training_is_found_by_its_data_wherever_these_are_now(run, trained, pair):
    before = read_card(trained).losses
    (pair / "moved").mkdir()
    for name in ("noisy", "clean"):
        (pair / f"{name}.npz").rename(pair / "moved" / f"new {name}.npz")
    set_training(pair, epochs=3)
    files = ("noisy=moved/new noisy.npz", "clean=moved/new clean.npz")
    words = (*TRAIN[:2], *files, "-o", "further.safetensors", *HERE, "--resume")
    assert run(*words)[0] == 0
    assert read_card(pair / "further.safetensors").losses[:2] == before


@pytest.mark.parametrize("words", [(), ("--force",)])
def test_another_recipe_does_not_begin_anew_over_a_model(run, trained, pair, words):
    before = trained.read_bytes()
    set_training(pair, learning_rate=0.5)
    code, _, err = run(*TRAIN, "--resume", *words)
    assert code == 1
    assert "of another training" in err or "of another recipe, or of other data" in err
    assert trained.read_bytes() == before


def test_with_nothing_there_it_begins_and_says_so(run, pair):
    code, _, err = run(*TRAIN, "--resume")
    assert code == 0
    assert "note: there is nothing to resume; training from the start\n" in err
    assert len(read_card(pair / "m.safetensors").losses) == 2


def test_a_chosen_method_that_is_trained_is_not_chosen_anew(run, pair):
    words = ("train", "--task", "calibrate", "--budget", "1")
    words += ("measured=noisy.npz", "reference=clean.npz")
    assert run(*words, "-o", "m.safetensors", *HERE)[0] == 0
    before = (pair / "m.safetensors").read_bytes()
    assert run(*words, "-o", "m.safetensors", *HERE, "--resume")[0] == 0
    assert (pair / "m.safetensors").read_bytes() == before


def test_a_model_is_written_before_it_is_validated(run, pair, monkeypatch):
    seen = []

    def validate(model, *_, **__):
        seen.append(read_card(pair / "m.safetensors").ended)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(workflow, "validate_steps", validate)
    assert run(*TRAIN)[0] == 130
    assert seen == ["done"]
    assert read_card(pair / "m.safetensors").ended == "done"


def test_a_validation_that_fails_costs_only_the_figures(run, pair, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no such thing")
        yield

    monkeypatch.setattr("napari_hyperspectral.evaluation.validation._metrics_steps", fail)
    code, _, err = run(*TRAIN)
    assert code == 0
    assert (
        "note: the model is trained, but could not be validated (RuntimeError: no such thing" in err
    )
    assert read_card(pair / "m.safetensors").metrics == {}


def stop_in_second_epoch(monkeypatch, number):
    def press(step):
        if step.note.startswith("epoch 2 "):
            signal.raise_signal(number)
        return ""

    monkeypatch.setattr("napari_hyperspectral.progress._note", press)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_keeps_the_best_so_far_and_is_the_exit_code(run, pair, monkeypatch, name, code):
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"there is no {name} here")
    set_training(pair, epochs=6)
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        stop_in_second_epoch(patch, number)
        assert run(*TRAIN)[0] == code
    card = read_card(pair / "m.safetensors")
    assert (card.ended, len(card.losses)) == ("by hand", 2)
    assert signal.getsignal(number) == before
    assert run(*TRAIN, "--resume")[0] == 0
    assert len(read_card(pair / "m.safetensors").losses) == 6


def test_a_signal_before_anything_is_done_ends_the_command(run, pair, monkeypatch):
    def press(*_, **__):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("napari_hyperspectral.cli.trainings.recipe_and_images", press)
    assert run(*TRAIN)[0] == 143
    assert not (pair / "m.safetensors").exists()


def test_a_second_job_onto_the_same_model_is_refused_at_its_start(run, pair):
    with locked(pair / "m.safetensors"):
        code, _, err = run(*TRAIN)
    assert code == 1
    assert "m.safetensors is being written by process" in err
    assert not (pair / "cache").exists()
    assert run(*TRAIN)[0] == 0
    with locked(pair / "better.npz"):
        code, _, err = run("predict", "m.safetensors", "noisy.npz", "-o", "better.npz")
    assert code == 1
    assert "better.npz is being written by process" in err


def test_a_folder_that_takes_no_saves_is_one_note(run, pair):
    (pair / "cache").write_text("a file, not a folder")
    code, _, err = run(*TRAIN)
    assert code == 0
    assert err.count("note: nothing is saved before the end of the training") == 1
    assert read_card(pair / "m.safetensors").ended == "done"


def test_of_two_jobs_onto_one_file_the_second_is_refused_at_its_start(run, trained, monkeypatch):
    predict = ("predict", "m.safetensors", "noisy.npz", "-o", "better.npz", "--threads", "1")
    second = []
    convolve = torch.nn.Conv2d.forward

    def while_the_first_runs(layer, input):
        if not second:
            second.append(None)
            second[0] = run(*predict, "--force")
        return convolve(layer, input)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", while_the_first_runs)
    assert run(*predict)[0] == 0
    code, _, err = second[0]
    assert code == 1
    assert "better.npz is being written by process" in err
