"""OME-Zarr: stores of others are read by what they say, and ours say it all."""

import contextlib
import json
import random
import warnings
import zipfile
from dataclasses import replace

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
def test_the_full_resolution_is_read_with_its_geometry(tmp_path, rng, version):
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


def hyperspy(path, data, axes):
    """Write a store as HyperSpy does: `axes` are (name, units, values, navigate)."""
    group = zarr.create_group(path, zarr_format=2).create_group("Experiments/map")
    group.create_array("data", data=data)
    for number, (name, units, values, navigate) in enumerate(axes):
        axis = group.create_group(f"axis-{number}")
        about = {"name": name, "units": units, "navigate": navigate}
        if np.ptp(np.diff(values)) > 1e-9:
            axis.create_array("axis", data=values)
        else:
            about |= {"scale": float(values[1] - values[0]), "offset": float(values[0])}
        axis.attrs.update(about)
    group.create_group("metadata/General").attrs["title"] = "map of a leaf"
    return path


def test_a_stack_of_hyperspy_keeps_its_depths_and_uneven_energies(tmp_path, rng):
    data = rng.random((2, 4, 5, 6))
    energies = np.array([1.0, 1.1, 1.3, 1.6, 2.0, 2.5])
    steps = [0.5 * np.arange(2), 2.0 * np.arange(4), 3.0 * np.arange(5)]
    axes = [(name, "um", values, True) for name, values in zip("zyx", steps, strict=True)]
    path = hyperspy(tmp_path / "a.zspy", data, [*axes, ("Energy", "eV", energies, False)])
    cube = read(path)
    assert cube.axis == SpectralAxis(energies, "eV")
    assert (cube.z, cube.pixel_size) == (Sampling(0.5, 0.0, "um"), (2.0, 3.0))
    assert cube.metadata["hyperspy"]["General"]["title"] == "map of a leaf"
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(0, 3, 1, 2))


def test_images_of_hyperspy_are_no_spectra(tmp_path, rng):
    axes = [(name, "um", np.arange(n), name == "t") for name, n in (("t", 3), ("y", 4), ("x", 5))]
    path = hyperspy(tmp_path / "a.zspy", rng.random((3, 4, 5)), axes)
    assert read(path).axis == SpectralAxis.index(3)


def test_a_store_of_hyperspy_without_an_axis_is_refused(tmp_path, rng):
    path = hyperspy(tmp_path / "a.zspy", rng.random((4, 5)), [("y", "um", np.arange(4), True)])
    with pytest.raises(FileFormatError, match=r"2 axes, but no axis-1 beside them"):
        read(path)


@pytest.mark.parametrize("version", [2, 3])
def test_coordinates_of_xarray_give_axis_geometry_and_unit(tmp_path, rng, version):
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=version)
    data = rng.integers(0, 99, (6, 3, 4)).astype(np.int16)
    coordinates = {
        "wavenumber": (np.array([900.0, 910.0, 925.0, 930.0, 950.0, 990.0]), "cm-1"),
        "y": (10 + 0.5 * np.arange(3), "um"),
        "x": (20 + 0.25 * np.arange(4), "um"),
    }

    def put(name, values, dims, **about):
        named = {"dimension_names": dims} if version == 3 else {}
        array = group.create_array(name, data=values, **named)
        array.attrs.update(about | ({} if version == 3 else {"_ARRAY_DIMENSIONS": dims}))

    put("absorbance", data, list(coordinates), units="absorbance", scale_factor=0.01, note="leaf")
    for name, (values, units) in coordinates.items():
        put(name, values, [name], units=units)
    cube = read(tmp_path / "a.zarr")
    assert cube.axis == SpectralAxis(coordinates["wavenumber"][0], "1/cm")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((0.5, 0.25), (10.0, 20.0), "um")
    assert cube.intensity_unit == "absorbance"
    assert cube.metadata["scale"] == 0.01
    assert cube.data.dtype == np.int16  # scale and offset are kept, not applied
    np.testing.assert_array_equal(np.asarray(cube.data), data)


def test_a_coordinate_of_another_name_is_the_axis_of_its_dimension(tmp_path, rng):
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("cube", data=rng.random((6, 3, 4)), dimension_names=["n", "y", "x"])
    centres = np.array([1.0, 1.1, 1.3, 1.6, 2.0, 2.5])
    vector = group.create_array("photon_energy", data=centres, dimension_names=["n"])
    vector.attrs["units"] = "eV"
    assert read(tmp_path / "a.zarr").axis == SpectralAxis(centres, "eV")


def test_maps_of_different_depth_of_a_dataset_are_images_of_their_own(tmp_path, rng):
    group = zarr.create_group(tmp_path / "a.zarr")
    for name, bands in (("vis", 6), ("ir", 3)):
        dims = [f"{name}_band", "y", "x"]
        group.create_array(name, data=rng.random((bands, 4, 5)), dimension_names=dims)
        vector = group.create_array(dims[0], data=np.arange(bands) + 1.0, dimension_names=dims[:1])
        vector.attrs["units"] = "eV"
    assert sorted(i.name for i in read_all(tmp_path / "a.zarr")) == ["a ir", "a vis"]


def test_wavelengths_in_attributes_are_read_as_napari_sediment_writes_them(tmp_path, rng):
    array = zarr.create_array(tmp_path / "a.zarr", data=rng.random((6, 3, 4)), zarr_format=2)
    array.attrs["metadata"] = {"wavelength": [str(400.5 + n) for n in range(6)], "centers": []}
    assert read(tmp_path / "a.zarr").axis == SpectralAxis(400.5 + np.arange(6), "nm", guessed=True)


def zipped(path, folder, top=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for entry in sorted(folder.rglob("*")):
            if entry.is_file():
                file.write(entry, top + entry.relative_to(folder).as_posix())
    return path


def test_a_zipped_store_of_hyperspy_is_read_without_markers_and_models(tmp_path, rng):
    data = rng.random((4, 5, 6))
    axes = [(name, "um", 2.0 * np.arange(n), True) for name, n in (("y", 4), ("x", 5))]
    folder = hyperspy(
        tmp_path / "a.zspy", data, [*axes, ("Wavelength", "nm", 400.0 + np.arange(6), False)]
    )
    root = zarr.open_group(folder)
    root.attrs.update({"file_format": "ZSpy", "file_format_version": "3.3"})
    root.create_group("Analysis/models/a").create_array("chi", data=rng.random((4, 5)))
    markers = folder / "Experiments" / "map" / "metadata" / "General" / "offsets"
    markers.mkdir()
    objects = {"zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "|O", "fill_value": 0}
    objects |= {"order": "C", "compressor": None, "filters": [{"id": "vlen-array", "dtype": "<f8"}]}
    (markers / ".zarray").write_text(json.dumps(objects))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cube = read(zipped(tmp_path / "b.zspy", folder))
    assert cube.axis == SpectralAxis(400 + np.arange(6), "nm")
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(2, 0, 1))
    assert cube.metadata["hyperspy"]["General"]["title"] == "map of a leaf"


def test_no_unit_of_hyperspy_is_none(tmp_path, rng):
    axes = [("x", "um", np.arange(4), True), ("_None_", "_None_", np.arange(5), False)]
    cube = read(hyperspy(tmp_path / "a.zspy", rng.random((4, 5)), axes))
    assert (cube.axis.unit, cube.axis.other_unit) == (None, None)


@pytest.mark.parametrize("name", ["b.ozx", "b.zarr.zip", "b.ome.zarr.zip"])
@pytest.mark.parametrize("top", ["", "a.zarr/"])
def test_a_zipped_store_reads_as_the_store_in_it(tmp_path, cube, name, top):
    write(tmp_path / "a.zarr", cube)
    found = read(zipped(tmp_path / name, tmp_path / "a.zarr", top))
    assert describe(found) == describe(cube)
    np.testing.assert_array_equal(np.asarray(found.data), cube.data)


def test_a_zip_file_cut_short_or_of_other_things_is_refused(tmp_path, cube):
    write(tmp_path / "a.zarr", cube)
    path = zipped(tmp_path / "b.zarr.zip", tmp_path / "a.zarr", "elsewhere/deep/")
    with pytest.raises(FileFormatError, match="no Zarr store in this zip file"):
        read(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FileFormatError, match=r"b\.zarr\.zip: not a readable zip file"):
        read(path)


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


def test_names_and_colours_of_classes_are_where_the_specification_has_them(tmp_path, labels):
    coloured = replace(labels, colours=("#ff8000", "#0080ff"))
    write(tmp_path / "a.zarr", coloured)
    about = zarr.open_group(tmp_path / "a.zarr", mode="r").attrs["ome"]["image-label"]
    assert about["colors"] == [
        {"label-value": 1, "rgba": [255, 128, 0, 255]},
        {"label-value": 2, "rgba": [0, 128, 255, 255]},
    ]
    assert [entry["name"] for entry in about["properties"]] == list(labels.classes)
    assert describe(read_labels(tmp_path / "a.zarr")) == describe(coloured)
    group = zarr.open_group(tmp_path / "a.zarr")
    del group.attrs["hyperspectral"]  # as another program would have written it
    theirs = read_labels(tmp_path / "a.zarr")
    assert (theirs.classes, theirs.colours) == (coloured.classes, coloured.colours)


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
    with pytest.raises(FileFormatError, match=r"a\.zarr: not a whole Zarr file"):
        read(tmp_path / "a.zarr")


def test_a_damaged_chunk_is_refused_when_it_is_read(tmp_path, cube):
    write(tmp_path / "a.zarr", cube)
    (chunk,) = (p for p in (tmp_path / "a.zarr" / "0").rglob("*") if p.is_file() and p.name == "0")
    chunk.write_bytes(b"hello")
    found = read(tmp_path / "a.zarr")
    with pytest.raises(FileFormatError, match=r"a\.zarr: chunk 0/c/0/0/0 is damaged"):
        np.asarray(found.data)


def test_a_store_one_folder_further_down_is_pointed_to(tmp_path, cube):
    (tmp_path / "a.zarr").mkdir()
    write(tmp_path / "a.zarr" / "scan.zarr", cube)
    with pytest.raises(FileFormatError, match=r"open scan\.zarr, the store that is in it"):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_flipped_bytes_in_metadata_give_an_image_or_a_refusal(tmp_path, rng, version):
    path = multiscale(tmp_path / "a.zarr", rng.random((6, 8, 10)), "cyx", version, NM)
    chance = random.Random(1)
    for file in [p for p in path.rglob("*") if p.name in ("zarr.json", ".zattrs", ".zarray")]:
        whole = file.read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(whole))] ^= chance.choice([0x80, 0x01, 0x20])
            file.write_bytes(damaged)
            with contextlib.suppress(FileFormatError):
                assert all(np.prod(image.shape) < 10**6 for image in read_all(path))
        file.write_bytes(whole)


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
