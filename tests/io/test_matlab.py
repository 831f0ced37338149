"""MATLAB files are read as their writers mean them, and written so that MATLAB reads them."""

import json

import h5py
import numpy as np
import pytest
import scipy.io

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Sampling
from napari_hyperspectral.io import (
    AmbiguousError,
    FileFormatError,
    read,
    read_all,
    read_labels,
    write,
)
from napari_hyperspectral.io.hdf5.matlab import _write_7_3

TRUTH = np.arange(5 * 7 * 4, dtype=np.float32).reshape(5, 7, 4)  # (y, x, band)
BAND_FIRST = TRUTH.transpose(2, 0, 1)


@pytest.fixture
def mat(tmp_path):
    def made(**variables):
        scipy.io.savemat(tmp_path / "map.mat", variables)
        return tmp_path / "map.mat"

    return made


def test_a_cube_is_taken_as_y_x_band_as_is_the_habit(mat):
    cube = read(mat(paviaU=TRUTH))
    assert np.array_equal(cube.data, BAND_FIRST)
    assert cube.axis == SpectralAxis.index(4)
    assert cube.history == ("read map.mat",)


def test_a_vector_of_wavelengths_is_the_axis_wherever_the_bands_are(mat):
    path = mat(img=BAND_FIRST, wavelength=np.array([[400.5], [500], [600], [700]]))
    cube = read(path)
    assert np.array_equal(cube.data, BAND_FIRST)
    assert cube.axis == SpectralAxis([400.5, 500, 600, 700], "nm", guessed=True)


@pytest.mark.parametrize("turned", [False, True])
def test_a_table_of_pixels_is_folded_down_the_columns_first(mat, turned):
    table = TRUTH.reshape(35, 4, order="F")  # as MATLAB's reshape(cube, [], bands)
    path = mat(Y=table.T if turned else table, lines=np.uint8(5), cols=np.uint8(7))
    assert np.array_equal(read(path).data, BAND_FIRST)


def test_sides_that_overflow_a_byte_are_multiplied_as_numbers(mat):
    table = np.arange(100 * 100 * 2, dtype=np.uint16).reshape(100 * 100, 2)
    cube = read(mat(Y=table, lines=np.uint8(100), cols=np.uint8(100)))
    assert cube.shape == (2, 100, 100)
    assert cube.data[1, 3, 0] == table[3, 1]


def test_fields_of_a_struct_are_found_by_name(mat):
    path = mat(scan={"cube": TRUTH, "wavenumber": np.array([1000.0, 1100, 1200, 1300])})
    assert read(path).axis == SpectralAxis([1000, 1100, 1200, 1300], "1/cm", guessed=True)
    assert np.array_equal(read(f"{path}::scan.cube").data, BAND_FIRST)


def test_several_cubes_are_listed_and_can_be_named(mat):
    path = mat(noisy=TRUTH, clean=TRUTH + 1)
    with pytest.raises(AmbiguousError, match=r"noisy \(5, 7, 4\) float32.*as in map.mat::noisy"):
        read(path)
    assert np.array_equal(read(f"{path}::clean").data, BAND_FIRST + 1)
    assert np.array_equal(read(f"{path}::clean@xyb").data, TRUTH.transpose(2, 1, 0) + 1)
    with pytest.raises(FileFormatError, match="no array 'dirty'; there are"):
        read(f"{path}::dirty")


def test_a_dataset_object_counts_its_pixels_along_x_first(mat):
    scale = np.empty((2, 2), object)
    scale[:] = [[np.empty(0), ""], [np.array([500.0, 600, 700, 800]), "rel. 1/cm"]]
    places = np.empty((2, 2), object)
    places[:] = [[np.arange(7) * 0.5, "\ufffdm"], [3 + np.arange(5) * 2.0, "\ufffdm"]]
    path = mat(
        scan={
            "name": "cell 7",
            "data": TRUTH.reshape(35, 4),
            "imagesize": np.array([7, 5], np.uint8),
            "axisscale": scale,
            "imageaxisscale": places,
        }
    )
    cube = read(path)
    assert np.array_equal(cube.data, BAND_FIRST)
    assert cube.axis == SpectralAxis([500, 600, 700, 800], "1/cm", "raman_shift")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((2, 0.5), (3, 0), "um")
    assert cube.name == "cell 7"


def test_a_dataset_object_with_depths_leads_with_z_and_keeps_its_words(mat):
    places = np.empty((3, 2), object)
    places[:] = [[np.arange(7), "mm"], [np.arange(5), "mm"], [4 - 2.0 * np.arange(3), "mm"]]
    stack = np.random.default_rng(0).normal(size=(3, 5, 7, 4))  # (z, y, x, band)
    scan = {
        "data": stack.reshape(-1, 4),
        "imagesize": np.array([7, 5, 3]),
        "axisscale": np.full((2, 2), "", object),
        "imageaxisscale": places,
        "author": "Ada",
    }
    cube = read(mat(scan=scan))
    assert cube.dims == ("z", "band", "y", "x")
    assert np.array_equal(cube.data, stack.transpose(0, 3, 1, 2))
    assert cube.z == Sampling(-2, 4, "mm")
    assert cube.metadata["DataSet Object"] == {"author": "Ada"}
    with pytest.raises(FileFormatError, match="105 spectra do not fill an image of 7 × 5 × 2"):
        read(mat(scan=scan | {"imagesize": np.array([7, 5, 2])}))


def test_nothing_to_see_is_told_with_what_there_is(mat):
    with pytest.raises(FileFormatError, match="no array with two to five axes; there are gain"):
        read(mat(gain=np.float64(3), title="scan"))


def test_other_programs_find_cube_and_axis(tmp_path, cube):
    write(tmp_path / "a.mat", cube)
    theirs = scipy.io.loadmat(tmp_path / "a.mat")
    assert np.array_equal(theirs["cube"], np.moveaxis(cube.data, 0, 2))
    assert np.array_equal(theirs["raman_shift"].ravel(), cube.axis.centres)
    assert json.loads(theirs["hyperspectral"][0])["history"] == list(cube.history)


def test_labels_carry_their_class_names(tmp_path, labels):
    write(tmp_path / "a.mat", labels)
    theirs = scipy.io.loadmat(tmp_path / "a.mat", squeeze_me=True)
    assert theirs["class_names"].tolist() == ["nucleus", "lipid droplet"]
    assert np.array_equal(theirs["labels"], labels.data)


def test_the_newer_format_is_hdf5_with_reversed_axes_and_the_header_of_matlab(tmp_path, stack):
    write(tmp_path / "a.mat", stack)
    head = (tmp_path / "a.mat").read_bytes()[:128]
    assert head.startswith(b"MATLAB 7.3 MAT-file")
    assert head[124:] == b"\x00\x02IM"
    with h5py.File(tmp_path / "a.mat") as file:  # as MATLAB: cube(y, x, band, z, t)
        assert np.array_equal(file["cube"][1, 2, 3].T, stack.data[1, 2, 3])
        assert file["cube"].attrs["MATLAB_class"] == b"uint16"
        assert file["raman_shift"].shape == (6, 1)


@pytest.mark.parametrize("what", ["cube", "labels"])
def test_the_newer_format_keeps_what_the_older_one_keeps(tmp_path, request, what):
    image = request.getfixturevalue(what)
    _write_7_3(tmp_path / "a.mat", image)
    found = (read if what == "cube" else read_labels)(tmp_path / "a.mat")
    assert np.array_equal(np.asarray(found.data), image.data)
    assert found.history == image.history
    assert type(found.data) is not np.ndarray  # it stays on disk


def test_a_foreign_file_of_the_newer_format_is_turned_round(tmp_path):
    path = tmp_path / "map.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["cube"] = TRUTH.transpose(2, 1, 0)
        file["wavelength"] = np.array([[400.5, 500, 600, 700]]).T
        file["lines"] = np.uint8([[5]])
    with path.open("r+b") as start:
        start.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    cube = read(path)
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis([400.5, 500, 600, 700], "nm", guessed=True)


def test_where_nobody_can_be_asked_all_cubes_are_opened(mat):
    cubes = read_all(mat(low=TRUTH, high=TRUTH), on_guess=lambda text: None)
    assert [cube.name for cube in cubes] == ["map low", "map high"]


def test_cells_of_version_73_that_lead_nowhere_or_to_themselves_are_left_out(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["cube"] = np.arange(4 * 7 * 5.0).reshape(4, 7, 5)
        for name, target in (("nothing", None), ("itself", "itself")):
            cells = file.create_dataset(name, (1, 1), h5py.ref_dtype)
            if target:
                cells[0, 0] = file[target].ref
        file["lost"] = h5py.SoftLink("/nowhere")
    with (tmp_path / "a.mat").open("r+b") as start:
        start.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    assert read(tmp_path / "a.mat").shape == (4, 5, 7)
