import json
import re

import numpy as np
import pytest

from napari_hyperspectral.axis import (
    ChannelAxis,
    SpectralAxis,
    axis_difference,
    axis_from_json,
    axis_in_full,
    axis_to_json,
)
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.tasks import Denoise


@pytest.mark.parametrize(
    ("centres", "uniform", "monotonic"),
    [
        ([400.0, 410.0, 420.0], True, True),
        ([420.0, 410.0, 400.0], True, True),
        ([400.0, 402.0, 405.0], False, True),
        ([400.0, 420.0, 410.0, 430.0], False, False),  # two detectors overlap
        ([513.3, 513.3, 513.3], False, False),
        ([400.0], True, True),
    ],
)
def test_the_axis_says_what_is_true_of_its_centres_and_keeps_their_order(
    centres, uniform, monotonic
):
    axis = SpectralAxis(centres, "nm")
    assert (axis.uniform, axis.monotonic) == (uniform, monotonic)
    assert axis.centres.tolist() == centres


def test_json_keeps_an_axis_to_the_last_digit(axis):
    again = axis_from_json(json.loads(json.dumps(axis_to_json(axis))))
    assert again == axis
    assert again.centres.tobytes() == axis.centres.tobytes()
    channels = ChannelAxis(("DAPI", "lamin B1"))
    assert axis_from_json(json.loads(json.dumps(axis_to_json(channels)))) == channels


def test_axes_that_differ_in_anything_are_not_equal(axis):
    about = axis_to_json(axis)
    for change in ({"unit": None}, {"kind": "wavenumber"}, {"excitation_nm": 785.0}, {"bad": None}):
        assert axis_from_json(about | change) != axis
    assert axis_from_json(about | {"bad": None}).same_bands(axis)


def test_the_unit_tells_the_kind_and_raman_shift_is_said():
    kinds = {u: SpectralAxis([1.0, 2.0], u).kind for u in ("nm", "um", "1/cm", "m/z", "eV", "THz")}
    assert list(kinds.values()) == [
        "wavelength", "wavelength", "wavenumber", "mz", "energy", "frequency",
    ]  # fmt: skip
    assert SpectralAxis([1.0]).kind == "index"
    assert SpectralAxis([1.0], "1/cm", "raman_shift").title == "Raman shift (cm⁻¹)"


def test_the_nearest_band_and_a_range_are_found_in_any_order():
    axis = SpectralAxis([1800.0, 1450.2, 1003.0, 600.0], "1/cm", "raman_shift")
    assert axis.nearest(1000) == 2
    assert axis.between(1000, 1500).tolist() == axis.between(1500, 1000).tolist() == [1, 2]
    with pytest.raises(ValueError, match="no band lies between 100 and 200"):
        axis.between(100, 200)


def test_a_label_tells_place_and_unit():
    axis = SpectralAxis(np.linspace(500, 1802, 500), "1/cm", "raman_shift")
    assert axis.label(366) == "1455.0 cm⁻¹ (band 367/500)"
    assert SpectralAxis.index(3).label(0) == "band 1/3"
    assert ChannelAxis(("DAPI",)).label(0) == "DAPI (channel 1/1)"


def test_a_part_of_an_axis_keeps_what_belongs_to_its_bands(axis):
    part = axis.take([2, 0])
    assert part.centres.tolist() == [510.0, 500.1]
    assert part.widths.tolist() == [2.2, 2.0]
    assert part.bad.tolist() == [True, False]
    assert part.excitation_nm == 532.1


def test_centres_cannot_be_changed_behind_the_back_of_an_axis():
    input = np.array([1.0, 2.0])
    axis = SpectralAxis(input)
    input[0] = 7
    assert axis.centres[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        axis.centres[0] = 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "one finite number per band"),
        (([[1.0]],), "one finite number per band"),
        (([1.0, np.nan],), "not finite"),
        (([1.0], "furlong"), "'furlong' is none of nm, um"),
        (([1.0], "nm", "raman_shift"), "'raman_shift' is not measured in 'nm'"),
    ],
)
def test_what_is_no_axis_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpectralAxis(*arguments)


def test_widths_and_bad_bands_are_one_a_band():
    with pytest.raises(ValueError, match=r"2 band centres but bad of shape \(3,\)"):
        SpectralAxis([1.0, 2.0], bad=[True, False, True])
    with pytest.raises(ValueError, match="at least one name"):
        ChannelAxis(())


def test_numbers_without_a_unit_are_told_and_counted_bands_are_not():
    assert str(SpectralAxis([1641.69, 1640, 1634.84])) == (
        "3 bands, 1641.69–1634.84 without a spectral unit"
    )
    assert str(SpectralAxis.index(3)) == "3 bands without a spectral unit"


def test_channels_are_counted_and_one_is_no_plural():
    assert str(ChannelAxis(("DAPI",))) == "1 channel (DAPI)"
    assert str(ChannelAxis(("DAPI", "actin"))) == "2 channels (DAPI, actin)"


WHAT_DIFFERS = {
    "the quantity": (
        SpectralAxis([500.0, 1800.0], "1/cm", "raman_shift"),
        SpectralAxis([501.0, 1802.0], "1/cm", "wavenumber"),
        r"the quantity \(Raman shift, Wavenumber\) and the centres, by up to 2 \(band 2: 1800, 1802",
    ),
    "the unit": (
        SpectralAxis([500.0, 600.0], "nm"),
        SpectralAxis([500.0, 600.0], "um"),
        r"the unit \(nm, µm\)$",
    ),
    "no unit": (
        SpectralAxis([500.0, 600.0], "nm"),
        SpectralAxis([500.0, 600.0], None, "wavelength"),
        r"the unit \(nm, none\)$",
    ),
    "a unit of others": (
        SpectralAxis([500.0, 600.0], None, "wavelength", other_unit="furlong"),
        SpectralAxis([500.0, 600.0], None, "wavelength", other_unit="cubit"),
        r"the unit \(furlong, cubit\)$",
    ),
    "the number of bands": (
        SpectralAxis([500.0, 600.0], "nm"),
        SpectralAxis([500.0, 550.0, 600.0], "nm"),
        r"the number of bands \(2, 3\)$",
    ),
    "one band in the middle": (
        SpectralAxis([500.0, 550.0, 600.0], "nm"),
        SpectralAxis([500.0, 550.25, 600.0], "nm"),
        r"the centres, by up to 0.25 \(band 2: 550, 550.25; 1 of 3 bands differ\)$",
    ),
    "the last digit of the range": (
        SpectralAxis([500.0, 600.0001], "nm"),
        SpectralAxis([500.0, 600.0002], "nm"),
        r"band 2: 600.0001, 600.0002; 1 of 2",
    ),
    "a name": (
        ChannelAxis(("DAPI", "GFP")),
        ChannelAxis(("DAPI", "RFP")),
        r"channel 2 \(GFP, RFP\)$",
    ),
    "channels": (ChannelAxis(("DAPI",)), SpectralAxis([500.0], "nm"), "no bands of a spectrum"),
}


@pytest.mark.parametrize(("one", "other", "message"), WHAT_DIFFERS.values(), ids=WHAT_DIFFERS)
def test_what_differs_between_axes_is_named(one, other, message):
    assert re.search(message, axis_difference(one, other))
    assert axis_difference(one, one) == ""


def test_an_axis_in_full_has_its_quantity_unit_and_range():
    shift = SpectralAxis([500.0, 1800.0], "1/cm", "raman_shift")
    assert axis_in_full(shift) == "2 bands, Raman shift 500–1800 cm⁻¹"
    number = SpectralAxis([500.0, 1800.0], "1/cm")
    assert axis_in_full(number) == "2 bands, Wavenumber 500–1800 cm⁻¹"
    assert axis_in_full(SpectralAxis([1.5], "eV")) == "1 band, 1.5–1.5 eV"
    unknown = SpectralAxis([1.0, 2.0], None, "wavelength")
    assert axis_in_full(unknown) == "2 bands, Wavelength 1–2 without a unit"


def test_the_name_of_a_band_shows_digits_of_a_small_centre():
    axis = SpectralAxis([0.00042, 0.25, 650.0], "um")
    assert [axis.label(band).split(" (")[0] for band in range(3)] == [
        "0.00042 µm",
        "0.250 µm",
        "650.0 µm",
    ]


def test_of_two_kinds_of_axis_in_one_unit_the_refusal_names_the_kinds():
    data = np.ones((2, 3, 4), np.float32)
    shift = Cube(data, SpectralAxis([500.0, 1800.0], "1/cm", "raman_shift"))
    number = Cube(data, SpectralAxis([501.0, 1802.0], "1/cm", "wavenumber"))
    with pytest.raises(ValueError, match=r"Raman shift 500–1800 .*Wavenumber 501–1802"):
        Denoise().example(noisy=shift, clean=number)
