"""The Prepare dock: edit a chain, look at spectra, undo, apply to layers and files."""

import time

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
import dask.array as da
from qtpy.QtWidgets import QApplication

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read, write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.spectra.steps.bands import Crop
from napari_hyperspectral.spectra.steps.baseline import MinimumBaseline
from napari_hyperspectral.spectra.steps.chain import NOTHING, Chain
from napari_hyperspectral.spectra.steps.cosmic_rays import CosmicRays
from napari_hyperspectral.spectra.steps.normalise import SNV
from napari_hyperspectral.widgets.preparing.undo import ChainHistory

PLUGIN = "napari-hyperspectral"
CHAIN = Chain(steps=(CosmicRays(), MinimumBaseline(), SNV()))


@pytest.fixture
def cube(rng):
    axis = SpectralAxis(np.linspace(600, 1700, 40), "1/cm", "raman_shift")
    data = 100 + 10 * rng.standard_normal((40, 7, 9))
    data[20, 2, 3] += 900
    return Cube(data.astype(np.float32), axis, name="cell", pixel_size=(2.0, 3.0), pixel_unit="um")


def settled(condition, seconds=10):
    """Wait until something is true, while the window goes on."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    assert condition()


@pytest.fixture
def viewer(make_napari_viewer_proxy, cube):
    viewer = make_napari_viewer_proxy(show=True)
    data, attributes, _ = to_layer(cube)
    viewer.add_image(data, **attributes, colormap="magma")
    return viewer


def opened(viewer, name):
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]


def test_a_chain_is_edited_previewed_undone_applied_and_handed_on(viewer, cube, tmp_path):
    spectrum = opened(viewer, "Spectrum")
    dock = opened(viewer, "Prepare")
    QApplication.processEvents()
    assert dock.minimumSizeHint().height() <= 480
    assert dock.minimumSizeHint().width() <= 360
    assert dock.starter.value in ("raman", "srs"), "as the axis says"
    assert dock._about.text() == "40 bands · 600–1700 cm⁻¹ · 7 × 9 px"

    # the preview follows the chain and the cursor, in the Spectrum dock
    dock["chain"].value = CHAIN
    assert dock.starter.value == "own"
    dock.live.show_pixel(2, 3)
    settled(lambda: dock.chain_form.forms[0].effect == "1 spike")
    settled(lambda: any("· prepared" in name for name in spectrum.spectra))
    preview = dock.live.preview.spectra[0]
    prepared = CHAIN.on(cube).numpy()
    np.testing.assert_allclose(preview.after.values, prepared[:, 2, 3], rtol=1e-5)
    name, (x, y) = next(item for item in spectrum.spectra.items() if "· prepared" in item[0])
    np.testing.assert_array_equal(x, cube.axis.centres)
    factor = float(name.partition("× ")[2] or 1)
    np.testing.assert_allclose(y, prepared[:, 2, 3] * factor, rtol=1e-4)
    np.testing.assert_array_equal(spectrum.spectra["cell"][1], cube.data[:, 2, 3])
    assert {"cell · baseline", "cell · spikes"} <= spectrum.spectra.keys()

    # clicks: switch a step off, move it, undo both
    form = dock.chain_form.forms[2]
    form.switch.native.click()
    assert not dock.chain.steps[2].enabled
    dock.chain_form.forms[2][0]["up"].native.click()
    assert [step.kind for step in dock.chain.steps][1] == "snv"
    dock._undo_button.click()
    assert [step.kind for step in dock.chain.steps][1] == "minimum_baseline"
    dock._undo_button.click()
    assert dock.chain == CHAIN
    dock.redo()
    assert not dock.chain.steps[2].enabled
    dock.undo()

    # an error stands in the line of its step
    dock.chain_form.add(Crop(first=1.0, last=2.0))
    settled(lambda: "no good band" in dock.chain_form.forms[3].problem)
    dock.apply(wait=True)
    assert "step 4, crop" in dock.panel.status.text()
    assert not dock.results
    dock.chain_form.forms[3][0]["remove"].native.click()
    assert dock.chain == CHAIN

    # apply, in the background
    dock.panel.start_button.click()
    settled(lambda: dock.results)
    layer = dock.results[0]
    assert layer.name == "cell · prepared (cosmic rays, baseline, normalisation)"
    np.testing.assert_allclose(layer.data, prepared, rtol=1e-5)
    assert layer.colormap.name == "magma"
    np.testing.assert_array_equal(layer.scale, viewer.layers["cell"].scale)
    result = from_layer(*layer.as_layer_data_tuple())
    assert result.history[-3:] == CHAIN.on(cube).history[-3:]
    settled(lambda: not dock.panel.running)

    # lazy stays lazy, and has the same values
    _, attributes, _ = to_layer(cube)
    lazy = viewer.add_image(da.from_array(cube.data), **attributes | {"name": "lazy"})
    (added,) = dock.apply_to(lazy, wait=True)
    assert isinstance(added.data, da.Array)
    np.testing.assert_allclose(added.data.compute(), prepared, rtol=1e-5)

    # files: one that is bad does not end the others; nothing is overwritten
    good = write(tmp_path / "good.h5", cube)
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"no file of HDF5")
    dock["files"].value = [str(good), str(bad)]
    dock["folder"].value = tmp_path / "out"
    dock["suffix"].value = ".h5"
    files = dock.apply_to_files(wait=True)
    assert [path.name for path in files.written] == ["good_prepared.h5"]
    np.testing.assert_allclose(read(files.written[0]).numpy(), prepared, rtol=1e-5)
    assert "bad.h5 failed" in dock.panel.status.text()
    assert not dock.apply_to_files(wait=True).written
    assert "good.h5 failed" in dock.panel.status.text()

    # the chain as a file, as Python, and for a training
    path = dock.save_chain(tmp_path / "chain.json")
    dock.chain = NOTHING
    dock.load_chain(path)
    assert dock.chain == CHAIN
    dock.chain_menu.entries["Copy as Python"].trigger()
    assert "MinimumBaseline()" in QApplication.clipboard().text()

    # hidden, it does nothing
    dock.shows_preview.value = False
    assert not dock.live.active
    settled(lambda: not any("· baseline" in name for name in spectrum.spectra))
    dock.chain = NOTHING
    assert not dock.live._soon.isActive()
    dock.chain = CHAIN
    assert dock.use_in_training().recipe.preprocessing == CHAIN


def test_changes_are_undone_one_by_one_and_typing_at_once():
    history = ChainHistory()
    one = Chain(steps=(CosmicRays(),))
    history.add(one)
    history.add(Chain(steps=(CosmicRays(threshold=7),)))
    history.add(Chain(steps=(CosmicRays(threshold=71),)))
    history.add(CHAIN)
    assert history.undo().steps[0].threshold == 71
    assert history.undo() == NOTHING
    assert not history.can_undo
    assert history.redo().steps[0].threshold == 71
    history.add(NOTHING)
    assert not history.can_redo
