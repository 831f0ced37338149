"""Real files read as independent libraries read them, where those are installed."""

import io

import numpy as np
import pytest
import spectral
import tifffile

from napari_hyperspectral import read
from napari_hyperspectral.io import read_all

REASON = "{} is not installed: an oracle for tests only"


def oracle(module):
    """Return a library that reads a format independently of us, or skip the test."""
    return pytest.importorskip(module, reason=REASON.format(module))


@pytest.fixture
def formats(data_folder):
    return data_folder / "formats"


def test_mass_spectra_are_those_of_pyimzml(formats):
    path = formats / "imzml" / "Example_Continuous.imzML"
    parser = oracle("pyimzml.ImzMLParser").ImzMLParser(str(path))
    cube = read(path)
    data = np.asarray(cube.data)
    left, top = np.min(parser.coordinates, axis=0)[:2]
    for number, (x, y, _) in enumerate(parser.coordinates):
        masses, intensities = parser.getspectrum(number)
        assert np.array_equal(cube.spectral_axis.centres, masses)
        assert np.array_equal(data[:, y - top, x - left], intensities)


def test_an_opus_spectrum_is_that_of_brukeropus(formats):
    path = formats / "opus" / "brukeropus_file.0"
    absorbance = oracle("brukeropus").read_opus(str(path)).a
    cube = read(path)
    assert np.allclose(cube.spectral_axis.centres, absorbance.x, rtol=1e-12)
    assert np.array_equal(np.ravel(cube.data), absorbance.y)


def test_spc_spectra_are_those_of_spc_io(formats):
    path = formats / "spc" / "Witec_image2x3_SPC.Data 1_F.spc"
    spectra = oracle("spc_io").SPC.from_bytes_io(io.BytesIO(path.read_bytes()))
    cube = read(path)
    for number in range(len(spectra)):
        assert np.allclose(cube.spectral_axis.centres, spectra[number].xarray, rtol=1e-12)
        assert np.array_equal(np.asarray(cube.data)[:, 0, number], spectra[number].yarray)


def test_wavelength_sweeps_are_those_of_liffile(formats):
    path = formats / "lif" / "LeicaLASX_wavelength-sweep_example.lif"
    with oracle("liffile").LifFile(path) as file:
        pictures = list(file.images)
        cubes = read_all(path)
        assert len(cubes) == len(pictures)
        for cube, picture in zip(cubes, pictures, strict=True):
            data = picture.asarray()
            if picture.dims == ("T", "λ", "Z", "Y", "X"):
                data = data.swapaxes(1, 2)  # bands come after slices
            assert np.array_equal(np.asarray(cube.data), data)
            metres = picture.coords[next(dim for dim in picture.dims if dim in "λΛ")]
            assert np.allclose(cube.spectral_axis.centres, np.asarray(metres) * 1e9)


def test_a_mosaic_is_that_of_czifile(formats):
    path = formats / "czi" / "DAPI_GFP.czi"
    expected = np.squeeze(oracle("czifile").imread(str(path)))
    assert np.array_equal(np.asarray(read(path).data), expected)


@pytest.mark.parametrize(
    "name", ["envi_gamsberg/cubus_gamsberg_subset", "envi_hylite_fenix/Radiometric_8x2_1x1"]
)
def test_envi_cubes_are_those_of_spectral(formats, name):
    path = formats / f"{name}.hdr"
    image = spectral.open_image(str(path))
    cube = read(path)
    stored = np.asarray(image.open_memmap(interleave="bip"))  # (y, x, band)
    assert np.array_equal(np.asarray(cube.data), stored.transpose(2, 0, 1), equal_nan=True)
    if image.bands.centers is not None:
        assert np.allclose(cube.spectral_axis.centres, image.bands.centers)


def test_planes_of_tiff_files_are_those_of_tifffile(formats):
    for path in sorted(formats.glob("geotiff/*.tif")):
        expected = tifffile.imread(path)
        data = np.asarray(read(path).data)
        assert np.array_equal(data, expected.reshape(data.shape), equal_nan=True)
