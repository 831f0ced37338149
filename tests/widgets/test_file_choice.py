"""What is named in the dock is what is trained on."""

import numpy as np

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import write
from napari_hyperspectral.widgets.forms.file_choice import FileChoice


def test_rows_of_a_list_for_testing_do_not_teach_from_the_dock(qtbot, tmp_path):
    cube = Cube(np.ones((2, 3, 4), np.float32), SpectralAxis([500.0, 510.0], "nm"))
    for name in "abc":
        write(tmp_path / f"{name}.npz", cube)
    rows = "noisy,clean,split\na.npz,a.npz,train\nb.npz,b.npz,validation\nc.npz,c.npz,test\n"
    (tmp_path / "list.csv").write_text(rows)
    choice = FileChoice()
    qtbot.addWidget(choice.native)
    choice.ask_for({"noisy": Cube, "clean": Cube})
    choice.choose(list=tmp_path / "list.csv")
    assert [row.split for row in choice.pairing.rows] == ["train", "validation"]
    assert choice.table.rowCount() == 2


def test_one_example_and_one_file_left_out_are_no_plurals(qtbot, tmp_path):
    for path in ("x/a.npz", "x/notes.docx", "y/a.npz"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    choice = FileChoice()
    qtbot.addWidget(choice.native)
    choice.ask_for({"noisy": Cube, "clean": Cube})
    choice.choose(noisy=tmp_path / "x", clean=tmp_path / "y")
    assert choice._message.text() == "1 example; 1 other is left out"
    (tmp_path / "y" / "old").mkdir()
    choice.choose(noisy=tmp_path / "x", clean=tmp_path / "y" / ".." / "y")
    assert choice._message.text() == "1 example; 2 others are left out"
