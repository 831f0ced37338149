"""The documentation: its examples run, and its generated pages list everything there is."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_hyperspectral
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.classics import CLASSICS
from napari_hyperspectral.cli import COMMANDS, main
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.io import FORMATS, read, write
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import NETWORKS, Ports, ResUNet1D
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.presets import PRESETS
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.spectra.steps.chain import STEPS
from napari_hyperspectral.tasks import TASKS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """A folder with the files that the pages name, as small as they get."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clean = Cube(
        rng.uniform(1, 2, (16, 4, 5)).astype(np.float32),
        SpectralAxis(np.linspace(600, 1800, 16), "1/cm", "raman_shift"),
        name="clean",
    )
    noise = rng.normal(0, 0.1, clean.shape).astype(np.float32)
    write("clean.hdr", clean)
    write("noisy.hdr", clean.after("added noise", data=clean.data + noise))
    write("reference.csv", Cube.from_spectra(clean.spectra()[:3], clean.axis, name="reference"))
    write("scene.npz", clean)
    write("painted.npz", Labels(np.repeat([[1, 1, 0, 2, 2]], 4, axis=0), ("water", "grass")))
    np.savez("arrays.npz", low=np.zeros((3, 4, 5)), high=np.zeros((4, 4, 6)))
    for name, image in (("low", read("noisy.hdr")), ("high", clean)):
        Path(name).mkdir()
        for number in (1, 2):
            write(f"{name}/cell{number}_{name}.hdr", image)
    rows = ("rat 1,train", "rat 2,test")
    lines = [f"low/cell{i}_low.hdr,high/cell{i}_high.hdr,{row}" for i, row in enumerate(rows, 1)]
    Path("cells.csv").write_text("\n".join(["noisy,clean,group,split", *lines]))
    for tissue in ("bone", "cartilage"):
        Path("tissues", tissue).mkdir(parents=True)
        write(f"tissues/{tissue}/spectra.npz", clean)
    torch.save(ResUNet1D().build(Ports(bands_in=500, bands_out=500)).state_dict(), "ResUNet.pt")
    scan = Cube(
        rng.normal(size=(2, 40, 50)).astype(np.float32),
        SpectralAxis(np.array([500.0, 600.0]), "nm"),
        pixel_size=(2.0, 2.0),
        pixel_unit="um",
    )
    write("scan.hdr", scan)
    elsewhere = replace(scan, data=scan.data[:1], axis=ChannelAxis(("dye",)), origin=(6.0, -4.0))
    write("fluorescence.tif", elsewhere)
    write("he.tif", elsewhere)
    roi = Labels(np.ones((9, 8), np.uint8), ("cell",), pixel_size=(2.0, 2.0), pixel_unit="um")
    write("roi.ome.tif", roi)
    marks = ("0,0,0,0", "30,0,30,0", "0,40,0,40", "30,40,30,40")
    Path("marks.csv").write_text("\n".join(["row,column,onto_row,onto_column", *marks]))
    quick = {"task": {"kind": "denoise"}, "method": {"kind": "pixelwise"}}
    Path("quick.json").write_text(json.dumps(quick | {"training": {"epochs": 2}}))
    return tmp_path


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_run(page, folder):
    for text in blocks(page, "json"):
        Path("recipe.json").write_text(text)
    names = {"__name__": "example"}  # a later block may use the names of an earlier one
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), names)
    lines = [line for text in blocks(page, "sh") for line in text.splitlines()]
    for line in lines:
        if line.startswith("napari-hyperspectral "):
            with pytest.raises(SystemExit) as end:
                main(shlex.split(line)[1:])
            assert not end.value.code, line


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\[[^]]*\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            path = page.parent / target
            if path.parent.name != "api":  # written when the site is built
                assert path.exists() or path.with_suffix(".md").exists(), f"{page.name}: {target}"


def kinds(choices):
    return [choice.model_fields["kind"].default for choice in choices]


def settings(choices):
    return [name for choice in choices for name in choice.model_fields if name != "kind"]


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("formats-table", [known.name for known in FORMATS]),
        ("classics-table", kinds(CLASSICS)),
        ("classics-list", settings(CLASSICS)),
        ("networks-table", kinds(NETWORKS)),
        ("networks-list", settings(NETWORKS)),
        ("tasks-table", kinds(TASKS)),
        ("tasks-list", settings(TASKS)),
        ("presets-table", [preset.name for preset in PRESETS]),
        ("recipe-settings", settings([Training, Augmentation])),
        ("steps-list", kinds(STEPS)),
        ("machine-settings", settings([Machine])),
        ("commands-table", [*COMMANDS]),
    ],
)
def test_a_generated_part_of_the_reference_names_everything(part, names, monkeypatch):
    pytest.importorskip("sphinx", reason="pip install --group docs")
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    text = "\n".join(importlib.import_module("class_tables").PARTS[part]())
    assert [name for name in names if not re.search(rf"(?<!\w){re.escape(name)}\b", text)] == []
    pages = (ROOT / "docs" / "reference").glob("*.md")
    assert any(f"```{{{part}}}" in page.read_text("utf-8") for page in pages)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation as a site, built without a single warning."""
    pytest.importorskip("sphinx", reason="pip install --group docs")
    pages = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", str(pages)]
    built = subprocess.run(
        [*command, "-d", str(tmp_path_factory.mktemp("doctrees"))],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return pages


@pytest.mark.slow  # scripts/test builds the site before it runs the tests
def test_every_public_name_has_a_page(site):
    pages = {path.stem for path in (site / "reference" / "api").glob("*.html")}
    assert set(napari_hyperspectral.__all__) <= pages


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    loaded = re.compile(r"""<(?:script|img|iframe)[^>]*\ssrc="https?:|<link[^>]*href="https?:""")
    fetched = re.compile(r"""@import\s+["']https?:|url\(["']?https?:""")
    pages = [path.name for path in site.rglob("*.html") if loaded.search(path.read_text("utf-8"))]
    styles = [path.name for path in site.rglob("*.css") if fetched.search(path.read_text("utf-8"))]
    assert pages + styles == []
