"""The published experiments: their settings hold together, and their networks have their sizes."""

import re
from importlib.resources import files

import numpy as np
import pytest
import torch

from napari_hyperspectral import fit
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.networks import build_module
from napari_hyperspectral.recipe.presets import PRESETS, Preset, preset
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.training.splits import group_split

BY_NAME = pytest.mark.parametrize("known", PRESETS, ids=lambda known: known.name)


def weights(network, ports):
    with torch.device("meta"):
        return sum(p.numel() for p in build_module(network, ports).parameters())


def test_every_published_system_is_there():
    systems = [known.name.split("-")[0] for known in PRESETS]
    assert {name: systems.count(name) for name in systems} == {
        "deeper": 5,
        "fnet": 2,
        "hyres": 1,
        "spectrai": 8,
        "uwunet": 3,
    }


def test_each_file_is_a_preset_of_its_name():
    folder = files("napari_hyperspectral").joinpath("recipe", "published")
    names = [f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json")]
    assert sorted(names) == sorted(known.name for known in PRESETS)


def test_a_preset_that_is_not_there_is_refused_by_name():
    assert preset("deeper-denoise").recipe.training.epochs == 500
    with pytest.raises(ValueError, match="no preset 'deeper'; there are deeper-denoise"):
        preset("deeper")


@BY_NAME
def test_a_preset_survives_json_and_names_its_publication(known):
    assert Preset.model_validate_json(known.model_dump_json()) == known
    assert Recipe.model_validate_json(known.recipe.model_dump_json()) == known.recipe
    assert re.search(r"\b20\d\d, .*https://", known.reference)
    assert known.notes.startswith("As ")
    assert known.notes.endswith(".")


@pytest.mark.parametrize(
    "known", [known for known in PRESETS if known.ports], ids=lambda known: known.name
)
def test_a_network_of_published_size_has_the_published_weights(known):
    network = known.recipe.method
    if network.kind == "uwunet":  # with the end of the released network, which we do not take
        network = network.model_copy(update={"legacy": True})
    found = weights(network, known.ports)
    assert known.parameters in (None, found)
    assert known.ports.bands_in <= 500


@pytest.mark.parametrize(
    ("name", "at_most"),
    [  # what the published networks would have with their bands, and what ours get by with
        ("spectrai-segment", 40e6),
        ("spectrai-classify-spectra", 10e6),
        ("spectrai-classify-images", 15e6),
    ],
)
def test_channels_do_not_grow_with_the_bands(name, at_most):
    known = preset(name)
    assert 1e6 < weights(known.recipe.method, known.ports) < at_most


@BY_NAME
def test_spectra_are_never_reversed_and_hardly_shifted(known):
    varied = known.recipe.augmentation
    assert not varied.spectral_flip
    assert varied.shift <= 0.01 * 1300


@pytest.mark.parametrize(
    ("name", "pixels"), [("deeper-sr-x2", 64), ("deeper-sr-x3", 63), ("deeper-sr-x4", 64)]
)
def test_fine_windows_of_super_resolution_are_the_published_ones(name, pixels):
    recipe = preset(name).recipe
    assert recipe.task.scale * recipe.training.patch_size == pixels
    assert recipe.training.patches_per_epoch == 1
    assert recipe.training.image_batch_size == 2


@pytest.mark.parametrize("name", ["uwunet-indian-pines", "uwunet-msi-drugs"])
def test_uwunet_takes_fifty_thousand_steps(name):
    training = preset(name).recipe.training
    assert training.epochs * training.patches_per_epoch == 50_000 * training.image_batch_size


@pytest.mark.parametrize("name", ["fnet-2d", "fnet-3d", "uwunet-srs-organelles"])
def test_with_as_many_images_as_its_notes_say_it_takes_fifty_thousand_steps(name):
    known = preset(name)
    training = known.recipe.training
    numbers = re.search(r"(\d+) training images of (\d+)", known.notes).groups()
    training_images, images = map(int, numbers)
    groups = [str(number) for number in range(images)]
    held_out = group_split(groups, [1] * images, training.validation, training.seed)
    assert held_out.count(False) == training_images
    assert (
        training.epochs * training.patches_per_epoch * training_images
        == 50_000 * training.image_batch_size
    )


@pytest.fixture(scope="module")
def scenes():
    """Four small scenes of 8 bands, by the names of what tasks ask for."""
    rng = np.random.default_rng(0)
    axis = SpectralAxis(np.linspace(600, 1800, 8), "1/cm", "raman_shift")
    ids = np.where(np.add.outer(np.arange(16), np.arange(20)) % 9 < 4, 2, 1).astype(np.uint8)
    found = []
    for number in range(4):
        clean = (1 + ids * np.arange(1, 9)[:, None, None] + number % 2).astype(np.float32)
        cube = Cube(clean + rng.normal(0, 0.5, clean.shape).astype(np.float32), axis, name="cell")
        truth = Cube(clean, axis)
        found.append(
            {
                "noisy": cube,
                "clean": truth,
                "measured": cube,
                "reference": Cube(clean[::2], SpectralAxis(axis.centres[::2], "1/cm", axis.kind)),
                "cube": cube,
                "labels": Labels(ids),
                "target": Cube(clean[:2], ChannelAxis(("DAPI", "lipid"))),
                "spectra": cube,
                "fine": truth,
                "image": cube,
                "label": ("healthy", "ill")[number % 2],
            }
        )
    return found


@BY_NAME
def test_a_preset_of_reduced_size_trains(known, scenes):
    recipe = known.reduced()
    target = recipe.task.asks_for()
    examples = [recipe.example(**{name: scene[name] for name in target}) for scene in scenes]
    model = fit(recipe, examples)
    assert len(model.card.losses) == 1
    assert np.isfinite(model.card.losses[0])
    assert model.card.parameters < 200_000
    kept = ("kind", "along", "norm", "activation", "residual")
    full, small = known.recipe.method.model_dump(), recipe.method.model_dump()
    assert {n: small[n] for n in kept if n in small} == {n: full[n] for n in kept if n in full}
