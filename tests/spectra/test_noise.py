"""The noise law of simulated cubes is found again, from the noisy cube alone."""

import numpy as np
import pytest

from napari_hyperspectral.samples import raman_cell
from napari_hyperspectral.spectra.noise import NoiseLaw, noise_law, white_noise

CLEAN = np.asarray(raman_cell(shape=(40, 44))[1].data, np.float64)[::4]  # (100, 40, 44)


def noisy(law, seed=0, clean=CLEAN):
    """The scene with noise of a law."""
    return clean + law.sigma(clean) * white_noise((1, *clean.shape), law, seed)[0]


@pytest.mark.parametrize(
    "law",
    [NoiseLaw(0.75, 0.22), NoiseLaw(0, 1), NoiseLaw(3, 0), NoiseLaw(2, 0.5)],
    ids=["camera", "photons", "additive", "both"],
)
def test_a_known_law_is_found(law):
    found = noise_law(noisy(law))
    for mean in (5, 20, 60):
        assert found.sigma(mean) == pytest.approx(law.sigma(mean), rel=0.03)
    assert np.abs([found.spectral_correlation, *found.spatial_correlation]).max() < 0.01


def test_additive_noise_has_no_gain():
    assert noise_law(noisy(NoiseLaw(3, 0))).gain < 0.01 * 3**2 / CLEAN.mean()


@pytest.mark.parametrize(
    ("spectral", "spatial"), [(0.3, (0, 0)), (0, (0.25, 0)), (0, (0, 0.45)), (0.2, (0.2, 0.1))]
)
def test_what_neighbours_share_of_the_noise_is_found(spectral, spatial):
    law = NoiseLaw(3, 0, spectral, spatial)
    found = noise_law(noisy(law))
    assert found.read == pytest.approx(3, rel=0.03)
    assert found.spectral_correlation == pytest.approx(spectral, abs=0.03)
    assert found.spatial_correlation == pytest.approx(spatial, abs=0.03)


def test_the_law_scales_with_the_unit():
    data = noisy(NoiseLaw(0.75, 0.22))
    law, scaled = noise_law(data), noise_law(1000 * data)
    assert scaled.read == pytest.approx(1000 * law.read, rel=1e-3)
    assert scaled.gain == pytest.approx(1000 * law.gain, rel=1e-3)
    assert scaled.spatial_correlation == pytest.approx(law.spatial_correlation, abs=1e-6)


def test_missing_values_bad_bands_and_spikes_change_little():
    data = noisy(NoiseLaw(0.75, 0.22))
    law = noise_law(data)
    rng = np.random.default_rng(1)
    data[:, :3] = np.nan
    data[:, rng.random(data.shape[1:]) < 0.02] = np.nan
    data[7, 20, 20] = np.inf
    data[50] = 1e6
    spikes = rng.integers(0, (100, 40, 44), (10, 3))
    data[tuple(spikes.T)] += 300
    good = np.ones(len(data), bool)
    good[50] = False
    found = noise_law(data, good=good)
    assert found.sigma([5, 10, 50]) == pytest.approx(law.sigma([5, 10, 50]), rel=0.05)


def test_a_few_bands_are_compared_with_their_neighbours():
    flat = np.full((2, 60, 70), 9.0)
    assert noise_law(noisy(NoiseLaw(3, 0), clean=flat)).sigma(9) == pytest.approx(3, rel=0.05)


def test_a_single_value_has_no_noise():
    with pytest.raises(ValueError, match="no two neighbours"):
        noise_law(np.ones((1, 1, 1)))


def test_planes_of_a_stack_share_a_law():
    stack = np.stack([noisy(NoiseLaw(2, 0.5), seed) for seed in (0, 1)])
    assert noise_law(stack).sigma(20) == pytest.approx(NoiseLaw(2, 0.5).sigma(20), rel=0.03)


@pytest.mark.parametrize("correlation", [-0.3, 0, 0.4])
def test_simulated_noise_is_correlated_as_asked_for(correlation):
    noise = white_noise((1, 40, 50, 60), NoiseLaw(1, 0, 0, (correlation, 0)))
    assert noise.std() == pytest.approx(1, rel=0.01)
    assert (noise[:, :, 1:] * noise[:, :, :-1]).mean() == pytest.approx(correlation, abs=0.01)
    assert (noise[:, 1:] * noise[:, :-1]).mean() == pytest.approx(0, abs=0.01)


def test_the_text_of_a_law_is_one_line_with_units():
    law = NoiseLaw(0.75, 0.22, spatial_correlation=(0.24, 0), unit="counts")
    assert str(law) == (
        "standard deviation of the noise √(0.562 + 0.22 · mean) counts; correlation of neighbouring "
        "rows 0.24"
    )
    assert str(NoiseLaw(3, 0)) == (
        "standard deviation of the noise 3 whatever the mean; neighbours share none of it"
    )


def test_real_raman_counts_follow_the_law_of_the_camera(data_folder):
    low = np.load(data_folder / "raman_pairs" / "pairs_11x44x500.npz")["low"]
    data = np.moveaxis(low, -1, 0)
    count = np.diff(np.unique(data[:, 0, 0])).min()  # one count, divided by a constant
    law = noise_law(data / count)
    mean = data.mean() / count
    assert law.sigma(mean) ** 2 == pytest.approx(0.56 + 0.22 * mean, rel=0.1)
    assert abs(law.spectral_correlation) < 0.05
    assert law.spatial_correlation == pytest.approx((0.24, 0), abs=0.02)
