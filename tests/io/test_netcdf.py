"""NetCDF: spectral dimensions are found where coordinates, or vectors in other groups, are."""

import warnings

import h5py
import numpy as np
import pytest
from scipy.io import netcdf_file

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Sampling
from napari_hyperspectral.io import FileFormatError, read, read_all
from napari_hyperspectral.io.arrays.positional import Positional

TRUTH = np.arange(5 * 7 * 4, dtype=np.float32).reshape(5, 7, 4)  # (y, x, band)
CENTRES = [381.0, 388.5, 396.0, 404.0]


def scale(file, name, values, **about):
    file[name] = np.asarray(values)
    file[name].make_scale(name)
    file[name].attrs.update(about)
    return file[name]


@pytest.fixture
def reflectance(tmp_path):
    """A product as EMIT's: wavelengths lie in a group of their own."""
    path = tmp_path / "scene.nc"
    with h5py.File(path, "w") as file:
        file["reflectance"] = TRUTH
        file["reflectance"].attrs.update(units="1", _FillValue=-9999.0, scale_factor=0.1)
        for place, (name, size) in enumerate({"downtrack": 5, "crosstrack": 7, "bands": 4}.items()):
            about = {"NAME": f"This is a netCDF dimension but not a netCDF variable. {size}"}
            file["reflectance"].dims[place].attach_scale(scale(file, name, np.zeros(size), **about))
        group = file.create_group("sensor_band_parameters")
        for name, values in {
            "wavelengths": CENTRES,
            "fwhm": [8.4] * 4,
            "good": [1, 1, 0, 1],
        }.items():
            group[name] = values
            group[name].dims[0].attach_scale(file["bands"])
        group.move("good", "good_wavelengths")
        group["wavelengths"].attrs["units"] = "nm"
    return path


def test_wavelengths_of_another_group_are_found_by_their_dimension(reflectance):
    cube = read(reflectance)
    assert np.array_equal(np.asarray(cube.data), TRUTH.transpose(2, 0, 1))
    assert cube.axis == SpectralAxis(
        CENTRES, "nm", widths=[8.4] * 4, bad=[False, False, True, False]
    )


def test_scale_and_fill_are_told_and_not_applied(reflectance):
    about = read(reflectance).metadata["variable"]
    assert (about["scale_factor"], about["_FillValue"]) == (0.1, -9999.0)


def test_coordinates_give_pixels_times_and_the_projection(tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["dn"] = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
        file["dn"].attrs.update(grid_mapping="crs", units="DN")
        file["crs"] = 0
        file["crs"].attrs["crs_wkt"] = "PROJCS[…]"
        coordinates = {
            "time": (np.array([0.0, 60]), "seconds since 2020-01-01"),
            "wavelength": (np.array([0.45, 0.55, 0.7]), "micrometers"),
            "y": (np.array([90.0, 60, 30, 0]), "m"),
            "x": (np.arange(5) * 30.0, "m"),
        }
        for place, (name, (values, unit)) in enumerate(coordinates.items()):
            file["dn"].dims[place].attach_scale(scale(file, name, values, units=unit))
    cube = read(tmp_path / "a.nc")
    assert cube.dims == ("t", "band", "y", "x")
    assert cube.axis == SpectralAxis([0.45, 0.55, 0.7], "um")
    assert (cube.pixel_size, cube.pixel_unit, cube.t) == ((-30, 30), "m", Sampling(60, 0, "s"))
    assert cube.georeference == {"crs_wkt": "PROJCS[…]"}


def classic(path, records=False, version=2):
    with netcdf_file(path, "w", version=version) as file:
        sizes = {"line": None if records else 5, "sample": 7, "wavelength": 4}
        for name, size in sizes.items():
            file.createDimension(name, size)
        for name in ("radiance", "other"):
            file.createVariable(name, "f4", ("line", "sample", "wavelength"))[:] = TRUTH
        axis = file.createVariable("wavelength", "f8", ("wavelength",))
        axis[:] = CENTRES
        axis.units = "nm"
    return path


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("version", [1, 2])
def test_the_classic_format_is_mapped_also_where_records_alternate(tmp_path, records, version):
    cubes = read_all(classic(tmp_path / "a.nc", records, version))
    assert [cube.name for cube in cubes] == ["radiance", "other"]
    for cube in cubes:
        assert np.array_equal(cube.data, TRUTH.transpose(2, 0, 1))
        assert cube.axis == SpectralAxis(CENTRES, "nm")


@pytest.mark.parametrize("records", [False, True])
def test_scipy_reads_the_same_numbers_but_from_a_mapping(tmp_path, records):
    """Why this reader stays: a mapped file that is cut while it is shown ends the process."""
    cube, _ = read_all(classic(tmp_path / "a.nc", records))
    with warnings.catch_warnings(), netcdf_file(tmp_path / "a.nc") as file:
        warnings.simplefilter("ignore")  # it warns of arrays that still need the file
        stored = np.array(file.variables["radiance"].data)  # (y, x, band)
        assert file.use_mmap
    assert np.array_equal(cube.data, stored.transpose(2, 0, 1))
    assert isinstance(cube.data, Positional)


def test_a_classic_file_cut_short_is_refused(tmp_path):
    whole = classic(tmp_path / "a.nc").read_bytes()
    for length in (0, 3, 10, 60, 200, len(whole) - 200):
        (tmp_path / "a.nc").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"^a.nc: "):
            read_all(tmp_path / "a.nc")


def test_flipped_bytes_of_a_classic_header_raise_nothing_else(tmp_path):
    whole = classic(tmp_path / "a.nc").read_bytes()
    for place in range(260):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "a.nc").write_bytes(damaged)
        try:
            images = read_all(tmp_path / "a.nc")
        except FileFormatError:
            continue
        assert all(np.asarray(image.data).nbytes <= len(whole) for image in images)


def test_the_format_of_64_bit_data_is_named(tmp_path):
    (tmp_path / "a.nc").write_bytes(b"CDF\x05" + bytes(100))
    with pytest.raises(FileFormatError, match="CDF-5"):
        read(tmp_path / "a.nc")


def test_a_heap_that_leads_nowhere_is_refused(tmp_path, reflectance):
    whole = bytearray(reflectance.read_bytes())
    place = whole.index(b"GCOL") + 16
    whole[place + 9] ^= 0xFF  # size of its first object
    reflectance.write_bytes(whole)
    with pytest.raises(FileFormatError, match=r"^scene.nc: the heap at byte \d+ is damaged"):
        read(reflectance)
