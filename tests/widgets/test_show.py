"""What the demo shows at its end lies on one another in one viewer."""

import napari
import numpy as np

from napari_hyperspectral.widgets.show import show


def test_cube_and_labels_become_layers_of_one_viewer(make_napari_viewer, cube, labels, monkeypatch):
    viewer = make_napari_viewer()
    monkeypatch.setattr(napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(napari, "run", lambda: None)
    show((cube, labels))
    assert [layer.name for layer in viewer.layers] == ["cell", "cell classes"]
    image, classes = viewer.layers
    np.testing.assert_array_equal(classes.data, labels.data)
    np.testing.assert_allclose(image.scale[-2:], classes.scale)
    np.testing.assert_allclose(image.translate[-2:], classes.translate)
