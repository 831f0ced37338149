"""What we write for other programs holds by their rules, read without any code of ours."""

import h5py
import numpy as np
import pytest
import scipy.io

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import write

CENTRES = np.array([1003.5, 1450, 1660, 2930])
CUBE = Cube(
    np.arange(4 * 5 * 7, dtype=np.float32).reshape(4, 5, 7),
    SpectralAxis(CENTRES, "1/cm", "raman_shift"),
    name="cell",
    pixel_size=(2.0, 0.5),
    origin=(10.0, 3.0),
    pixel_unit="um",
    intensity_unit="counts",
)


def test_hyperspy_finds_signal_last_with_every_axis(tmp_path):
    with h5py.File(write(tmp_path / "a.hspy", CUBE)) as file:
        assert file.attrs["file_format"] == "HyperSpy"
        group = file["Experiments/cell"]
        assert np.array_equal(group["data"], CUBE.data.transpose(1, 2, 0))
        axes = [group[f"axis-{place}"] for place in range(3)]
        assert [axis.attrs["_type"] for axis in axes] == ["UniformDataAxis"] * 2 + ["DataAxis"]
        assert [bool(axis.attrs["navigate"]) for axis in axes] == [True, True, False]
        assert [axis.attrs["units"] for axis in axes] == ["um", "um", "1/cm"]
        assert [axis.attrs["scale"] for axis in axes[:2]] == [2.0, 0.5]
        assert [axis.attrs["offset"] for axis in axes[:2]] == [10.0, 3.0]
        assert [axis.attrs["size"] for axis in axes[:2]] == [5, 7]
        assert np.array_equal(axes[2]["axis"], CENTRES)


@pytest.mark.parametrize("suffix", [".nxs", ".h5"])
def test_nexus_leads_by_default_to_the_signal_and_a_vector_for_each_axis(tmp_path, suffix):
    with h5py.File(write(tmp_path / f"a{suffix}", CUBE)) as file:
        group = file[file.attrs["default"]]
        group = group[group.attrs["default"]]
        assert group.attrs["NX_class"] == "NXdata"
        signal, names = group[group.attrs["signal"]], list(group.attrs["axes"])
        assert np.array_equal(signal, CUBE.data)
        assert signal.attrs["units"] == "counts"
        assert [group.attrs[f"{name}_indices"] for name in names] == [0, 1, 2]
        assert [group[name].attrs["units"] for name in names] == ["1/cm", "um", "um"]
        assert np.array_equal(group[names[0]], CENTRES)
        assert np.array_equal(group[names[1]], 10 + 2.0 * np.arange(5))
        assert np.array_equal(group[names[2]], 3 + 0.5 * np.arange(7))


def test_matlab_and_numpy_find_the_axis_beside_the_data(tmp_path):
    theirs = scipy.io.loadmat(write(tmp_path / "a.mat", CUBE))
    assert np.array_equal(theirs["cube"], CUBE.data.transpose(1, 2, 0))
    assert np.array_equal(theirs["raman_shift"].ravel(), CENTRES)
    with np.load(write(tmp_path / "a.npz", CUBE), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["data"], CUBE.data)
        assert np.array_equal(arrays["raman_shift"], CENTRES)
        assert '"unit": "1/cm"' in str(arrays["hyperspectral"])
