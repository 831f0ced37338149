"""Sizes of pixels are found where ENVI, GeoTIFF, TIFF and DigitalMicrograph state them."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read, write
from napari_hyperspectral.place.grid import grid_of
from napari_hyperspectral.place.same import PlaceMismatchError
from napari_hyperspectral.tasks import Denoise
from napari_hyperspectral.transform import Transform

BANDS = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)


def envi(path, *lines):
    header = ["ENVI", "samples = 4", "lines = 3", "bands = 2", "data type = 12", "interleave = bsq"]
    path.with_suffix(".img").write_bytes(BANDS.tobytes())
    path.write_text("\n".join([*header, "byte order = 0", *lines]) + "\n")
    return path


UTM = "UTM, 1, 1, 500000, 4100000, 30, 15, 11, North, WGS-84"


@pytest.mark.parametrize(
    ("info", "size", "unit"),
    [
        (f"{{{UTM}}}", (15, 30), "m"),
        (f"{{{UTM}, units = Meters}}", (15, 30), "m"),
        ("{Geographic Lat/Lon, 1, 1, -117, 34, 0.01, 0.02, WGS-84}", (0.02, 0.01), "deg"),
        ("{State Plane, 1, 1, 0, 0, 2, 3}", (3, 2), "m"),
        ("{Arbitrary, 1, 1, 0, 0, 2, 3}", (3, 2), None),
        ("{Arbitrary, 1, 1, 0, 0, 5e-7, 2.5e-7, 0, North, units=Meters}", (0.25, 0.5), "um"),
    ],
)
def test_a_map_info_gives_size_and_unit(tmp_path, info, size, unit):
    cube = read(envi(tmp_path / "a.hdr", f"map info = {info}"))
    assert np.allclose(np.abs(cube.pixel_size), size)
    assert cube.pixel_unit == unit


def test_a_map_info_that_is_never_closed_is_read_and_told(tmp_path):
    lines = [f"map info = {{{UTM}", "wavelength units = nm", "wavelength = {400, 500}"]
    with pytest.warns(UserWarning, match="'map info' is not closed"):
        cube = read(envi(tmp_path / "a.hdr", *lines))
    assert (np.abs(cube.pixel_size).tolist(), cube.pixel_unit) == ([15, 30], "m")
    assert cube.axis == SpectralAxis([400, 500], "nm")


def test_a_header_that_ends_inside_a_list_is_told(tmp_path):
    path = envi(tmp_path / "a.hdr", "wavelength = {400,")
    with (
        pytest.warns(UserWarning, match="cut short"),
        pytest.warns(UserWarning, match="1 values for 2 bands"),
    ):
        read(path)


def geotiff(path, keys, *, transformation=None, northing=4100000.0):
    directory = [1, 1, 0, len(keys)]
    for key, value in keys.items():
        directory += [key, 0, 1, value]
    tags = [(34735, 3, len(directory), directory, True)]
    if transformation is None:
        tags += [(33550, 12, 3, (30.0, 15.0, 0.0), True)]
        tags += [(33922, 12, 6, (0, 0, 0, 500000.0, northing, 0), True)]
    else:
        tags += [(34264, 12, 16, transformation, True)]
    tifffile.imwrite(path, BANDS, photometric="minisblack", planarconfig="separate", extratags=tags)
    return path


@pytest.mark.parametrize(
    ("keys", "unit"),
    [
        ({1024: 1, 3072: 32611}, "m"),
        ({1024: 1, 3072: 32611, 3076: 9001}, "m"),
        ({1024: 1, 3072: 2229}, "ft"),
        ({1024: 1, 3072: 32767, 3076: 9003}, "ft"),
        ({1024: 2, 2048: 4326}, "deg"),
    ],
)
def test_a_geotiff_gives_size_and_unit_without_a_key_for_it(tmp_path, keys, unit):
    cube = read(geotiff(tmp_path / "a.tif", keys))
    assert (np.abs(cube.pixel_size).tolist(), cube.pixel_unit) == ([15, 30], unit)


def test_a_turned_geotiff_gives_the_size_by_its_transformation(tmp_path):
    turned = [24, -9, 0, 5e5, 18, 12, 0, 4e6, 0, 0, 0, 0, 0, 0, 0, 1]
    cube = read(geotiff(tmp_path / "a.tif", {1024: 1, 3072: 32611}, transformation=turned))
    assert (np.abs(cube.pixel_size).tolist(), cube.pixel_unit) == ([15, 30], "m")


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        ((20000, 10000), "CENTIMETER", (1.0, 0.5)),
        ((50800, 50800), "INCH", (0.5, 0.5)),
        ((72, 72), "INCH", None),
        ((96, 96), "INCH", None),
        ((20000, 10000), "NONE", None),
    ],
)
def test_a_resolution_in_cm_or_inch_gives_the_size(tmp_path, resolution, unit, size):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        BANDS,
        photometric="minisblack",
        resolution=resolution,
        resolutionunit=unit,
        metadata=None,
    )
    cube = read(path)
    assert cube.pixel_unit == (None if size is None else "um")
    assert np.allclose(cube.pixel_size, size or (1, 1))


@pytest.mark.parametrize("unit", ["nm", "n\0m\0"])
def test_tags_of_digital_micrograph_give_the_size(tmp_path, unit):
    raw = unit.encode()
    tags = [(code, 7, len(raw), raw, True) for code in (65003, 65004)]
    tags += [(65009, 11, 1, 0.5, True), (65010, 11, 1, 0.25, True)]
    tifffile.imwrite(tmp_path / "a.tif", BANDS[0], extratags=tags, metadata=None)
    cube = read(tmp_path / "a.tif")
    assert (cube.pixel_size, cube.pixel_unit) == ((0.25, 0.5), "nm")


def map_info(path):
    text = path.read_text()
    line = next(line for line in text.splitlines() if line.startswith("map info"))
    return [item.strip() for item in line.split("{")[1].split("}")[0].split(",")]


def test_envi_is_written_with_size_and_place_for_gdal(tmp_path):
    cube = Cube(
        BANDS, SpectralAxis.index(2), pixel_size=(0.25, 0.5), origin=(10, 20), pixel_unit="um"
    )
    items = map_info(write(tmp_path / "a.hdr", cube))
    assert items[0] == "Arbitrary"
    corner_x = float(items[3]) - (float(items[1]) - 1) * float(items[5])  # as GDAL reckons it
    corner_y = float(items[4]) + (float(items[2]) - 1) * float(items[6])
    assert np.allclose([corner_x, corner_y], [19.75e-6, -9.875e-6])
    assert np.allclose([float(items[5]), float(items[6])], [0.5e-6, 0.25e-6])
    assert "units=Meters" in items


def test_envi_is_written_without_a_map_where_nothing_is_known(tmp_path):
    path = write(tmp_path / "a.hdr", Cube(BANDS, SpectralAxis.index(2)))
    assert "map info" not in path.read_text()


def test_a_geotiff_on_utm_stays_on_it_as_envi(tmp_path):
    path = write(tmp_path / "b.hdr", read(geotiff(tmp_path / "a.tif", {1024: 1, 3072: 32611})))
    items = map_info(path)
    assert items[:3] == ["UTM", "1.0", "1.0"]
    assert [float(item) for item in items[3:8]] == [500000, 4100000, 30, 15, 11]
    assert items[8:] == ["North", "WGS-84", "units=Meters"]


def test_the_size_survives_a_program_that_drops_our_own_key(tmp_path):
    cube = Cube(BANDS, SpectralAxis.index(2), pixel_size=(0.25, 0.5), pixel_unit="um")
    path = write(tmp_path / "a.hdr", cube)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("napari")]
    path.write_text("\n".join(lines) + "\n")
    again = read(path)
    assert np.allclose(again.pixel_size, (0.25, 0.5))
    assert again.pixel_unit == "um"


# -- where rows and columns run, and from where


def positions(image):
    """Easting and northing of the centres of the first pixel, the last of its row, of its column."""
    grid = grid_of(image)
    down, right = grid.positions(np.array([[0, 0], [0, 3], [2, 0]])).T
    return np.transpose([right, -down])


def on_map(geotransform):
    """The same by the six numbers of GDAL's affine map from (column, row) to easting and northing."""
    easting, a, b, northing, c, d = geotransform
    column, row = np.array([[0.5, 0.5], [3.5, 0.5], [0.5, 2.5]]).T
    return np.transpose([easting + a * column + b * row, northing + c * column + d * row])


COS, SIN = 30 * np.cos(np.pi / 6), 30 * np.sin(np.pi / 6)
MAPS = {  # as GDAL 3.10 reads them, by rasterio
    "": (5e5, 30, 0, 4.1e6, 0, -30),
    "rotation=30": (5e5, COS, SIN, 4.1e6, SIN, -COS),
    "rotation=-30": (5e5, COS, -SIN, 4.1e6, -SIN, -COS),
    "rotation=90.0": (5e5, 0, 30, 4.1e6, 30, 0),
    "rotation=180": (5e5, 30, 0, 4.1e6, 0, 30),
}


@pytest.mark.parametrize(("rotation", "expected"), MAPS.items())
def test_a_map_info_says_where_rows_and_columns_run(tmp_path, rotation, expected):
    info = f"UTM, 1, 1, 500000, 4100000, 30, 30, 11, North, WGS-84, units=Meters, {rotation}"
    cube = read(envi(tmp_path / "a.hdr", f"map info = {{{info}}}"))
    np.testing.assert_allclose(positions(cube), on_map(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "geotransform",
    [
        *MAPS.values(),
        (5e5, 24, -9, 4e6, 18, -12),
        (5e5, -30, 0, 4e6, 0, 15),
        (5e5, 30, 4, 4e6, 2, -15),
    ],
)
def test_the_transformation_of_a_geotiff_says_where_rows_and_columns_run(tmp_path, geotransform):
    easting, a, b, northing, c, d = geotransform
    matrix = [a, b, 0, easting, c, d, 0, northing, 0, 0, 0, 0, 0, 0, 0, 1]
    cube = read(geotiff(tmp_path / "a.tif", {1024: 1, 3072: 32611}, transformation=matrix))
    np.testing.assert_allclose(positions(cube), on_map(geotransform), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("kind", "shift"), [(1, 0.0), (2, 0.5)])
def test_the_tie_point_of_a_geotiff_is_a_corner_or_a_centre(tmp_path, kind, shift):
    cube = read(geotiff(tmp_path / "a.tif", {1024: 1, 1025: kind, 3072: 32611}))
    corner = (5e5 - 30 * shift, 30, 0, 4.1e6 + 15 * shift, 0, -15)
    np.testing.assert_allclose(positions(cube), on_map(corner), rtol=0, atol=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 25.0, -140.0])
@pytest.mark.parametrize("size", [(2.0, 2.0), (-2.0, 2.0), (2.0, 3.0)])
def test_a_turned_image_is_written_to_envi_with_its_rotation(tmp_path, degrees, size):
    turned = Transform.turned(degrees, centre=(3, 4)) if degrees else None
    place = {"pixel_size": size, "origin": (7.0, 5.0), "pixel_unit": "m", "transform": turned}
    cube = Cube(BANDS, SpectralAxis.index(2), **place)
    path = write(tmp_path / "a.hdr", cube)
    text = "".join(line for line in path.open() if not line.startswith("napari hyper"))
    path.write_text(text)  # what other programs find
    shown = replace(cube, pixel_size=np.abs(size))  # a viewer shows falling positions upright
    if size[0] < 0:
        turned = None if turned is None else turned.mirrored((-1, 1))
        shown = replace(shown, origin=(-7.0, 5.0), transform=turned)
    np.testing.assert_allclose(positions(read(path)), positions(shown), rtol=0, atol=1e-9)


def test_of_a_sheared_image_it_is_told_that_envi_has_no_place_for_it(tmp_path):
    sheared = Transform.of(np.eye(2), [[1, 0.5], [0, 1]], np.eye(3))
    cube = Cube(BANDS, SpectralAxis.index(2), pixel_unit="m", transform=sheared)
    with pytest.warns(UserWarning, match="not how it is sheared"):
        path = write(tmp_path / "a.hdr", cube)
    assert "map info" not in path.read_text()
    assert read(path).transform == sheared


@pytest.mark.parametrize("kind", ["ENVI", "GeoTIFF"])
def test_files_that_lie_elsewhere_on_a_map_are_not_paired(tmp_path, kind):
    def stated(name, northing):
        if kind == "ENVI":
            info = UTM.replace("4100000", str(northing))
            return read(envi(tmp_path / f"{name}.hdr", f"map info = {{{info}}}"))
        return read(geotiff(tmp_path / f"{name}.tif", {1024: 1, 3072: 32611}, northing=northing))

    noisy = stated("noisy", 4100000)
    Denoise().example(noisy=noisy, clean=stated("clean", 4100007))
    with pytest.raises(PlaceMismatchError, match="up to 2 pixels"):
        Denoise().example(noisy=noisy, clean=stated("elsewhere", 4100030))


def test_an_image_too_far_off_to_be_drawn_has_no_origin(tmp_path):
    fine = UTM.replace("30, 15", "0.05, 0.05")
    cube = read(envi(tmp_path / "a.hdr", f"map info = {{{fine}}}"))
    assert (cube.pixel_size, cube.origin) == ((0.05, 0.05), (0, 0))


@pytest.mark.parametrize(
    ("line", "size", "unit"),
    [
        ("pixel size = {2.5, 2.5, units=Centimeters}", (2.5, 2.5), "cm"),
        ("pixel size = {3, 2, units=Feet}", (2, 3), "ft"),
        ("pixel size = {3, 2}", (2, 3), "m"),
    ],
)
def test_a_pixel_size_of_envi_is_in_its_unit(tmp_path, line, size, unit):
    cube = read(envi(tmp_path / "a.hdr", line))
    assert (cube.pixel_size, cube.pixel_unit) == (size, unit)
