"""The rules of the house: what may be loaded, what must be told, what must agree."""

import os
import re
import subprocess
import sys
import typing
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

import napari_hyperspectral
from napari_hyperspectral.io import FORMATS
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.card import Card, Trained
from napari_hyperspectral.networks import NETWORKS, Ports
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import TASKS

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "napari", "qtpy", "PyQt6", "PySide6", "magicgui", "matplotlib", "pyqtgraph")


def loaded_by(code):
    """Return which heavy packages a fresh Python has loaded after `code`."""
    ask = f"import sys; {code}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "code",
    [
        "import napari_hyperspectral",
        "from napari_hyperspectral import read, write, Cube, SpectralAxis",
        "from napari_hyperspectral import read_card",
        "from napari_hyperspectral import to_layer, Machine, Progress",
        "import napari_hyperspectral._napari.contributions",
        "import napari_hyperspectral.cli",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    assert loaded_by(code) == []


def test_every_public_name_leads_somewhere():
    for name in napari_hyperspectral.__all__:
        assert getattr(napari_hyperspectral, name).__module__.startswith("napari_hyperspectral.")
    with pytest.raises(AttributeError, match="attribute reed"):
        napari_hyperspectral.reed  # noqa: B018


def test_importing_the_package_takes_less_than_a_fifth_of_a_second():
    code = (
        "import numpy, time; begin = time.perf_counter(); import napari_hyperspectral; "
        "print(time.perf_counter() - begin)"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.2


def manifest():
    return yaml.safe_load(files(napari_hyperspectral).joinpath("napari.yaml").read_text())


def test_napari_offers_to_read_what_the_formats_read():
    whole, inside = manifest()["contributions"]["readers"]
    patterns = {pattern for known in FORMATS if known.reader for pattern in known.patterns}
    assert set(whole["filename_patterns"]) == {p for p in patterns if not p.endswith("/")}
    # napari asks about folders whatever their names
    assert whole["accepts_directories"] == any(p.endswith("/") for p in patterns)
    assert inside["filename_patterns"] == ["*::*"]  # path::array


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_napari_offers_to_write_what_the_formats_write(kind):
    writers = [w for w in manifest()["contributions"]["writers"] if w["layer_types"] == [kind]]
    target = {
        pattern.strip("*/")
        for known in FORMATS
        if known.writer and (kind == "image" or known.labels)
        for pattern in known.writes or known.patterns
    }
    assert {e for w in writers for e in w["filename_extensions"]} == target - {""}


@pytest.mark.parametrize(
    "settings", [*TASKS, *NETWORKS, Training, Recipe, Machine, Card, Trained, Ports]
)
def test_every_setting_has_a_help_text(settings: type[BaseModel]):
    plain = {"kind", "pixel_unit"}
    silent = [n for n, f in settings.model_fields.items() if not f.description and n not in plain]
    assert silent == []


@pytest.mark.parametrize("choice", [*TASKS, *NETWORKS])
def test_every_task_and_network_cites_its_source(choice):
    assert re.search(r"\b(19|20)\d\d\b", choice.source), "a source has a year"
    assert re.search(r"https?://", choice.source), "a source can be looked up"
    assert (choice.__doc__ or "").strip().partition("\n")[0].endswith(".")


@pytest.mark.parametrize("choice", [*TASKS, *NETWORKS])
def test_kinds_are_told_apart_by_one_word(choice):
    kinds = [other.model_fields["kind"].default for other in (*TASKS, *NETWORKS)]
    kind = choice.model_fields["kind"]
    assert typing.get_args(kind.annotation) == (kind.default,)
    assert kinds.count(kind.default) == 1


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git clone: what is tracked is not known")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_no_file_names_a_place_on_one_machine_or_a_registry():
    places = "|".join(("work", "opt", "tmp", "root", "farm", "home"))
    hosts = "|".join(("py" + "pi", "files.python" + "hosted", "download.py" + "torch", "conda."))
    forbidden = re.compile(rf"(?<![\w.}}\])~-])/({places})/\w|https?://\S*({hosts})\S*\.")
    found = []
    for path in tracked():
        if path.suffix in (".png", ".gif") or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if forbidden.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.skipif(sys.platform == "win32", reason="scripts for a POSIX shell")
def test_the_commands_of_the_readme_are_there():
    commands = re.findall(r"^(?:\./)?(scripts/\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(commands) == {"scripts/demo", "scripts/test"}
    for command in (*commands, ".ci/run"):
        assert os.access(ROOT / command, os.X_OK), command


def test_constraints_pin_every_dependency_and_torch_to_what_was_tested():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    about = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", about, re.MULTILINE | re.DOTALL)[1]
    target = {name.lower() for name in re.findall(r'^    "([\w-]+)', listed, re.MULTILINE)}
    assert len(target) > 15
    assert target <= pinned
    assert pins["torch"] == "2.13.0"
