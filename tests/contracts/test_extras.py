"""What may be missing: it is named where it is needed, brought by an extra, loaded by nobody else."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from napari_hyperspectral.io import FORMATS, MissingPackageError, read

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "napari_hyperspectral"
OPTIONAL = (
    *("imagecodecs", "hdf5plugin", "nd2", "oiffile", "oirfile", "pyhdf", "witio"),
    *("bioio", "hyperspy", "monai", "rsciio", "tensorly"),
)
GPL = ("hyperspy", "rosettasciio", "readlif", "brukeropusreader", "mat73")
BEGINNINGS = {
    "a.nd2": b"\xda\xce\xbe\x0a",
    "a.oib": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a.oif": b"\xff\xfe[\0",
    "a.oir": b"OLYMPUSRAWFORMAT",
}
"""Files that are recognised, and for which a library would be asked."""


def extras():
    """Return the packages of each extra."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the package is installed, its sources are not here")
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return about["project"]["optional-dependencies"]


def test_every_extra_that_is_named_exists_and_all_brings_it():
    named = {form.extra for form in FORMATS if form.extra}
    for path in SOURCES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'MissingPackageError\(\s*"[^"]*",\s*"([^"]*)"', text))
    assert named <= set(extras())
    assert all(re.search(rf"[\[,]{name}[\],]", " ".join(extras()["all"])) for name in named)


def test_no_extra_brings_what_is_under_the_gpl():
    packages = {re.match(r"[\w-]+", each)[0] for all_ in extras().values() for each in all_}
    assert not packages & set(GPL)


def test_no_reader_loads_an_optional_package_before_a_file_needs_it():
    modules = [*sorted({form.reader for form in FORMATS if form.reader}), "bridge"]
    code = (
        "import sys, importlib, napari_hyperspectral.io\n"
        f"for name in {modules}: importlib.import_module('napari_hyperspectral.io.' + name)\n"
        f"print(*sorted(set({OPTIONAL[1:]}) & set(sys.modules)))"  # tifffile loads imagecodecs
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path, monkeypatch, name):
    for package in OPTIONAL:
        monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / name
    path.write_bytes(BEGINNINGS[name] + bytes(100))
    (extra,) = {f.extra for f in FORMATS if f"*{path.suffix}" in f.patterns}
    with pytest.raises(
        MissingPackageError, match=rf"pip install 'napari-hyperspectral\[{extra}\]'"
    ):
        read(path)
