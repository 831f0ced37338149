"""Layouts of HDF5 that instruments and programs keep, each written here as they write it."""

import json

import h5py
import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import FileFormatError, read, read_all

TRUTH = np.arange(5 * 7 * 4, dtype=np.float32).reshape(5, 7, 4)  # (y, x, band)
BAND_FIRST = TRUTH.transpose(2, 0, 1)
SHIFTS = [1003.5, 1450, 1660, 2930]


def letters(text):
    return np.array([letter.encode() for letter in text])


# ---------------------------------------------------------------------------------- Photothermal


def measurement(file, name, spectra, positions=None, label="OPTIR (mV)"):
    group = file.create_group(name)
    group.attrs.update(LocationX=[3.0], LocationY=[5.0])
    group["Channel_000/Raw_Data"] = spectra
    group["Channel_000"].attrs["Label"] = letters(label)
    group["Channel_000/Raw_Data"].attrs["units"] = letters("mV")
    group["Spectroscopic_Values"] = np.array([SHIFTS], np.float32)
    group["Spectroscopic_Values"].attrs["units"] = letters("cm-1")
    if positions is not None:
        group["Position_Values"] = positions
        group["Position_Values"].attrs["labels"] = np.array([b"X", b"Y"])
        group["Position_Values"].attrs["units"] = np.array(["um", "um"], h5py.string_dtype())


def raster(order):
    """Return x and y of the pixels of a 5 × 7 map, steps 2 and 0.5 µm, in some order."""
    y, x = np.divmod(order, 7)
    return np.column_stack([10 + 0.5 * x, 20 + 2.0 * y])


ORDERS = {
    "rows": np.arange(35),
    "columns": np.arange(35).reshape(5, 7).T.ravel(),
    "snake": np.array(
        [row[:: 1 - 2 * (n % 2)] for n, row in enumerate(np.arange(35).reshape(5, 7))]
    ).ravel(),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_photothermal_map_is_laid_out_by_its_positions(tmp_path, order):
    with h5py.File(tmp_path / "a.ptir", "w") as file:
        measurement(file, "Measurement_000", TRUTH.reshape(35, 4)[order], raster(order))
    cube = read(tmp_path / "a.ptir")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis(SHIFTS, "1/cm", "wavenumber")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((2, 0.5), (20, 10), "um")
    assert (cube.name, cube.intensity_unit) == ("Measurement_000", "mV")


def test_pixels_that_a_photothermal_map_never_reached_are_nan(tmp_path):
    with h5py.File(tmp_path / "a.ptir", "w") as file:
        order = np.arange(33)
        measurement(file, "Measurement_000", TRUTH.reshape(35, 4)[order], raster(order))
    data = np.asarray(read(tmp_path / "a.ptir").data)
    assert np.isnan(data[:, 4, 5:]).all()
    assert np.array_equal(data[:, :4], BAND_FIRST[:, :4])


def test_measurements_are_cubes_and_single_spectra_a_list_of_points(tmp_path):
    with h5py.File(tmp_path / "a.ptir", "w") as file:
        measurement(file, "Measurement_000", TRUTH.reshape(35, 4), raster(ORDERS["rows"]))
        for number in (1, 2, 3):
            measurement(file, f"Measurement_00{number}", TRUTH[:1, number], label="Raman Intensity")
        file["Images/Image_000"] = np.zeros((6, 8, 4), np.uint8)
        file["Images/Image_000"].attrs.update(
            PositionX=[10.0], PositionY=[20.0], SizeWidth=[16.0], SizeHeight=[12.0]
        )
    chart, points, camera = read_all(tmp_path / "a.ptir")
    assert chart.shape == (4, 5, 7)
    assert np.array_equal(points.data[:, 0].T, TRUTH[0, 1:4])
    assert points.axis.kind == "raman_shift"
    assert points.metadata["positions"] == [[3, 5]] * 3
    assert (camera.shape, camera.pixel_size, camera.origin) == ((3, 6, 8), (2, 2), (15, 3))


# ---------------------------------------------------------------------------------- NeXus

VALUES = {"k": [400.0, 410, 420, 440], "y": 10 + 2.0 * np.arange(5), "x": 0.5 * np.arange(7)}


@pytest.mark.parametrize("kind", ["bytes", "text", "text of any length", "one text"])
@pytest.mark.parametrize("names", ["kyx", "yxk", "xky", "ykx"])
def test_names_of_axes_of_one_letter_are_names_and_no_word(tmp_path, names, kind):
    listed = {
        "bytes": np.array([name.encode() for name in names]),
        "text": np.array([*names], "S8"),
        "text of any length": np.array([*names], h5py.string_dtype()),
        "one text": ":".join(names),
    }
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update(NX_class="NXdata", signal="data", axes=listed[kind])
        group["data"] = np.einsum(f"yxk->{names}", TRUTH)
        for name, values in VALUES.items():
            group[name] = values
            group[name].attrs["units"] = "nm" if name == "k" else "um"
    cube = read(tmp_path / "a.nxs")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis(VALUES["k"], "nm")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((2, 0.5), (10, 0), "um")


@pytest.mark.parametrize("suffix", [".nxs", ".nx5", ".nexus"])
def test_the_only_axis_of_a_spectrum_may_have_any_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update(NX_class="NXdata", signal="data", axes=["photon energy"])
        group["data"] = np.arange(4.0)
        group["photon energy"] = [1.0, 2, 3, 4]
        group["photon energy"].attrs["units"] = "eV"
    assert read(path).axis == SpectralAxis([1.0, 2, 3, 4], "eV")


def test_lists_of_letters_in_metadata_stay_lists(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        file.attrs["file_format"] = "HyperSpy"
        signal = file.create_group("Experiments/scan")
        signal["data"] = TRUTH
        signal.create_group("metadata").attrs["channels"] = ["A", "B"]
    assert read(tmp_path / "a.hspy").metadata["channels"] == ["A", "B"]


# ---------------------------------------------------------------------------------- others


@pytest.mark.parametrize("told", ["list", "step", "polynomial"])
def test_delmic_tells_wavelengths_in_three_ways(tmp_path, told):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, bands in (("Acquisition0", 1), ("Acquisition1", 4)):
            about = file.create_group(f"{name}/ImageData")
            about["Image"] = BAND_FIRST[:bands, None, None]
            about["DimensionScaleX"], about["DimensionScaleY"] = 2e-7, 1e-7
        scale = {
            "list": [5e-7, 5.1e-7, 5.2e-7, 5.3e-7],
            "step": 1e-8,
            "polynomial": [5e-7, 1e-8, 0],
        }
        about["DimensionScaleC"], about["COffset"] = scale[told], 5e-7
    cube = read(tmp_path / "a.h5")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis.centres == pytest.approx([500, 510, 520, 530])
    assert cube.pixel_size == pytest.approx((100, 200))
    assert [image.shape[0] for image in read_all(tmp_path / "a.h5")] == [4, 1]


def test_emd_axes_have_names_and_units_with_underscores(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("scan/eels")
        group.attrs["emd_group_type"] = 1
        group["data"] = TRUTH
        values = (np.arange(5) * 2.0, np.arange(7) * 0.5, np.array([1.0, 1.5, 2.5, 4]))
        for place, (name, unit) in enumerate([("y", "[n_m]"), ("x", "[n_m]"), ("energy", "[e_V]")]):
            group[f"dim{place + 1}"] = values[place]
            group[f"dim{place + 1}"].attrs.update(name=name, units=unit)
    cube = read(tmp_path / "a.emd")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis([1.0, 1.5, 2.5, 4], "eV")
    assert (cube.pixel_size, cube.pixel_unit) == ((2, 0.5), "nm")


def test_an_emd_file_of_velox_is_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        for name in ("Data", "Operations", "Presentation", "Version"):
            file.create_group(name)
    with pytest.raises(FileFormatError, match="Velox"):
        read(tmp_path / "a.emd")


def test_ilastik_names_axes_by_letters(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume/data"] = TRUTH
        tags = {"axes": [{"key": key, "typeFlags": 2} for key in "yxc"]}
        file["volume/data"].attrs["axistags"] = json.dumps(tags)
    assert np.array_equal(np.asarray(read(tmp_path / "a.h5").data), BAND_FIRST)


def test_a_stack_of_energies_has_its_stage_beside_it(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        group = file.create_group("entry1/Counter0")
        group["data"], group["energy"] = BAND_FIRST, [280.0, 285, 286, 290]
        group["energy"].attrs["units"] = "eV"
        group["sample_y"], group["sample_x"] = np.arange(5) * 2.0, np.arange(7) * 0.5
    cube = read(tmp_path / "a.hdf5")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis([280.0, 285, 286, 290], "eV")
    assert cube.pixel_size == (2, 0.5)


def test_prisma_lists_wavelengths_at_the_root_and_0_where_there_is_no_band(tmp_path):
    with h5py.File(tmp_path / "a.he5", "w") as file:
        file["HDFEOS/SWATHS/PRS_L1_HCO/Data Fields/VNIR_Cube"] = TRUTH.transpose(0, 2, 1)
        file.attrs["List_Cw_Vnir"] = np.array([700, 600, 500, 0], np.float32)
        file.attrs["List_Fwhm_Vnir"] = np.array([10, 10, 11, 0], np.float32)
    cube = read(tmp_path / "a.he5")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis.centres.tolist() == [700, 600, 500, 0]
    assert cube.axis.bad.tolist() == [False, False, False, True]


def test_tanager_states_wavelengths_at_the_field(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fields = file.create_group("HDFEOS/SWATHS/HYP/Data Fields")
        fields["toa_radiance"] = BAND_FIRST
        fields["toa_radiance"].attrs.update(wavelengths=[400.0, 450, 500, 550], fwhm=[5.0] * 4)
        fields["cloud_mask"] = np.zeros((5, 7), np.uint8)
    cube = read(tmp_path / "a.h5")
    assert cube.axis == SpectralAxis([400.0, 450, 500, 550], "nm", widths=[5.0] * 4)


def test_a_hyperspy_axis_may_be_a_formula_that_can_do_nothing_else(tmp_path):
    for expression, kind in (("a / x + 1", "energy"), ("__import__('os').getcwd()", "index")):
        with h5py.File(tmp_path / "a.hspy", "w") as file:
            group = file.create_group("Experiments/a")
            group["data"] = TRUTH
            axis = group.create_group("axis-2")
            axis.attrs.update(
                name="Energy", units="$eV$", navigate=False, expression=expression, a=4.0
            )
            axis.create_group("x").attrs.update(offset=1.0, scale=1.0, size=4)
        if kind == "index":
            with pytest.warns(UserWarning, match="no axis could be made"):
                cube = read(tmp_path / "a.hspy")
        else:
            cube = read(tmp_path / "a.hspy")
            assert cube.axis == SpectralAxis(4 / np.arange(1, 5) + 1, "eV")
        assert isinstance(cube, Cube)
        assert cube.axis.kind == kind


def test_a_file_cut_short_tells_both_sizes(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = TRUTH
    size = (tmp_path / "a.h5").stat().st_size
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:-100])
    with pytest.raises(FileFormatError, match=f"the file ends at {size - 100} of {size} bytes"):
        read(tmp_path / "a.h5")


def test_an_axis_of_nexus_that_only_its_indices_name_is_found(tmp_path):
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update(NX_class="NXdata", signal="data", axes=["y", "x", "."])
        group.attrs["wavelength_indices"] = 2
        group["data"] = BAND_FIRST.transpose(1, 2, 0)
        group["wavelength"] = VALUES["k"]
        group["wavelength"].attrs["units"] = "nm"
    cube = read(tmp_path / "a.nxs")
    assert cube.axis == SpectralAxis(VALUES["k"], "nm")
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
