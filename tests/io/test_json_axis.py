"""JSON of others: wavelengths and lasers become an axis, other numbers do not."""

import json

import numpy as np
import pytest
import tifffile

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import read
from napari_hyperspectral.io.metadata.json_axis import axis_of_json

NM = [450.0, 460.5, 480.0, 500.0]


@pytest.mark.parametrize(
    ("document", "axis"),
    [
        ({"wavelength": NM, "unit": "nm"}, SpectralAxis(NM, "nm")),
        ({"wavelengths": NM}, SpectralAxis(NM, "nm", guessed=True)),
        ({"Wavelength": [str(v) for v in NM], "wavelength units": "nm"}, SpectralAxis(NM, "nm")),
        ({"header": {"wavelength": NM, "fwhm": [5] * 4}, "gain": [1, 2, 3, 4]}, None),
        ({"custom_values": NM, "spectral_unit": "nm"}, SpectralAxis(NM, "nm")),
        (
            {"custom_points": NM, "spectral_unit": "cm-1"},
            SpectralAxis(NM, "1/cm", "raman_shift"),
        ),
        (
            {"custom_labels": ["2850 cm-1", "2930 cm-1", "3010 cm-1", "3060 cm-1"]},
            None,  # four names are no spectrum
        ),
    ],
)
def test_lists_of_numbers_are_an_axis_in_their_unit(document, axis):
    found = axis_of_json(document, 4)
    if axis is not None:
        assert found == axis
    elif "header" in document:
        assert found.centres.tolist() == NM
    else:
        assert found is None


def test_a_tuned_pump_gives_raman_shifts_that_fall_with_its_wavelength():
    document = {
        "tuned_beam": "pump",
        "fixed_beam_nm": 1031.0,
        "tuned_min_nm": 790.0,
        "tuned_max_nm": 800.0,
    }
    axis = axis_of_json(document, 3)
    expected = 1e7 * (1 / np.array([790.0, 795.0, 800.0]) - 1 / 1031.0)
    np.testing.assert_allclose(axis.centres, expected)
    assert (axis.unit, axis.kind, axis.excitation_nm) == ("1/cm", "raman_shift", None)


def test_a_tuned_stokes_beam_leaves_the_pump_as_excitation():
    document = {
        "tuned_beam": "stokes",
        "fixed_beam_nm": 800.0,
        "tuned_min_nm": 1000,
        "tuned_step_nm": 10,
    }
    axis = axis_of_json(document, 3)
    expected = 1e7 * (1 / 800.0 - 1 / np.array([1000.0, 1010.0, 1020.0]))
    np.testing.assert_allclose(axis.centres, expected)
    assert axis.excitation_nm == 800.0


@pytest.mark.parametrize(
    "document",
    [
        {"tuned_beam": "pump"},
        {"tuned_beam": "pump", "fixed_beam_nm": 0, "tuned_min_nm": 1, "tuned_max_nm": 2},
        {"exposure": [1, 2, 3, 4]},
        {"wavelength": "450, 460"},
        {"wavelength": [450, None, 3, 4]},
        {"wavelength": [True, False, True, True]},
        "450",
        None,
    ],
)
def test_other_things_are_no_axis(document):
    assert axis_of_json(document, 4) is None


@pytest.mark.parametrize("name", ["wavelength.json", "a.json"])
def test_a_companion_of_an_image_gives_its_axis(tmp_path, name):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 7), np.uint16), photometric="minisblack")
    (tmp_path / name).write_text(json.dumps({"unit": "nm", "custom_values": NM}))
    assert read(tmp_path / "a.tif").axis == SpectralAxis(NM, "nm")


def test_a_companion_of_other_images_is_ignored_with_a_warning(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 5, 7), np.uint16), photometric="minisblack")
    (tmp_path / "wavelength.json").write_text(json.dumps({"unit": "nm", "custom_values": NM}))
    with pytest.warns(UserWarning, match=r"wavelength\.json has 4 numbers, a\.tif 3 bands"):
        assert read(tmp_path / "a.tif").axis == SpectralAxis.index(3)


def test_json_in_the_description_of_a_tiff_file_gives_the_axis(tmp_path):
    text = json.dumps({"camera": "x", "wavelength": NM, "wavelength_units": "nm"})
    data = np.zeros((4, 5, 7), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", data, photometric="minisblack", description=text, metadata=None
    )
    assert read(tmp_path / "a.tif").axis == SpectralAxis(NM, "nm")
    tifffile.imwrite(
        tmp_path / "b.tif", data, photometric="minisblack", metadata={"wavelength": NM}
    )
    assert read(tmp_path / "b.tif").axis == SpectralAxis(NM, "nm", guessed=True)
