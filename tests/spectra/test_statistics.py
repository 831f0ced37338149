"""Statistics of classes are numpy's; phasors and found peaks are those of known spectra."""

import csv
from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling
from napari_hyperspectral.progress import run
from napari_hyperspectral.spectra.decomposition.phasors import phasors
from napari_hyperspectral.spectra.peaks.find import found_peaks
from napari_hyperspectral.spectra.statistics.classes import (
    by_group,
    class_statistics_steps,
    statistics_table,
)

AXIS = SpectralAxis([500.0, 510, 530], "nm")


@pytest.fixture
def cube(rng):
    data = rng.normal(1e6, 1, (3, 5, 7)).astype(np.float64)
    return Cube(data, AXIS, name="cell", intensity_unit="counts")


@pytest.fixture
def labels(rng):
    return Labels(rng.integers(0, 3, (5, 7)), ("nucleus", "cytoplasm"), name="cell labels")


def test_statistics_of_classes_are_those_of_numpy_also_of_small_differences(cube, labels):
    cube.data[1, 2, 2] = np.nan
    rows = run(class_statistics_steps(cube, labels, group="drug"))
    assert [(row.label, row.band) for row in rows[:4]] == [
        ("nucleus", "500 nm"), ("nucleus", "510 nm"), ("nucleus", "530 nm"), ("cytoplasm", "500 nm"),
    ]  # fmt: skip
    for row in rows:
        number = labels.classes.index(row.label) + 1
        band = [f"{centre:g} nm" for centre in AXIS.centres].index(row.band)
        values = cube.data[band, labels.data == number]
        values = values[np.isfinite(values)]
        assert (row.image, row.group, row.unit) == ("cell", "drug", "counts")
        assert row.pixels == len(values)
        assert row.mean == pytest.approx(values.mean(), rel=1e-14)
        assert row.sd == pytest.approx(values.std(), rel=1e-9)


def test_labels_of_one_plane_hold_for_all_planes_of_a_lazy_stack(cube, labels):
    stack = np.stack([cube.data, cube.data + 1])
    lazy = replace(cube, data=dask.array.from_array(stack), z=Sampling())
    rows = run(class_statistics_steps(lazy, labels))
    plain = run(class_statistics_steps(cube, labels))
    assert [row.pixels for row in rows] == [2 * row.pixels for row in plain]
    np.testing.assert_allclose([r.mean for r in rows], [r.mean + 0.5 for r in plain], rtol=1e-12)
    with pytest.raises(ValueError, match="have 4 × 7 pixels, the cube 'cell' 5 × 7"):
        run(class_statistics_steps(cube, replace(labels, data=labels.data[:4])))


def test_in_groups_every_image_counts_once(cube):
    maps = Cube(cube.data[:1], ChannelAxis(("area",)), name="cell")
    rows = []
    for number, group in enumerate(("control", "control", "drug")):
        shifted = replace(maps, data=maps.data[..., : number + 1] + number)
        rows += run(class_statistics_steps(shifted, image=f"{number}.npz", group=group))
    control, drug = by_group(rows)
    means = [row.mean for row in rows[:2]]
    assert (control.label, control.band, control.images) == ("all pixels", "area", 2)
    assert control.mean == pytest.approx(np.mean(means))
    assert control.sd == pytest.approx(np.std(means, ddof=1))
    assert np.isnan(drug.sd)
    table = list(csv.DictReader(statistics_table(rows).splitlines()))
    assert [row["image"] for row in table] == ["0.npz", "1.npz", "2.npz"]
    assert float(table[2]["mean"]) == rows[2].mean
    assert statistics_table([]) == ""


def test_phasors_are_fourier_coefficients_and_mixtures_lie_on_a_line(rng):
    axis = SpectralAxis(np.linspace(500, 640, 15), "nm")
    pure = rng.uniform(0, 1, (2, 15))
    shares = np.array([[1, 0], [0, 1], [0.3, 0.7]])
    cube = Cube.from_spectra(shares @ pure, axis, name="cell")
    coefficients = np.fft.fft(shares @ pure)[:, 2] / (shares @ pure).sum(axis=1)
    found = phasors(cube, 2)
    np.testing.assert_allclose(found.data[0, 0], coefficients.real, atol=1e-6)
    np.testing.assert_allclose(found.data[1, 0], -coefficients.imag, atol=1e-6)
    first, second, mixed = phasors(cube).data[:, 0].T
    across, along = mixed - first, second - first
    assert across[0] * along[1] - across[1] * along[0] == pytest.approx(0, abs=1e-6)
    backwards = Cube.from_spectra((shares @ pure)[:, ::-1], axis.take(slice(None, None, -1)))
    np.testing.assert_allclose(phasors(backwards, 2).data, found.data, atol=1e-6)
    assert found.axis.names == ("g", "s")
    dark = Cube.from_spectra(np.zeros((1, 15)), axis)
    assert np.isnan(phasors(dark).data).all()


@pytest.mark.parametrize("order", [1, -1], ids=["up", "down"])
def test_peaks_are_found_and_read_out_in_the_unit_of_the_axis(order):
    centres = np.concatenate([np.linspace(900, 1000, 60), np.linspace(1001, 1200, 160)])
    spectrum = np.full(len(centres), 2.0)
    for position, width, height in ((960, 12, 4), (1100.3, 20, 8)):
        spectrum += height * np.exp(-4 * np.log(2) * ((centres - position) / width) ** 2)
    axis = SpectralAxis(centres[::order], "1/cm", "raman_shift")
    first, second = found_peaks(spectrum[::order], axis)
    assert first.position == pytest.approx(960, abs=0.1)
    assert second.position == pytest.approx(1100.3, abs=0.05)
    assert second.height == pytest.approx(10, abs=0.05)
    assert second.prominence == pytest.approx(8, abs=0.05)
    assert second.width == pytest.approx(20, abs=0.1)
    assert second.area == pytest.approx(8 * 20 * np.sqrt(np.pi / np.log(2)) / 2, rel=0.15)
    (strongest,) = found_peaks(spectrum[::order], axis, most=1)
    assert strongest == second
    assert found_peaks(np.ones(len(centres)), axis) == []
