"""The command line does what the library does, and says what went wrong in one line."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cli import main
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read, read_labels, write
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.card import read_card

QUICK = {
    "task": {"kind": "denoise"},
    "method": {"kind": "pixelwise", "width": 8},
    "training": {"epochs": 2},
}


@pytest.fixture
def pair(noisy, clean, tmp_path):
    """A noisy and a clean file, and a quick recipe."""
    write(tmp_path / "noisy.npz", noisy)
    write(tmp_path / "clean.npz", clean)
    (tmp_path / "recipe.json").write_text(json.dumps(QUICK))
    return tmp_path


TRAIN = ("train", "recipe.json", "noisy=noisy.npz", "clean=clean.npz", "-o", "m.safetensors")
HERE = ("--cache", "cache", "--threads", "1")


def test_info_as_json_is_all_there_is_to_know(run, cube, tmp_path):
    write(tmp_path / "cell.npz", cube)
    code, out, _ = run("info", "cell.npz", "--json")
    assert code == 0
    assert json.loads(out) == {
        "format": "NumPy archive",
        "dims": ["band", "y", "x"],
        "shape": [6, 5, 7],
        "dtype": "float32",
        "axis": {
            "kind": "raman_shift",
            "unit": "1/cm",
            "count": 6,
            "first": 500.1,
            "last": 601.25,
            "uniform": False,
            "excitation_nm": 532.1,
            "guessed": False,
        },
        "pixel_size": [0.5, 0.25],
        "pixel_unit": "um",
        "intensity_unit": "counts",
        "name": "cell",
        "history": ["measured", "removed spikes"],
    }


def test_statistics_count_nan_and_leave_it_out(run, tmp_path):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    data[0, 0, :2] = np.nan
    write(tmp_path / "c.npz", Cube(data, SpectralAxis([1.0, 2.0], "nm")))
    _, out, _ = run("info", "c.npz", "--json", "--stats")
    assert json.loads(out)["stats"] == {"min": 2, "max": 23, "mean": 12.5, "nan": 2}


def test_statistics_of_a_cube_of_nan_are_unknown(run, tmp_path):
    write(tmp_path / "c.npz", Cube(np.full((1, 2, 3), np.nan), SpectralAxis.index(1)))
    _, out, _ = run("info", "c.npz", "--json", "--stats")
    assert json.loads(out)["stats"] == {"min": None, "max": None, "mean": None, "nan": 6}


def test_statistics_of_whole_numbers_do_not_overflow(run, tmp_path):
    data = np.full((2, 50, 60), 255, np.uint8)
    write(tmp_path / "c.npz", Cube(data, SpectralAxis.index(2)))
    _, out, _ = run("info", "c.npz", "--json", "--stats")
    assert json.loads(out)["stats"] == {"min": 255, "max": 255, "mean": 255, "nan": 0}


def test_info_of_channels_names_the_first_and_the_last(run, tmp_path):
    cube = Cube(np.zeros((2, 3, 4), np.uint8), ChannelAxis(("DAPI", "naïve µ")))
    write(tmp_path / "c.npz", cube)
    _, out, _ = run("info", "c.npz", "--json")
    axis = json.loads(out)["axis"]
    assert axis["kind"] == "channels"
    assert (axis["unit"], axis["count"], axis["first"], axis["last"]) == (
        None,
        2,
        "DAPI",
        "naïve µ",
    )


def test_info_of_labels_counts_classes(run, labels, tmp_path):
    write(tmp_path / "l.npz", labels)
    _, out, _ = run("info", "l.npz", "--json")
    about = json.loads(out)
    assert about["dims"] == ["y", "x"]
    assert about["axis"]["kind"] == "classes"
    assert about["axis"]["last"] == "lipid droplet"


def test_info_for_people_survives_a_terminal_without_greek(cube, tmp_path):
    write(tmp_path / "c.npz", cube)
    command = [sys.executable, "-m", "napari_hyperspectral", "info", str(tmp_path / "c.npz")]
    env = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "6 bands" in done.stdout
    assert "removed spikes" in done.stdout


def test_a_layout_can_be_given_as_option_or_in_the_path(run, tmp_path):
    np.savez(tmp_path / "two.npz", low=np.zeros((3, 4, 5)), high=np.zeros((4, 4, 6)))
    _, out, _ = run("info", "two.npz::low@yxb", "--json")
    assert json.loads(out)["shape"] == [5, 3, 4]
    _, out, _ = run("info", "two.npz::low", "--axes", "xyb", "--json")
    assert json.loads(out)["shape"] == [5, 4, 3]


def test_a_file_that_leaves_it_open_lists_the_choices(run, tmp_path):
    np.savez(tmp_path / "two.npz", low=np.zeros((3, 4, 5)), high=np.zeros((4, 4, 6)))
    code, _, err = run("info", "two.npz")
    assert code == 1
    assert err.count("\n") == 1
    assert "low (3, 4, 5)" in err
    assert "two.npz::low" in err


def test_a_warning_is_one_line_without_a_place_in_the_code(tmp_path):
    header = "ENVI\nsamples = 1\nlines = 1\nbands = 2\ndata type = 1\ninterleave = bsq\n"
    (tmp_path / "a.hdr").write_text(header + "wavelength = {500, 500}\n")
    (tmp_path / "a.img").write_bytes(bytes(2))
    words = [sys.executable, "-m", "napari_hyperspectral", "info", str(tmp_path / "a.hdr")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("note: a.hdr: its 2 wavelengths take only 1 values")
    assert done.stderr.count("\n") == 1


def test_an_error_is_one_line_and_debug_shows_where(run):
    code, _, err = run("info", "nowhere.npz")
    assert (code, err) == (1, "error: there is no file 'nowhere.npz'\n")
    with pytest.raises(FileNotFoundError):
        main(["info", "nowhere.npz", "--debug"])


@pytest.mark.parametrize("words", [["info"], ["inform", "x"], ["info", "x", "--no-such-option"]])
def test_wrong_usage_ends_with_2(run, words):
    assert run(*words)[0] == 2


def test_convert_keeps_what_a_file_knows(run, cube, tmp_path):
    write(tmp_path / "cell.npz", cube)
    code, out, _ = run("convert", "cell.npz", "copy.npz")
    assert (code, out) == (0, "copy.npz\n")
    copy = read(tmp_path / "copy.npz")
    assert np.array_equal(copy.data, cube.data)
    assert copy.axis == cube.axis
    assert copy.history == cube.history


def test_convert_keeps_labels_labels(run, labels, tmp_path):
    write(tmp_path / "l.npz", labels)
    run("convert", "l.npz", "m.npz")
    assert read_labels(tmp_path / "m.npz").classes == labels.classes


def test_nothing_is_overwritten_without_force(run, cube, plain_cube, tmp_path):
    write(tmp_path / "a.npz", cube)
    write(tmp_path / "b.npz", plain_cube)
    code, _, err = run("convert", "a.npz", "b.npz")
    assert code == 1
    assert "b.npz exists already; --force overwrites it" in err
    assert read(tmp_path / "b.npz").shape == plain_cube.shape
    assert run("convert", "a.npz", "b.npz", "--force")[0] == 0
    assert read(tmp_path / "b.npz").shape == cube.shape


def test_recipes_are_templates_with_every_setting(run, tmp_path):
    _, out, _ = run("recipe")
    assert "denoise" in out
    assert "resunet1d" in out
    run("recipe", "--task", "segment", "--network", "pixelwise", "-o", "r.json")
    about = json.loads((tmp_path / "r.json").read_text())
    assert about["task"]["balance"] is True
    assert about["method"]["kind"] == "pixelwise"
    assert about["training"]["seed"] == 0
    assert run("recipe", "--task", "segment", "-o", "r.json")[0] == 1


def test_every_setting_can_be_looked_up(run):
    _, out, _ = run("recipe", "--task", "denoise", "--network", "pixelwise", "--settings")
    for name in ("task.penalty", "method.width", "training.epochs"):
        assert name in out


def test_settings_that_do_nothing_beside_the_others_say_so(run):
    _, out, _ = run("recipe", "--task", "denoise", "--network", "pixelwise", "--settings")
    of_images = out.partition("training.patches_per_epoch")[2].partition("training.validation")[0]
    told = " ".join(of_images.split())  # cells are broken into lines
    assert told.count("Inactive here.") == 3  # patches_per_epoch, image_batch_size, patch_size


def test_each_problem_of_a_recipe_is_one_line(run, pair):
    wrong = QUICK | {"method": {"kind": "pixelwise", "widht": 8}, "training": {"epochs": 0}}
    (pair / "recipe.json").write_text(json.dumps(wrong))
    code, _, err = run(*TRAIN)
    assert code == 1
    lines = err.splitlines()
    assert len(lines) == 2
    assert "method.widht: there is no such setting" in lines[0]
    assert "training.epochs: Input should be greater than or equal to 1 (got 0)" in lines[1]


def test_a_recipe_that_is_no_json_says_so(run, pair):
    (pair / "recipe.json").write_text("{'task': ")
    code, _, err = run(*TRAIN)
    assert code == 1
    assert err.startswith("error: recipe.json: Invalid JSON")
    assert err.count("\n") == 1


def test_training_then_predicting_is_the_whole_job(run, pair, noisy):
    code, out, _ = run(*TRAIN, *HERE)
    assert code == 0
    assert out.endswith("m.safetensors\n")
    assert read_card(pair / "m.safetensors").recipe["method"]["width"] == 8
    code, out, _ = run("predict", "m.safetensors", "noisy.npz", "-o", "better.npz")
    assert (code, out) == (0, "better.npz\n")
    better = read(pair / "better.npz")
    assert better.shape == noisy.shape
    assert better.axis == noisy.axis
    assert better.history == ("added noise", "denoised")
    assert len(list((pair / "cache" / "trainings").iterdir())) == 1  # more epochs may be asked for


def test_the_command_line_and_python_give_the_same_weights(run, pair, noisy, clean):
    from napari_hyperspectral import Recipe, fit
    from napari_hyperspectral.models.model import read_tensors

    recipe = Recipe.model_validate(QUICK)
    run(*TRAIN, *HERE)
    examples = [recipe.task.example(noisy=noisy, clean=clean)]
    fit(recipe, examples, machine=Machine(threads=1)).save(pair / "p.safetensors")
    ours, theirs = (read_tensors(pair / f"{name}.safetensors") for name in "mp")
    # the command line keeps classical methods with the model, to compare it with
    ours = {name: tensor for name, tensor in ours.items() if not name.startswith("baseline")}
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_training_on_a_single_pixel_says_that_nothing_was_held_out(run, pair, noisy):
    write("one.npz", noisy.after("cut", data=noisy.data[:, :1, :1]))
    code, out, _ = run(*TRAIN[:2], "noisy=one.npz", "clean=one.npz", *TRAIN[4:], *HERE)
    assert code == 0
    assert "too little to hold any of it out" in " ".join(out.split())


def test_several_pairs_are_taken_in_order(run, pair, noisy, clean):
    left, right = (slice(None, 13), slice(13, None))
    for name, part in (("l", left), ("r", right)):
        write(
            pair / f"n{name}.npz", noisy.after("cut", data=noisy.data[..., part], name=f"n{name}")
        )
        write(
            pair / f"c{name}.npz", clean.after("cut", data=clean.data[..., part], name=f"c{name}")
        )
    words = ("noisy=nl.npz", "noisy=nr.npz", "clean=cl.npz", "clean=cr.npz")
    code, *_ = run("train", "recipe.json", *words, "-o", "m.safetensors", *HERE)
    assert code == 0
    trained = read_card(pair / "m.safetensors").trained_on
    assert [t.name for t in trained] == ["nl → cl", "nr → cr"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("noisy=noisy.npz",), "1 noisy, 0 clean"),
        (("noisy=noisy.npz", "noisy=noisy.npz", "clean=clean.npz"), "2 noisy, 1 clean"),
        (("noisy=noisy.npz", "labels=clean.npz"), "noisy=PATH clean=PATH"),
        (("noisy.npz",), "wanted one recipe, and images as NAME=PATH"),
    ],
)
def test_layers_that_do_not_fit_the_task_are_refused(run, pair, words, message):
    code, _, err = run("train", "recipe.json", *words, "-o", "m.safetensors", *HERE)
    assert code == 2
    assert message in " ".join(err.replace("│", " ").split())


def test_several_cubes_are_predicted_into_a_folder(run, pair, clean):
    run(*TRAIN, *HERE)
    words = ("noisy.npz", "clean.npz", "-o", "results", "--suffix", ".npz")
    code, *_ = run("predict", "m.safetensors", *words)
    assert code == 0
    assert sorted(p.name for p in (pair / "results").iterdir()) == [
        "clean_predicted.npz",
        "noisy_predicted.npz",
    ]
    code, _, err = run("predict", "m.safetensors", *words)
    assert code == 1
    assert "noisy_predicted.npz" in err
    assert "exists already" in err


def test_a_prediction_that_fails_leaves_no_folder(run, pair):
    words = ("missing.safetensors", "noisy.npz", "clean.npz", "-o", "results")
    assert run("predict", *words)[0] == 1
    assert not (pair / "results").exists()


def test_a_model_of_classes_predicts_labels(run, pair, clean, truth):
    write(pair / "truth.npz", truth)
    recipe = QUICK | {"task": {"kind": "segment"}, "training": {"epochs": 100}}
    (pair / "recipe.json").write_text(json.dumps(recipe))
    words = ("cube=clean.npz", "labels=truth.npz", "-o", "m.safetensors", *HERE)
    assert run("train", "recipe.json", *words)[0] == 0
    run("predict", "m.safetensors", "clean.npz", "-o", "map.npz")
    found = read_labels(pair / "map.npz")
    assert found.classes == ("first", "second")
    assert (found.data == truth.data).mean() > 0.9


def test_the_card_tells_what_a_model_is(run, pair):
    run(*TRAIN, *HERE)
    _, out, _ = run("card", "m.safetensors", "--json")
    assert json.loads(out)["recipe"]["task"]["kind"] == "denoise"
    _, out, _ = run("card", "m.safetensors")
    assert "12 bands, 450–650 nm" in out
    assert "noisy → " in out


def test_what_is_no_model_is_refused_in_one_line(run, tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"\x80\x04K\x01.")  # a pickle
    code, _, err = run("card", "m.safetensors")
    assert code == 1
    assert err.startswith("error: m.safetensors: not a model file")
    assert err.count("\n") == 1


@pytest.fixture
def interrupted(run, pair, monkeypatch):
    """A training of six epochs, ended by Ctrl-C after the second."""

    def interrupt_after_two_epochs(step):
        if step.note.startswith("epoch 2 "):
            signal.raise_signal(signal.SIGINT)
        return ""

    (pair / "recipe.json").write_text(json.dumps(QUICK | {"training": {"epochs": 6}}))
    with monkeypatch.context() as patch:
        patch.setattr("napari_hyperspectral.progress._note", interrupt_after_two_epochs)
        code, out, _ = run(*TRAIN, *HERE)
    assert code == 130
    assert out.endswith("m.safetensors\n")
    return pair / "m.safetensors"


def test_ctrl_c_keeps_the_best_so_far(interrupted):
    card = read_card(interrupted)
    assert card.ended == "by hand"
    assert len(card.losses) == 2


def test_a_stopped_training_goes_on_where_it_ended(run, interrupted):
    before = read_card(interrupted).losses
    assert run(*TRAIN, *HERE, "--resume", "--force")[0] == 0
    card = read_card(interrupted)
    assert card.ended == "done"
    assert len(card.losses) == 6
    assert card.losses[:2] == before


def test_a_training_goes_on_or_starts_from_a_model_but_not_both(run, pair):
    both = (*TRAIN, *HERE, "--resume", "--from", "first.safetensors")
    code, _, err = run(*both)
    assert code == 2
    told = " ".join(err.split())
    assert "leave out --from, or leave out --resume to begin again from first.safetensors" in told


def test_formats_are_listed(run):
    _, out, _ = run("formats")
    assert "*.hdr" in out
    assert "ENVI" in out


def test_help_and_info_do_not_load_torch(cube, tmp_path):
    write(tmp_path / "c.npz", cube)
    for words in (["--help"], ["info", str(tmp_path / "c.npz"), "--stats"], ["formats"]):
        script = (
            "import sys; from napari_hyperspectral.cli import main\n"
            f"try: main({words!r})\n"
            "except SystemExit: print(sorted({'torch', 'napari', 'qtpy'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.stdout.endswith("[]\n"), done.stderr


def test_a_model_is_saved_under_its_own_suffix_only(run, pair):
    words = ["m.npy" if word == "m.safetensors" else word for word in (*TRAIN, *HERE)]
    code, _, err = run(*words)
    assert code == 1
    assert "a model is saved as .safetensors, not as 'm.npy'" in err
    assert not (pair / "m.npy").exists()


def test_axis_takes_steps_in_their_order(run, plain_cube, tmp_path):
    write(tmp_path / "c.npz", plain_cube)
    steps = ["ends first=500 last=600 excitation_nm=532", "shift by=-1.5"]
    words = [word for step in steps for word in ("--step", step)]
    code, out, _ = run(
        "axis", "c.npz", "out.npz", *words, "--step", 'convert quantity="energy (eV)"'
    )
    assert (code, out.strip()) == (0, "out.npz")
    found = read(tmp_path / "out.npz")
    assert found.spectral_axis.unit == "eV"
    assert found.spectral_axis.centres[0] == pytest.approx(1239.841984 / 498.5)
    assert len(found.history) == len(plain_cube.history) + 3


def test_axis_is_loaded_from_a_file_of_numbers(run, plain_cube, tmp_path):
    write(tmp_path / "c.npz", plain_cube)
    centres = [str(400.5 + band) for band in range(len(plain_cube.axis))]
    (tmp_path / "axis.txt").write_text("\n".join(["wavelength (nm)", *centres]))
    assert run("axis", "c.npz", "out.npz", "--load", "axis.txt")[0] == 0
    axis = read(tmp_path / "out.npz").spectral_axis
    assert (axis.centres[0], axis.unit) == (400.5, "nm")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give --load FILE or --step"),
        (("--step", "turn by=3"), "KIND being one of ends, steps"),
        (("--step", "shift by"), "wanted KIND key=value"),
        (("--step", "shift by=much"), "by: .*number"),
    ],
)
def test_axis_refuses_what_is_no_step(run, plain_cube, tmp_path, words, message):
    write(tmp_path / "c.npz", plain_cube)
    code, _, error = run("axis", "c.npz", "out.npz", *words)
    assert code in (1, 2)
    assert re.search(message, error.replace("\n", " "))
    assert not (tmp_path / "out.npz").exists()


def test_released_weights_become_a_model(run, tmp_path):
    import torch

    from napari_hyperspectral.networks import HyRISR, Ports

    state = HyRISR().build(Ports(bands_in=6, bands_out=6, scale=3)).state_dict()
    torch.save(state, tmp_path / "RCAN_3x.pt")
    code, _, _ = run("import-weights", "RCAN_3x.pt", "--axis", "600:1800:6", "-o", "m.safetensors")
    assert code == 0
    found = read_card(tmp_path / "m.safetensors")
    assert found.input_axis == SpectralAxis(np.linspace(600, 1800, 6), "1/cm", "raman_shift")
    assert found.recipe["task"]["scale"] == 3
    code, _, err = run(
        "import-weights", "RCAN_3x.pt", "--axis", "600:1800:7", "-o", "n.safetensors"
    )
    assert (code, err.count("\n")) == (1, 1)
    assert "RCAN_3x.pt is for 6 bands, the axis has 7" in err


@pytest.mark.parametrize("axis", ["600:1800", "600 to 1800", "missing.txt"])
def test_an_axis_that_is_none_is_wrong_usage(run, axis):
    code, _, err = run("import-weights", "RCAN_3x.pt", "--axis", axis, "-o", "m.safetensors")
    assert code == 2
    assert "FIRST:LAST:BANDS" in err


def test_a_command_of_an_earlier_version_runs_by_its_present_name(run):
    words = ("RCAN_3x.pt", "--axis", "600:1800:6", "-o", "m.npz")
    code, out, err = run("adopt", *words)
    note, *others = err.splitlines()
    assert note == "note: the command adopt is called import-weights now"
    assert (code, out, "\n".join(others)) == (*run("import-weights", *words)[:2], others[0])
    _, out, _ = run("--help")
    assert "import-weights" in out
    assert "adopt" not in out


def test_a_prediction_goes_on_after_a_bad_file_and_ends_with_its_error(run, pair):
    run(*TRAIN, *HERE)
    (pair / "damaged.npz").write_bytes(b"PK damaged")
    words = ("noisy.npz", "damaged.npz", "missing.npz", "clean.npz", "-o", "results")
    code, out, err = run("predict", "m.safetensors", *words, "--keep-going")
    assert code == 1
    names = [f"{name}_predicted.ome.tif" for name in ("noisy", "clean")]
    assert [line.rpartition("/")[2] for line in out.splitlines()] == names
    problems = [line for line in err.splitlines() if line.startswith("error: ")]
    assert problems[0].startswith("error: damaged.npz: ")
    assert problems[1] == "error: missing.npz: there is no file 'missing.npz'"
    assert len(problems) == 2


def test_a_result_never_overwrites_the_cube_it_is_predicted_from(run, pair):
    run(*TRAIN, *HERE)
    before = (pair / "noisy.npz").read_bytes()
    words = ("noisy.npz", "-o", "noisy.npz", "--force")
    code, _, err = run("predict", "m.safetensors", *words)
    assert code == 1
    assert "give the result another name" in err
    assert (pair / "noisy.npz").read_bytes() == before
