"""Super-resolution on spectral components."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Training, fit, predict
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import HyRISR, Ports, SubspaceRCAN, enlarged
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.tasks import SuperResolve

SMALL = SubspaceRCAN(components=3, width=8, groups=1, blocks=1)


@pytest.fixture
def scene(rng):
    """Three spectra in patterns of their own, a little noise in each of 20 bands."""
    y, x = np.mgrid[:32, :40] / 6
    maps = np.stack([np.sin(x + y), np.cos(x * 1.3), np.sin(y * 2) * np.sin(x)]) + 1.5
    spectra = rng.uniform(0, 1, (20, 3))
    data = np.einsum("bk,kyx->byx", spectra, maps) + rng.normal(0, 0.01, (20, 32, 40))
    return Cube(data.astype(np.float32), SpectralAxis(np.linspace(400, 700, 20), "nm"))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_it_begins_close_to_the_interpolated_image(scene, scale):
    body = SMALL.build(Ports(bands_in=20, bands_out=20, scale=scale))
    image = torch.from_numpy(scene.data)[None]
    image = (image - image.mean()) / image.std()
    body.initialise_from(image[0].flatten(1).T)
    large = enlarged(image, scale)
    assert (body(image) - large).std() < 0.2 * large.std()


def test_it_begins_as_the_image_itself_where_nothing_is_enlarged(scene):
    """On as many components as the scene has spectra, all but the noise is there."""
    body = SMALL.build(Ports(bands_in=20, bands_out=20))
    image = torch.from_numpy(scene.data)[None]
    image = (image - image.mean()) / image.std()
    body.initialise_from(image[0].flatten(1).T)
    assert (body(image) - image).std() < 0.2 * image.std()


def test_what_it_adds_lies_in_the_span_of_its_components(scene):
    body = SMALL.build(Ports(bands_in=20, bands_out=20, scale=2))
    image = torch.from_numpy(scene.data)[None]
    with torch.no_grad():
        added = (body(image) - enlarged(image, 2))[0].flatten(1)
    assert torch.linalg.matrix_rank(added, rtol=1e-3) <= 3


def test_it_is_a_hundredth_of_the_published_network():
    ports = Ports(bands_in=500, bands_out=500, scale=4)
    with torch.device("meta"):
        small, large = (
            sum(p.numel() for p in kind().build(ports).parameters())
            for kind in (SubspaceRCAN, HyRISR)
        )
    assert small < large / 100


def test_without_attention_tiles_are_as_the_whole(scene):
    recipe = Recipe(
        task=SuperResolve(scale=2),
        method=SMALL.model_copy(update={"attention": False}),
        training=Training(epochs=1, patch_size=16, validation=0),
    )
    model: Model = fit(recipe, [recipe.example(fine=scene)])
    wide = scene.after("repeated", data=np.tile(scene.data, (1, 6, 6)))
    whole, tiled = (
        predict(model, wide, machine=Machine(tile_memory=memory)).data for memory in (4096, 16)
    )
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * whole.std())
