"""Previews of chains: single spectra, prepared as the complete cube is."""

import time
from dataclasses import replace

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read
from napari_hyperspectral.progress import run
from napari_hyperspectral.spectra.steps.bands import Crop, MarkBadBands
from napari_hyperspectral.spectra.steps.baseline import ArPLSBaseline, MinimumBaseline
from napari_hyperspectral.spectra.steps.chain import STEPS, Chain
from napari_hyperspectral.spectra.steps.code import python_of
from napari_hyperspectral.spectra.steps.components import LowRankDenoising, PCATruncation
from napari_hyperspectral.spectra.steps.cosmic_rays import CosmicRays, CosmicRaysAmongNeighbours
from napari_hyperspectral.spectra.steps.normalise import SNV, NormaliseVector
from napari_hyperspectral.spectra.steps.pixels import BinPixels
from napari_hyperspectral.spectra.steps.preview import ChainPreview
from napari_hyperspectral.spectra.steps.reference import Reflectance
from napari_hyperspectral.spectra.steps.scatter import MSC
from napari_hyperspectral.spectra.steps.smooth import GaussianBlur, SavitzkyGolay
from napari_hyperspectral.spectra.steps.starters import starter
from napari_hyperspectral.spectra.steps.words import prepared_name, settings_in_words

PIXELS = ((3, 4), (0, 0), (8, 10))


@pytest.fixture
def cube(rng):
    axis = SpectralAxis(np.linspace(600, 1700, 40), "1/cm", "raman_shift")
    data = 100 + 10 * rng.standard_normal((40, 9, 11))
    data[20, 3, 4] += 900  # a cosmic ray
    return Cube(data.astype(np.float32), axis, name="cell")


def previewed(cube, *steps, pixels=PIXELS):
    return run(ChainPreview(cube).steps(Chain(steps=steps), pixels))


@pytest.mark.parametrize(
    "steps",
    [
        (CosmicRays(), ArPLSBaseline(), SavitzkyGolay(), NormaliseVector()),
        (Crop(first=800, last=1500), CosmicRaysAmongNeighbours(), GaussianBlur(width=0.7)),
        (MinimumBaseline(), PCATruncation(components=3), SNV()),
        (LowRankDenoising(components=2), MSC()),
        (BinPixels(), SavitzkyGolay()),
        (SavitzkyGolay(enabled=False), Reflectance(white=500.0)),
    ],
)
def test_a_preview_is_the_spectrum_of_the_prepared_cube(cube, steps):
    pixels = PIXELS[:2]  # binning leaves out the last column
    prepared = Chain(steps=steps).on(cube)
    binned = 2 if isinstance(steps[0], BinPixels) else 1
    for spectrum in previewed(cube, *steps, pixels=pixels).spectra:
        y, x = pixels[spectrum.number]
        expected = prepared.numpy()[:, y // binned, x // binned]
        np.testing.assert_allclose(spectrum.after.values, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(spectrum.before.values, cube.data[:, y, x])
        assert spectrum.after.axis == prepared.axis


def test_a_preview_tells_what_each_step_did_to_the_first_spectrum(cube):
    steps = (CosmicRays(), MinimumBaseline(), Crop(first=800, last=1500))
    preview = previewed(cube, *steps)
    assert preview.effects[0] == "1 spike"
    assert "of the signal" in preview.effects[1]
    assert preview.effects[2] == "40 → 24 bands"
    first = preview.spectra[0]
    assert np.nanargmax(first.spikes[0].values) == 20
    without_spike = CosmicRays().on(cube).numpy()[:, 3, 4]
    np.testing.assert_allclose(first.baseline.values, without_spike.min(), rtol=1e-6)
    assert first.after.as_measured
    assert not previewed(cube, SNV()).spectra[0].after.as_measured


def test_an_error_belongs_to_its_step_and_those_before_are_shown(cube):
    preview = previewed(cube, MinimumBaseline(), Crop(first=1, last=2), SNV())
    assert list(preview.errors) == [1]
    assert "no good band lies between 1 and 2" in preview.errors[1]
    np.testing.assert_allclose(preview.spectra[0].after.values.min(), 0)


def test_what_a_step_found_in_the_image_is_kept_until_it_may_be_another(cube, monkeypatch):
    fits = []
    fit = PCATruncation.fit
    monkeypatch.setattr(
        PCATruncation, "fit", lambda step, image: fits.append(1) or fit(step, image)
    )
    preview = ChainPreview(cube)
    chain = Chain(steps=(MinimumBaseline(), PCATruncation(), SNV()))
    run(preview.steps(chain, [(1, 1)]))
    run(preview.steps(chain, [(2, 2)]))
    run(preview.steps(Chain(steps=chain.steps[:2]), [(2, 2)]))
    assert len(fits) == 1
    run(preview.steps(Chain(steps=chain.steps[1:]), [(2, 2)]))
    assert len(fits) == 2


def test_only_what_is_near_is_read_of_a_lazy_cube(cube):
    read = []

    class Watched:
        shape, dtype, ndim = cube.data.shape, cube.data.dtype, 3

        def __getitem__(self, index):
            part = cube.data[index]
            read.append(part.size)
            return part

    steps = (CosmicRaysAmongNeighbours(), SNV())
    lazy = previewed(replace(cube, data=Watched()), *steps, pixels=[(3, 4)])
    assert sum(read) <= 40 * (9 + 1)
    expected = previewed(cube, *steps, pixels=[(3, 4)])
    np.testing.assert_array_equal(lazy.spectra[0].after.values, expected.spectra[0].after.values)


def test_bad_bands_are_gaps(cube):
    spectrum = previewed(cube, MarkBadBands(first=600, last=700), SNV()).spectra[0]
    assert np.isnan(spectrum.after.values[:3]).all()
    assert np.isfinite(spectrum.before.values).all()


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_has_a_preview_or_says_why_not(cube, kind):
    preview = previewed(cube, kind(), pixels=PIXELS[:2])
    assert preview.errors or len(preview.spectra) == 2


def test_the_python_of_a_chain_makes_that_chain():
    chain = Chain(steps=(Crop(first=600.0), ArPLSBaseline(smoothness=1e4, enabled=False), SNV()))
    program = python_of(chain, "a.hdr")
    assert "ArPLSBaseline(smoothness=10000.0, enabled=False)" in program
    names = {}
    exec(program.partition("prepared =")[0], names)
    assert names["chain"] == chain
    assert "read('a.hdr')" in program


def test_steps_and_chains_are_told_in_words():
    chain = Chain(steps=(CosmicRays(), ArPLSBaseline(), ArPLSBaseline(), SNV(enabled=False)))
    assert prepared_name("cell", chain) == "cell · prepared (cosmic rays, baseline)"
    assert prepared_name("cell", Chain()) == "cell · prepared"
    assert settings_in_words(CosmicRays()) == "threshold 8 · width 4 · margin 1"
    assert settings_in_words(ArPLSBaseline()) == "smoothness 1e5"


def test_a_raman_map_of_cells_is_previewed_as_it_is_prepared(data_folder):
    cube = read(data_folder / "raman_thp1" / "thp1_L5_40x40x500.npz")
    chain = starter("raman").chain
    crop = replace(cube, data=cube.numpy()[:, 10:12, 10:12])
    expected = chain.on(crop).numpy()[:, 1, 0]
    started = time.process_time()
    spectrum = run(ChainPreview(cube).steps(chain, [(11, 10)])).spectra[0]
    assert time.process_time() - started < 0.1
    np.testing.assert_allclose(spectrum.after.values, expected, rtol=1e-4, atol=1e-6)
