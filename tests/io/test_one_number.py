"""One wrong number in a file, or one file that holds more than it should, ruins nothing."""

import gzip
import io as streams
import json
import zipfile
import zlib

import numpy as np
import pytest

from napari_hyperspectral import Cube, Labels, SpectralAxis
from napari_hyperspectral.cube import Sampling
from napari_hyperspectral.io import FileFormatError, read, read_labels, write

AXIS = SpectralAxis(np.array([500.0, 510.0]), "nm")
VALUES = np.ones((2, 3, 4), np.float32)
WRONG = [0.0, float("nan"), float("inf"), -float("inf"), 1e-320, 1e300]


@pytest.mark.parametrize("size", [*WRONG, "1", None])
def test_a_pixel_size_is_checked_in_cubes_and_labels(size):
    for sizes in ((size, 1.0), (1.0, size)):
        with pytest.raises(ValueError, match=r"pixel size of .* wanted finite numbers"):
            Cube(VALUES, AXIS, pixel_size=sizes)
        with pytest.raises(ValueError, match="pixel size of"):
            Labels(np.ones((3, 4), int), pixel_size=sizes)


@pytest.mark.parametrize("size", [(1.0,), (1.0, 1.0, 1.0), 1.0, ()])
def test_a_pixel_size_is_a_height_and_a_width(size):
    with pytest.raises(ValueError, match="pixel size of"):
        Cube(VALUES, AXIS, pixel_size=size)


def test_origins_and_steps_are_checked_too():
    with pytest.raises(ValueError, match="an origin of 0 × nan"):
        Cube(VALUES, AXIS, origin=(0.0, float("nan")))
    with pytest.raises(ValueError, match="a step of 0 along z"):
        Cube(VALUES[None], AXIS, z=Sampling(0.0))
    with pytest.raises(ValueError, match="a start of inf along t"):
        Cube(VALUES[None], AXIS, t=Sampling(1.0, float("inf")))


def test_a_negative_pixel_size_is_a_coordinate_that_falls():
    assert Cube(VALUES, AXIS, pixel_size=(-2.0, 1.0)).pixel_size == (-2.0, 1.0)


def described(folder, name):
    cube = Cube(VALUES, AXIS, pixel_size=(0.5, 0.25), pixel_unit="um", origin=(3.0, 4.0))
    return write(folder / name, cube)


def replace_in(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def envi(folder, value):
    path = described(folder, "a.hdr")
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("napari", "pixel size", "map info"))]
    path.write_text("\n".join([*kept, f"pixel size = {{{value}, 1}}"]) + "\n")
    return path


def sidecar(folder, value):
    path = described(folder, "a.npy")
    replace_in(path.with_suffix(".json"), "0.25", value)
    return path


def ome_zarr(folder, value):
    path = described(folder, "a.zarr")
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"].pop("hyperspectral")
    text = json.dumps(document)
    assert "0.25" in text
    (path / "zarr.json").write_text(text.replace("0.25", value))
    return path


def npz(folder, value):
    path = described(folder, "a.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    text = str(arrays["hyperspectral"])
    assert "0.25" in text
    arrays["hyperspectral"] = np.array(text.replace("0.25", value))
    np.savez_compressed(path, **arrays)
    return path


def ome_tiff(folder, value):
    tifffile = pytest.importorskip("tifffile")
    metadata = {"axes": "CYX", "PhysicalSizeX": float(value), "PhysicalSizeY": 1.0}
    tifffile.imwrite(folder / "a.ome.tif", VALUES, metadata=metadata, photometric="minisblack")
    return folder / "a.ome.tif"


@pytest.mark.parametrize("value", ["0.0", "NaN", "Infinity"])
@pytest.mark.parametrize("written", [envi, sidecar, ome_zarr, npz, ome_tiff])
def test_a_file_with_a_wrong_pixel_size_is_read_in_pixels_and_told(tmp_path, written, value):
    path = written(tmp_path, value)
    with pytest.warns(UserWarning, match=rf"{path.name}: it states a pixel size of"):
        cube = read(path, axes="byx" if written is ome_tiff else None)
    assert cube.pixel_size == (1.0, 1.0)
    assert cube.pixel_unit is None
    np.testing.assert_array_equal(np.asarray(cube.data), VALUES)


def test_labels_with_a_wrong_pixel_size_are_read_in_pixels(tmp_path):
    path = write(tmp_path / "a.npy", Labels(np.ones((3, 4), int), pixel_size=(0.5, 0.25)))
    replace_in(path.with_suffix(".json"), "0.25", "NaN")
    with pytest.warns(UserWarning, match="it states a pixel size of"):
        assert read_labels(path).pixel_size == (1.0, 1.0)


# bombs ------------------------------------------------------------------------------------


def header_of(shape):
    buffer = streams.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def archive_of(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.npy", content)
    return path


def test_arrays_of_other_sizes_than_their_members_are_refused(tmp_path):
    path = archive_of(tmp_path / "a.npz", header_of((10**6, 10**6, 10**6)) + bytes(100))
    with pytest.raises(FileFormatError, match=r"data\.npy has 100 bytes, .* need 4,000,000"):
        read(path)


def test_members_that_claim_what_deflate_cannot_pack_are_refused(tmp_path):
    path = archive_of(tmp_path / "a.npz", header_of((10, 10)) + bytes(400))
    raw = bytearray(path.read_bytes())
    size = (2**31).to_bytes(4, "little")
    central = raw.index(b"PK\x01\x02")
    raw[central + 24 : central + 28] = size
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match=r"said to unpack to 2,147,483,648 bytes"):
        read(path)


def test_what_needs_more_memory_than_is_free_is_refused_with_the_estimate(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "napari_hyperspectral.io.room.psutil.virtual_memory",
        lambda: type("Memory", (), {"available": 2**20}),
    )
    path = archive_of(tmp_path / "a.npz", header_of((2**19,)) + bytes(2**21))
    with pytest.raises(FileFormatError, match=r"needs 0\.0 GB of memory, 0\.0 GB are free"):
        read(path)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"0,0\n" * 2**18))
    with pytest.raises(FileFormatError, match="its text needs"):
        read(packed)


def test_long_and_damaged_descriptions_are_refused(tmp_path):
    for text in ("[1]", '"x"', "{}", '{"axis": 3}', "[" * 100_000, "nonsense", '{"schema": "a"}'):
        np.savez(tmp_path / "a.npz", data=VALUES, hyperspectral=np.array(text))
        with pytest.raises(FileFormatError, match=r"^a\.npz: [^\n]+$"):
            read(tmp_path / "a.npz")


def test_packed_variables_of_matlab_are_bounded(tmp_path):
    bomb = b"\x0e\0\0\0\0\0\0\x40" + bytes(2**24)
    packed = zlib.compress(bomb)
    header = b"MATLAB 5.0".ljust(124) + b"\0\1IM"
    tag = b"\x0f\0\0\0" + len(packed).to_bytes(4, "little")
    (tmp_path / "a.mat").write_bytes(header + tag + packed)
    with pytest.raises(FileFormatError, match="said to unpack to 1,073,741,824 bytes"):
        read(tmp_path / "a.mat")


# what ends or stops a process ---------------------------------------------------------------


def test_types_that_matlab_has_not_are_refused_before_scipy_sees_them(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    path = tmp_path / "a.mat"
    scipy_io.savemat(path, {"cube": VALUES.transpose(1, 2, 0), "info": {"name": "a", "n": 3}})
    assert read(f"{path}::cube").shape == (2, 3, 4)
    raw = path.read_bytes()
    refused = 0
    for start in range(128, len(raw) - 8, 8):
        damaged = raw[:start] + bytes(8) + raw[start + 8 :]
        path.write_bytes(damaged)
        try:
            read(f"{path}::cube")
        except FileFormatError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
    assert refused > 5


def test_tiff_pages_in_a_circle_are_refused(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    for name in ("a.tif", "a.ome.tif"):
        path = tmp_path / name
        tifffile.imwrite(path, VALUES, photometric="minisblack", metadata=None)
        with tifffile.TiffFile(path) as file:
            first, last = file.pages[0], file.pages[-1]
            end = last.offset + 2 + 12 * len(last.tags)
        raw = bytearray(path.read_bytes())
        raw[end : end + 4] = first.offset.to_bytes(4, "little")
        path.write_bytes(raw)
        with pytest.raises(FileFormatError, match="is followed by an earlier one"):
            read(path, axes="byx")


@pytest.mark.parametrize("name", ["wn.mat", "hang.ome.tiff"])
def test_the_damaged_samples_are_one_error_each(data_folder, name):
    path = data_folder / "damaged" / name
    if not path.is_file():
        pytest.skip("the damaged samples are not here")
    with pytest.raises(FileFormatError):
        read(path)
