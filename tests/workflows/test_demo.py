"""The demo does the main job from end to end, and says what it did it on."""

import json

import numpy as np
import pytest

from napari_hyperspectral import samples
from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.classics import LDA, SVM
from napari_hyperspectral.cli.demonstration import has_screen
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.errors import MissingPackageError
from napari_hyperspectral.evaluation import classical
from napari_hyperspectral.io import read_labels
from napari_hyperspectral.models.card import read_card
from napari_hyperspectral.progress import run
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.training.splits import block_split
from napari_hyperspectral.workflows import demo

REAL_SCENE = samples.indian_pines
QUICK = Training(epochs=4, validation=0, batch_size=16)


@pytest.fixture(scope="module")
def no_wheel():
    """As if the package with the real scene were missing; a small synthetic one instead."""

    def missing():
        raise MissingPackageError("tensorly", "samples", "Indian Pines")

    small = samples.land_scene(shape=(40, 44))

    def quick_classics(recipe, *, quick=False):
        return [SVM(), LDA()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classical, "classics_of", quick_classics)
        patch.setattr(samples, "indian_pines", missing)
        patch.setattr(samples, "land_scene", lambda: small)
        yield


@pytest.fixture(scope="module")
def made(no_wheel, tmp_path_factory):
    return run(demo.demonstrate(tmp_path_factory.mktemp("demo") / "out", training=QUICK))


def test_the_demo_leaves_a_label_map_a_model_and_a_report_with_pictures(made):
    names = {path.name for path in made.files}
    assert {"label_map.ome.tif", "model.safetensors", "report.md", "report.json"} <= names
    assert {path.suffix for path in made.files} == {
        ".tif",
        ".safetensors",
        ".md",
        ".json",
        ".html",
        ".png",
    }
    assert all(path.stat().st_size > 100 for path in made.files)


def test_the_saved_map_is_the_prediction_of_every_pixel(made):
    saved = read_labels(made.files[0])
    np.testing.assert_array_equal(saved.data, made.predicted.data)
    assert saved.data.min() >= 1
    assert saved.classes == samples.LAND_CLASSES


def test_the_saved_model_knows_how_well_it_did_beside_an_svm_at_four_guards(made):
    rows = read_card(made.files[1]).metrics["figures"]
    assert list(dict.fromkeys(row["guard"] for row in rows)) == [0, 4, 8, 16]
    assert {row["method"] for row in rows} >= {"Pixelwise", "SVM", "LDA"}
    pixels = [row["pixels"] for row in rows]
    assert pixels == sorted(pixels, reverse=True)
    assert all(row["OA %"] > 50 for row in rows[:2])


def test_no_pixel_that_taught_is_tested_and_every_class_is_on_both_sides(made):
    train = made.train.data > 0
    assert 0.05 < train.sum() / (made.truth.data > 0).sum() < 0.25
    assert set(made.train.data[train]) == set(made.truth.data[made.truth.data > 0])
    untested = (made.truth.data > 0).sum() - train.sum() - made.report.tables[0].rows[0]["pixels"]
    assert untested == 0


def test_a_synthetic_scene_is_called_synthetic(made):
    assert "SYNTHETIC" in made.report.notes[0]
    assert "pip install" in made.report.notes[0]
    assert json.loads(made.files[3].read_text(encoding="utf-8"))["notes"][0] == made.report.notes[0]


def test_results_of_an_earlier_demo_are_not_replaced_unasked(no_wheel, tmp_path):
    (tmp_path / "model.safetensors").write_text("precious")
    with pytest.raises(FileExistsError, match=r"model\.safetensors exists already"):
        run(demo.demonstrate(tmp_path, training=QUICK))
    assert (tmp_path / "model.safetensors").read_text() == "precious"


@pytest.mark.slow
def test_equal_seeds_draw_equal_blocks_and_predict_alike(made, tmp_path):
    again = run(demo.demonstrate(tmp_path / "again", training=QUICK))
    np.testing.assert_array_equal(again.train.data, made.train.data)
    np.testing.assert_array_equal(again.predicted.data, made.predicted.data)


def test_the_real_scene_has_sixteen_classes_on_both_sides():
    pytest.importorskip("tensorly", reason="Indian Pines comes with napari-hyperspectral[samples]")
    cube, truth = REAL_SCENE()
    split = block_split(truth.numpy(), demo.SHARE, block=demo.BLOCK, seed=0)
    assert cube.spectral_axis.centres[0] == pytest.approx(400.02)
    for side in (split.validation, split.train):
        assert set(truth.numpy()[side]) == set(range(1, 17))
    assert 0.08 < split.validation.sum() / (truth.numpy() > 0).sum() < 0.12


def test_false_colour_shows_infrared_red_and_green():
    axis = SpectralAxis([500.0, 550.0, 650.0, 860.0, 1200.0], "nm")
    data = np.zeros((5, 1, 3), np.float32)
    data[3, 0, 0] = data[2, 0, 1] = data[1, 0, 2] = 5.0
    image = demo.false_colour(Cube(data, axis))
    np.testing.assert_allclose(image[0], np.eye(3), atol=0.05)


def test_mean_spectra_are_those_of_each_class(noisy, truth):
    curves = demo.mean_spectra(noisy, truth)
    assert curves.x_title == "Wavelength (nm)"
    second = noisy.data[:, truth.data == 2].mean(axis=1)
    np.testing.assert_allclose(curves.lines["second"], second, rtol=1e-5)


def test_without_a_display_there_is_no_screen(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":1")
    assert has_screen()
    monkeypatch.delenv("DISPLAY")
    assert not has_screen()
