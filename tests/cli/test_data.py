"""The command line trains on many files, shows how they go together, and judges what comes of it."""

import json

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read, write
from napari_hyperspectral.models.card import read_card
from napari_hyperspectral.recipe.recipe import Recipe

HERE = ("--cache", "cache", "--threads", "1")


def recipe(folder, kind, **training):
    about = {
        "task": {"kind": kind},
        "method": {"kind": "pixelwise", "width": 8},
        "training": {"epochs": 2} | training,
    }
    (folder / "recipe.json").write_text(json.dumps(about))


@pytest.fixture
def folders(tmp_path, noisy, clean):
    """Three noisy cells and three clean ones, each kind in a folder of its own."""
    recipe(tmp_path, "denoise")
    for folder, image in (("low", noisy), ("high", clean)):
        (tmp_path / folder).mkdir()
        for number in range(3):
            part = image.data[..., 8 * number : 8 * number + 8]
            path = tmp_path / folder / f"cell{number}_{folder}.npz"
            write(path, image.after("cut", data=part, name=path.stem))
    rows = [f"low/cell{i}_low.npz,high/cell{i}_high.npz,rat {i // 2}" for i in range(3)]
    (tmp_path / "cells.csv").write_text("\n".join(["noisy,clean,group", *rows]))
    return tmp_path


TRAIN = ("train", "recipe.json", "noisy=low/", "clean=high/")


def test_a_dry_run_shows_the_pairs_and_trains_nothing(run, folders):
    code, out, _ = run(*TRAIN, "--dry-run")
    assert code == 0
    assert out.splitlines() == [
        "noisy              clean",
        *(f"low/cell{i}_low.npz  high/cell{i}_high.npz" for i in range(3)),
    ]
    assert list(folders.glob("*.safetensors")) == []
    code, _, err = run(*TRAIN)
    assert code == 2
    assert "-o model.safetensors" in err


def test_a_training_on_folders_begins_with_the_table_of_pairs(run, folders):
    code, _, err = run(*TRAIN, "-o", "m.safetensors", *HERE)
    assert code == 0
    assert err.startswith("noisy              clean\nlow/cell0_low.npz")
    trained = read_card(folders / "m.safetensors").trained_on
    assert [one.name for one in trained] == [f"cell{i}_low → cell{i}_high" for i in range(3)]


def test_files_that_do_not_pair_are_an_error_of_one_line(run, folders):
    (folders / "high" / "cell1_high.npz").rename(folders / "high" / "cell7_high.npz")
    code, _, err = run(*TRAIN, "--dry-run")
    assert code == 1
    assert err.count("\n") == 1
    assert "noisy cell1_low.npz, clean cell7_high.npz" in err


def test_groups_of_a_list_are_held_out_as_a_whole(run, folders):
    recipe(folders, "denoise", validation_split="groups", validation=0.4)
    words = ("train", "recipe.json", "list=cells.csv", "-o", "m.safetensors", *HERE)
    assert run(*words)[0] == 0
    held_out = [
        one.validation_pixels > 0 for one in read_card(folders / "m.safetensors").trained_on
    ]
    assert held_out[0] == held_out[1] != held_out[2]  # cells 0 and 1 are of rat 0


def test_rows_for_validation_are_what_is_held_out(run, folders):
    lines = (folders / "cells.csv").read_text().replace("group", "split")
    lines = lines.replace("rat 0", "train").replace("rat 1", "validation")
    (folders / "cells.csv").write_text(lines)
    code, out, _ = run("train", "recipe.json", "list=cells.csv", "-o", "m.safetensors", *HERE)
    assert code == 0
    assert "1 of 3 examples as a whole, as listed" in " ".join(out.split())
    trained = read_card(folders / "m.safetensors").trained_on
    assert [one.validation_pixels for one in trained] == [0, 0, 8 * 20]
    assert [one.training_pixels for one in trained] == [8 * 20, 8 * 20, 0]


def test_rows_for_testing_do_not_teach(run, folders):
    lines = (folders / "cells.csv").read_text().replace("group", "split")
    (folders / "cells.csv").write_text(lines.replace("rat 0", "train").replace("rat 1", "test"))
    assert run("train", "recipe.json", "list=cells.csv", "-o", "m.safetensors", *HERE)[0] == 0
    assert len(read_card(folders / "m.safetensors").trained_on) == 2
    code, out, _ = run("evaluate", "m.safetensors", "list=cells.csv", "--json")
    assert code == 0
    (table,) = json.loads(out)["tables"]
    assert {row["image"] for row in table["rows"]} == {"cell2_low"}


@pytest.mark.slow  # reports of evaluations are also in tests/workflows/test_same_names.py
@pytest.mark.classics
def test_evaluation_is_a_table_and_a_report(run, folders):
    run(*TRAIN, "-o", "m.safetensors", *HERE)
    words = ("evaluate", "m.safetensors", "noisy=low", "clean=high", "-o", "report")
    code, out, err = run(*words)
    assert code == 0, err
    assert "fitted MSE" in out
    assert "cell2_low was used to train the model" in (folders / "report" / "report.md").read_text()
    rows = json.loads((folders / "report" / "report.json").read_text())["tables"][0]["rows"]
    names = dict.fromkeys(row["image"] for row in rows)
    assert list(names) == ["cell0_low", "cell1_low", "cell2_low", "mean"]
    # classical methods come from the file of the model
    assert {row["method"] for row in rows} >= {"Ridge", "SavitzkyGolay", "raw"}
    page = (folders / "report" / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    (folders / "report" / "report.md").write_text("mine")
    code, _, err = run(*words)
    assert code == 1
    assert "report.md, report.json, report.html exists already; --force overwrites it" in err
    assert (folders / "report" / "report.md").read_text() == "mine"
    assert run(*words, "--force")[0] == 0
    assert "cell2_low" in (folders / "report" / "report.md").read_text()


def test_a_training_starts_from_a_model(run, folders):
    run(*TRAIN, "-o", "first.safetensors", *HERE)
    words = (*TRAIN, "-o", "second.safetensors", "--from", "first.safetensors", *HERE)
    assert run(*words)[0] == 0
    first, second = (read_card(folders / f"{n}.safetensors") for n in ("first", "second"))
    assert first.created in second.started_from
    assert second.losses[0] < first.losses[0]


def test_a_preview_is_what_the_network_is_shown(run, folders, noisy):
    code, out, _ = run("preview", *TRAIN[1:], "-o", "shown", "--suffix", ".npz")
    assert (code, out.split()) == (0, ["shown/input.npz", "shown/target.npz"])
    input, target = (read(folders / "shown" / f"{name}.npz") for name in ("input", "target"))
    assert input.shape == target.shape == (12, 1, 32)  # a batch of spectra
    assert input.axis == noisy.axis
    spectra = {spectrum.tobytes() for spectrum in noisy.data.reshape(12, -1).T.copy()}
    assert {spectrum.tobytes() for spectrum in input.data[:, 0].T.copy()} <= spectra
    code, _, err = run("preview", *TRAIN[1:], "-o", "shown", "--suffix", ".npz")
    assert (code, "exists already" in err) == (1, True)


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("shown", "target.npz exists already"),
        ("nowhere/shown", "there is no folder 'nowhere'"),
        ("recipe.json", "recipe.json is a file"),
    ],
)
def test_a_preview_that_cannot_be_written_is_refused_before_anything_is_read(
    run, folders, out, why
):
    (folders / "low" / "cell0_low.npz").write_bytes(b"cannot be read")
    (folders / "shown").mkdir()
    (folders / "shown" / "target.npz").touch()
    code, _, err = run("preview", *TRAIN[1:], "-o", out, "--suffix", ".npz")
    assert code != 0
    assert why in err


def test_a_report_is_not_written_over_a_file(run, folders):
    code, _, err = run("evaluate", "none.safetensors", *TRAIN[2:], "-o", "recipe.json")
    assert code != 0
    assert "recipe.json is a file" in err


def test_a_preview_of_images_is_an_image_for_each(run, folders):
    about = json.loads((folders / "recipe.json").read_text())
    about["method"] = {"kind": "spectral_unet", "components": 2, "width": 2, "depth": 1}
    about["training"] |= {"image_batch_size": 2, "patch_size": 8}
    (folders / "recipe.json").write_text(json.dumps(about))
    _, out, _ = run("preview", *TRAIN[1:], "-o", "shown", "--suffix", ".npz", "--epoch", "2")
    assert len(out.splitlines()) == 4
    shapes = [read(path).shape for path in sorted((folders / "shown").iterdir())]
    assert shapes == [(12, 8, 8)] * 4


@pytest.fixture
def classes(tmp_path, rng):
    """Two folders of spectra: rising and falling ones."""
    for name, slope in (("rising", 1), ("falling", -1)):
        (tmp_path / "spectra" / name).mkdir(parents=True)
        for number in range(3):
            data = slope * np.arange(6)[:, None, None] + rng.normal(0, 0.1, (6, 1, 9))
            axis = SpectralAxis(np.arange(6) + 500.0, "nm")
            path = tmp_path / "spectra" / name / f"{name}{number}.npz"
            write(path, Cube(data.astype(np.float32), axis, name=path.stem))
    return tmp_path


@pytest.mark.parametrize("kind", ["classify_spectra", "classify_images"])
def test_a_folder_with_a_folder_a_class_teaches_classes(run, classes, kind):
    recipe(classes, kind, epochs=60, learning_rate=0.02)
    code, _, err = run("train", "recipe.json", "classes=spectra", "-o", "m.safetensors", *HERE)
    assert code == 0, err
    code, out, _ = run("evaluate", "m.safetensors", "classes=spectra", "--json")
    assert code == 0
    first = json.loads(out)["tables"][0]["rows"][0]  # before those of simpler methods
    assert first["OA %"] == 100


def test_a_text_is_given_with_its_image(run, classes):
    recipe(classes, "classify_images")
    words = ["image=spectra/rising", "label=up", "image=spectra/falling/*.npz", "label=down"]
    _, out, _ = run("train", "recipe.json", *words, "--dry-run")
    assert out.splitlines()[1::3] == ["rising/rising0.npz    up", "falling/falling0.npz  down"]


def test_a_preset_is_a_recipe_with_its_source(run, tmp_path):
    code, out, err = run("recipe", "--preset", "deeper-denoise")
    assert code == 0
    assert Recipe.model_validate_json(out).training.batch_size == 256
    assert "10.1021/acs.analchem.1c02178" in err
    assert run("recipe", "--preset", "deeper-denoise", "-o", "r.json")[0] == 0
    assert Recipe.model_validate_json((tmp_path / "r.json").read_text()).method.dense
    _, out, _ = run("recipe")
    assert "uwunet-indian-pines" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "deeper"), "there is no preset 'deeper'"),
        (("--preset", "deeper-denoise", "--task", "denoise"), "or else --preset"),
        (("--network", "pixelwise"), "a recipe needs --task"),
        (("--preset", "deeper-denoise", "-o", "none/deeper.json"), "error: there is no folder"),
    ],
)
def test_what_is_no_choice_of_a_recipe_is_refused(run, words, message):
    code, _, err = run("recipe", *words)
    assert code in (1, 2)
    assert message in " ".join(err.split())
