"""Units are known however they are spelled."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io.metadata.named_arrays import axis_from_vector
from napari_hyperspectral.io.metadata.units import axis_in, length_unit, spectral_unit


@pytest.mark.parametrize(
    ("text", "unit", "kind"),
    [
        *((text, "nm", "wavelength") for text in ("nm", "Nanometers", "nanometre", "$nm$", " NM ")),
        *((text, "um", "wavelength") for text in ("um", "µm", "μm", "micron", "Micrometers")),
        *(
            (text, "1/cm", "wavenumber")
            for text in ("cm-1", "cm^-1", "cm⁻¹", "1/cm", "Wavenumber", "Wavenumbers (cm-1)")
        ),
        *((text, "1/cm", "raman_shift") for text in ("rel. 1/cm", "Raman shift (cm-1)")),
        *((text, "m/z", "mz") for text in ("m/z", "Da", "thomson")),
        ("eV", "eV", "energy"),
        ("THz", "THz", "frequency"),
        ("Wavelength (nm)", "nm", "wavelength"),
    ],
)
def test_a_unit_is_known_by_all_its_names(text, unit, kind):
    assert spectral_unit(text)[:2] == (unit, kind)


@pytest.mark.parametrize("text", ["", "Unknown", "Index", "1/nm", "counts", "Wavelength", "pixel"])
def test_what_is_no_spectral_unit_is_not_taken_for_one(text):
    assert spectral_unit(text) is None


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("m", 5e-7, 500),
        ("Angstroms", 5000, 500),
        ("keV", 1.5, 1500),
        ("meV", 500, 0.5),
        ("GHz", 500, 0.5),
    ],
)
def test_values_are_brought_to_the_unit_we_count_in(text, value, expected):
    assert axis_in(text, [value]).centres[0] == pytest.approx(expected)


def test_centres_already_in_our_unit_are_not_touched():
    assert axis_in("nm", [1 / 3, 0.1 + 0.2]) == SpectralAxis([1 / 3, 0.1 + 0.2], "nm")


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("µm", "um"),
        ("\ufffdm", "um"),
        ("micron", "um"),
        ("Meters", "m"),
        ("s", "s"),
        ("", None),
        (None, None),
    ],
)
def test_places_have_units_of_their_own(text, symbol):
    assert length_unit(text) == symbol


@pytest.mark.parametrize(
    ("name", "kind", "factor"),
    [
        ("wavenumber_cm", "wavenumber", 1),
        ("raman_shift_cm", "raman_shift", 1),
        ("Raman shift (cm)", "raman_shift", 1),
        ("wavenumber_m", "wavenumber", 0.01),
    ],
)
def test_wavenumbers_whose_unit_lacks_its_minus_one_are_no_wavelengths(name, kind, factor):
    axis = axis_from_vector(name, np.array([1000.0, 2000]))
    assert (axis.unit, axis.kind, axis.guessed) == ("1/cm", kind, True)
    assert np.allclose(axis.centres, [1000 * factor, 2000 * factor])
