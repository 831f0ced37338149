"""Weights that DeepeR released do in ours what they do in the original, and no others are taken."""

import functools
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.errors import FileFormatError
from napari_hyperspectral.models.deeper import model_from_deeper
from napari_hyperspectral.models.model import Model
from napari_hyperspectral.networks import HyRISR, Ports, ResUNet1D
from napari_hyperspectral.prediction.predict import predict

PUBLISHED = Ports(bands_in=500, bands_out=500)
AXIS = SpectralAxis(np.linspace(500, 1800, 500), "1/cm", "raman_shift")
FEW = SpectralAxis(np.linspace(500, 1800, 6), "1/cm", "raman_shift")
"""Of six bands, the published network is small."""
SIZES = {2: 147_150_870, 3: 158_403_370, 4: 156_152_870}


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    """A file with the keys and shapes of the released ResUNet.pt."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("deeper") / "ResUNet.pt"
    torch.save(ResUNet1D().build(PUBLISHED).state_dict(), path)
    return path


@pytest.fixture
def enlarger(tmp_path):
    """Write weights for six bands with the keys of the released RCAN files."""

    def written(scale, name="RCAN.pt"):
        state = HyRISR().build(Ports(bands_in=6, bands_out=6, scale=scale)).state_dict()
        torch.save(state, tmp_path / name)
        return tmp_path / name

    return written


def original_enlarged(state, x, scale):
    """The network as the paper and the names in the file tell it, a line a layer."""

    def conv(x, name):
        weight = state[f"{name}.weight"]
        return functional.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def block(x, name):
        y = conv(functional.relu(conv(x, f"{name}.body.0")), f"{name}.body.2")
        mean = functional.adaptive_avg_pool2d(y, 1)
        few = functional.relu(conv(mean, f"{name}.body.3.chan_attn.0"))
        return x + y * torch.sigmoid(conv(few, f"{name}.body.3.chan_attn.2"))

    def group(x, name):
        inner = functools.reduce(lambda x, n: block(x, f"{name}.body.{n}"), range(6), x)
        return x + conv(inner, f"{name}.body.6")

    for place, step in enumerate((2, 2) if scale == 4 else (scale,)):
        x = functional.pixel_shuffle(conv(x, f"head1.0.{2 * place}"), step)
    large = conv(x, "head1.1")
    first = conv(large, "head2.0")
    inner = functools.reduce(lambda x, n: group(x, f"body.{n}"), range(18), first)
    return large + conv(conv(first + conv(inner, "body.18"), "tail.0"), "tail.1")


def test_the_denoiser_predicts_as_the_original_does(denoiser, rng):
    """The original divides each spectrum by its maximum; its answer is brought back by ours."""
    model = model_from_deeper(denoiser, AXIS)
    spectra = rng.uniform(1, 100, (3, 500)).astype(np.float32)
    body = ResUNet1D().build(PUBLISHED)
    body.load_state_dict(torch.load(denoiser, weights_only=True))
    peak = spectra.max(axis=1, keepdims=True)
    with torch.inference_mode():
        original = body(torch.from_numpy(spectra / peak)[:, :, None, None])[:, :, 0, 0].numpy()
    predicted = predict(model, Cube.from_spectra(spectra, AXIS))
    np.testing.assert_allclose(predicted.spectra(), original * peak, rtol=1e-4, atol=1e-5)


def test_a_denoiser_with_batch_normalisation_predicts_as_the_original_does(tmp_path, rng):
    """As the instructions of the authors train it; of six bands, and a few weights, it is small."""
    torch.manual_seed(0)
    body = ResUNet1D(norm="batch").build(Ports(bands_in=6, bands_out=6))
    body(torch.randn(8, 6, 4, 4))  # its statistics are no longer 0 and 1
    torch.save(body.eval().state_dict(), tmp_path / "ResUNet.pt")
    spectra = rng.uniform(1, 100, (3, 6)).astype(np.float32)
    peak = spectra.max(axis=1, keepdims=True)
    with torch.inference_mode():
        original = body(torch.from_numpy(spectra / peak)[:, :, None, None])[:, :, 0, 0].numpy()
    model = model_from_deeper(tmp_path / "ResUNet.pt", FEW)
    predicted = predict(model, Cube.from_spectra(spectra, FEW))
    np.testing.assert_allclose(predicted.spectra(), original * peak, rtol=1e-4, atol=1e-5)
    again = Model.load(model.save(tmp_path / "model.safetensors"))
    assert torch.equal(
        again.network.module.state_dict()["conv1.0.body.2.num_batches_tracked"], torch.tensor(1)
    )


@pytest.mark.parametrize(("scale", "onto"), [(2, 1), (3, 1), (4, 1.5)])
def test_coarse_pixels_lie_on_the_fine_ones_that_theirs_were_on_average(enlarger, scale, onto):
    """They took number 1 of each block, at ×4 number 1 or 2 by chance."""
    model = model_from_deeper(enlarger(scale), FEW)
    coarse = Cube(np.ones((6, 4, 5), np.float32), FEW, pixel_size=(6, 6), origin=(30, -12))
    finer = predict(model, coarse)
    lies = [at + onto * side for at, side in zip(finer.origin, finer.pixel_size, strict=True)]
    assert lies == pytest.approx(coarse.origin)


@pytest.mark.parametrize("scale", SIZES)
def test_super_resolution_predicts_as_the_original_does(enlarger, rng, scale):
    """The original divides an image by its maximum; its answer is brought back by ours."""
    path = enlarger(scale)
    image = rng.uniform(1, 100, (6, 5, 7)).astype(np.float32)
    input = torch.from_numpy(image / image.max())[None]
    state = torch.load(path, weights_only=True)
    original = original_enlarged(state, input, scale)[0].numpy() * image.max()
    finer = predict(model_from_deeper(path, FEW), Cube(image, FEW))
    assert finer.shape == (6, 5 * scale, 7 * scale)
    np.testing.assert_allclose(finer.data, original, rtol=1e-4, atol=1e-4 * np.ptp(original))


@pytest.mark.parametrize("scale", SIZES)
def test_files_of_the_released_size_are_recognised_by_their_shapes(tmp_path, scale):
    """All their numbers are one and the same number, to spare memory."""
    with torch.device("meta"):
        body = HyRISR().build(PUBLISHED.model_copy(update={"scale": scale}))
    shapes = {name: tensor.shape for name, tensor in body.state_dict().items()}
    state = {name: torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    torch.save(state, tmp_path / "RCAN.pt")
    model = model_from_deeper(tmp_path / "RCAN.pt", AXIS)
    assert model.card.parameters == SIZES[scale]
    assert model.recipe.task.scale == scale


def test_what_was_made_of_released_weights_is_a_model_like_others(enlarger, tmp_path, rng):
    model = model_from_deeper(enlarger(2), FEW)
    image = Cube(rng.uniform(1, 100, (6, 5, 7)).astype(np.float32), FEW)
    again = Model.load(model.save(tmp_path / "model.safetensors"))
    assert again.card == model.card
    np.testing.assert_array_equal(predict(again, image).data, predict(model, image).data)


def test_names_from_several_gpus_are_known(enlarger, tmp_path):
    state = torch.load(enlarger(2), weights_only=True)
    torch.save({f"module.{n}": t for n, t in state.items()}, tmp_path / "many.pt")
    assert model_from_deeper(tmp_path / "many.pt", FEW).recipe.task.scale == 2


def test_other_weights_are_refused_with_what_differs(denoiser, tmp_path):
    path = tmp_path / "other.pt"
    torch.save(ResUNet1D(width=32).build(PUBLISHED).state_dict(), path)
    seen = r"other\.pt: other weights: \d+ of another shape \(conv1\.0\.body\.0\.weight \(32, 1, 3\) for \(64, 1, 3\)"
    with pytest.raises(FileFormatError, match=seen):
        model_from_deeper(path, AXIS)
    state = torch.load(denoiser, weights_only=True)
    state["conv1.0.body.2.scale"] = state.pop("conv6.0.body.0.bias")
    torch.save(state, path)
    seen = r"1 missing \(conv6\.0\.body\.0\.bias\); 1 not of this network \(conv1\.0\.body\.2\.sca"
    with pytest.raises(FileFormatError, match=seen):
        model_from_deeper(path, AXIS)


def test_weights_of_another_system_are_refused_by_their_names(tmp_path):
    torch.save({"encoder.weight": torch.zeros(3), "step": torch.zeros(())}, tmp_path / "net.pt")
    with pytest.raises(FileFormatError, match=r"no network of DeepeR: it begins with encoder"):
        model_from_deeper(tmp_path / "net.pt", AXIS)
    torch.save({"epoch": 3, "state": {}}, tmp_path / "net.pt")
    with pytest.raises(FileFormatError, match="not all in it are named tensors"):
        model_from_deeper(tmp_path / "net.pt", AXIS)


def test_an_axis_of_other_bands_is_refused(denoiser):
    with pytest.raises(ValueError, match=r"ResUNet\.pt is for 500 bands, the axis has 6"):
        model_from_deeper(denoiser, FEW)


class Trap:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_no_code_in_a_file_is_run(tmp_path):
    path, left = tmp_path / "trap.pt", tmp_path / "left"
    path.write_bytes(pickle.dumps(Trap(str(left)), protocol=2))
    with pytest.raises(FileFormatError, match="not a PyTorch state dict"):
        model_from_deeper(path, AXIS)
    assert not left.exists()
