"""Spectra are brought to one scale and back, whatever their unit and however dark they are."""

import pytest
import torch

from napari_hyperspectral.networks import Normalise

each_own = pytest.mark.parametrize("scale", ["mean", "maximum"])


@pytest.fixture
def peaks():
    """A peak of 100 with a noise of 5 in every fourth spectrum, only noise in the others."""
    chance = torch.Generator().manual_seed(0)
    peak = 100 * torch.exp(-torch.linspace(-10, 10, 64).square())
    signal = (torch.arange(400) % 4 == 0).float()
    return signal[:, None] * peak + 5 * torch.randn(400, 64, generator=chance)


def fitted(scale, spectra):
    normalise = Normalise(scale, 64, 64)
    normalise.fit(spectra, spectra, torch.ones(64, dtype=torch.bool))
    return normalise


@each_own
def test_the_noise_of_dark_spectra_is_not_made_louder_than_a_signal(scale, peaks):
    seen = fitted(scale, peaks)(peaks[:, :, None, None])[:, :, 0, 0]
    loudest = seen.abs().amax(dim=1)
    signal = torch.arange(400) % 4 == 0
    assert loudest[~signal].max() < 3 * loudest[signal].median()


@each_own
def test_the_unit_of_intensities_changes_nothing(scale, peaks):
    small = peaks * 1e-4
    one = fitted(scale, peaks)(peaks[:, :, None, None])
    other = fitted(scale, small)(small[:, :, None, None])
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scale", ["band", "cube", "mean", "maximum"])
def test_a_target_comes_back_in_its_own_unit(scale, peaks):
    normalise, input = fitted(scale, peaks), peaks[:, :, None, None]
    back = normalise.inverse(normalise.target(input, input), input)
    torch.testing.assert_close(back, input, atol=1e-3, rtol=1e-4)


def test_an_image_by_its_own_maximum_keeps_what_is_darker_and_has_results_of_any_size(rng):
    normalise = Normalise("image", 4, 4)
    normalise.fit(torch.rand(9, 4), torch.rand(9, 4), torch.ones(4, dtype=torch.bool))
    images = torch.from_numpy(rng.uniform(0, 7, (2, 4, 3, 5))).float()
    seen = normalise(images)
    torch.testing.assert_close(seen.amax(dim=(1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(seen / seen[:, :1, :1, :1], images / images[:, :1, :1, :1])
    large = torch.rand(2, 4, 6, 10)
    torch.testing.assert_close(
        normalise.inverse(normalise.target(large, images), images), large, rtol=1e-5, atol=1e-6
    )


def test_a_dark_image_stays_dark():
    assert not Normalise("image", 4, 4)(torch.zeros(1, 4, 3, 5)).any()
