"""OME-Zarr: stores of others are read by what they say, and ours say it all."""

import json

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling, describe
from napari_hyperspectral.io import FileFormatError, read, read_all, read_labels, write

NM = [f"{400 + 10 * band} nm" for band in range(6)]


def multiscale(path, data, axes, version, labels=(), units=None, scale=None, start=None):
    """Write a store with two levels, as the specification of this version has it."""
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=data)
    group.create_array("1", data=data[..., ::2, ::2])
    named = {"t": "time", "c": "channel"}
    listed = [{"name": a, "type": named.get(a, "space")} for a in axes]
    for axis, unit in (units or {}).items():
        listed[axes.index(axis)]["unit"] = unit
    steps = [{"type": "scale", "scale": scale or [1.0] * len(axes)}]
    if start:
        steps.append({"type": "translation", "translation": start})
    scales = {
        "axes": listed,
        "datasets": [{"path": level, "coordinateTransformations": steps} for level in ("0", "1")],
    }
    about = {"multiscales": [scales], "omero": {"channels": [{"label": n} for n in labels]}}
    group.attrs.update(about if version == "0.4" else {"ome": about | {"version": version}})
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_full_resolution_is_read_with_its_place_in_space(tmp_path, rng, version):
    data = rng.normal(size=(2, 6, 3, 8, 10)).astype(np.float32)
    path = multiscale(
        tmp_path / "a.zarr",
        data,
        "tczyx",
        version,
        labels=NM,
        units={"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"},
        scale=[5.0, 1.0, 2.0, 0.5, 0.25],
        start=[1.0, 0.0, -2.0, 3.0, 4.0],
    )
    cube = read(path)
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(0, 2, 1, 3, 4))
    assert cube.axis == SpectralAxis(np.arange(400, 460, 10), "nm")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((0.5, 0.25), (3.0, 4.0), "um")
    assert (cube.t, cube.z) == (Sampling(5.0, 1.0, "s"), Sampling(2.0, -2.0, "um"))
    assert (cube.name, cube.history) == ("a", ("read a.zarr",))


def test_scales_of_level_and_image_multiply(tmp_path, rng):
    path = multiscale(tmp_path / "a.zarr", rng.random((6, 8, 10)), "cyx", "0.5", scale=[1, 2, 3])
    group = zarr.open_group(path)
    about = group.attrs["ome"]
    about["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [1.0, 10.0, 100.0]}
    ]
    group.attrs["ome"] = about
    assert read(path).pixel_size == (20.0, 300.0)


@pytest.mark.parametrize(
    ("labels", "axis"),
    [
        (["DAPI", "GFP"], ChannelAxis(("DAPI", "GFP"))),
        (["461 nm", "510 nm"], ChannelAxis(("461 nm", "510 nm"))),
        ([0, 1], SpectralAxis.index(2)),
        ([], SpectralAxis.index(2)),
    ],
)
def test_channels_get_no_made_up_spectrum(tmp_path, rng, labels, axis):
    path = multiscale(tmp_path / "a.zarr", rng.random((2, 8, 10)), "cyx", "0.4", labels)
    assert read(path).axis == axis


def test_named_axes_and_coordinates_are_read_as_xarray_writes_them(tmp_path, rng):
    group = zarr.create_group(tmp_path / "a.zarr")
    data = rng.random((8, 10, 6))
    group.create_array("cube", data=data, dimension_names=["y", "x", "wavelength"])
    centres = np.array([400.0, 410.5, 420.0, 431.0, 440.0, 452.0])
    coordinate = group.create_array("wavelength", data=centres, dimension_names=["wavelength"])
    coordinate.attrs["units"] = "nm"
    cube = read(tmp_path / "a.zarr")
    assert cube.axis == SpectralAxis(centres, "nm")
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(2, 0, 1))


def test_an_array_is_picked_by_name_and_layout(tmp_path, rng):
    group = zarr.create_group(tmp_path / "a.zarr")
    data = rng.random((8, 10, 6))
    group.create_array("scans/first", data=data)
    group.create_array("scans/second", data=data + 1)
    cube = read(f"{tmp_path / 'a.zarr'}::scans/second@yxb")
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(2, 0, 1) + 1)
    with pytest.raises(FileFormatError, match=r"no array 'third'.*scans/first \(8, 10, 6\)"):
        read(f"{tmp_path / 'a.zarr'}::third@yxb")


def test_every_image_of_a_store_is_found(tmp_path, rng):
    zarr.create_group(tmp_path / "a.zarr")
    for name in "01":
        multiscale(tmp_path / "a.zarr" / name, rng.random((6, 4, 5)), "cyx", "0.5", NM)
    assert [image.shape for image in read_all(tmp_path / "a.zarr")] == [(6, 4, 5)] * 2


def test_a_store_is_known_by_its_files_whatever_its_name(tmp_path, rng):
    path = multiscale(tmp_path / "scan", rng.random((6, 8, 10)), "cyx", "0.4", NM)
    assert read(path).axis.unit == "nm"


def test_a_store_of_hyperspy_is_read_by_its_axes(tmp_path, rng):
    group = zarr.create_group(tmp_path / "a.zspy").create_group("Experiments/map")
    data = rng.random((4, 5, 6))
    group.create_array("data", data=data)
    for number, (name, units) in enumerate([("y", "um"), ("x", "um"), ("Raman shift", "cm^-1")]):
        axis = group.create_group(f"axis-{number}")
        about = {"name": name, "units": units, "scale": 0.5, "offset": 2.0, "size": 6}
        axis.attrs.update(about | {"navigate": number < 2, "_type": "UniformDataAxis"})
    cube = read(tmp_path / "a.zspy")
    assert cube.axis == SpectralAxis(2 + 0.5 * np.arange(6), "1/cm", "raman_shift")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((0.5, 0.5), (2.0, 2.0), "um")
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(2, 0, 1))


# what we write -----------------------------------------------------------------------------


def test_everything_comes_back(tmp_path, cube, stack, labels):
    for image in (cube, stack, labels):
        write(tmp_path / "a.zarr", image, overwrite=True)
        found = (read_labels if isinstance(image, Labels) else read)(tmp_path / "a.zarr")
        assert describe(found) == describe(image)
        assert found.data.dtype == image.data.dtype
        np.testing.assert_array_equal(np.asarray(found.data), np.asarray(image.data))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_zarr_reads_our_store_as_the_specification_says(tmp_path, stack):
    write(tmp_path / "a.zarr", stack)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    ome = group.attrs["ome"]
    (scales,) = ome["multiscales"]
    axes = [(axis["name"], axis["type"], axis.get("unit")) for axis in scales["axes"]]
    assert axes == [
        ("t", "time", "second"),
        ("c", "channel", None),
        ("z", "space", "micrometer"),
        ("y", "space", "micrometer"),
        ("x", "space", "micrometer"),
    ]
    steps = scales["datasets"][0]["coordinateTransformations"]
    assert steps[0] == {"type": "scale", "scale": [30.0, 1.0, 1.5, 0.5, 0.25]}
    assert steps[1] == {"type": "translation", "translation": [5.0, 0.0, -3.0, 1.0, 2.0]}
    assert ome["version"] == "0.5"
    assert ome["omero"]["channels"][0]["label"] == "500.1 cm-1"
    array = group["0"]
    assert array.metadata.dimension_names == ("t", "c", "z", "y", "x")
    np.testing.assert_array_equal(array[:], np.asarray(stack.data).transpose(0, 2, 1, 3, 4))
    window = ome["omero"]["channels"][0]["window"]
    assert (window["min"], window["max"]) == (stack.data.min(), stack.data.max())


def test_a_lazy_cube_is_written_block_by_block(tmp_path):
    seen = []

    def block(block_info=None):
        shape = block_info[None]["chunk-shape"]
        seen.append(shape)
        return np.full(shape, len(seen), np.float32)

    chunks = ((32, 32), (64, 64, 2), (130,))
    lazy = da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * 3, "f4"))
    write(tmp_path / "a.zarr", Cube(lazy, SpectralAxis.index(64)))
    assert sorted(seen) == sorted([(32, 64, 130)] * 4 + [(32, 2, 130)] * 2)  # each once
    array = zarr.open_array(tmp_path / "a.zarr" / "0", mode="r")
    assert array.chunks == (32, 64, 64)
    assert read(tmp_path / "a.zarr").data.chunks == (32, 64, 64)


def test_unmeasured_pixels_stay_nan_and_do_not_set_the_window(tmp_path, axis):
    data = np.full((6, 3, 4), np.nan, np.float32)
    data[:, 0, 0] = np.arange(6)
    write(tmp_path / "a.zarr", Cube(data, axis))
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.zarr").data), data)
    channels = zarr.open_group(tmp_path / "a.zarr", mode="r").attrs["ome"]["omero"]["channels"]
    assert (channels[0]["window"]["min"], channels[0]["window"]["max"]) == (0.0, 5.0)


# damage ------------------------------------------------------------------------------------


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(FileFormatError, match=r"a\.zarr: no Zarr store"):
        read(tmp_path / "a.zarr")


def test_a_store_without_an_image_is_refused(tmp_path):
    zarr.create_group(tmp_path / "a.zarr")
    with pytest.raises(FileFormatError, match="no image in this Zarr store; it holds no array"):
        read(tmp_path / "a.zarr")


def test_damaged_metadata_are_refused(tmp_path, cube):
    write(tmp_path / "a.zarr", cube)
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    with pytest.raises(FileFormatError, match="not a readable Zarr store"):
        read(tmp_path / "a.zarr")


# real stores -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ome-zarr-py/v2", "ome-zarr/blobs_image_v05.ome.zarr"])
def test_real_stores_read_as_zarr_reads_them(data_folder, name):
    folder = data_folder / "formats"
    (expected,) = json.loads((folder / "expected.json").read_text())[f"ome_zarr/{name}"]
    cube = read(folder / "ome_zarr" / name)
    *leading, y, x, bands = expected["shape_yxs"]
    assert cube.shape == (*leading, bands, y, x)
    assert cube.axis == SpectralAxis.index(bands)
    data = np.moveaxis(np.asarray(cube.data), -3, -1)
    assert data.dtype.name == expected["dtype"]
    assert data.sum(dtype=np.float64) == pytest.approx(expected["sum"])
    for probe in expected["probes"]:
        assert data[tuple(probe["index"])] == probe["value"]
