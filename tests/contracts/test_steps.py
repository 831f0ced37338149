"""What every step of preparation promises, asked of all of them."""

import dask.array
import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.spectra.axes import FoldSpectra, SetDimension
from napari_hyperspectral.spectra.steps.base import SpectraStep
from napari_hyperspectral.spectra.steps.chain import STEPS, Chain, StepError
from napari_hyperspectral.spectra.steps.parts import in_parts
from napari_hyperspectral.spectra.steps.pixels import BinPixels

SHIFTS = np.array([600.0, 650, 700, 780, 900, 1000, 1010, 1200, 1300, 1500, 1650, 1800])
USEFUL = {
    "crop": {"first": 640, "last": 1700},
    "ends": {"quantity": "Raman shift (1/cm)", "first": 500, "last": 1600},
    "steps": {"quantity": "Raman shift (1/cm)", "first": 500, "step": 90},
    "values": {"centres": tuple(range(12))},
    "shift": {"by": 2.5},
    "mark_bad_bands": {"first": 640, "last": 790},
    "resample": {"bands": 20},
    "normalise_peak": {"position": 1010},
    "wavelet_smoothing": {"wavelet": "haar"},
    "cosmic_rays": {"threshold": 0.5},
    "cosmic_rays_among_neighbours": {"threshold": 0.5},
    "calibrate": {"measured": (700, 1500), "known": (702, 1501)},
}
"""Settings with which a step does something here, where its defaults do nothing."""

LAYOUT = (SetDimension, FoldSpectra)
"""Steps that rearrange a cube, and change no spectrum: tested in test_axes."""
REFUSE_ONE_BAND = (
    "Crop", "SetValues", "PolynomialBaseline", "ModifiedPolynomialBaseline", "MSC", "EMSC", "NormaliseArea", "NormalisePeak", "Resample",
    "SavitzkyGolay", "Derivative",
)  # fmt: skip
"""Steps that need two bands or more, or another range than that of the one band."""

each_step = pytest.mark.parametrize(
    "step",
    [
        kind(**USEFUL.get(kind.model_fields["kind"].default, {}))
        for kind in STEPS
        if kind not in LAYOUT
    ],
    ids=lambda step: step.kind,
)


def cube_of(data, centres=SHIFTS, **attributes):
    axis = SpectralAxis(centres[: data.shape[-3]], "1/cm", "raman_shift", excitation_nm=785.0)
    return Cube(data, axis, intensity_unit="counts", name="scene", history=("read",), **attributes)


@pytest.fixture
def data(rng):
    """Twelve bands, 6 × 7 pixels."""
    return rng.uniform(1, 9, (12, 6, 7)).astype(np.float32)


def same(one, other):
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-5)


@each_step
def test_a_step_says_what_it_is(step):
    assert step.title
    assert step.group
    assert (type(step).__doc__ or "").partition("\n")[0].endswith(".")
    for field in type(step).model_fields.values():
        assert field.description or field.annotation is not str


@each_step
def test_a_step_is_the_same_after_a_file(step, tmp_path):
    chain = Chain(steps=(step, step.model_copy(update={"enabled": False})))
    assert Chain.read(chain.write(tmp_path / "chain.json")) == chain


@each_step
def test_a_step_adds_one_line_of_history_and_keeps_the_place(step, data):
    cube = cube_of(data, pixel_size=(2.0, 3.0), pixel_unit="um")
    after = step.on(cube)
    assert after.history[:-1] == ("read",)
    assert len(after.axis) == after.shape[-3]
    assert step.on_axis(cube.axis) == after.axis
    assert after.pixel_unit == "um"
    assert cube.data is data


@each_step
@pytest.mark.parametrize("planes", [(), (2,)], ids=["image", "stack"])
def test_lazy_cubes_stay_lazy_and_become_the_same(step, data, planes, tmp_path):
    data = np.broadcast_to(data, (*planes, *data.shape)) * np.float32(1)
    leading = {"z": Sampling()} if planes else {}
    on_disk = np.memmap(tmp_path / "cube.raw", np.float32, "w+", shape=data.shape)
    on_disk[:] = data
    expected = step.on(cube_of(data, **leading))
    for lazy in (dask.array.from_array(data, chunks=5), on_disk):
        found = step.on(cube_of(lazy, **leading))
        assert not isinstance(found.data, np.ndarray) or isinstance(found.data, np.memmap)
        assert found.shape == expected.shape
        assert (found.axis, found.history) == (expected.axis, expected.history)
        same(found.data, expected.data)


@each_step
def test_parts_become_the_same_as_all_of_it(step, data):
    cube = cube_of(data)
    if step.looks_at != "spectrum":
        pytest.skip("it looks further than at a spectrum")
    after = step.on(cube)
    for part in (np.s_[..., 2:4, 3:5], np.s_[..., 2:3, 3:4], np.s_[..., 1:, :2]):
        found = step.on_spectra(data[part], cube.axis)
        assert np.array_equal(found, np.asarray(after.data)[part])


@each_step
@pytest.mark.parametrize("constant", [0.0, 5.0, -3.0])
def test_zero_constant_and_negative_spectra_become_numbers(step, constant):
    after = step.on(cube_of(np.full((12, 3, 4), constant, np.float32)))
    assert np.isfinite(after.numpy()).all()


@each_step
def test_missing_values_stay_missing_and_harm_no_other_spectrum(step, data):
    holed = data.copy()
    holed[4, 2, 3] = np.nan
    holed[:, 0, 0] = np.nan
    after = step.on(cube_of(holed)).numpy()
    if step.looks_at == "spectrum" and after.shape[-2:] == data.shape[-2:]:
        expected = step.on(cube_of(data)).numpy()
        same(after[:, 3:], expected[:, 3:])
        assert np.isnan(after[:, 0, 0]).all()
    assert not np.isinf(after).any()


@each_step
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["up", "down"])
def test_integers_of_any_order_of_bands_are_taken(step, order):
    counts = np.arange(12 * 6 * 7, dtype=np.uint16).reshape(12, 6, 7) % 251
    found = step.on(cube_of(counts, SHIFTS[order]))
    expected = step.on(cube_of(counts.astype(np.float32), SHIFTS[order]))
    same(found.data, expected.data)


@each_step
def test_one_pixel_is_an_image(step, data):
    if isinstance(step, BinPixels):
        with pytest.raises(ValueError, match="1 × 1 pixels, fewer than one of 2 × 2"):
            step.on(cube_of(data[:, :1, :1]))
        return
    after = step.on(cube_of(data[:, :1, :1]))
    assert after.shape[-2:] == (1, 1)


@each_step
def test_one_band_is_taken_or_refused_with_a_reason(step):
    cube = cube_of(np.ones((1, 3, 4), np.float32), np.array([2000.0]))
    if type(step).__name__ in REFUSE_ONE_BAND:
        with pytest.raises(ValueError, match="band"):
            step.on(cube)
    else:
        assert np.isfinite(step.on(cube).numpy()).all()


@each_step
def test_bad_bands_have_no_say(step, data):
    if step.looks_at != "spectrum":
        pytest.skip("it looks further than at a spectrum")
    spiked = data.copy()
    spiked[5] = 1e6
    bad = np.arange(12) == 5
    axis = SpectralAxis(SHIFTS, "1/cm", "raman_shift", bad=bad, excitation_nm=785.0)
    good = step.on_axis(axis).good
    one, other = (step.on_spectra(values, axis) for values in (data, spiked))
    assert np.array_equal(one[good], other[good])


def test_a_step_that_is_switched_off_is_not_taken(data):
    cube = cube_of(data)
    chain = Chain.model_validate([{"kind": "snv", "enabled": False}])
    assert chain.on(cube) is cube
    assert chain.does_nothing


def test_errors_name_the_step(data):
    chain = Chain.model_validate([{"kind": "snv"}, {"kind": "crop", "first": 5000}])
    with pytest.raises(StepError, match="step 2, crop: no good band lies between 5000 and inf"):
        chain.on(cube_of(data))


def test_a_lazy_cube_is_refused_before_anything_is_computed(data):
    chain = Chain.model_validate([{"kind": "polynomial_baseline", "order": 12}])
    with pytest.raises(StepError, match="step 1, polynomial baseline: a polynomial of order 12"):
        chain.on(cube_of(dask.array.from_array(data)))


class _MeanOfNeighbours(SpectraStep):
    title = "Mean of neighbours"
    group = "Smooth"
    looks_at = "neighbourhood"

    @property
    def radius(self):
        return 2

    def line(self, axis):
        return "averaged"

    def on_spectra(self, data, axis):
        padded = np.pad(data, [(0, 0)] * (data.ndim - 2) + [(2, 2), (2, 2)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(-2, -1))
        return windows.sum(axis=(-2, -1)).astype(np.float32)


@pytest.mark.parametrize("lazy", [False, True], ids=["in memory", "lazy"])
def test_parts_with_their_neighbourhood_make_the_image_without_seams(lazy, rng, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.spectra.steps.parts._VALUES", 12)
    data = rng.uniform(1, 9, (3, 13, 11)).astype(np.float32)
    step = _MeanOfNeighbours()
    image = dask.array.from_array(data, chunks=(1, 4, 3)) if lazy else data
    axis = SpectralAxis.index(3)
    found = in_parts(lambda *parts: step.on_spectra(parts[0], axis), [image], 3, step.radius)
    same(found, step.on_spectra(data, axis))
    same(step.on(Cube(image, axis)).data, step.on_spectra(data, axis))


OTHER = {
    "first": 660.0, "last": 1400.0, "order": 1, "smoothness": 10.0, "asymmetry": 0.2,
    "percentile": 50.0, "bands": 21, "centres": tuple(range(700, 712)), "window": 5, "degree": 2,
    "width": 2.0, "gain": 2.0, "offset": 3.0, "base": 2.0, "rows": 3, "columns": 1, "by": 1.5, "by_sum": "sum",
    "components": 2, "smooth": False, "position": 700.0, "tolerance": 200.0, "white": 2.0,
    "dark": 0.5, "reflectance": 0.5, "output": "absorbance", "step": 50.0, "excitation_nm": 532.0,
    "threshold": 3.0, "margin": 0, "size": 5, "half_window": 2, "decreasing": False, "improved": False, "wavelet": "db2", "strength": 0.5, "smoothing": 1,
    "keep_wavelengths": True, "quantity": "wavenumber (1/cm)", "guessed": True,
    "measured": (700.0, 1400.0), "known": (702.0, 1500.0),
}  # fmt: skip
"""Another value of each setting than in USEFUL and the defaults."""
ONLY_WITH = {
    ("wavelet_smoothing", "strength"): {"wavelet": "haar"},
    ("whittaker", "smoothness"): {"smoothness": 100.0},
    ("rolling_ball_baseline", "smoothing"): {"half_window": 2},
    ("derivative", "degree"): {"order": 3},
    ("excitation", "keep_wavelengths"): {"excitation_nm": 532.0},
    ("calibrate", "degree"): {"measured": (650, 1000, 1500), "known": (655, 1001, 1502)},
}
NEED_FILES = {"white_file", "dark_file"}
"""Tested in test_reference."""


SETTINGS = [
    pytest.param(kind, name, id=f"{kind.__name__}-{name}")
    for kind in STEPS
    for name in sorted(set(kind.model_fields) - {"kind", "enabled"} - NEED_FILES)
    if kind not in LAYOUT
]


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
def test_every_setting_of_a_step_does_something(kind, name, data):
    word = kind.model_fields["kind"].default
    step = kind(**USEFUL.get(word, {}) | ONLY_WITH.get((word, name), {}))
    value = OTHER["by_sum" if (word, name) == ("bin_pixels", "by") else name]
    other = kind.model_validate(step.model_dump() | {name: value})
    cube = cube_of(data)
    one, another = step.on(cube), other.on(cube)
    differs = one.axis != another.axis or one.shape != another.shape
    assert differs or not np.allclose(one.numpy(), another.numpy(), equal_nan=True)
