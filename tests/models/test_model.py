import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_hyperspectral import Model, Recipe, Training, fit, predict, read_card
from napari_hyperspectral.errors import FileFormatError
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.tasks import Denoise


@pytest.fixture
def model(noisy, clean):
    recipe = Recipe(
        task=Denoise(), method=Pixelwise(width=8), training=Training(epochs=4, schedule="constant")
    )
    return fit(recipe, [recipe.task.example(noisy=noisy, clean=clean)])


def test_a_model_file_gives_the_same_card_and_prediction(model, noisy, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    assert read_card(path) == model.card
    again = predict(Model.load(path), noisy)
    np.testing.assert_array_equal(again.data, predict(model, noisy).data)


def test_others_may_read_a_model_as_any_file(model, tmp_path):
    (tmp_path / "any").touch()
    path = model.save(tmp_path / "model.safetensors")
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode


def test_best_and_last_weights_are_both_in_the_file(model, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    last = Model.load(path, weights="last").network.state_dict()
    assert all(torch.equal(last[name], tensor) for name, tensor in model.last.items())


def test_a_card_is_read_without_torch(model, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    code = (
        "import sys; from napari_hyperspectral import read_card; "
        f"print(read_card({str(path)!r}).parameters, 'torch' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert printed.split() == [str(model.card.parameters), "False"]


def test_a_model_is_never_overwritten_unasked(model, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"model\.safetensors exists already"):
        model.save(path)
    assert path.read_bytes() == before
    assert model.with_metrics({"rmse": 0.1}).save(path, overwrite=True) == path
    assert read_card(path).metrics == {"rmse": 0.1}
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_files_that_are_no_models_are_refused_by_name(model, tmp_path):
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))
    with pytest.raises(FileFormatError, match=r"wrong\.safetensors: not a model file"):
        Model.load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(FileFormatError, match="without our card"):
        Model.load(path)
    whole = model.save(tmp_path / "whole.safetensors").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match=r"wrong\.safetensors: not a model file"):
        Model.load(path)
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        read_card(tmp_path / "nowhere.safetensors")


def test_weights_of_another_network_are_refused(model, tmp_path):
    from dataclasses import replace

    recipe = {**model.card.recipe, "method": {"kind": "pixelwise", "width": 9}}
    lying = replace(model, card=model.card.model_copy(update={"recipe": recipe}))
    path = lying.save(tmp_path / "lying.safetensors")
    with pytest.raises(FileFormatError, match=r"lying\.safetensors: weights do not fit"):
        Model.load(path)
