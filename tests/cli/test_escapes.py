"""Control characters in names and texts of files are shown, not sent to the terminal."""

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.errors import FileFormatError, printable
from napari_hyperspectral.io import write

EVIL = "a\x1b]0;owned\x07\x1b[2Jb\x9b1m\u202e"
SENT = ("\x1b", "\x07", "\x9b", "\u202e")


def test_control_characters_are_spelled_out_and_others_kept():
    assert printable("µm\tcm⁻¹\n") == "µm\tcm⁻¹\n"
    assert printable("a\x1b[2J\x07\x9b\u202e") == r"a\x1b[2J\x07\x9b\u202e"


def test_errors_show_names_of_files():
    assert r"\x1b[2J" in str(FileFormatError(f"{EVIL}.npy", "damaged", "copy it again"))


@pytest.mark.parametrize("words", [("info",), ("info", "--stats"), ("info", "--json")])
def test_names_and_texts_of_files_are_not_sent(run, tmp_path, words):
    axis = SpectralAxis(np.array([500.0, 510.0]), "nm")
    cube = Cube(
        np.ones((2, 3, 4), np.float32), axis, name=EVIL, history=(EVIL,), metadata={EVIL: EVIL}
    )
    path = write(tmp_path / "a\x1b[31m.npz", cube)
    code, out, err = run(*words, path)
    assert code == 0
    assert not any(sent in out + err for sent in SENT)


def test_errors_and_warnings_are_not_sent(run, tmp_path):
    path = tmp_path / "a\x1b[31m.npy"
    path.write_bytes(b"nothing")
    code, out, err = run("info", path)
    assert code == 1
    assert "\x1b" not in out + err
    assert r"\x1b[31m" in err
