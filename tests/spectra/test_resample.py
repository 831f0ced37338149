import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.spectra.resample import resample

AXIS = SpectralAxis([400.0, 410.0, 440.0], "nm")


def column(*values):
    return np.array(values, np.float32)[:, None, None]


def test_values_between_bands_lie_on_the_line_between_them():
    out = resample(column(0, 10, 40), AXIS, SpectralAxis([405.0, 425.0], "nm"))
    np.testing.assert_allclose(out.ravel(), [5, 25])


def test_the_same_bands_give_the_same_values_also_in_another_order():
    backwards = SpectralAxis(AXIS.centres[::-1], "nm")
    np.testing.assert_array_equal(resample(column(3, 1, 2), AXIS, backwards).ravel(), [2, 1, 3])
    np.testing.assert_array_equal(resample(column(2, 1, 3), backwards, AXIS).ravel(), [3, 1, 2])


def test_what_lies_beyond_the_ends_is_missing():
    out = resample(column(1, 1, 1), AXIS, SpectralAxis([399.0, 400.0, 440.0, 441.0], "nm"))
    np.testing.assert_array_equal(out.ravel(), [np.nan, 1, 1, np.nan])


def test_a_missing_value_reaches_only_its_neighbourhood():
    out = resample(column(1, np.nan, 4), AXIS, SpectralAxis([400.0, 405.0, 440.0], "nm"))
    np.testing.assert_array_equal(out.ravel(), [1, np.nan, 4])


def test_other_quantities_and_repeated_bands_are_refused():
    with pytest.raises(ValueError, match="other quantity or unit"):
        resample(column(1, 2, 3), AXIS, SpectralAxis([1.0], "1/cm"))
    doubled = SpectralAxis([400.0, 400.0, 401.0], "nm")
    with pytest.raises(ValueError, match="repeats band centres"):
        resample(column(1, 2, 3), doubled, AXIS)
