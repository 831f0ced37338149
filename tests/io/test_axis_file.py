"""Axes in files of their own."""

import json

import pytest

from napari_hyperspectral.axis import SpectralAxis, axis_to_json
from napari_hyperspectral.errors import FileFormatError
from napari_hyperspectral.io.metadata.axis_file import read_axis

NM = SpectralAxis([400.5, 410, 420.25], "nm")
BARE = SpectralAxis([400.5, 410, 420.25])


@pytest.mark.parametrize(
    ("name", "text", "axis"),
    [
        ("a.txt", "400.5\n410\n420.25\n", BARE),
        ("a.txt", "400,5\n410,0\n420,25\n", BARE),
        ("a.txt", "\ufeff400.5 410 420.25", BARE),
        ("a.txt", "# Wavelength (nm)\n400.5\t1\n410\t2\n420.25\t3\n", NM),
        ("a.txt", "400,5\t1,0\n410\t2,5\n420,25\t3\n", BARE),
        ("a.csv", "400.5,1\n410,2\n420.25,3\n", BARE),
        (
            "a.csv",
            '"wavelength [um]","counts"\r\n0.5,7\r\n0.6,8\r\n',
            SpectralAxis([0.5, 0.6], "um"),
        ),
        ("a.csv", "nm;counts\n400,5;1\n410;2\n420,25;3\n", NM),
        ("a.csv", "400.5, 410, 420.25\n", BARE),
        (
            "a.csv",
            "Raman shift (cm-1),counts\n5e2,1\n-5.5e1,2\n",
            SpectralAxis([500, -55], "1/cm", "raman_shift"),
        ),
        ("a.json", "[400.5, 410, 420.25]", BARE),
        ("a.json", '{"wavelength": [400.5, 410, 420.25], "unit": "nanometers"}', NM),
    ],
)
def test_numbers_make_an_axis(tmp_path, name, text, axis):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert read_axis(tmp_path / name) == axis


def test_an_axis_of_ours_comes_back_whole(tmp_path, axis):
    for about in (axis_to_json(axis), {"layout": "byx", "axis": axis_to_json(axis)}):
        (tmp_path / "a.json").write_text(json.dumps(about))
        assert read_axis(tmp_path / "a.json") == axis


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b""),
        ("a.txt", b"dear diary,\n" * 50),
        ("a.txt", bytes(range(256))),
        ("a.csv", b"1,2\nnan,3\n" + b"x\n" * 30),
        ("a.json", b"{"),
        ("a.json", b"[" * 100_000),
        ("a.json", b'"text"'),
        ("a.json", b"[1, [2, 3]]"),
        ("a.json", b'{"a": [1, 2], "b": [3, 4]}'),
        ("a.json", b'{"channels": ["DAPI"]}'),
        ("a.json", b'{"centres": [1, "two"]}'),
    ],
)
def test_what_is_no_axis_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileFormatError, match=rf"^{name}: no axis in it"):
        read_axis(tmp_path / name)
