"""Ranges dragged in the plot of the Spectrum dock, and the maps they make."""

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.layers import from_layer, to_layer
from napari_hyperspectral.spectra.ranges.range_map import RangeMap, range_map
from napari_hyperspectral.widgets.spectrum import SpectrumWidget

AXIS = SpectralAxis(np.linspace(500.0, 600.0, 11), "nm")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def cube(rng):
    return Cube(rng.uniform(1, 2, (11, 6, 8)).astype(np.float32), AXIS, name="map")


@pytest.fixture
def dock(viewer, qtbot, cube):
    data, attributes, _ = to_layer(cube)
    viewer.add_image(data, **attributes)
    widget = SpectrumWidget(viewer)
    qtbot.addWidget(widget)
    widget.refresh()
    return widget


def until_mapped(qtbot, dock, name):
    qtbot.waitUntil(lambda: dock.ranges.map.layer is not None, timeout=5000)
    qtbot.waitUntil(lambda: name in dock.ranges.map.layer.name, timeout=5000)
    return dock.ranges.map.layer


def test_a_range_is_a_map_that_follows_it(viewer, dock, cube, qtbot):
    selected = viewer.layers.selection.active
    dock.ranges.mode = "range"
    dock.ranges.set_ranges([(520, 550)])
    layer = until_mapped(qtbot, dock, "520–550 nm")
    assert viewer.layers.selection.active is selected
    want = range_map(cube, RangeMap(start=520, end=550)).data[0]
    assert np.allclose(layer.data, want)
    dock.ranges.set_ranges([(530, 580)])
    assert until_mapped(qtbot, dock, "530–580 nm") is layer, "the same layer shows the next map"
    dock["measure"].value = "mean"
    dock["above_line"].value = False
    until_mapped(qtbot, dock, "mean of 530–580 nm")
    qtbot.waitUntil(lambda: layer.data.min() > 1, timeout=5000)
    image = from_layer(*layer.as_layer_data_tuple())
    assert image.history[-1] == "took the mean of 530–580 nm"


def test_a_range_lies_on_the_axis_before_there_is_any_curve(dock, qtbot):
    assert dock.curves == []
    dock.ranges.mode = "range"
    ((low, high),) = dock.ranges.ranges
    assert 500 < low < high < 600
    until_mapped(qtbot, dock, "nm")


def test_a_map_that_is_kept_stays_and_one_that_is_not_goes(viewer, dock, qtbot):
    dock.ranges.mode = "range"
    dock.ranges.set_ranges([(520, 550)])
    kept = until_mapped(qtbot, dock, "520–550 nm")
    dock.ranges.keep()
    dock.ranges.set_ranges([(540, 560)])
    other = until_mapped(qtbot, dock, "540–560 nm")
    assert other is not kept
    dock.ranges.mode = "none"
    assert kept in viewer.layers
    assert other not in viewer.layers


def test_three_ranges_are_a_picture_in_colours(viewer, dock, cube, qtbot):
    dock.ranges.mode = "rgb"
    assert len(dock.ranges.ranges) == 3
    layer = until_mapped(qtbot, dock, "RGB")
    assert layer.rgb
    assert layer.data.shape == (6, 8, 3)
    dock.ranges.show_false_colours()
    until_mapped(qtbot, dock, "false colours")
    with pytest.raises(ValueError, match="3 ranges are shown, got 1"):
        dock.ranges.set_ranges([(1, 2)])


def test_ranges_are_in_the_unit_of_the_plot(viewer, dock, qtbot):
    dock.choose_unit("wavenumber (1/cm)")
    dock.refresh()
    dock.ranges.mode = "range"
    dock.ranges.set_ranges([(1e7 / 550, 1e7 / 520)])
    layer = until_mapped(qtbot, dock, "nm")
    qtbot.waitUntil(lambda: "520–550 nm" in layer.name, timeout=5000)


def test_ranges_stay_on_their_bands_when_the_unit_changes(dock, qtbot):
    dock.ranges.mode = "range"
    dock.ranges.set_ranges([(520, 550)])
    until_mapped(qtbot, dock, "520–550 nm")
    for unit in ("energy (eV)", "wavenumber (1/cm)", "wavelength (um)"):
        dock.choose_unit(unit)
        dock.refresh()
        _layer, low, high = dock.ranges.range_on_cube()
        assert sorted((low, high)) == pytest.approx([520, 550], abs=0.1)
    dock.ranges.mode = "none"  # nothing is mapped any longer


def test_ranges_begin_anew_on_the_axis_of_another_kind_of_cube(viewer, dock, cube):
    dock.ranges.mode = "rgb"
    masses = SpectralAxis(np.linspace(100.0, 300.0, 11), "m/z")
    data, attributes, _ = to_layer(Cube(cube.data, masses, name="masses"))
    viewer.add_image(data, **attributes)
    dock.refresh()
    assert all(100 <= low < high <= 300 for low, high in dock.ranges.ranges)
    assert len(set(dock.ranges.ranges)) == 3
    dock.ranges.mode = "none"  # nothing is mapped any longer
