"""ESRI headers lead to their data, whatever the order of the axes."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read

VALUES = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)  # (band, y, x)
TO_FILE = {"BIL": (1, 0, 2), "BIP": (1, 2, 0), "BSQ": (0, 1, 2)}


def written(folder, layout="BIL", order="I", **words):
    words = {
        "BYTEORDER": order,
        "LAYOUT": layout,
        "NROWS": 3,
        "NCOLS": 4,
        "NBANDS": 2,
        "NBITS": 16,
    } | words
    text = "".join(f"{key} {value}\n" for key, value in words.items() if value is not None)
    (folder / "a.hdr").write_text(text + "WAVELENGTHS\n899.59\n900.84\nWAVELENGTHS_END\n")
    raw = VALUES.transpose(TO_FILE.get(layout, (0, 1, 2))).astype("<u2" if order == "I" else ">u2")
    (folder / f"a.{layout.lower()}").write_bytes(raw.tobytes())
    return folder / "a.hdr"


@pytest.mark.parametrize("layout", TO_FILE)
@pytest.mark.parametrize("order", ["I", "M"])
def test_every_layout_and_byte_order_gives_the_same_cube(tmp_path, layout, order):
    path = written(tmp_path, layout, order)
    for file in (path, path.with_suffix(f".{layout.lower()}")):
        cube = read(file)
        assert np.array_equal(cube.data, VALUES)
        assert cube.axis == SpectralAxis([899.59, 900.84], "nm", guessed=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"NROWS": 9}, "a.bil has 48 bytes, the header needs 144"),
        ({"NROWS": None}, "it lacks NROWS"),
        ({"NCOLS": -4}, "NCOLS is '-4'"),
        ({"NBITS": 7}, "layout BIL, 7 bits"),
        ({"BANDGAPBYTES": 8}, "BANDGAPBYTES is 8, without gaps it is 0"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, words, message):
    path = written(tmp_path, **words)
    with pytest.raises(FileFormatError, match=f"^a.hdr: {message}"):
        read(path)


def test_a_header_without_its_data_says_what_was_looked_for(tmp_path):
    path = written(tmp_path)
    (tmp_path / "a.bil").unlink()
    with pytest.raises(FileFormatError, match=r"data file is missing \(looked for a\.bil"):
        read(path)
