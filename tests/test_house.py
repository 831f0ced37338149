"""The rules of the house: what may be loaded, what must be told, what must agree."""

import ast
import os
import re
import runpy
import subprocess
import sys
import typing
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

import napari_hyperspectral
from napari_hyperspectral.io.formats import (
    patterns_of_files,
    patterns_of_folders,
    suffixes_to_write,
)
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.card import Card, Trained
from napari_hyperspectral.networks import Ports
from napari_hyperspectral.recipe.methods import METHODS
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import TASKS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_hyperspectral"
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
        "import napari_hyperspectral._napari.readers",
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
    return files(napari_hyperspectral).joinpath("napari.yaml").read_text(encoding="utf-8")


def rewritten(text):
    """Return a manifest as `scripts/manifest` rewrites it."""
    return runpy.run_path(str(ROOT / "scripts" / "manifest"))["rewritten"](text)


def test_napari_offers_to_read_what_the_formats_read():
    by_name, by_array = yaml.safe_load(manifest())["contributions"]["readers"]
    assert by_name["filename_patterns"] == patterns_of_files(), "run scripts/manifest"
    # napari asks about folders whatever their names
    assert by_name["accepts_directories"] == bool(patterns_of_folders())
    assert by_array["filename_patterns"] == ["*::*"]  # path::array


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_napari_offers_to_write_what_the_formats_write(kind):
    writers = yaml.safe_load(manifest())["contributions"]["writers"]
    (writer,) = [writer for writer in writers if writer["layer_types"] == [kind]]
    suffixes = list(suffixes_to_write(labels=kind == "labels"))
    assert writer["filename_extensions"] == suffixes, "run scripts/manifest"


@pytest.mark.skipif(not (ROOT / "scripts").is_dir(), reason="the sources are not here")
def test_the_manifest_is_rewritten_from_the_list_of_formats_and_nothing_else_of_it_changes():
    text = manifest()
    assert rewritten(text) == text, "run scripts/manifest"
    outdated = text.replace('        - "*.wdf"\n', "").replace(
        '        - ".npz"\n', '        - ".a"\n'
    )
    assert outdated.count('        - ".a"\n') == 2  # for images and for labels
    assert rewritten(outdated) == text


@pytest.mark.parametrize(
    "settings", [*TASKS, *METHODS, Training, Recipe, Machine, Card, Trained, Ports]
)
def test_every_setting_has_a_help_text(settings: type[BaseModel]):
    plain = {"kind", "pixel_unit"}
    silent = [n for n, f in settings.model_fields.items() if not f.description and n not in plain]
    assert silent == []


@pytest.mark.parametrize("choice", [*TASKS, *METHODS])
def test_every_task_and_method_cites_its_source(choice):
    assert re.search(r"\b(19|20)\d\d\b", choice.source), "a source has a year"
    assert re.search(r"https?://", choice.source), "a source can be looked up"
    assert (choice.__doc__ or "").strip().partition("\n")[0].endswith(".")


@pytest.mark.parametrize("choice", [*TASKS, *METHODS])
def test_kinds_are_told_apart_by_one_word(choice):
    kinds = [other.model_fields["kind"].default for other in (*TASKS, *METHODS)]
    kind = choice.model_fields["kind"]
    assert typing.get_args(kind.annotation) == (kind.default,)
    assert kinds.count(kind.default) == 1


# The words of version 0.1 that nobody could know: each has one of the field's in its place.
OLD_WORDS = frozenset(
    [
        "adopt",
        "adopted",
        "agreed",
        "apart",
        "beside",
        "contest",
        "drawn",
        "finer",
        "finished",
        "given",
        "idle",
        "judge",
        "judged",
        "judging",
        "knowing",
        "pace",
        "placed",
        "reach",
        "rest",
        "rival",
        "scattered",
        "settled",
        "strata",
        "taught",
        "together",
        "told",
        "unseen",
        "wanted",
        "whole",
    ]
)
QT_NAMES = {"finished"}  # a signal of Qt's


def sources():
    """Return the modules that must speak the field's language, with their syntax trees."""
    modules = [path for path in SOURCE.rglob("*.py") if path.name != "renamed.py"]
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in modules]


def identifiers(node):
    """Yield the names that a node of a syntax tree brings, other than those of Qt."""
    of_others = QT_NAMES if isinstance(node, ast.Attribute | ast.keyword) else ()
    for field in ("id", "arg", "name", "asname", "attr"):
        name = getattr(node, field, None)
        if isinstance(name, str) and name not in of_others:
            yield name


def words_of(name):
    """Return the words of a name in snake_case, kebab-case or CamelCase."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_the_parts_of_names_are_found():
    assert words_of("_judge_of_finer") == {"judge", "of", "finer"}
    assert words_of("AdoptDialog") == {"adopt", "dialog"}
    tree = ast.parse("def taught(given): return given.drawn(unseen=rest)")
    found = {name for node in ast.walk(tree) for name in identifiers(node)}
    assert found == {"taught", "given", "drawn", "unseen", "rest"}


def test_no_name_holds_a_word_of_our_own():
    found = {
        f"{path.relative_to(SOURCE)}:{node.lineno}: {name}"
        for path, tree in sources()
        for node in ast.walk(tree)
        for name in identifiers(node)
        if hasattr(node, "lineno") and words_of(name) & OLD_WORDS
    }
    assert sorted(found) == []


def test_no_key_option_or_label_is_a_word_of_our_own():
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {node.value!r}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.strip(" -…:").lower() in OLD_WORDS
    ]
    assert found == []


def test_no_file_and_no_title_of_the_manifest_holds_a_word_of_our_own():
    files_and_folders = [path.relative_to(SOURCE) for path in SOURCE.rglob("*")]
    names = [part for path in files_and_folders for part in path.with_suffix("").parts]
    contributions = yaml.safe_load(manifest())["contributions"]
    titles = [command["title"] for command in contributions["commands"]]
    titles += [widget["display_name"] for widget in contributions["widgets"]]
    assert {name for name in (*names, *titles) if words_of(name) & OLD_WORDS} == set()


def test_rooms_are_small_enough_to_be_looked_over():
    folders = [SOURCE, *(path for path in SOURCE.rglob("*") if path.is_dir())]
    modules = {folder: list(folder.glob("*.py")) for folder in folders}
    assert len(modules[SOURCE]) <= 15
    assert [folder for folder, inside in modules.items() if len(inside) > 25] == []
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in SOURCE.rglob("*.py")}
    assert [path for path, length in lengths.items() if length > 500] == []


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
