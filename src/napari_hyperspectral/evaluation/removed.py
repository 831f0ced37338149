"""Whether what a model removes from a cube is its noise, and nothing else.

The one figure of a denoiser that needs no clean measurement; see `spectra.whiteness`.
"""

from __future__ import annotations

from typing import NamedTuple

from ..cube import Cube
from ..machine import Machine
from ..models.model import Model
from ..prediction.predict import predict_steps
from ..progress import Job
from ..spectra.noise import NoiseLaw, noise_law
from ..spectra.whiteness import Whiteness, standardised_residual, whiteness
from .reports import Row


class RemovedNoise(NamedTuple):
    """What was removed from a cube."""

    method: str
    """Who removed it."""
    law: NoiseLaw
    """Noise law of the cube."""
    whiteness: Whiteness
    """Of what was removed."""

    @property
    def row(self) -> Row:
        """Figures of a table."""
        along_y, along_x = self.whiteness.spatial
        return {
            "method": self.method,
            "removed σ": self.whiteness.std,
            "bands": self.whiteness.spectral,
            "rows": along_y,
            "columns": along_x,
            "components": self.whiteness.components,
        }

    @property
    def note(self) -> str:
        """Law and whiteness in words."""
        return f"{self.law}; {self.whiteness}"


def removed_noise_steps(
    model: Model,
    cube: Cube,
    *,
    machine: Machine | None = None,
) -> Job[RemovedNoise]:
    """Denoise a cube, and say whether noise only was removed.

    Parameters
    ----------
    model : Model
        Its predictions have the bands and the unit of its input.
    cube : Cube
        Noisy; preprocessed as the model wants it before it is compared.
    machine : Machine, optional
        Where the model runs.

    Raises
    ------
    ValueError
        If no noise can be estimated: nothing has a neighbour.
    """
    denoised = yield from predict_steps(model, cube, machine=machine)
    noisy = model.recipe.preprocessing.on(cube).numpy()
    good = cube.axis.good
    law = noise_law(noisy, good=good, unit=cube.intensity_unit or "")
    residual = standardised_residual(noisy, denoised.numpy(), law)
    method = type(model.recipe.method).__name__
    return RemovedNoise(method, law, whiteness(residual, law, good=good))
