"""Files with a variable, a dataset or an array for each band are read as one cube."""

import h5py
import numpy as np
import pytest
from scipy.io import netcdf_file, savemat

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import FileFormatError, read, read_all

BANDS = np.arange(12 * 5 * 7, dtype=np.float32).reshape(12, 5, 7)


def classic(path, names, attributes=lambda number: {}):
    """Write a NetCDF as GDAL does: names in any order, y and x as coordinates."""
    file = netcdf_file(path, "w")
    for name, size in (("y", 5), ("x", 7)):
        file.createDimension(name, size)
        coordinate = file.createVariable(name, "f8", (name,))
        coordinate[:] = np.arange(size) * 30.0
        coordinate.units = "m"
    for number in np.argsort(names):  # by the alphabet: Band10 before Band2
        variable = file.createVariable(names[number], "f4", ("y", "x"))
        variable[:] = BANDS[number]
        for key, value in attributes(number).items():
            setattr(variable, key, value)
    file.close()
    return path


def test_bands_of_gdal_are_one_cube_in_the_order_of_their_numbers(tmp_path):
    cube = read(classic(tmp_path / "a.nc", [f"Band{n}" for n in range(1, 13)]))
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert cube.axis == SpectralAxis.index(12)
    assert (cube.pixel_size, cube.pixel_unit) == ((30, 30), "m")


def test_a_band_that_is_asked_for_is_read_alone(tmp_path):
    path = classic(tmp_path / "a.nc", [f"Band{n}" for n in range(1, 13)])
    assert np.array_equal(np.asarray(read(f"{path}::Band10").data)[0], BANDS[9])


def test_a_missing_band_is_told(tmp_path):
    path = classic(tmp_path / "a.nc", [f"Band{n}" for n in (1, 2, 4, 5)])
    with pytest.warns(UserWarning, match="3 is missing"):
        assert len(read(path).axis) == 4


@pytest.mark.parametrize(
    "attributes",
    [
        lambda n: {"wavelength": 400.0 + 10 * n, "wavelength_units": "nm", "bandwidth": 9.0},
        lambda n: {"radiation_wavelength": 0.4 + n / 100, "radiation_wavelength_unit": "um"},
        lambda n: {"wavelength": f"{400 + 10 * n}.0 Nanometers"},
        lambda n: {"wave_nm": np.float32(400 + 10 * n)},
        lambda n: {"central_wavelength": 400.0 + 10 * n},
    ],
)
def test_wavelengths_in_attributes_of_variables_are_the_axis(tmp_path, attributes):
    names = [f"Oa{n + 1:02d}_radiance" for n in range(12)]
    cube = read(classic(tmp_path / "l1.nc", names, attributes))
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert cube.axis.unit in ("nm", "um")
    factor = 1000 if cube.axis.unit == "um" else 1
    assert np.allclose(cube.axis.centres * factor, 400 + 10 * np.arange(12))


def test_wavelengths_in_names_are_a_guessed_axis(tmp_path):
    cube = read(classic(tmp_path / "l2.nc", [f"rhot_{n}" for n in (1004, 443, 492, 865)][:4]))
    assert cube.axis == SpectralAxis([443, 492, 865, 1004], "nm", guessed=True)
    assert np.array_equal(np.asarray(cube.data), BANDS[[1, 2, 3, 0]])


def test_named_colours_with_wavelengths_come_in_their_order(tmp_path):
    centres = {"red": 660.0, "blue": 480.0, "green": 560.0}
    names = list(centres)
    path = classic(
        tmp_path / "a.nc", names, lambda n: {"wavelength": centres[names[n]], "units": "1"}
    )
    cube = read(path)
    assert cube.axis.centres.tolist() == [480, 560, 660]
    assert np.array_equal(np.asarray(cube.data), BANDS[[1, 2, 0]])


def test_errors_beside_radiances_are_a_cube_of_their_own(tmp_path):
    names = [f"Oa{n}_{what}" for n in (1, 2, 3) for what in ("radiance", "radiance_err")]
    path = classic(tmp_path / "a.nc", names, lambda n: {"wavelength": 400.0 + n // 2})
    assert sorted(len(image.axis) for image in read_all(path)) == [3, 3]


def test_bands_of_two_sizes_are_two_cubes(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(6):
            file[f"B{number:02d}"] = BANDS[number] if number < 3 else BANDS[number, ::2]
            file[f"B{number:02d}"].attrs["wavelength"] = 400 + number
    shapes = sorted(image.shape for image in read_all(tmp_path / "a.h5"))
    assert shapes == [(3, 3, 7), (3, 5, 7)]


def test_variables_that_are_no_bands_stay_apart(tmp_path):
    path = classic(tmp_path / "a.nc", ["latitude", "longitude", "t2m1", "t2m2"])
    with pytest.raises(FileFormatError, match="4 images"):
        read(path)


@pytest.mark.parametrize("name", ["image/Band{}", "Band_{}/data", "channel{}"])
def test_datasets_of_a_band_each_are_one_cube(tmp_path, name):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number, band in enumerate(BANDS, 1):
            file[name.format(number)] = band
    cube = read(tmp_path / "a.h5")
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert np.array_equal(np.asarray(cube.data[3, 1:3, ::2]), BANDS[3, 1:3, ::2])


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_arrays_of_a_band_each_are_one_cube_over_the_vector_beside_them(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    arrays = {f"band_{number}": band for number, band in enumerate(BANDS, 1)}
    arrays["wavelengths"] = np.linspace(400, 700, 12)
    (np.savez if suffix == ".npz" else savemat)(
        path, **(arrays if suffix == ".npz" else {"mdict": arrays})
    )
    cube = read(path)
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert (cube.axis.unit, cube.axis.centres[-1]) == ("nm", 700)


def test_arrays_of_a_zarr_group_are_one_cube(tmp_path):
    import zarr

    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for number, band in enumerate(BANDS, 1):
        array = group.create_array(f"Band{number}", shape=band.shape, dtype=band.dtype)
        array[:] = band
        array.attrs["wavelength"] = 400 + number
    cube = read(tmp_path / "a.zarr")
    assert np.array_equal(np.asarray(cube.data), BANDS)
    assert cube.axis.centres[11] == 412
