"""What people write is understood, and what they are told is for them: no code, no addresses."""

import json
import os
import warnings

import numpy as np
import pytest

from napari_hyperspectral import Machine, Recipe, Training, fit, predict
from napari_hyperspectral.io import read, write
from napari_hyperspectral.models.card import read_card
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.recipe.reading import read_recipe
from napari_hyperspectral.system.locks import locked
from napari_hyperspectral.tasks import Denoise

QUICK = {
    "task": {"kind": "denoise"},
    "method": {"kind": "pixelwise", "width": 8},
    "training": {"epochs": 1, "batch_size": 256},
}
RECIPE = Recipe(
    task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=1, batch_size=256)
)
ONE = Machine(device="cpu", threads=1)


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def model(noisy, clean):
    return fit(RECIPE, [RECIPE.example(noisy=noisy, clean=clean)], machine=ONE)


def test_a_tilde_is_home_in_python(home, cube, model):
    write("~/cell.npz", cube)
    assert (home / "cell.npz").exists()
    assert read("~/cell.npz").shape == cube.shape
    assert read("~/cell.npz@byx").shape == cube.shape
    model.save("~/m.safetensors")
    assert read_card("~/m.safetensors") == Model.load("~/m.safetensors").card
    (home / "r.json").write_text(json.dumps(QUICK))
    assert read_recipe("~/r.json") == Recipe.model_validate(QUICK)
    assert Machine(cache="~/cache").cache == home / "cache"


def test_a_tilde_is_home_on_the_command_line_behind_an_equals_sign_too(run, home, noisy, clean):
    write(home / "noisy.npz", noisy)
    write(home / "clean.npz", clean)
    (home / "r.json").write_text(json.dumps(QUICK))
    (home / "pairs.csv").write_text("noisy,clean\n~/noisy.npz,~/clean.npz\n")
    here = ("--cache=~/cache", "--threads", "1")
    words = ("train", "~/r.json", "noisy=~/noisy.npz", "clean=~/clean.npz", "--out=~/m.safetensors")
    assert run(*words, *here)[0] == 0
    assert (home / "m.safetensors").exists()
    assert (home / "cache" / "trainings").is_dir()
    words = ("train", "~/r.json", "list=~/pairs.csv", "-o", "~/n.safetensors")
    assert run(*words, *here)[0] == 0
    assert run("predict", "~/m.safetensors", "~/noisy.npz", "-o", "~/better.npz")[0] == 0
    assert (home / "better.npz").exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_recipes_are_read_in_the_encodings_of_editors(tmp_path, encoding):
    path = tmp_path / "r.json"
    path.write_bytes(json.dumps(QUICK).encode(encoding))
    assert read_recipe(path) == Recipe.model_validate(QUICK)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_recipe_saved_by_an_editor_is_trained(run, tmp_path, monkeypatch, noisy, clean, encoding):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.json").write_bytes(json.dumps(QUICK).encode(encoding))
    write("noisy.npz", noisy)
    write("clean.npz", clean)
    code, out, _ = run("train", "--dry-run", "r.json", "noisy=noisy.npz", "clean=clean.npz")
    assert code == 0
    assert "noisy.npz" in out


def test_the_version_is_told(run):
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("napari-hyperspectral ")


@pytest.mark.parametrize(
    ("task", "method", "serves"),
    [
        ("segment", "hyrisr", "spectral_unet"),
        ("segment", "ridge", "svm"),
        ("denoise", "rrdb", "ridge"),
        ("classify_spectra", "unet", "pixelwise"),
        ("calibrate", "svm", "pls"),
        ("denoise_self_supervised", "ridge", "low_rank"),
    ],
)
@pytest.mark.parametrize("command", ["recipe", "train"])
def test_a_method_that_does_not_serve_is_refused_with_those_that_do(
    run, command, task, method, serves
):
    words = () if command == "recipe" else ("a=b.npz", "-o", "m.safetensors")
    code, out, err = run(command, "--task", task, "--method", method, *words)
    assert (code, out) == (2, "")
    choices = " ".join(err.split()).partition("Choose one of ")[2]
    assert serves in choices.replace(";", ",").split(", ")
    assert method not in choices.replace(";", ",").split(", ")


def test_every_method_serves_some_task():
    from napari_hyperspectral.recipe.methods import METHODS, methods_for
    from napari_hyperspectral.tasks import TASKS

    serving = {method for task in TASKS for method in methods_for(task())}
    assert serving == set(METHODS)


def test_time_for_a_choice_without_a_choice_is_refused(run):
    words = ("train", "--task", "denoise", "--method", "ridge", "--budget", "9", "a=b", "-o", "m")
    code, _, err = run(*words, "--dry-run")
    assert code != 0
    words = (*words[:-1], "m.safetensors")
    code, _, err = run(*words)
    assert code == 2
    assert "leave out --method, or --budget" in " ".join(err.split())


def test_settings_of_a_recipe_that_do_nothing_are_told(run, tmp_path, noisy, clean):
    write(tmp_path / "noisy.npz", noisy)
    recipe = QUICK | {"training": {"patch_size": 64}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    _, _, err = run("train", "r.json", "noisy=noisy.npz", "clean=noisy.npz", "--dry-run")
    (note,) = [line for line in err.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: training.patch_size does nothing here. The network sees one")


def test_brackets_survive_the_terminal(run, tmp_path, noisy, clean):
    name = "[bold]cell[samples].npz"
    named = noisy.after("named", data=noisy.data, name="[bold]cell[samples]")
    write(tmp_path / name, named)
    (tmp_path / "r.json").write_text(json.dumps(QUICK))
    words = ("train", "r.json", f"noisy={name}", f"clean={name}", "-o", "[red].safetensors")
    code, out, _ = run(*words, "--cache", "cache", "--threads", "1")
    assert code == 0
    assert out.endswith("[red].safetensors\n")
    assert "[bold]cell[samples]" in out.replace("\n", "")
    code, out, _ = run("evaluate", "[red].safetensors", f"noisy={name}", f"clean={name}")
    assert code == 0
    assert "[bold]cell" in out


def test_a_missing_package_names_its_extra_in_brackets(run, monkeypatch):
    from napari_hyperspectral.errors import MissingPackageError

    def missing(*_, **__):
        raise MissingPackageError("tensorly", "samples", "the sample")

    monkeypatch.setattr("napari_hyperspectral.cli.demonstration.run_demo", missing)
    _, _, err = run("demo")
    assert "napari-hyperspectral[samples]" in err


def test_a_report_keeps_its_brackets_on_any_console():
    from io import StringIO

    from rich.console import Console

    from napari_hyperspectral.evaluation.reports import Report, Table

    rows = [{"[bold]method": "[red]mine", "error": 1.0}]
    report = Report("r", [Table("t[x]", rows)], ["pip install 'napari-hyperspectral[samples]'"])
    console = Console(file=StringIO(), width=100)
    console.print(report)
    for text in ("[bold]method", "[red]mine", "t[x]", "napari-hyperspectral[samples]"):
        assert text in console.file.getvalue()


@pytest.mark.parametrize("name", ["quantum", "cuda:99", "meta"])
def test_a_device_that_is_not_here_is_refused_without_a_list_of_backends(name):
    from napari_hyperspectral.devices import torch_device

    with pytest.raises(ValueError, match=r"there is no device .*; there are auto, cpu") as refused:
        torch_device(name)
    assert len(str(refused.value)) < 120


def test_no_message_of_ours_has_an_address_of_a_library(model, tmp_path):
    from napari_hyperspectral.errors import FileFormatError
    from napari_hyperspectral.models.card import card_from_json
    from napari_hyperspectral.settings import reason_of

    wrong = model.card.model_dump(mode="json") | {"losses": "none", "threads": "many"}
    with pytest.raises(FileFormatError) as refused:
        card_from_json(json.dumps(wrong), tmp_path / "m.safetensors")
    assert "https://" not in str(refused.value)
    assert "losses: " in str(refused.value)
    with pytest.raises(ValueError, match="epochs") as refused:
        Training(epochs=0)
    assert reason_of(refused.value) == "epochs: Input should be greater than or equal to 1"


def test_of_an_operation_that_a_device_lacks_the_list_of_backends_is_left_out():
    import torch

    from napari_hyperspectral.cli.errors import explained

    with pytest.raises(NotImplementedError) as raised:
        torch.fft.fft(torch.zeros(2, 2).to_sparse())
    (line,) = explained(raised.value)
    assert "Could not run 'aten::" in line
    assert len(line) < 200
    assert "registered at" not in line


@pytest.mark.parametrize("method", [Pixelwise(width=8), SpectralUNet.smallest()])
def test_what_cannot_be_written_is_read_without_a_warning(noisy, clean, method):
    def frozen(cube):
        data = np.array(cube.data)
        data.flags.writeable = False
        return cube.after("mapped", data=data)

    recipe = RECIPE.model_copy(update={"method": method})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        example = recipe.example(noisy=frozen(noisy), clean=frozen(clean))
        predict(fit(recipe, [example], machine=ONE), frozen(noisy), machine=ONE)
    assert [one for one in told if "writable" in str(one.message)] == []


def test_all_cubes_are_opened_before_the_first_is_predicted(run, tmp_path, model, noisy):
    model.save(tmp_path / "m.safetensors")
    write(tmp_path / "a.npz", noisy)
    (tmp_path / "damaged.npz").write_bytes(b"PK damaged")
    words = ("a.npz", "damaged.npz", "missing.npz", "-o", "results", "--suffix", ".npz")
    code, out, err = run("predict", "m.safetensors", *words)
    assert (code, out) == (1, "")
    assert not (tmp_path / "results").exists()
    problems = [line for line in err.splitlines() if line.startswith("error: ")]
    assert problems[0].startswith("error: damaged.npz: ")
    assert problems[1] == "error: missing.npz: there is no file 'missing.npz'"
    assert problems[2].startswith("error: 2 of 3 cubes cannot be predicted, so none was")
    code, out, _ = run("predict", "m.safetensors", *words, "--keep-going")
    assert (code, out) == (1, f"results{os.sep}a_predicted.npz\n")


@pytest.mark.parametrize(
    "words",
    [
        ("axis", "cube.npz", "out.npz", "--step", "shift by=1"),
        ("map", "cube.npz", "-o", "out.npz", "--at", "500"),
        ("import-weights", "w.pt", "-o", "out.safetensors", "--axis", "600:1800:6"),
    ],
    ids=lambda words: words[0],
)
def test_a_second_writer_is_refused_at_its_start(run, tmp_path, cube, words):
    write(tmp_path / "cube.npz", cube)
    out = next(word for word in words if word.startswith("out."))
    with locked(tmp_path / out):
        code, _, err = run(*words)
    assert code == 1
    assert f"{out} is being written by process" in err


def test_a_recipe_that_cannot_be_written_leaves_the_one_that_was_there(run, tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    assert run("recipe", "--task", "denoise", "-o", "r.json")[0] == 0
    before = path.read_bytes()

    def half(self, text, **options):
        self.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_text", half)
    code, _, err = run("recipe", "--task", "segment", "-o", "r.json", "--force")
    assert code == 1
    assert "r.json" in err
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["r.json"]
