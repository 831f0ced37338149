"""How figures came about, in sentences."""

from __future__ import annotations

from ..cube import Cube
from ..models.model import Model
from .ground import (
    EvaluationPair,
    Sides,
)


def notes_on(model: Model, held_out: EvaluationPair, sides: Sides) -> list[str]:
    """Return in sentences how figures came about, on ground with so many pixels on each side."""
    if held_out.scale > 1:
        return notes_on_super_resolution(held_out.scale, sides)
    return [*_notes_on_ground(model, sides), *_notes_on_figures(held_out, sides)]


def notes_on_super_resolution(scale: int, sides: Sides) -> list[str]:
    """Return in sentences how figures on finer images came about."""
    return [
        f"Of {sides.all} coarse pixels, {sides.test} test: each by the {scale}² fine ones it was "
        "made of. Nearest and bicubic know where the coarse pixels lie in the fine image.",
        "The range of PSNR and SSIM is that of the truth on the test pixels; SSIM is of each "
        "band as an image, ERGAS counts all bands alike.",
    ]


def _notes_on_ground(model: Model, sides: Sides) -> list[str]:
    if not sides.train:
        return [
            "All measured pixels of these images are judged; what is raw is as it was measured."
        ]
    receptive_radius = model.recipe.network.receptive_radius
    return [
        f"{sides.train} pixels taught, {sides.test} may test "
        "(a guard leaves fewer); baselines learned from, and were tuned on, the same pixels.",
        f"The network sees {receptive_radius} pixel{'s' * (receptive_radius != 1)} around each pixel: for "
        f"{sides.near / sides.test:.0%} of the test pixels (guard 0), training pixels are among "
        "what it sees."
        if receptive_radius
        else "The network sees one spectrum at a time: no test pixel has training pixels in sight.",
    ]


def _notes_on_figures(held_out: EvaluationPair, sides: Sides) -> list[str]:
    if held_out.same_bands:
        aligned = (
            " Raw, Savitzky–Golay and PCA are brought to the target's unit by one scale and "
            "offset from the training ground."
        )
        return [
            "Fitted MSE: each target spectrum divided by its maximum, scale and offset of each "
            f"prediction fitted to it.{aligned * (sides.train > 0)}"
        ]
    if isinstance(held_out.target, Cube):
        return [
            "Pearson and NRMSE are of all test pixels at once, channel by channel; NRMSE is the "
            "root of the mean squared error over the standard deviation of the channel. FSIM compares "
            "edges, of images alone, by the range of each channel (Zhang et al. 2011)."
        ]
    return []
