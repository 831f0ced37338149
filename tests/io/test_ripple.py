"""Ripple headers lead to their data, in any record order, type and byte order."""

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read

VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4)  # (band, y, x)
META = {
    "depth-origin": 1.5, "depth-scale": 0.25, "depth-units": "eV", "width-scale": 2,
    "height-scale": 3, "width-units": "um", "title": "a grain", "signal": "EELS",
}  # fmt: skip


def written(folder, dtype="<u2", record="image", **keys):
    kind = np.dtype(dtype)
    keys = {
        "width": 4, "height": 3, "depth": 2, "offset": 8, "record-by": record,
        "data-length": kind.itemsize,
        "data-type": {"i": "signed", "u": "unsigned", "f": "float"}[kind.kind],
        "byte-order": "big-endian" if kind.str[0] == ">" else "little-endian",
    } | keys  # fmt: skip
    lines = [f"{key}\t{value}" for key, value in keys.items() if value is not None]
    (folder / "a.rpl").write_text("\n".join(["; a comment", "key\tvalue", *lines]))
    data = VALUES if record == "image" else VALUES.transpose(1, 2, 0)
    (folder / "a.raw").write_bytes(bytes(8) + data.astype(kind).tobytes())
    return folder / "a.rpl"


@pytest.mark.parametrize("record", ["image", "vector"])
@pytest.mark.parametrize("dtype", ["<u2", ">i4", "<f4", ">f8", "<u1", "<i8"])
@pytest.mark.parametrize("suffix", [".rpl", ".raw"])
def test_every_order_and_type_gives_the_same_cube(tmp_path, record, dtype, suffix):
    cube = read(written(tmp_path, dtype, record).with_suffix(suffix))
    assert np.array_equal(cube.data, VALUES)
    assert cube.data.dtype == np.dtype(dtype)


def test_axes_names_and_all_else_are_kept(tmp_path):
    cube = read(written(tmp_path, **META))
    assert cube.spectral_axis.centres.tolist() == [1.5, 1.75]
    assert (cube.spectral_axis.unit, cube.name) == ("eV", "a grain")
    assert (cube.pixel_size, cube.pixel_unit) == ((3.0, 2.0), "um")
    assert cube.metadata["ripple"]["signal"] == "EELS"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"width": 400}, "a.raw has 56 bytes, the header needs 4808"),
        ({"width": None}, "it lacks width"),
        ({"depth": "many"}, "depth is 'many'"),
        ({"data-length": 3}, "unsigned of 3 bytes"),
        ({"record-by": "turns"}, "record-by 'turns'"),
        ({"height": 0}, "contains no data"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, keys, message):
    with pytest.raises(FileFormatError, match=f"^a.rpl: {message}"):
        read(written(tmp_path, **keys))


def test_a_header_without_its_data_is_refused(tmp_path):
    path = written(tmp_path)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(FileFormatError, match=r"a\.raw is missing"):
        read(path)
