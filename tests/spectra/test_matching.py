"""Spectra are compared with one, and with a library, whatever their brightness and bands."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read
from napari_hyperspectral.progress import run
from napari_hyperspectral.spectra.components import Unmixing, abundance_maps_steps
from napari_hyperspectral.spectra.matching.library import library_on, matches
from napari_hyperspectral.spectra.matching.similarity import similarity, similarity_map

AXIS = SpectralAxis(np.linspace(1000, 1800, 40), "1/cm", "raman_shift")


def bands(places, axis=AXIS, width=40):
    return np.exp(-(((axis.centres - np.array(places)[:, None]) / width) ** 2)) + 0.02


def test_angle_and_correlation_are_those_of_numpy_and_do_not_see_brightness(rng):
    table = rng.uniform(0.1, 1, (20, 9))
    spectrum = rng.uniform(0.1, 1, 9)
    cosine = table @ spectrum / np.linalg.norm(table, axis=1) / np.linalg.norm(spectrum)
    np.testing.assert_allclose(similarity(table, spectrum), np.degrees(np.arccos(cosine)))
    pearson = [np.corrcoef(row, spectrum)[0, 1] for row in table]
    np.testing.assert_allclose(similarity(table, spectrum, "correlation"), pearson)
    np.testing.assert_allclose(similarity(1e-180 * table, 1e170 * spectrum, "correlation"), pearson)
    shifted = similarity(3 * table + 5, spectrum, "correlation")
    np.testing.assert_allclose(shifted, pearson)
    assert similarity(spectrum[None], spectrum)[0] == pytest.approx(0, abs=1e-5)
    assert np.isnan(similarity(np.zeros((1, 9)), spectrum))


def test_missing_and_bad_bands_do_not_count_in_a_map(rng):
    data = rng.uniform(1, 2, (40, 3, 4)).astype(np.float32)
    cube = Cube(data, AXIS, name="cell")
    spectrum = data[:, 1, 2]
    image = similarity_map(cube, spectrum, of="pin 1")
    assert image.data[0, 1, 2] == pytest.approx(0, abs=0.05)
    assert image.name == "cell · spectral angle to pin 1"
    assert image.intensity_unit == "degrees"
    spoilt = data.copy()
    spoilt[7] = 1e6
    spoilt[3, 0, 0] = np.nan
    bad = replace(cube, data=spoilt, axis=replace(AXIS, bad=np.arange(40) == 7))
    others = np.delete(np.arange(40), [7])
    expected = similarity(data.reshape(40, -1).T[:, others], spectrum[others])
    found = similarity_map(bad, spoilt[:, 1, 2]).data.ravel()
    np.testing.assert_allclose(found[1:], expected[1:], atol=1e-3)
    assert np.isfinite(found[0])
    with pytest.raises(ValueError, match="the spectrum has 3 bands, the cube 40"):
        similarity_map(cube, [1, 2, 3])


def test_a_library_on_other_bands_names_the_substances():
    wide = SpectralAxis(np.linspace(3000, 200, 900))  # descending, and no unit is stated
    places = {"lipid": 1440, "protein": 1660, "phosphate": 1100}
    files = [Cube.from_spectra(bands([p], wide), wide, name=name) for name, p in places.items()]
    short = SpectralAxis(np.linspace(1000, 1200, 50), "1/cm", "raman_shift")
    files.append(Cube.from_spectra(bands([1100], short), short, name="part"))
    library = library_on(AXIS, files)
    assert library.names == ("lipid", "protein", "phosphate")
    assert "took the axis of lipid as Raman shift (cm⁻¹): it states no unit" in library.notes
    assert any(note.startswith("left out part: 1000–1200 covers 25%") for note in library.notes)
    found = matches(Cube.from_spectra(7 * bands([1655, 1105]), AXIS), library)
    assert [of_one[0].name for of_one in found] == ["protein", "phosphate"]
    assert all(len(of_one) == 3 for of_one in found)
    assert found[0][0].correlation > 0.9 > found[0][1].correlation
    nm = SpectralAxis(np.linspace(1000, 1800, 40), "nm")
    with pytest.raises(ValueError, match="no spectrum of the library can be compared; left out"):
        library_on(AXIS, [Cube.from_spectra(bands([1440], nm), nm)])
    with pytest.raises(ValueError, match="bring it there with library_on"):
        matches(Cube.from_spectra(bands([1440], nm), nm), library)


def test_abundances_of_a_library_are_those_that_were_mixed(rng):
    fine = SpectralAxis(np.linspace(900, 1900, 1000), "1/cm", "raman_shift")
    files = [Cube.from_spectra(bands([p], fine), fine, name=str(p)) for p in (1100, 1440, 1660)]
    shares = rng.dirichlet([1, 1, 1], 30)
    cube = Cube.from_spectra(shares @ bands([1100, 1440, 1660]), AXIS)
    maps = run(abundance_maps_steps(library_on(AXIS, files).as_cube(), cube, Unmixing()))
    np.testing.assert_allclose(maps.data[:, 0].T, shares, atol=2e-3)


def test_srs_of_a_cell_is_unmixed_with_reference_spectra(data_folder):
    """PRM-SRS: 72 bands, with Raman spectra of lipids whose files state no unit."""
    folder = data_folder / "srs_prm"
    cube = read(folder / "prm_srs_130x130x72.npz")
    names = ("TAG", "Cholesterol", "PC_18-1", "PS")
    library = library_on(cube.spectral_axis, [read(folder / "refs" / f"{n}.txt") for n in names])
    assert library.names == names
    settings = Unmixing(sparsity=0.02)
    maps = run(abundance_maps_steps(library.as_cube(), cube, settings))
    assert maps.shape == (4, 130, 130)
    assert maps.data.min() >= 0
    fitted = np.einsum("cb,cyx->byx", library.table, maps.data)
    power = np.square(cube.numpy()).sum()
    assert np.square(cube.numpy() - fitted).sum() < 0.5 * power
