"""The spectral denoising ResUNet of DeepeR, Horgan et al. 2021, for any number of bands.

With 500 bands, 64 channels and the dense layers it is theirs: nearest-neighbour upsampling, PReLU,
2,081,767 parameters, and the keys of their released state dict. With batch normalisation, after
each activation, it is the one that their instructions train: 2,087,273 parameters. Ours: lengths
that are no multiple of four are padded, and results cropped; `dense=False` leaves out the three
layers that tie it to one length; other outputs than bands need one linear layer more.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional

from .base import NetworkModule, Ports, SpectrumNetwork
from .blocks.adapters import padded_length

_MULTIPLE: Final = 4
"""Factor of two halvings, of which lengths must be multiples."""
_MIN_BANDS_NORMALISED: Final = 8
"""Bands that leave two values at the coarsest level: batch statistics of one spectrum need two."""


class ResUNet1D(SpectrumNetwork):
    """U-Net with residual blocks along the spectrum (DeepeR)."""

    source: ClassVar[str] = (
        "Horgan et al. 2021, High-throughput molecular imaging via deep-learning-enabled Raman "
        "spectroscopy, https://doi.org/10.1021/acs.analchem.1c02178"
    )
    kind: Literal["resunet1d"] = "resunet1d"
    width: Annotated[int, Ge(1), Le(512)] = 64
    """Channels of the first level; the published network has 64."""
    dense: bool = True
    """Three dense layers over all bands at the end, as published. Without them, the network is
    a third smaller and does not depend on the number of bands."""
    norm: Literal["none", "batch"] = "none"
    """Normalisation after each activation: none, as in the released weights; or batch, as in the
    authors' training instructions."""

    def build(self, ports: Ports) -> NetworkModule:
        return _ResUNet1D(self, ports)

    def floats_per_pixel(self, ports: Ports) -> int:
        # measured: 8 maps of the first level at once, where a skip and what goes up are joined
        return 8 * self.width * padded_length(ports.bands_in, _MULTIPLE)

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4)


class _ResUNet1D(NetworkModule):
    def __init__(self, settings: ResUNet1D, ports: Ports) -> None:
        super().__init__()
        w = settings.width
        norm = settings.norm == "batch"
        self.min_bands = _MIN_BANDS_NORMALISED if norm else 0
        self.conv1 = nn.Sequential(_Convolutions(1, w, norm), _Residual(w, norm))
        self.conv2 = nn.Sequential(_Convolutions(w, 2 * w, norm), _Residual(2 * w, norm))
        self.conv3 = nn.Sequential(
            _Convolutions(2 * w, 4 * w, norm),
            _Residual(4 * w, norm),
            _Convolutions(4 * w, 2 * w, norm),
        )
        self.conv4 = nn.Sequential(
            _Convolutions(4 * w, 2 * w, norm),
            _Residual(2 * w, norm),
            _Convolutions(2 * w, w, norm),
        )
        self.conv5 = nn.Sequential(_Convolutions(2 * w, w, norm), _Residual(w, norm))
        self.conv6 = nn.Sequential(_Convolutions(w, 1, norm))
        self.linear7: nn.Module = nn.Identity()
        if settings.dense:
            self.linear7 = _Dense(ports.bands_in)
        self.to_outputs: nn.Module = nn.Identity()
        if ports.bands_out != ports.bands_in:
            self.to_outputs = nn.Linear(ports.bands_in, ports.bands_out)

    def forward(self, x: Tensor) -> Tensor:
        batch, bands, height, width = x.shape
        spectra = x.permute(0, 2, 3, 1).reshape(-1, 1, bands)
        out = self.to_outputs(self._denoised(spectra))  # (spectrum, 1, out)
        image: Tensor = out.reshape(batch, height, width, -1).permute(0, 3, 1, 2)
        return image

    def _denoised(self, spectra: Tensor) -> Tensor:
        """Return the output of the U for spectra, (spectrum, 1, band) both."""
        bands = spectra.shape[-1]
        missing = max(-bands % _MULTIPLE, self.min_bands - bands)
        x = functional.pad(spectra, (0, missing), mode="replicate")
        first = self.conv1(x)
        second = self.conv2(functional.max_pool1d(first, 2))
        x = self.conv3(functional.max_pool1d(second, 2))
        x = functional.interpolate(x, scale_factor=2.0)
        x = self.conv4(torch.cat([second, x], dim=1))
        x = functional.interpolate(x, scale_factor=2.0)
        x = self.conv5(torch.cat([first, x], dim=1))
        denoised: Tensor = self.linear7(self.conv6(x)[..., :bands])
        return denoised


class _Convolutions(nn.Module):
    """Convolutions along the spectrum, one or several."""

    def __init__(self, channels_in: int, channels_out: int, norm: bool, repeats: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(repeats):
            layers += [nn.Conv1d(channels_in, channels_out, 3, padding=1), nn.PReLU()]
            if norm:
                layers.append(nn.BatchNorm1d(channels_out))
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


class _Residual(nn.Module):
    """Residual block of three convolutions."""

    def __init__(self, channels: int, norm: bool) -> None:
        super().__init__()
        self.body = _Convolutions(channels, channels, norm, repeats=3).body

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class _Dense(nn.Module):
    """Three dense layers over all bands."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.Linear(bands, bands), nn.PReLU()]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out
