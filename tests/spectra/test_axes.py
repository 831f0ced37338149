"""Laws of axes: there and back, known polynomials, known lines."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.spectra.axes import (
    AXIS_STEPS,
    CalibrateAxis,
    ConvertAxis,
    FoldSpectra,
    SetDimension,
    SetEnds,
    SetExcitation,
    SetQuantity,
    SetSteps,
    SetValues,
    ShiftAxis,
    steps_from_json,
)
from napari_hyperspectral.spectra.calibration import calibrated, mean_spectrum, peak_positions
from napari_hyperspectral.spectra.conversion import converted, with_excitation
from napari_hyperspectral.spectra.layout import folded_into_rows, with_bands_along

LIGHT = [
    "wavelength (nm)",
    "wavelength (um)",
    "wavenumber (1/cm)",
    "Raman shift (1/cm)",
    "energy (eV)",
    "frequency (THz)",
]


@pytest.fixture
def visible():
    """Nine bands that are not uniform, behind a green laser."""
    return SpectralAxis(
        np.geomspace(533, 702, 9), "nm", widths=np.linspace(1, 2, 9), excitation_nm=532.0
    )


@pytest.mark.parametrize("through", LIGHT)
@pytest.mark.parametrize("quantity", LIGHT)
def test_conversion_there_and_back_changes_nothing(visible, quantity, through):
    axis = converted(visible, through)
    back = converted(converted(axis, quantity), through)
    assert (back.unit, back.kind) == (axis.unit, axis.kind)
    assert back.centres == pytest.approx(axis.centres, rel=1e-12)
    assert back.widths == pytest.approx(axis.widths, rel=1e-9)


@pytest.mark.parametrize(
    ("nm", "quantity", "value"),
    [
        (500.0, "wavenumber (1/cm)", 20000.0),
        (10600.0, "wavelength (um)", 10.6),
        (1239.8419843320026, "energy (eV)", 1.0),  # h c / e
        (299.792458, "frequency (THz)", 1000.0),
        (632.81646, "wavenumber (1/cm)", 1e7 / 632.81646),
    ],
)
def test_well_known_lines_lie_where_they_should(nm, quantity, value):
    (centre,) = converted(SpectralAxis([nm], "nm"), quantity).centres
    assert centre == pytest.approx(value, rel=1e-12)


def test_a_raman_shift_is_the_difference_of_two_wavenumbers(visible):
    shifts = converted(visible, "Raman shift (1/cm)").centres
    assert shifts == pytest.approx(1e7 * (1 / 532.0 - 1 / visible.centres))
    silicon = converted(
        SpectralAxis([520.7], "1/cm", "raman_shift"), "wavelength (nm)", excitation_nm=785.0
    )
    assert silicon.centres == pytest.approx([1e7 / (1e7 / 785.0 - 520.7)])
    assert silicon.excitation_nm == 785.0


def test_widths_are_converted_by_the_slope_at_their_band():
    axis = converted(SpectralAxis([500.0], "nm", widths=[0.01]), "wavenumber (1/cm)")
    edges = 1e7 / 499.995 - 1e7 / 500.005
    assert axis.widths == pytest.approx([edges], rel=1e-6)


@pytest.mark.parametrize(
    ("axis", "quantity", "reason"),
    [
        (SpectralAxis([0.0, 1.0], "nm"), "energy (eV)", "positive wavelength"),
        (SpectralAxis([500.0], "nm"), "Raman shift (1/cm)", "excitation wavelength.*set it"),
        (SpectralAxis([300.0], "m/z"), "wavelength (nm)", "no formula converts m/z"),
        (SpectralAxis([3.0]), "wavelength (nm)", "no formula converts Band"),
        (SpectralAxis([500.0], "nm"), "m/z", "no formula converts Wavelength"),
        (
            SpectralAxis([20000.0], "1/cm", "raman_shift", excitation_nm=532.0),
            "wavelength (nm)",
            "positive wavelength",
        ),
    ],
)
def test_a_conversion_without_a_formula_is_refused(axis, quantity, reason):
    with pytest.raises(ValueError, match=reason):
        converted(axis, quantity)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_calibration_finds_the_polynomial_that_moved_the_peaks(degree):
    axis = SpectralAxis(np.linspace(400, 1800, 50), "1/cm", "raman_shift")
    moved = np.polynomial.Polynomial([-3.0, 1.01, 2e-6, 3e-9][: degree + 1])
    peaks = np.array([455.0, 700.0, 1001.4, 1450.0, 1602.3])[: degree + 2]
    found = calibrated(axis, peaks, moved(peaks), degree)
    assert found.axis.centres == pytest.approx(moved(axis.centres), rel=1e-9)
    assert np.abs(found.residuals).max() < 1e-8
    assert (found.axis.unit, found.axis.kind) == ("1/cm", "raman_shift")


def test_a_calibration_reports_its_residuals(axis):
    found = calibrated(axis, [500, 550, 600], [500, 551, 600])
    assert found.residuals == pytest.approx([1 / 3, -2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("measured", "known", "degree", "reason"),
    [
        ([500], [501], 1, "single peak, shift"),
        ([500, 500], [501, 502], 1, "1 peaks at different positions"),
        ([500, 510], [501, 511], 2, "degree 2 needs 3 or more"),
        ([500, 510], [501], 1, "2 measured peaks and 1 known"),
        ([510, 550, 600], [510, 600, 520], 2, "turning point"),
    ],
)
def test_peaks_that_do_not_fix_a_polynomial_are_refused(axis, measured, known, degree, reason):
    with pytest.raises(ValueError, match=reason):
        calibrated(axis, measured, known, degree)


def test_peaks_are_found_between_the_bands():
    axis = SpectralAxis(np.arange(400.0, 700, 3), "nm")
    spectrum = sum(
        height * np.exp(-(((axis.centres - place) / 9) ** 2))
        for place, height in ((450.7, 1.0), (530.2, 5.0), (641.9, 2.0))
    )
    spectrum[5] = np.nan
    assert peak_positions(spectrum, axis) == pytest.approx([450.7, 530.2, 641.9], abs=0.1)
    assert peak_positions(spectrum, axis, count=2) == pytest.approx([530.2, 641.9], abs=0.1)
    dim = replace(axis, bad=np.abs(axis.centres - 530) < 25)
    assert peak_positions(spectrum, dim) == pytest.approx([450.7, 641.9], abs=0.1)
    assert len(peak_positions(np.ones(100), axis)) == 0


def test_the_mean_of_a_large_cube_is_taken_from_a_grid(axis, rng):
    cube = Cube(rng.normal(5, 1, (6, 200, 300)), axis)
    cube.data[2, 0, 0] = np.nan
    assert mean_spectrum(cube) == pytest.approx([5] * 6, abs=0.2)


def test_the_mean_of_a_huge_cube_is_taken_from_its_middle():
    data = np.broadcast_to(np.float32(0), (400, 700, 900))
    seen = []

    class File:
        shape, dtype = data.shape, data.dtype

        def __getitem__(self, key):
            seen.append(data[key].size)
            return data[key]

    mean_spectrum(Cube(File(), SpectralAxis.index(400)))
    assert seen == [400 * 64 * 64]


def test_another_excitation_line_can_be_noted_or_recalculated_with(axis):
    noted = with_excitation(axis, 785.0)
    assert np.array_equal(noted.centres, axis.centres)
    moved = with_excitation(axis, 785.0, keep_wavelengths=True)
    assert converted(moved, "wavelength (nm)").centres == pytest.approx(
        converted(axis, "wavelength (nm)").centres
    )
    with pytest.raises(ValueError, match="not known"):
        with_excitation(replace(axis, excitation_nm=None), 785.0, keep_wavelengths=True)


def test_an_axis_is_set_by_its_ends_its_step_or_its_values(plain_cube):
    expected = [500.0, 510.0, 520.0, 530.0]
    for step in (
        SetEnds(first=500, last=530),
        SetSteps(first=500, step=10),
        SetValues(centres=(500, 510, 520, 530)),
    ):
        made = step.on(plain_cube)
        assert made.axis == SpectralAxis(expected, "nm")
        assert made.data is plain_cube.data
    with pytest.raises(ValueError, match="2 values for the 4 bands"):
        SetValues(centres=(1, 2)).on(plain_cube)


def test_what_the_numbers_mean_can_be_confirmed(cube):
    doubtful = replace(cube, axis=replace(cube.axis, guessed=True))
    sure = SetQuantity(quantity="wavenumber (1/cm)").on(doubtful)
    assert (sure.axis.kind, sure.axis.guessed) == ("wavenumber", False)
    assert np.array_equal(sure.axis.centres, cube.axis.centres)
    assert SetQuantity(quantity="wavelength (nm)", guessed=True).on(cube).axis.guessed


def test_calibration_gives_bands_a_quantity():
    cube = Cube(np.zeros((11, 2, 3)), SpectralAxis.index(11))
    step = CalibrateAxis(measured=(2, 8), known=(520, 580), quantity="wavelength (nm)")
    axis = step.on(cube).axis
    assert axis.centres == pytest.approx(np.linspace(500, 600, 11))
    assert (axis.unit, axis.kind) == ("nm", "wavelength")


@pytest.mark.parametrize(
    "step",
    [
        SetEnds(first=1, last=2),
        SetSteps(),
        SetValues(centres=tuple(range(6))),
        SetQuantity(quantity="wavenumber (1/cm)"),
        ShiftAxis(by=1.5),
        CalibrateAxis(measured=(500, 600), known=(501, 602)),
        ConvertAxis(quantity="wavelength (nm)"),
        SetExcitation(excitation_nm=785),
        SetDimension(along="y"),
    ],
)
def test_every_step_is_remembered_and_leaves_the_rest(cube, step):
    made = step.on(cube)
    assert made.history[:-1] == cube.history
    assert (made.name, made.metadata, made.intensity_unit) == (
        cube.name,
        cube.metadata,
        cube.intensity_unit,
    )
    text = step.model_dump_json()
    assert steps_from_json(text) == steps_from_json(f"[{text}]") == [step]
    assert type(step) in AXIS_STEPS


def test_named_channels_are_no_spectrum_to_move_but_can_get_one(rng):
    stains = Cube(rng.normal(size=(2, 4, 5)), ChannelAxis(("DAPI", "actin")))
    with pytest.raises(ValueError, match="not a spectrum"):
        ShiftAxis(by=1).on(stains)
    assert len(SetEnds(first=405, last=488).on(stains).axis) == 2


def test_bands_can_lie_last_in_an_array(rng):
    truth = rng.normal(size=(7, 4, 5))  # (band, y, x)
    opened = Cube(np.moveaxis(truth, 0, -1), SpectralAxis.index(4))  # (y, x, band) as it was taken
    assert np.array_equal(with_bands_along(opened, "x").data, truth)
    opened = Cube(np.moveaxis(truth, 0, 1), SpectralAxis.index(4))  # (y, band, x)
    assert np.array_equal(with_bands_along(opened, "y").data, truth)


def test_planes_of_a_stack_can_be_the_bands(stack, rng):
    planes = Cube(rng.normal(size=(9, 1, 4, 5)), SpectralAxis.index(1), z=Sampling(2.0))
    made = with_bands_along(planes, "z")
    assert (made.dims, made.shape) == (("band", "y", "x"), (9, 4, 5))
    assert np.array_equal(made.data, planes.data[:, 0])
    swapped = with_bands_along(stack, "t")
    assert (swapped.dims, swapped.shape) == (("t", "z", "band", "y", "x"), (6, 3, 2, 5, 7))
    assert np.array_equal(swapped.data[4, 1, 0], stack.data[0, 1, 4])
    assert swapped.pixel_size == stack.pixel_size
    with pytest.raises(ValueError, match="has no dimension z; choose one of band, y, x"):
        with_bands_along(made, "z")


@pytest.mark.parametrize("snake", [False, True])
def test_a_list_of_spectra_folds_into_a_map(axis, rng, snake):
    spectra = rng.normal(size=(12, 6))
    made = folded_into_rows(Cube.from_spectra(spectra, axis), 4, snake=snake)
    assert made.shape == (6, 3, 4)
    for i, spectrum in enumerate(spectra):
        y, x = divmod(i, 4)
        x = 3 - x if snake and y % 2 else x
        assert np.array_equal(made.data[:, y, x], spectrum)


def test_a_map_that_would_have_holes_is_not_folded(axis, cube, rng):
    with pytest.raises(ValueError, match=r"25 spectra do not fill rows of 4; 25 = 1 × 25, 5 × 5"):
        FoldSpectra(columns=4).on(Cube.from_spectra(rng.normal(size=(25, 6)), axis))
    with pytest.raises(ValueError, match="is a map already"):
        FoldSpectra(columns=5).on(cube)


def test_every_step_has_a_sentence_and_help():
    for step in AXIS_STEPS:
        assert step.__doc__.partition("\n")[0].endswith(".")
        fields = {name: f.description for name, f in step.model_fields.items() if name != "kind"}
        assert all(fields.values()), (step, fields)
