"""Similarity, peaks and reference spectra of the Spectrum dock."""

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.cube import Sampling
from napari_hyperspectral.io import write
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.spectra.matching.similarity import similarity_map
from napari_hyperspectral.spectra.peaks.find import Peak
from napari_hyperspectral.widgets.explore.marked_peaks import with_distance
from napari_hyperspectral.widgets.spectrum import SpectrumWidget

AXIS = SpectralAxis(np.linspace(1000.0, 1100.0, 101), "1/cm", "raman_shift")
LEFT, RIGHT = 1030.0, 1071.3


def gaussian(position, width=8.0):
    return np.exp(-4 * np.log(2) * ((AXIS.centres - position) / width) ** 2)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def cube(rng):
    """Two materials, each with a peak: one in the upper half, one in the lower."""
    data = np.full((101, 8, 9), 10.0)
    data[:, :4] += 50 * gaussian(LEFT)[:, None, None]
    data[:, 4:] += 30 * gaussian(RIGHT)[:, None, None]
    noise = rng.normal(0, 0.1, data.shape)
    return Cube((data + noise).astype(np.float32), AXIS, name="map")


@pytest.fixture
def dock(viewer, qtbot, cube):
    data, attributes, _ = to_layer(cube)
    viewer.add_image(data, **attributes)
    widget = SpectrumWidget(viewer)
    qtbot.addWidget(widget)
    widget.pin((0, 1, 1))
    widget.refresh()
    return widget


def test_similar_spectra_are_a_map_and_labels(viewer, dock, cube, qtbot):
    tool = dock.tools.similar
    tool.activate(True)
    qtbot.waitUntil(lambda: tool.map.layer is not None, timeout=5000)
    want = similarity_map(cube, cube.data[:, 1, 1]).data[0]
    assert np.allclose(tool.map.layer.data, want, atol=1e-4)
    dock["threshold"].value = 0.5
    labels = tool.make_labels()
    image = from_layer(*labels.as_layer_data_tuple())
    assert image.data[:4].all()
    assert not image.data[4:].any()
    assert image.classes == ("similar",)
    dock["similarity"].value = "correlation"
    qtbot.waitUntil(lambda: "correlation" in tool.map.layer.name, timeout=5000)
    tool.activate(False)
    assert tool.map.layer is None


def test_peaks_are_marked_and_read_out(dock, qapp):
    (peak,) = dock.tools.peaks
    assert peak.position == pytest.approx(LEFT, abs=0.5)
    assert peak.width == pytest.approx(8, rel=0.1)
    dock.tools.mark_peaks(True)
    assert len(dock.tools._marks._texts) == 1
    dock.tools.copy_peaks()
    head, row = qapp.clipboard().text().splitlines()
    assert head.startswith("Raman shift (cm⁻¹)\tHeight")
    assert float(row.split("\t")[0]) == pytest.approx(LEFT, abs=0.5)


def test_peaks_are_fitted_in_the_dragged_range_and_mapped(viewer, dock, qtbot):
    dock.ranges.mode = "range"
    dock.ranges.set_ranges([(1010, 1050)])
    fitted = dock.tools.peak_tools.fit()
    assert fitted.position[0, 0] == pytest.approx(LEFT, abs=0.05)
    assert fitted.width[0, 0] == pytest.approx(8, abs=0.1)
    assert fitted.height[0, 0] == pytest.approx(50, abs=0.5)
    dock.refresh()
    (curve,) = [curve for curve in dock.curves if curve.kind == "fit"]
    assert curve.y.max() == pytest.approx(60, abs=1)
    dock.tools.peak_tools.map_peaks()
    qtbot.waitUntil(lambda: sum("position" in layer.name for layer in viewer.layers) > 0)
    qtbot.waitUntil(lambda: dock.tools.peak_tools.map_button.isEnabled(), timeout=5000)
    maps = {layer.name: layer for layer in viewer.layers}
    (position,) = (
        layer for name, layer in maps.items() if "position" in name and "error" not in name
    )
    assert position.data[:4] == pytest.approx(LEFT, abs=0.2)
    dock.ranges.mode = "none"
    dock.refresh()
    assert not any(curve.kind == "fit" for curve in dock.curves)


def test_reference_spectra_of_a_file_lie_over_those_of_the_cube(dock, tmp_path):
    spectra = Cube.from_spectra(np.stack([gaussian(LEFT), gaussian(RIGHT)]), AXIS)
    write(tmp_path / "lipids.npz", spectra)
    dock.tools.open_references(str(tmp_path / "lipids.npz"))
    dock.refresh()
    references = [curve for curve in dock.curves if curve.kind == "reference"]
    assert len(references) == 2
    pinned = next(curve for curve in dock.curves if curve.kind == "pin")
    assert references[0].y.max() == pytest.approx(np.nanmax(pinned.y), rel=0.2)
    assert references[0].x[references[0].y.argmax()] == LEFT
    dock.tools.clear_references()
    dock.refresh()
    assert not any(curve.kind == "reference" for curve in dock.curves)


def test_residuals_are_what_other_layers_add_to_the_main_one(viewer, dock, cube):
    noisy = cube.data + 2
    data, attributes, _ = to_layer(Cube(noisy, AXIS, name="noisy"))
    viewer.add_image(data, **attributes)
    viewer.layers.selection.active = viewer.layers["map"]
    dock.on_change()
    dock.tools.show_residual(True)
    dock.show_point((0, 2, 3))
    drawn = dock.tools.residual_plot._items
    assert set(drawn) == {"noisy − map", "noisy · ① (1, 1) − map"}
    for items in drawn.values():
        assert items._curve.y == pytest.approx(2, abs=1e-5)


def test_residuals_know_layers_whose_names_begin_with_that_of_the_main_one(viewer, dock, cube):
    data, attributes, _ = to_layer(Cube(cube.data + 2, AXIS, name="map · prepared"))
    viewer.add_image(data, **attributes)
    viewer.layers.selection.active = viewer.layers["map"]
    dock.on_change()
    dock.tools.show_residual(True)
    dock.show_point((0, 2, 3))
    drawn = dock.tools.residual_plot._items
    assert set(drawn) == {"map · prepared − map", "map · prepared · ① (1, 1) − map"}


def test_fit_and_references_follow_the_unit_of_the_plot(dock, tmp_path):
    write(tmp_path / "lipids.npz", Cube.from_spectra(gaussian(LEFT)[None], AXIS))
    dock.tools.open_references(str(tmp_path / "lipids.npz"))
    dock.ranges.mode = "range"
    dock.ranges.set_ranges([(LEFT - 15, LEFT + 15)])
    assert dock.tools.peak_tools.fit() is not None
    dock.refresh()
    dock.choose_unit(dock.unit.choices[-1])
    dock.refresh()
    dock.refresh()
    low, high = dock.plot.positions.min(), dock.plot.positions.max()
    followers = [curve for curve in dock.curves if curve.kind in ("fit", "reference")]
    assert {curve.kind for curve in followers} == {"fit", "reference"}
    for curve in followers:
        assert low - 1 <= curve.x.min() <= curve.x.max() <= high + 1
    dock.ranges.mode = "none"  # nothing is mapped any longer


def test_references_on_another_axis_are_told_of(dock, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.explore.tools.show_info", told.append)
    masses = SpectralAxis(np.linspace(100, 200, 101), "m/z")
    write(tmp_path / "lipids.npz", Cube.from_spectra(gaussian(LEFT)[None], masses))
    dock.tools.open_references(str(tmp_path / "lipids.npz"))
    (message,) = told
    assert "m/z" in message
    assert dock.axis.title in message


def test_references_without_a_unit_are_taken_in_that_of_the_cube(dock, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari_hyperspectral.widgets.explore.tools.show_info", told.append)
    table = np.stack([AXIS.centres, gaussian(LEFT)], axis=1)
    np.savetxt(tmp_path / "lipid.txt", table)
    dock.tools.open_references(str(tmp_path / "lipid.txt"))
    dock.refresh()
    (reference,) = (curve for curve in dock.curves if curve.kind == "reference")
    assert reference.x[reference.y.argmax()] == LEFT
    assert told == [f"Took lipid as {AXIS.title}: it states no unit"]


def test_a_map_of_a_stack_is_no_cube_of_its_planes(viewer, dock, cube, qtbot):
    stack = np.stack([cube.data, cube.data + 1, cube.data + 2])  # (z, band, y, x)
    data, attributes, _ = to_layer(Cube(stack, AXIS, z=Sampling(), name="stack"))
    layer = viewer.add_image(data, **attributes)
    dock.pin((0, 0, 1, 1))
    dock.refresh()
    dock.tools.similar.activate(True)
    qtbot.waitUntil(lambda: dock.tools.similar.map.layer is not None, timeout=5000)
    similar = dock.tools.similar.map.layer
    assert similar.data.shape == (3, 8, 9)
    viewer.layers.selection.active = similar
    assert dock.main_layer is layer
    dock.tools.similar.activate(False)


def test_texts_of_peaks_lie_beside_each_other_and_the_most_prominent_stay():
    low, high = (Peak(1030.0, 20, prominence, 5, 100) for prominence in (8, 18))
    far = Peak(1060.0, 10, 5, 5, 100)
    near = low._replace(position=1035.0)
    assert with_distance([near, high, far], 10) == [high, far]
    assert with_distance([near, high, far], 1) == [high, near, far]


def test_numbers_of_an_axis_are_values_whatever_was_shown_before(dock):
    dock.show()
    for axis in (SpectralAxis([0.05, 0.2], "eV"), SpectralAxis([15.0, 50.0], "THz")):
        dock.plot.show_axis(axis)
        dock.plot.setXRange(axis.centres[0], axis.centres[-1])
        dock.plot.setYRange(0, 0.5)
        for side in ("bottom", "left"):
            assert dock.plot.getAxis(side).autoSIPrefixScale == 1
