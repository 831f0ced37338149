"""What a training needs is known before it begins, and too much is refused with what to do."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.networks import (
    RRDB,
    Pixelwise,
    Ports,
    ResUNet1D,
    SegNet,
    SpectralUNet,
    UNet,
    UwUNet,
)
from napari_hyperspectral.tasks import ClassifyImages, Denoise, Segment, SuperResolve
from napari_hyperspectral.training import memory as memory_module
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.memory import TooLargeError, training_bytes
from napari_hyperspectral.training.plan import plan_training

MEASURE = r"""
import re, sys
from pathlib import Path
import numpy as np, torch
from napari_hyperspectral import Recipe, Training, Machine
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.training.fit import fit_steps
from napari_hyperspectral.training.memory import training_bytes
from napari_hyperspectral.training.plan import plan_training
from napari_hyperspectral.networks import *
from napari_hyperspectral.tasks import Denoise, Segment
# not ru_maxrss, which begins with that of the process that started this one
peak = lambda: 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
task, network = Denoise(), {network}
cube = Cube(np.random.default_rng(0).normal(size=(40, 128, 128)).astype("f4"), SpectralAxis.index(40))
example = task.example(noisy=cube, clean=cube)
recipe = Recipe(task=task, network=network, training=Training(
    epochs=1, patches_per_epoch=2, patch_size=128, batch_size=1024, validation=0, optimiser="adamw"))
(torch.randn(8, 8, requires_grad=True) @ torch.randn(8, 8)).sum().backward()  # load what is lazy
before = peak()
job = fit_steps(recipe, [example], machine=Machine(threads=1))
for _ in zip(range(2), job):
    pass
print(training_bytes(plan_training(recipe, [example])), peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        UwUNet(unets=4, middle=20, width=16, depth=2),
        SpectralUNet(width=48),
        ResUNet1D(width=24),
        Pixelwise(width=1024, layers=4),
        pytest.param(UNet(along="volume", width=6, depth=2), marks=pytest.mark.slow),
        SegNet(width=32, depth=3),
        RRDB(bands="jointly", width=32, blocks=2),
    ],
    ids=lambda network: f"{network.kind} {getattr(network, 'along', '')}".strip(),
)
def test_a_training_takes_the_memory_it_was_said_to_within_half(network):
    code = MEASURE.replace("{network}", repr(network))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told, taken = map(int, run.stdout.split())
    assert taken > 80e6, "too small to be seen"
    assert 1 / 1.5 < told / taken < 1.5


def test_a_training_that_cannot_fit_is_refused_before_it_begins(noisy, clean, monkeypatch):
    monkeypatch.setattr(memory_module, "free_bytes", lambda device: 10_000)
    recipe = Recipe(task=Denoise(), method=Pixelwise(), training=Training(epochs=1))
    example = recipe.task.example(noisy=noisy, clean=clean)
    with pytest.raises(TooLargeError, match=r"needs about .* GB, 0.0 GB are free on cpu; take a"):
        fit(recipe, [example])


@pytest.mark.parametrize("task", [SuperResolve(scale=2), ClassifyImages()], ids=lambda t: t.kind)
def test_images_count_as_such_for_networks_that_see_one_spectrum_at_a_time(task, noisy):
    training = Training(image_batch_size=2, validation=0)
    recipe = Recipe(task=task, method=Pixelwise(width=64), training=training)
    images = [{"fine": noisy}]
    if task.image_level:
        images = [{"image": noisy, "label": label} for label in ("one", "two")]
    examples = [recipe.example(**image) for image in images]
    spectra = 2 * examples[0].input[0, 0].size * task.upscaling**2
    told = training_bytes(plan_training(recipe, examples))
    batch = recipe.training.model_copy(update={"image_batch_size": 1})
    less = recipe.model_copy(update={"training": batch})
    single = training_bytes(plan_training(less, examples))
    assert told - single > 4 * 64 * spectra / 2  # a float for each unit of a layer


def test_a_segnet_as_wide_as_spectrai_makes_it_of_500_bands_is_refused(monkeypatch):
    """It would have more than one and a half thousand million weights."""
    monkeypatch.setattr(memory_module, "free_bytes", lambda device: 24 * 2**30)
    rng = np.random.default_rng(0)
    cube = Cube(rng.normal(size=(500, 8, 8)).astype(np.float32), SpectralAxis.index(500))
    labels = Labels(np.arange(64).reshape(8, 8) % 5 + 1)
    recipe = Recipe(task=Segment(), method=SegNet(width=500))
    with pytest.raises(TooLargeError, match="a narrower network, or fewer bands than 500"):
        next(fit_steps(recipe, [recipe.example(cube=cube, labels=labels)]))
    ours = recipe.model_copy(update={"method": SegNet()})
    next(fit_steps(ours, [ours.example(cube=cube, labels=labels)]))
    assert weights(SegNet(width=500)) > 1.5e9


def weights(network):
    with torch.device("meta"):
        return sum(p.numel() for p in network.build(Ports(bands_in=500, bands_out=5)).parameters())


def test_what_a_batch_queue_allows_is_what_is_free_copies_of_files_left_out(tmp_path, monkeypatch):
    from napari_hyperspectral import devices

    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 500000\nactive_file 100000\n")
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    assert devices.free_bytes(torch.device("cpu")) == 700_000
    (tmp_path / "memory.max").write_text("max\n")
    assert devices.free_bytes(torch.device("cpu")) > 700_000
