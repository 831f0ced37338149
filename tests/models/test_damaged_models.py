"""Model files that are damaged or changed: told in one line that names the file."""

import json
import struct

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_hyperspectral import Model, Recipe, Training, fit, read_card
from napari_hyperspectral.errors import FileFormatError
from napari_hyperspectral.models.card import KEY
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.tasks import Denoise


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    from napari_hyperspectral import Cube, SpectralAxis

    values = np.random.default_rng(0).normal(size=(3, 6, 5)).astype(np.float32)
    cube = Cube(values, SpectralAxis(np.arange(3.0) + 500, "nm"))
    training = Training(epochs=1, schedule="constant")
    recipe = Recipe(task=Denoise(), method=Pixelwise(width=2), training=training)
    model = fit(recipe, [recipe.task.example(noisy=cube, clean=cube)])
    return model.save(tmp_path_factory.mktemp("model") / "m.safetensors")


@pytest.fixture
def parts(saved):
    """The tensors and the header of a model file."""
    with safe_open(saved, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_the_weights_of_a_saved_model_are_those_that_were_saved(saved, recwarn):
    Model.load(saved)
    assert not [each for each in recwarn if "weights" in str(each.message)]


def test_weights_that_changed_are_told(saved, tmp_path):
    raw = bytearray(saved.read_bytes())
    raw[-3] ^= 0x10
    (tmp_path / "m.safetensors").write_bytes(raw)
    with pytest.warns(UserWarning, match=r"m\.safetensors: its weights are not those"):
        Model.load(tmp_path / "m.safetensors")


def test_models_of_earlier_versions_have_no_checksum(parts, tmp_path, recwarn):
    tensors, header = parts
    save_file(tensors, tmp_path / "m.safetensors", {KEY: header[KEY]})
    Model.load(tmp_path / "m.safetensors")
    assert not [each for each in recwarn if "weights" in str(each.message)]


@pytest.mark.parametrize("shape", [(0,), (), (1,)])
@pytest.mark.filterwarnings("ignore:.*its weights are not those")
def test_weights_that_are_empty_or_scalars_are_one_error(parts, tmp_path, shape):
    tensors, header = parts
    for name in tensors:
        damaged = tensors | {name: torch.zeros(shape)}
        if tensors[name].shape == shape:
            continue
        save_file(damaged, tmp_path / "m.safetensors", header)
        with pytest.raises(FileFormatError, match=r"^m\.safetensors: [^\n]*$"):
            Model.load(tmp_path / "m.safetensors")


CARDS = ["", "[]", "3", "null", "{}", "[" * 100_000, '{"schema_version": "x"}', '{"recipe": 1e999}']


@pytest.mark.parametrize("card", CARDS, ids=range(len(CARDS)))
def test_damaged_cards_are_one_error_in_a_line(parts, tmp_path, card):
    save_file(parts[0], tmp_path / "m.safetensors", {KEY: card})
    for read in (read_card, Model.load):
        with pytest.raises(FileFormatError, match=r"^m\.safetensors: [^\n]*$"):
            read(tmp_path / "m.safetensors")


def test_each_entry_of_a_card_may_be_damaged(parts, tmp_path):
    tensors, header = parts
    card = json.loads(header[KEY])
    for key in card:
        for value in (None, "x"):
            text = json.dumps(card | {key: value})
            save_file(tensors, tmp_path / "m.safetensors", {KEY: text})
            try:
                Model.load(tmp_path / "m.safetensors")
            except FileFormatError as error:
                assert "\n" not in str(error)  # noqa: PT017
                assert str(error).startswith("m.safetensors: ")  # noqa: PT017


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0" * 8, struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"{}", b"x" * 99],
)
def test_files_that_are_no_models_are_one_error(tmp_path, raw):
    (tmp_path / "m.safetensors").write_bytes(raw)
    with pytest.raises(FileFormatError, match=r"^m\.safetensors: "):
        Model.load(tmp_path / "m.safetensors")
