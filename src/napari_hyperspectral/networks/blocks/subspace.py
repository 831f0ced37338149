"""Spectral components: networks work on a few of them instead of hundreds of bands."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def principal_components(spectra: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the principal components of spectra, (spectrum, band), and their mean.

    Returns
    -------
    Tensor, shape (count, band)
        Orthonormal rows, the strongest first; 0 where the spectra span fewer.
    Tensor, shape (band,)
        Mean of the spectra.
    """
    mean = spectra.mean(dim=0)
    _, _, rows = torch.linalg.svd(spectra - mean, full_matrices=False)
    basis = spectra.new_zeros(count, spectra.shape[1])
    basis[: len(rows)] = rows[:count]
    return basis, mean


@torch.no_grad()
def initialise_projection(stem: nn.Conv2d, adjoint: nn.Conv2d | None, spectra: Tensor) -> None:
    """Initialise a pair of 1 × 1 convolutions to the principal components of spectra, and back.

    Parameters
    ----------
    stem : Conv2d
        From bands to components; with a bias.
    adjoint : Conv2d or None
        From components to bands; without a bias, to bands less their mean.
    spectra : Tensor, shape (spectrum, band)
        Normalised training spectra.
    """
    basis, mean = principal_components(spectra, len(stem.weight))
    stem.weight.copy_(basis[:, :, None, None])
    _copy(stem.bias, -basis @ mean)
    if adjoint is not None:
        adjoint.weight.copy_(basis.T[:, :, None, None])
        _copy(adjoint.bias, mean)


def _copy(bias: Tensor | None, values: Tensor) -> None:
    if bias is not None:
        bias.copy_(values)
