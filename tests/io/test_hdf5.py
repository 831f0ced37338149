"""HDF5 files are read in the layout they keep, lazily, and leave no file open."""

import pickle

import h5py
import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.io import AmbiguousError, FileFormatError, read, read_all, write

TRUTH = np.arange(5 * 7 * 4, dtype=np.float32).reshape(5, 7, 4)  # (y, x, band)
BAND_FIRST = TRUTH.transpose(2, 0, 1)
RAMAN = SpectralAxis([1003.5, 1450, 1660, 2930], "1/cm", "raman_shift")


@pytest.fixture
def h5(tmp_path):
    """An empty file to fill; `.filename` is its path."""
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        yield file


def close(file):
    path = file.filename
    file.close()
    return path


def test_hyperspy_axes_give_bands_pixels_and_unit(h5):
    group = h5.create_group("Experiments/cell")
    h5.attrs["file_format"] = "HyperSpy"
    group["data"] = TRUTH
    axes = [("y", "µm", 2.0, 10.0, True), ("x", "µm", 0.5, 3.0, True)]
    for place, (name, units, scale, offset, navigate) in enumerate(axes):
        group.create_group(f"axis-{place}").attrs.update(
            name=name,
            units=units,
            scale=scale,
            offset=offset,
            navigate=navigate,
            size=TRUTH.shape[place],
        )
    band = group.create_group("axis-2")
    band.attrs.update(name="Raman Shift", units="1/cm", navigate=False, _type="DataAxis")
    band["axis"] = RAMAN.centres
    cube = read(close(h5))
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == RAMAN
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((2, 0.5), (10, 3), "um")
    assert cube.name == "cell"


def test_a_hyperspy_picture_is_no_spectrum(h5):
    group = h5.create_group("Experiments/diffraction")
    group["data"] = TRUTH[0]
    for place in range(2):
        group.create_group(f"axis-{place}").attrs.update(
            name="ky", units="1/nm", scale=1.0, navigate=False
        )
    assert read(close(h5)).shape == (1, 7, 4)


def test_what_we_write_for_hyperspy_says_the_same_without_our_description(tmp_path, cube):
    write(tmp_path / "a.hspy", cube)
    with h5py.File(tmp_path / "a.hspy", "r+") as file:
        del file["hyperspectral"]
        assert file["Experiments/cell/data"].shape == (5, 7, 6)  # bands last, as HyperSpy has them
    plain = read(tmp_path / "a.hspy")
    assert np.array_equal(np.asarray(plain.data), cube.data)
    assert plain.axis == SpectralAxis(cube.axis.centres, "1/cm", "raman_shift")
    assert (plain.pixel_size, plain.origin) == (cube.pixel_size, cube.origin)


def test_what_we_write_as_nexus_says_the_same_without_our_description(tmp_path, stack):
    write(tmp_path / "a.nxs", stack)
    with h5py.File(tmp_path / "a.nxs", "r+") as file:
        del file["hyperspectral"]
    plain = read(tmp_path / "a.nxs")
    assert np.array_equal(np.asarray(plain.data), stack.data)
    assert plain.axis == SpectralAxis(stack.axis.centres, "1/cm", "raman_shift")
    assert (plain.t, plain.z) == (Sampling(30, 5, "s"), Sampling(1.5, -3, "um"))


def nexus(file, name="data", **attributes):
    file.attrs["NX_class"] = "NXroot"
    entry = file.require_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    group = entry.create_group(name)
    group.attrs.update({"NX_class": "NXdata"} | attributes)
    return group


def test_nexus_axes_may_leave_out_and_name_by_index(h5):
    group = nexus(h5, signal="counts", axes=["energy"], energy_indices=0)
    group["counts"] = BAND_FIRST
    group["energy"] = [1.1, 1.2, 1.4, 1.8]
    group["energy"].attrs["units"] = "eV"
    cube = read(close(h5))
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis([1.1, 1.2, 1.4, 1.8], "eV")


def test_old_nexus_marks_the_signal_itself(h5):
    group = nexus(h5)
    group["counts"] = TRUTH
    group["counts"].attrs.update(signal=1, axes="y:x:shift")
    group["shift"] = RAMAN.centres
    group["shift"].attrs.update(units=np.array([b"c", b"m", b"-", b"1"]), long_name="Raman shift")
    cube = read(close(h5))
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == RAMAN


def test_a_signal_linked_from_two_places_is_one_image(h5):
    group = nexus(h5, signal="counts", axes=["y", "x", "."])
    group["counts"] = TRUTH
    nexus(h5, "again", signal="counts", axes=["y", "x", "."])["counts"] = group["counts"]
    assert len(read_all(close(h5))) == 1


def test_of_several_the_default_is_opened(h5):
    for name in ("low", "high"):
        nexus(h5, name, signal="s", axes=["y", "x", "wavelength"])["s"] = TRUTH + (name == "high")
    h5.attrs["default"], h5["entry"].attrs["default"] = "entry", "high"
    assert np.array_equal(np.asarray(read(close(h5)).data), BAND_FIRST + 1)


def test_empty_attributes_do_no_harm(h5):
    h5.attrs["NX_class"] = h5py.Empty("S1")
    h5["cube"], h5["wavelength"] = TRUTH, [400.5, 500, 600, 700]
    h5["cube"].attrs["units"] = h5py.Empty("f")
    h5["nothing"] = h5py.Empty("f")
    assert read(close(h5)).axis == SpectralAxis([400.5, 500, 600, 700], "nm", guessed=True)


def test_a_vector_with_a_unit_settles_axis_and_layout(h5):
    h5["scan/cube"], h5["scan/bands"] = BAND_FIRST, RAMAN.centres
    h5["scan/bands"].attrs["units"] = "cm-1"
    h5["other/wavelengths"] = [1.0, 2, 3, 4]
    assert read(close(h5)).axis == SpectralAxis(RAMAN.centres, "1/cm")


def test_wavelengths_may_be_noted_on_the_array_itself(h5):
    h5["swath/radiance"] = BAND_FIRST
    h5["swath/radiance"].attrs.update(wavelengths=[376.4, 500, 600, 2499.1], units="W/(m^2 sr um)")
    cube = read(close(h5))
    assert np.array_equal(np.asarray(cube.data), BAND_FIRST)
    assert cube.axis == SpectralAxis([376.4, 500, 600, 2499.1], "nm", guessed=True)


def test_plain_datasets_are_listed_and_can_be_named(h5):
    h5["a/low"], h5["a/high"] = TRUTH, TRUTH + 1
    path = close(h5)
    with pytest.raises(AmbiguousError, match=r"a/high \(5, 7, 4\) float32.*as in scan.h5::a/"):
        read(path)
    with pytest.raises(AmbiguousError, match="which axis"):
        read(f"{path}::a/low")
    assert np.array_equal(np.asarray(read(f"{path}::a/high@yxb").data), BAND_FIRST + 1)
    with pytest.raises(FileFormatError, match="no image 'b'; there are a/high, a/low"):
        read(f"{path}::b")


def test_a_file_without_images_is_told(h5):
    h5["temperature"] = [20.0, 21.0]
    with pytest.raises(FileFormatError, match=r"^scan.h5: no array .*temperature \(2,\)"):
        read(close(h5))


def test_the_axes_of_the_first_hyperspy_files_are_found(h5):
    group = h5.create_group("Experiments/old")
    group["data"] = TRUTH
    for place, (name, navigate) in enumerate([("y", True), ("x", True), ("Energy", False)]):
        about = {"name": name, "units": "$eV$", "scale": 0.5, "offset": 1.0, "navigate": navigate}
        group.create_group(f"_list_3_axes/{place}").attrs.update(about)
    assert read(close(h5)).axis == SpectralAxis([1, 1.5, 2, 2.5], "eV")


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_hdf5_is_refused_by_name(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"^a.h5: (no|not a whole) HDF5 file"):
        read(tmp_path / "a.h5")


def test_no_file_stays_open_and_arrays_travel(tmp_path, cube):
    write(tmp_path / "a.h5", cube)
    found = read(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+"):
        pass  # nobody holds it
    found = read(tmp_path / "a.h5")  # it was written since
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(found.data))), cube.data)


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_a_file_that_is_open_elsewhere_can_be_read(tmp_path, cube, mode):
    write(tmp_path / "a.h5", cube)
    with h5py.File(tmp_path / "a.h5", mode):
        assert np.array_equal(np.asarray(read(tmp_path / "a.h5").data), cube.data)


def test_a_large_cube_is_stored_in_chunks_that_suit_bands_and_spectra(tmp_path):
    big = Cube(np.zeros((80, 100, 90), np.float32), SpectralAxis.index(80))
    for name in ("a.h5", "a.hspy"):
        write(tmp_path / name, big)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["entry/data/data"].chunks == (32, 64, 64)
    with h5py.File(tmp_path / "a.hspy") as file:
        assert file["Experiments/image/data"].chunks == (64, 64, 32)


def packed(path):
    import hdf5plugin

    values = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=values, chunks=(1, 3, 4), **hdf5plugin.Blosc())
        file["wavelength"] = [500.0, 600.0]
    return path, values


def test_what_is_packed_by_a_plugin_is_read(tmp_path):
    path, values = packed(tmp_path / "a.h5")
    assert np.array_equal(read(path).data, values)


def test_a_plugin_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    path, _ = packed(tmp_path / "a.h5")
    available = h5py.h5z.filter_avail
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != 32001 and available(code))
    with pytest.raises(ImportError, match=r"compressed with blosc, needs hdf5plugin: .*\[hdf5\]"):
        read(path)
