"""Rows and columns whose positions fall, as latitudes do, keep their direction and their origin."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import zarr
from scipy.io import savemat

from napari_hyperspectral import read, write
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.io.metadata.positions import in_direction_of
from napari_hyperspectral.layers import from_layer, to_layer

TRUTH = np.arange(5 * 3 * 4, dtype=np.float32).reshape(5, 3, 4)  # (band, y, x)
BANDS = [400.0, 500, 600, 700, 800]
TITLES = "\t".join(map(str, BANDS))
LATITUDES = [60.0, 59.5, 59.0]
LONGITUDES = [13.0, 12.0, 11.0, 10.0]
FALLING = (-0.5, -1.0)


def vectors(file):
    """Write a vector for each axis, all of which fall but the wavelengths."""
    about = {"wavelength": (BANDS, "nm"), "lat": (LATITUDES, "degrees_north")}
    about |= {"lon": (LONGITUDES, "degrees_east")}
    for name, (values, unit) in about.items():
        file[name] = np.array(values)
        file[name].attrs["units"] = unit
    return list(about)


def netcdf(path):
    with h5py.File(path, "w") as file:
        file["data"] = TRUTH
        for place, name in enumerate(vectors(file)):
            file[name].make_scale(name)
            file["data"].dims[place].attach_scale(file[name])


def nexus(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry")
        group["data"] = TRUTH
        for name, ours in zip(vectors(group), ("wavelength", "y", "x"), strict=True):
            if name != ours:
                group.move(name, ours)
        group.attrs.update(NX_class="NXdata", signal="data", axes=["wavelength", "y", "x"])


def xarray_zarr(path):
    group = zarr.open_group(path, mode="w", zarr_format=3)
    units = {"wavelength": "nm", "lat": "degrees_north", "lon": "degrees_east"}
    values = {"wavelength": BANDS, "lat": LATITUDES, "lon": LONGITUDES}
    arrays = {"data": TRUTH} | {name: np.array(each) for name, each in values.items()}
    for name, each in arrays.items():
        names = [*units] if name == "data" else [name]
        array = group.create_array(name, shape=each.shape, dtype=each.dtype, dimension_names=names)
        array[...] = each
        array.attrs["units"] = units.get(name, "1")


def table(path):
    lines = [f"x (deg)\ty (deg)\t{TITLES}"]
    for row, latitude in enumerate(LATITUDES):
        for column, longitude in enumerate(LONGITUDES):
            spectrum = "\t".join(map(str, TRUTH[:, row, column]))
            lines.append(f"{longitude}\t{latitude}\t{spectrum}")
    path.write_text("\n".join(lines) + "\n")


def labspec(path):
    kinds = [("Intens", "Cnt"), ("Spectr", "nm"), ("X", "°"), ("Y", "°")]
    lines = ["#Acq. time (s)=\t2"]
    for number, (kind, unit) in enumerate(kinds):
        lines += [f"#AxisType[{number}]={kind}", f"#AxisUnit[{number}]={unit}"]
    lines.append(f"\t\t{TITLES}")
    for row, latitude in enumerate(LATITUDES):
        for column, longitude in enumerate(LONGITUDES):
            spectrum = "\t".join(map(str, TRUTH[:, row, column]))
            lines.append(f"{longitude}\t{latitude}\t{spectrum}")
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")


def dataset_object(path):
    cells = np.empty((2, 2), object)
    cells[0] = [np.array(LONGITUDES), "deg"]
    cells[1] = [np.array(LATITUDES), "deg"]
    axis = np.empty((2, 2), object)
    axis[0] = [np.empty(0), ""]
    axis[1] = [np.array(BANDS), "nm"]
    pixels = TRUTH.reshape(5, 12).T
    scan = {"data": pixels, "imagesize": [4.0, 3.0], "axisscale": axis, "imageaxisscale": cells}
    savemat(path, {"scan": scan})


FILES = {
    "a.nc": netcdf,
    "a.nxs": nexus,
    "a.zarr": xarray_zarr,
    "a.txt": table,
    "b.txt": labspec,
    "a.mat": dataset_object,
}


@pytest.mark.parametrize(("name", "written"), FILES.items(), ids=FILES)
def test_positions_that_fall_are_read_as_falling(tmp_path, name, written):
    written(tmp_path / name)
    cube = read(tmp_path / name)
    assert np.array_equal(np.asarray(cube.data), TRUTH)
    assert cube.pixel_size == pytest.approx(FALLING)
    assert (cube.origin, cube.pixel_unit) == ((60, 13), "deg")


@pytest.mark.parametrize("name", ["b.nxs", "b.hspy"])
def test_other_programs_find_them_falling_in_what_we_write(tmp_path, name):
    netcdf(tmp_path / "a.nc")
    write(tmp_path / name, read(tmp_path / "a.nc"))
    with h5py.File(tmp_path / name, "r+") as file:
        del file["hyperspectral"]  # our own description
    plain = read(tmp_path / name)
    assert plain.pixel_size == pytest.approx(FALLING)
    assert (plain.origin, plain.pixel_unit) == ((60, 13), "deg")


CUBE = Cube(
    TRUTH,
    SpectralAxis(BANDS, "nm"),
    pixel_size=FALLING,
    origin=(60.0, 13.0),
    pixel_unit="um",
    name="scene",
)


def test_sizes_without_direction_are_those_of_the_pixels():
    assert CUBE.pixel_sides == (0.5, 1.0)


def test_a_layer_is_never_turned_around_and_gives_the_cube_back():
    data, attributes, kind = to_layer(CUBE)
    assert attributes["scale"] == (1, 0.5, 1)
    assert attributes["translate"] == (0, -60, -13)
    again = from_layer(data, attributes, kind)
    assert (again.pixel_size, again.origin) == (CUBE.pixel_size, CUBE.origin)


def test_neighbours_that_fall_lie_beside_each_other_as_layers():
    south = replace(CUBE, origin=(58.5, 13.0))
    first = to_layer(CUBE)[1]["translate"][1]
    second = to_layer(south)[1]["translate"][1]
    assert second - first == 3 * 0.5  # the first row of one follows the last of the other


def test_planes_that_go_down_are_shown_in_their_order():
    stack = replace(CUBE, data=np.stack([TRUTH, TRUTH]), z=Sampling(-2.0, 10.0, "um"))
    layer = to_layer(stack)
    assert (layer[1]["scale"][0], layer[1]["translate"][0]) == (2, -10)
    assert from_layer(*layer).z == stack.z


def test_a_picture_is_turned_as_the_map_it_lies_on():
    data = np.arange(3 * 2 * 2).reshape(3, 2, 2)
    colours = ChannelAxis(("red", "green", "blue"))
    picture = Cube(data, colours, pixel_size=(1.0, 2.0), origin=(5.0, 7.0), pixel_unit="um")
    turned = in_direction_of(CUBE, picture)
    assert np.array_equal(turned.data, data[:, ::-1, ::-1])
    assert (turned.pixel_size, turned.origin) == ((-1, -2), (6, 9))
