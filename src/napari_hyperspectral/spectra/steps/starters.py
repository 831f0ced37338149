"""Chains to start from, one for each way of measuring, and which of them suits a cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube
from .bands import DropBadBands
from .base import Step
from .baseline import ArPLSBaseline, MinimumBaseline, RubberBandBaseline, SNIPBaseline
from .chain import AnyStep, Chain
from .components import LowRankDenoising
from .cosmic_rays import CosmicRaysAmongNeighbours
from .normalise import SNV, NormaliseMaximum, NormaliseTotal, NormaliseVector
from .reference import Reflectance
from .smooth import Derivative, GaussianBlur, SavitzkyGolay
from .transform import Logarithm

_WIDEST_SPIKE: Final = 8
"""Bands that a strong cosmic ray bleeds into; peaks of the sample stay, as neighbours have them."""
_SRS_SPAN: Final = 700.0
"""Raman shifts, in 1/cm, that stimulated Raman scattering is tuned over at most."""
_SRS_BANDS: Final = 160
_INFRARED_NM: Final = 2500.0
"""Wavelength from which light is absorbed by vibrations of molecules: FTIR and its kin."""
_LAMBDA_NM: Final = 950.0
"""Wavelength up to which the detectors of fluorescence microscopes see."""
_MICROSCOPE_UM: Final = 10.0
"""Side of the pixels, in µm, up to which an image is one of a microscope."""
_IN_UM: Final = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}


@dataclass(frozen=True)
class Starter:
    """A chain to start from."""

    name: str
    """What the command line calls it."""
    title: str
    """What people call the measurement."""
    chain: Chain


def _starter(name: str, title: str, *steps: AnyStep) -> Starter:
    return Starter(name, title, Chain(steps=steps))


STARTERS: Final = (
    _starter(
        "raman",
        "Raman",
        CosmicRaysAmongNeighbours(width=_WIDEST_SPIKE),
        ArPLSBaseline(),
        SavitzkyGolay(),
        NormaliseVector(),
    ),
    _starter(
        "srs",
        "SRS and CARS",
        LowRankDenoising(),
        MinimumBaseline(enabled=False),
        NormaliseMaximum(enabled=False),
    ),
    _starter(
        "ftir",
        "FTIR",
        RubberBandBaseline(),
        NormaliseVector(),
        Derivative(degree=2, enabled=False),
    ),
    _starter(
        "msi",
        "Mass-spectrometry imaging",
        SNIPBaseline(enabled=False),
        NormaliseTotal(),
        Logarithm(enabled=False),
    ),
    _starter(
        "reflectance",
        "Reflectance",
        Reflectance(enabled=False),  # until its references are chosen
        DropBadBands(),
        SavitzkyGolay(window=7),
        SNV(),
    ),
    _starter(
        "fluorescence",
        "Fluorescence (lambda stack)",
        MinimumBaseline(),
        GaussianBlur(width=0.7),
        NormaliseMaximum(enabled=False),
    ),
)
"""The chains by what is measured, as people name it."""


def starter(name: str) -> Starter:
    """Return a starter chain by its name.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    for each in STARTERS:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in STARTERS)
    raise ValueError(f"there is no starter chain {name!r}; choose one of {names}")


def starter_for(cube: Cube) -> Starter:
    """Return the starter chain that suits a cube by its axis and unit; see `starter`.

    Steps that need more bands than the cube has are switched off.

    Raises
    ------
    ValueError
        If the axis does not say what was measured.
    """
    chosen = starter(_name_for(cube))
    bands = len(cube.axis)
    steps = tuple(_if_wide_enough(step, bands) for step in chosen.chain.steps)
    return Starter(chosen.name, chosen.title, chosen.chain.model_copy(update={"steps": steps}))


def _if_wide_enough(step: Step, bands: int) -> Step:
    """Return a step, switched off where its window has more bands than there are."""
    if isinstance(step, SavitzkyGolay) and step.window > bands:
        return step.model_copy(update={"enabled": False})
    return step


def _name_for(cube: Cube) -> str:
    axis = cube.axis
    if not isinstance(axis, SpectralAxis):
        raise ValueError(f"the cube has {axis}, and named channels are no spectrum to prepare")
    match axis.kind:
        case "mz":
            return "msi"
        case "raman_shift":
            narrow = float(np.ptp(axis.centres)) < _SRS_SPAN and len(axis) <= _SRS_BANDS
            return "srs" if narrow else "raman"
        case "wavenumber":
            return "ftir"
        case "energy" | "frequency":
            return "fluorescence"
        case "wavelength":
            return _name_for_wavelengths(cube, axis)
        case _:
            raise ValueError(
                f"the cube has {axis}, which does not say what was measured; set its axis first, or "
                "choose a starter chain by its name"
            )


def _name_for_wavelengths(cube: Cube, axis: SpectralAxis) -> str:
    """Return what was measured over wavelengths: absorption, emission, or reflected light."""
    nanometres = axis.centres * (1e3 if axis.unit == "um" else 1.0)
    if nanometres.min() >= _INFRARED_NM:
        return "ftir"
    if cube.intensity_unit == "reflectance" or cube.georeference is not None:
        return "reflectance"
    if axis.excitation_nm:
        return "fluorescence"
    side = max(cube.pixel_sides) * _IN_UM.get(cube.pixel_unit or "", np.inf)
    of_microscope = side <= _MICROSCOPE_UM and nanometres.max() <= _LAMBDA_NM
    return "fluorescence" if of_microscope else "reflectance"
