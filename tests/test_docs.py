"""Every example of the documentation runs: blocks of Python, and our lines in blocks of shell."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cli import main
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.io import read, write
from napari_hyperspectral.networks import Ports, ResUNet1D

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """A folder with the files that the pages speak of, as small as they get."""
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
    quick = {"task": {"kind": "denoise"}, "network": {"kind": "pixelwise"}}
    Path("quick.json").write_text(json.dumps(quick | {"training": {"epochs": 2}}))
    return tmp_path


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page, folder):
    for text in blocks(page, "json"):
        Path("recipe.json").write_text(text)
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), {"__name__": "example"})
    lines = [line for text in blocks(page, "sh") for line in text.splitlines()]
    for line in lines:
        if line.startswith("napari-hyperspectral "):
            with pytest.raises(SystemExit) as end:
                main(shlex.split(line)[1:])
            assert not end.value.code, line


def test_links_between_pages_lead_somewhere():
    for page in (*PAGES, ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"(?<!!)\[[^]]*\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
