"""What CONTRIBUTING says of docks is so."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from napari.components import ViewerModel

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the sources are not here")
def test_the_dock_of_the_page_is_made_of_settings_and_offers_them(qtbot):
    code = PAGE.read_text(encoding="utf-8").partition("```py\n")[2].partition("```")[0]
    page = {"__name__": "page"}
    exec(code, page)
    viewer = ViewerModel()
    flat = viewer.add_image(np.zeros((4, 5)), name="flat")
    cube = viewer.add_image(np.zeros((3, 4, 5)), name="cube")
    dock = page["BinDock"](viewer)
    qtbot.addWidget(dock)
    heard = []
    dock.changed.connect(heard.append)
    dock["side"].value = 3
    assert heard
    assert dock.asdict() == {"cube": cube, "binning": page["Binning"](side=3)}
    with pytest.raises(ValueError, match="'flat' cannot be 'cube': choose a grey image layer"):
        dock.cube.choose(flat)
    viewer.layers.remove(cube)
    dock.reset_choices()
    assert dock.cube.value is None
