"""What the axis dock does to layers, on real viewers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.layers import METADATA_KEY, from_layer, to_layer
from napari_hyperspectral.spectra.axes import (
    AXIS_STEPS,
    CalibrateAxis,
    ConvertAxis,
    FoldSpectra,
    SetDimension,
    SetEnds,
    SetExcitation,
    SetQuantity,
    SetValues,
    ShiftAxis,
)
from napari_hyperspectral.widgets import axis as docks
from napari_hyperspectral.widgets.axis import AxisWidget
from napari_hyperspectral.widgets.spectrum import SpectrumWidget


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot):
    widget = AxisWidget(viewer)
    qtbot.addWidget(widget)
    viewer.layers.events.connect(widget.reset_choices)  # as napari does for widgets of plugins
    return widget


def add(viewer, image):
    data, attributes, kind = to_layer(image)
    return getattr(viewer, f"add_{kind}")(data, **attributes)


def cube_of(layer):
    return from_layer(*layer.as_layer_data_tuple())


def test_a_layer_without_an_axis_gets_one_and_remembers(viewer, dock, plain_cube):
    layer = add(viewer, plain_cube)
    data = layer.data
    dock.step = SetEnds(quantity="Raman shift (1/cm)", first=600, last=1800)
    assert dock.preview == "→ Raman shift (cm⁻¹), 4 bands, 600–1800 cm⁻¹"
    dock.apply_button.click()
    cube = cube_of(layer)
    assert cube.axis == SpectralAxis([600, 1000, 1400, 1800], "1/cm", "raman_shift")
    assert cube.history == ("set the axis to Raman shift (cm⁻¹), 4 bands, 600–1800 cm⁻¹",)
    assert layer.data is data
    assert layer.metadata["wavelength units"] == "1/cm", "others find it too"
    assert dock.axis_text == "Raman shift (cm⁻¹), 4 bands, 600–1800 cm⁻¹"


def test_a_layer_of_another_reader_gets_an_axis_too(viewer, dock, rng):
    layer = viewer.add_image(rng.normal(size=(5, 6, 7)), metadata={"mine": 1}, scale=(1, 2, 3))
    assert dock.axis_text == "Band, 5 bands without a spectral unit"
    dock.apply(SetEnds(first=500, last=540))
    assert cube_of(layer).axis == SpectralAxis([500, 510, 520, 530, 540], "nm")
    assert cube_of(layer).pixel_size == (2, 3)
    assert layer.metadata["mine"] == 1


def test_the_spectrum_dock_follows_at_once(viewer, dock, cube, qtbot):
    spectrum = SpectrumWidget(viewer)
    qtbot.addWidget(spectrum)
    spectrum.show()
    layer = add(viewer, cube)
    spectrum.show_point(tuple(layer.data_to_world((0, 2, 2))))
    dock.apply(ConvertAxis(quantity="wavelength (nm)"))
    qtbot.waitUntil(lambda: spectrum._title == "Wavelength (nm)", timeout=2000)
    (curve,) = spectrum.curves
    assert curve.x == pytest.approx(1e7 / (1e7 / 532.1 - cube.axis.centres))
    assert viewer.canvas.overlays.text.text == "546.9 nm (band 3/6)"


def test_steps_are_undone_one_by_one(viewer, dock, cube):
    layer = add(viewer, cube)
    before = json.dumps(layer.metadata[METADATA_KEY])
    dock.apply(ShiftAxis(by=2))
    dock.apply(ConvertAxis(quantity="wavelength (um)"))
    assert cube_of(layer).axis.unit == "um"
    dock.undo_button.click()
    assert cube_of(layer).axis.centres == pytest.approx(cube.axis.centres + 2)
    dock.undo_button.click()
    assert json.dumps(layer.metadata[METADATA_KEY]) == before
    assert not dock.undo_button.isEnabled()
    dock.undo()


def test_each_layer_has_its_own_undo(viewer, dock, cube):
    first, second = add(viewer, cube), add(viewer, replace(cube, name="other"))
    dock.layer = first
    dock.apply(ShiftAxis(by=1))
    dock.layer = second
    assert not dock.undo_button.isEnabled()
    dock.apply(ShiftAxis(by=5))
    viewer.layers.remove(second)
    assert dock.layer is first
    dock.undo()
    assert cube_of(first).axis == cube.axis


def test_peaks_that_are_found_calibrate_the_axis(viewer, dock, rng):
    true = np.linspace(500, 600, 101)
    peaks = (520.0, 551.5, 580.0)
    spectrum = sum(np.exp(-(((true - peak) / 4) ** 2)) for peak in peaks)
    wrong = SpectralAxis(1.02 * true - 7, "nm")
    layer = add(viewer, Cube(spectrum[:, None, None] * rng.uniform(1, 2, (1, 5, 7)), wrong))
    dock.step = CalibrateAxis()
    assert "degree 1 needs 2 or more" in dock.preview
    assert not dock.apply_button.isEnabled()
    dock.peaks.find_button.click()
    assert dock.peaks.table.rowCount() == 3
    for row, known in ((0, "520"), (1, "551,5"), (2, "580.0")):
        dock.peaks.table.item(row, 1).setText(known)
    residuals = [float(dock.peaks.table.item(row, 2).text()) for row in range(3)]
    assert np.abs(residuals).max() < 0.05
    dock.apply_button.click()
    assert cube_of(layer).axis.centres == pytest.approx(true, abs=0.05)
    assert "calibrated the axis, degree 1" in cube_of(layer).history[-1]


def test_pairs_are_typed_too_and_half_ones_left_out(viewer, dock, cube):
    add(viewer, cube)
    dock.step = CalibrateAxis(measured=(500, 600), known=(501, 602))
    dock.peaks.add_button.click()
    dock.peaks.table.item(2, 0).setText("520")
    assert dock.step == CalibrateAxis(measured=(500, 600), known=(501, 602))


def test_pairs_that_a_script_sets_are_shown_to_the_last_digit(viewer, dock, cube):
    add(viewer, cube)
    dock["step.kind"].value = CalibrateAxis
    dock["measured"].value = (500 + 1 / 3, 600.0)
    dock["known"].value = (501.0, 602.0)
    assert dock.peaks.pairs == ((500 + 1 / 3, 600.0), (501.0, 602.0))
    assert dock.step.measured == (500 + 1 / 3, 600.0)
    dock.peaks.table.item(1, 1).setText("603")
    assert dock["known"].value == (501.0, 603.0)


def test_an_axis_is_loaded_from_a_file(viewer, dock, plain_cube, tmp_path):
    layer = add(viewer, plain_cube)
    (tmp_path / "a.csv").write_text("Wavelength (nm),counts\n500,1\n510,2\n530,3\n560,4\n")
    dock.load(tmp_path / "a.csv")
    assert cube_of(layer).axis == SpectralAxis([500, 510, 530, 560], "nm")
    assert cube_of(layer).history == ("took the axis from a.csv",)
    (tmp_path / "b.txt").write_text("1 2 3")
    with pytest.raises(ValueError, match="3 values for the 4 bands"):
        dock.load(tmp_path / "b.txt")


def test_bare_numbers_of_a_file_are_given_a_meaning_next(viewer, dock, plain_cube, tmp_path):
    layer = add(viewer, plain_cube)
    (tmp_path / "a.txt").write_text("600\n700\n800\n900\n")
    dock.load(tmp_path / "a.txt")
    assert isinstance(dock.step, SetQuantity)
    dock.step = SetQuantity(quantity="wavenumber (1/cm)")
    dock.apply()
    assert cube_of(layer).axis == SpectralAxis([600, 700, 800, 900], "1/cm")


def test_the_axis_of_another_layer_is_taken_whole(viewer, dock, cube):
    theirs = add(viewer, cube)
    bare = add(viewer, Cube(np.zeros(cube.shape, np.uint8), SpectralAxis.index(6), name="bare"))
    dock.layer = bare
    dock.copy_from(theirs)
    assert cube_of(bare).axis == cube.axis


def test_other_pixels_come_as_a_layer_in_place_of_the_old_one(viewer, dock, rng):
    truth = rng.normal(size=(4, 5, 6))
    layer = viewer.add_image(np.moveaxis(truth, 0, -1), name="scan")
    made = dock.apply(SetDimension(along="x"))
    assert np.array_equal(made.data, truth)
    assert (made.name, layer.visible, dock.layer) == ("scan [1]", False, made)
    dock.undo()
    assert list(viewer.layers) == [layer]
    assert layer.visible
    assert dock.layer is layer


def test_a_list_of_spectra_becomes_a_map(viewer, dock, axis, rng):
    spectra = rng.normal(size=(25, 6))
    add(viewer, Cube.from_spectra(spectra, axis, name="points"))
    dock.step = FoldSpectra(columns=4)
    assert "25 spectra do not fill rows of 4" in dock.preview
    dock.step = FoldSpectra(columns=5)
    assert dock.preview.endswith(", band 6, y 5, x 5")
    made = dock.apply()
    assert np.array_equal(made.data[:, 2, 3], spectra[13])
    assert cube_of(made).axis == axis


def test_the_forms_begin_with_what_is_known(viewer, dock, cube):
    add(viewer, cube)
    forms = {kind: dock._chooser.form_of(kind).settings for kind in AXIS_STEPS}
    assert forms[SetEnds] == SetEnds(
        quantity="Raman shift (1/cm)", first=500.1, last=601.25, excitation_nm=532.1
    )
    assert forms[SetQuantity] == SetQuantity(quantity="Raman shift (1/cm)")
    assert forms[SetExcitation].excitation_nm == 532.1


def test_a_guess_is_shown_and_confirmed(viewer, dock, cube):
    layer = add(viewer, replace(cube, axis=replace(cube.axis, guessed=True)))
    assert dock.axis_text.endswith("(guessed)")
    dock.step = SetQuantity(quantity="Raman shift (1/cm)")
    dock.apply_button.click()
    assert not cube_of(layer).axis.guessed
    assert "guess" not in dock.axis_text


def test_it_follows_the_selected_layer(viewer, dock, cube, labels):
    first, second = add(viewer, cube), add(viewer, replace(cube, name="other"))
    viewer.layers.selection.active = first
    assert dock.layer is first
    viewer.layers.selection.active = second
    assert dock.layer is second
    viewer.layers.selection.active = add(viewer, labels)
    assert dock.layer is second


def test_without_a_layer_it_says_what_to_do(dock):
    assert "open a file or a sample first" in dock.axis_text
    assert not dock.apply_button.isEnabled()
    with pytest.raises(ValueError, match="no layer with bands"):
        dock.apply(ShiftAxis(by=1))


def test_what_went_wrong_is_shown(viewer, dock, plain_cube, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(docks, "show_error", told.append)
    monkeypatch.setattr(
        docks.QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "none.csv"), "")
    )
    add(viewer, plain_cube)
    dock._file_clicked()
    assert "none.csv" in told[0]
    dock.step = SetValues(centres=(1, 2))
    assert "2 values for the 4 bands" in dock.preview


def test_a_closed_dock_disturbs_nobody(make_napari_viewer, cube, qtbot):
    viewer = make_napari_viewer()
    frame, widget = viewer.window.add_plugin_dock_widget("napari-hyperspectral", "Axis")
    frame.destroyOnClose()
    layer = add(viewer, cube)
    viewer.layers.selection.active = layer
    widget.deleteLater()
    qtbot.wait(20)
    viewer.layers.selection.active = None
    viewer.layers.selection.active = layer
    viewer.layers.clear()
