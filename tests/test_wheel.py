"""The built package has all that it needs: public names, manifest, presets."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"  # a build leaves files behind, which the next one would take in
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    build = ["wheel", str(copy), "--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_public_name_is_found_in_the_built_package(unpacked):
    code = (
        "import napari_hyperspectral as package; from pathlib import Path\n"
        f"assert Path(package.__file__).is_relative_to({str(unpacked)!r})\n"
        "print(*(name for name in package.__all__ if getattr(package, name)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
        cwd=unpacked,
    )
    assert {"Cube", "Recipe", "fit", "predict", "read", "write"} <= set(run.stdout.split())


def test_files_that_are_no_modules_are_in_the_built_package(unpacked):
    package = unpacked / "napari_hyperspectral"
    source = ROOT / "src" / "napari_hyperspectral"
    files = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    data = {path for path in files if path.suffix in (".json", ".pyi", ".typed", ".yaml")}
    assert data
    assert [path for path in data if not (package / path).is_file()] == []
