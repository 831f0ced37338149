"""Components are found in one cube and mapped in others; bands and peaks become maps."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling
from napari_hyperspectral.progress import run
from napari_hyperspectral.spectra.components import (
    COLOURS,
    Unmixing,
    abundance_maps,
    agreement,
    class_map,
    composite,
    end_members,
    unmix,
)
from napari_hyperspectral.spectra.maps import area_map, band_map

CENTRES = np.linspace(1000, 1390, 40)
AXIS = SpectralAxis(CENTRES, "1/cm", "raman_shift")


@pytest.fixture
def amounts(rng):
    """Shares of three materials on 9 × 11 pixels, of which three are pure."""
    amounts = rng.dirichlet([1, 1, 1], (9, 11)).transpose(2, 0, 1)
    amounts[:, [0, 4, 8], [1, 5, 9]] = np.eye(3)
    return amounts


def spectra(axis):
    return np.exp(-(((axis.centres - np.array([[1080], [1200], [1310]])) / 60) ** 2)) + 0.1


def scene(amounts, axis=AXIS, **about):
    data = np.einsum("mb,myx->byx", spectra(axis), amounts).astype(np.float32)
    about = {"pixel_size": (0.5, 0.25), "origin": (3.0, 4.0), "pixel_unit": "um"} | about
    return Cube(data, axis, name="cell", history=("measured",), **about)


def test_components_and_where_they_are_come_back(amounts):
    cube = scene(amounts)
    found = run(unmix(cube, settings=Unmixing(count=3)))
    shares = found.maps[0].abundances.numpy()
    order = [int(np.argmin(np.square(shares - one).sum(axis=(1, 2)))) for one in amounts]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(shares[order], amounts, atol=1e-4)
    np.testing.assert_allclose(found.spectra.spectra()[order], spectra(AXIS), atol=1e-4)
    assert shares.mean(axis=(1, 2)).tolist() == sorted(shares.mean(axis=(1, 2)), reverse=True)


def test_maps_lie_where_the_cube_lies_and_tell_what_was_done(amounts):
    cube = scene(amounts)
    for image in run(unmix(cube, settings=Unmixing(count=3))).maps[0][:3]:
        assert image.pixel_size == cube.pixel_size
        assert image.origin == cube.origin
        assert image.pixel_unit == "um"
        assert image.history[:2] == ("measured", "unmixed into 3 components, 0 or more")


def test_components_are_found_again_in_a_dimmer_cube_on_other_bands(amounts):
    other = scene(amounts, SpectralAxis(np.linspace(1390, 1000, 150), "1/cm", "raman_shift"))
    dim = replace(other, data=0.5 * other.data)
    own, theirs = run(unmix(scene(amounts), [dim], Unmixing(count=3))).maps
    np.testing.assert_allclose(theirs.abundances.data, 0.5 * own.abundances.data, atol=5e-3)
    assert theirs.agreement > 0.97
    assert own.agreement is None


def test_shares_that_must_add_up_to_one_do_so_in_a_dimmer_cube_too(amounts):
    cube = scene(amounts)
    shares = abundance_maps(
        end_members(cube, 3), replace(cube, data=0.8 * cube.data), sum_to_one=True
    )
    np.testing.assert_allclose(shares.data.sum(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("axis", "why"),
    [
        (SpectralAxis(CENTRES, "nm"), "one quantity and unit"),
        (SpectralAxis.index(40), "one quantity and unit"),
        (SpectralAxis(CENTRES + 200, "1/cm", "raman_shift"), "covers only 49% of the range"),
        (ChannelAxis(tuple("abcd")), "the cube 4 channels .*; choose a cube with a spectral axis"),
    ],
)
def test_a_cube_that_has_nothing_in_common_with_the_components_is_refused(amounts, axis, why):
    other = Cube(np.ones((len(axis), 9, 11), np.float32), axis)
    with pytest.raises(ValueError, match=why):
        next(unmix(scene(amounts), [other]))


def test_bad_bands_and_pixels_that_were_not_measured_count_for_nothing(amounts):
    cube = scene(amounts, replace(AXIS, bad=np.arange(40) == 7))
    cube.data[7] = 1e6
    cube.data[:, 2, 3] = np.nan
    members = end_members(cube, 3)
    assert np.isnan(members.data[7]).all()
    maps = abundance_maps(members, cube)
    assert np.isnan(maps.data[:, 2, 3]).all()
    np.testing.assert_allclose(np.nansum(maps.data, axis=0)[3:], 1, atol=1e-3)
    assert class_map(maps).data[2, 3] == 0
    assert composite(maps).data[:, 2, 3].tolist() == [0, 0, 0]


def test_a_stack_that_is_read_slab_by_slab_has_the_maps_of_its_planes(amounts, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.spectra.components._SLAB", 40 * 11 * 2)
    cube = scene(amounts)
    twice = np.stack([cube.data, cube.data[:, ::-1]])
    stack = Cube(dask.array.from_array(twice), AXIS, z=Sampling(2.0))
    members = end_members(cube, 3)
    maps = abundance_maps(members, stack)
    assert maps.z == stack.z
    np.testing.assert_allclose(maps.data[0], abundance_maps(members, cube).data, atol=1e-6)
    np.testing.assert_array_equal(maps.data[1], maps.data[0, :, ::-1])


def test_colours_are_mixed_by_abundance_and_darker_where_there_is_little():
    shares = np.array([[1, 0.5, 0.5, 2], [0, 0.5, 0, 2]])[:, None].astype(np.float32)
    maps = Cube(shares, ChannelAxis(("component 1", "component 2")), name="cell abundances")
    picture = composite(maps, ("#ff0000", "#0000c8"))
    assert picture.data[:, 0].T.tolist() == [[255, 0, 0], [128, 0, 100], [128, 0, 0], [128, 0, 100]]
    assert picture.axis.names == ("red", "green", "blue")
    assert picture.name == "cell composite"


def test_the_class_of_a_pixel_is_its_most_abundant_component():
    shares = np.array([[0.6, 0.1, 0, np.nan], [0.4, 0.2, 0, np.nan]], np.float32)[:, None]
    classes = class_map(Cube(shares, ChannelAxis(("a", "b"))))
    assert classes.data.tolist() == [[1, 2, 0, 0]]
    assert classes.classes == ("a", "b")
    assert classes.colours == COLOURS[:2]


def test_agreement_is_the_share_of_equal_pixels():
    first, second = (Labels(np.array([row], np.uint8)) for row in ([1, 2, 3, 0], [1, 2, 1, 1]))
    assert agreement(first, second) == pytest.approx(2 / 3)


def test_the_map_of_a_band_is_the_nearest_band(amounts):
    cube = scene(amounts)
    image = band_map(cube, 1202)
    np.testing.assert_array_equal(image.data[0], cube.data[20])
    assert image.axis.centres.tolist() == [1200]
    assert image.name == "cell at 1200 cm⁻¹"
    with pytest.raises(ValueError, match="no band lies at 1450"):
        band_map(cube, 1450)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["up", "down"])
def test_the_area_of_a_triangle_above_a_slope_is_half_base_times_height(order):
    centres = np.array([400.0, 500, 510, 530, 550, 700])
    peak = np.array([0.0, 0, 0, 3, 0, 0])
    line = 2 + 0.1 * (centres - 400)
    cube = Cube(
        (peak + line)[order, None, None].astype(np.float32),
        SpectralAxis(centres[order], "nm"),
        intensity_unit="counts",
    )
    above = area_map(cube, 510, 550)
    assert above.data.ravel() == pytest.approx([40 * 3 / 2])
    assert above.intensity_unit == "counts nm"
    whole = area_map(cube, 510, 550, baseline=False)
    assert whole.data.ravel() == pytest.approx([60 + 40 * (2 + 13)])


def test_one_band_is_too_few_for_components(amounts):
    one = scene(amounts).take([0])
    with pytest.raises(ValueError, match=r"as many bands \(here 99 and 1\)"):
        end_members(one, 2)


def test_an_area_needs_bands_to_stand_on(amounts):
    with pytest.raises(ValueError, match=r"too few good bands \(2\); the area needs 3 at least"):
        area_map(scene(amounts), 1001, 1004)


def test_on_samson_the_mixtures_are_those_of_the_reference(data_folder):
    """Samson: FCLS with least-squares end-members has RMSE 0.155 and 90 % agreement."""
    file = np.load(data_folder / "samson" / "samson_95x95x156.npz")
    cube = Cube(file["cube"].transpose(2, 0, 1), SpectralAxis.index(156), name="Samson")
    truth = file["abundances"].transpose(2, 0, 1)
    fitted = np.linalg.lstsq(truth.reshape(3, -1).T, cube.spectra(), rcond=None)[0]
    members = Cube.from_spectra(fitted, cube.axis)
    maps = abundance_maps(members, cube, sum_to_one=True)
    target = class_map(replace(maps, data=truth))
    assert np.sqrt(np.mean((maps.data - truth) ** 2)) == pytest.approx(0.155, abs=0.001)
    assert agreement(class_map(maps), target) == pytest.approx(0.90, abs=0.005)

    pure = end_members(cube, 3).spectra()
    shipped = file["endmembers"]
    lengths = np.outer(np.linalg.norm(pure, axis=1), np.linalg.norm(shipped, axis=1))
    angles = np.degrees(np.arccos(pure @ shipped.T / lengths))
    assert sorted(angles.argmin(axis=1)) == [0, 1, 2]
    assert angles.min(axis=0).max() < 8  # water, nearly black, is the worst
    own = abundance_maps(Cube.from_spectra(pure[angles.argmin(axis=0)], cube.axis), cube)
    assert agreement(class_map(own), target) > 0.94
