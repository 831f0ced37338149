"""The DeepeR network, against the published figures."""

import json

import numpy as np
import pytest
import torch

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io.errors import FileFormatError
from napari_hyperspectral.model import model_from_deeper
from napari_hyperspectral.networks import Ports, ResUNet1D
from napari_hyperspectral.prediction import predict
from napari_hyperspectral.progress import finish

PUBLISHED = Ports(bands_in=500, bands_out=500)
AXIS = SpectralAxis(np.linspace(500, 1800, 500), "1/cm", "raman_shift")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A file with the keys and shapes of the released ResUNet.pt."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("deeper") / "ResUNet.pt"
    torch.save(ResUNet1D().build(PUBLISHED).state_dict(), path)
    return path


def test_it_has_the_published_number_of_parameters():
    body = ResUNet1D().build(PUBLISHED)
    assert sum(p.numel() for p in body.parameters()) == 2_081_767


def test_its_keys_and_shapes_are_those_of_the_released_state_dict():
    widths = {"conv1": (1, 64), "conv2": (64, 128), "conv3": (128, 256), "conv4": (256, 128)}
    state = ResUNet1D().build(PUBLISHED).state_dict()
    assert len(state) == 78
    for name, (channels_in, channels_out) in widths.items():
        assert state[f"{name}.0.body.0.weight"].shape == (channels_out, channels_in, 3)
        assert state[f"{name}.1.body.4.bias"].shape == (channels_out,)
    assert state["conv3.2.body.0.weight"].shape == (128, 256, 3)
    assert state["conv6.0.body.1.weight"].shape == (1,)
    assert state["linear7.body.4.weight"].shape == (500, 500)


def test_its_keys_are_those_on_record(data_folder):
    record = data_folder.parent / "reference" / "deeper-state-dict-keys.json"
    known = json.loads(record.read_text())["state_dicts"]["ResUNet 500"]
    state = ResUNet1D().build(PUBLISHED).state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == known


def test_without_dense_layers_one_set_of_weights_serves_every_length():
    settings = ResUNet1D(width=4, dense=False)
    state = settings.build(Ports(bands_in=500, bands_out=500)).state_dict()
    other = settings.build(Ports(bands_in=37, bands_out=37))
    other.load_state_dict(state)
    assert other(torch.randn(1, 37, 2, 3)).shape == (1, 37, 2, 3)


def test_a_released_state_dict_predicts_as_the_original_does(released, rng):
    """The original divides each spectrum by its maximum; its answer is brought back by ours."""
    model = model_from_deeper(released, AXIS)
    spectra = rng.uniform(1, 100, (3, 500)).astype(np.float32)
    body = ResUNet1D().build(PUBLISHED)
    body.load_state_dict(torch.load(released, weights_only=True))
    peak = spectra.max(axis=1, keepdims=True)
    with torch.inference_mode():
        original = body(torch.from_numpy(spectra / peak)[:, :, None, None])[:, :, 0, 0].numpy()
    predicted = finish(predict(model, Cube.from_spectra(spectra, AXIS)))
    np.testing.assert_allclose(predicted.spectra(), original * peak, rtol=1e-4, atol=1e-5)


def test_other_weights_are_refused_with_what_differs(tmp_path):
    path = tmp_path / "other.pt"
    torch.save(ResUNet1D(width=32).build(PUBLISHED).state_dict(), path)
    with pytest.raises(FileFormatError, match=r"other\.pt: other weights \(.*conv1\.0\.body"):
        model_from_deeper(path, AXIS)
    path.write_text("no weights")
    with pytest.raises(FileFormatError, match="not a PyTorch state dict"):
        model_from_deeper(path, AXIS)
