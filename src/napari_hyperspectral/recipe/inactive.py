"""Which settings of a recipe do nothing beside its others, and why.

Forms grey them out. They stay in the recipe as they are: another choice may bring them back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ..networks import RRDB, BandwiseEDSR, UNet, UwUNet
from ..tasks import Restore
from ..tasks.super_resolution import SuperResolutionTask
from .recipe import Recipe

_FROZEN: Final = "training.frozen"


class _Rule(NamedTuple):
    """Settings that do nothing where something else is as it is."""

    settings: tuple[str, ...]
    """By their places in a recipe, such as training.patch_size."""
    applies: Callable[[Recipe], bool]
    because: str
    """One sentence, for the tooltip."""


def inactive_settings(recipe: Recipe, *, from_scratch: bool = False) -> dict[str, str]:
    """Return the settings that do nothing in a recipe, and why.

    Parameters
    ----------
    recipe : Recipe
        All that is set.
    from_scratch : bool
        Whether training is known to start from no other model.

    Returns
    -------
    dict of str to str
        The reason, a sentence, by the place of the setting, such as ``training.patch_size``.
    """
    found: dict[str, str] = {}
    for rule in _RULES:
        if rule.applies(recipe):
            found |= {name: rule.because for name in rule.settings if name not in found}
    if from_scratch:
        found[_FROZEN] = "Training starts from scratch: there is nothing learned to keep."
    return found


def _lacks_schedule(*schedules: str) -> Callable[[Recipe], bool]:
    return lambda recipe: recipe.training.schedule not in schedules


def _beside_the_middle(recipe: Recipe) -> bool:
    return isinstance(recipe.network, BandwiseEDSR) and any(recipe.task.offset)


_RULES: Final = (
    _Rule(
        ("training.patches_per_epoch", "training.patch_size", "training.image_batch_size"),
        lambda recipe: recipe.per_spectrum,
        "The network sees one spectrum at a time: it is shown no images.",
    ),
    _Rule(
        tuple(f"augmentation.{name}" for name in ("turns", "elastic", "rotate", "zoom")),
        lambda recipe: recipe.per_spectrum,
        "The network sees one spectrum at a time: there are no images to move.",
    ),
    _Rule(
        ("training.batch_size",),
        lambda recipe: not recipe.per_spectrum,
        "Images are shown, not single spectra: see “together”.",
    ),
    _Rule(
        tuple(f"training.{name}" for name in ("validation_split", "block", "guard")),
        lambda recipe: recipe.training.validation == 0,
        "Validation is 0: nothing is held out but what a list names for validation.",
    ),
    _Rule(
        ("training.block", "training.guard"),
        lambda recipe: recipe.training.validation_split != "blocks" or recipe.task.image_level,
        "Whole images are held out, not blocks of them.",
    ),
    _Rule(
        ("training.drop",),
        _lacks_schedule("step", "multiplicative", "plateau"),
        "Only of the schedules step, multiplicative and plateau.",
    ),
    _Rule(
        ("training.every",),
        _lacks_schedule("step", "multiplicative", "plateau", "cyclic"),
        "Only of the schedules step, multiplicative, cyclic and plateau.",
    ),
    _Rule(
        ("preprocessing.order",),
        lambda recipe: recipe.preprocessing.background != "polynomial",
        "Only of a polynomial background.",
    ),
    _Rule(
        ("preprocessing.smoothness", "preprocessing.asymmetry"),
        lambda recipe: recipe.preprocessing.background != "als",
        "Only of an als background.",
    ),
    _Rule(
        ("preprocessing.percentile",),
        lambda recipe: recipe.preprocessing.normalise != "percentile",
        "Only where spectra are normalised by a percentile.",
    ),
    _Rule(
        ("augmentation.mixup_alpha",),
        lambda recipe: recipe.augmentation.mixup == 0,
        "Nothing is mixed: mixup is 0.",
    ),
    _Rule(
        ("task.degradation", "task.row", "task.column"),
        lambda recipe: isinstance(recipe.task, SuperResolutionTask) and recipe.task.scale == 1,
        "At ×1 a pixel is a block: there is but one way to sample it.",
    ),
    _Rule(
        ("task.row", "task.column"),
        lambda recipe: (
            isinstance(recipe.task, SuperResolutionTask) and recipe.task.degradation != "decimate"
        ),
        "Only where the degradation is to decimate.",
    ),
    _Rule(
        ("task.discriminator_width",),
        lambda recipe: isinstance(recipe.task, Restore) and recipe.task.adversarial == 0,
        "There is no critic: adversarial is 0.",
    ),
    _Rule(
        ("network.unets", "network.shared"),
        lambda recipe: isinstance(recipe.network, UwUNet) and recipe.network.variant == "nested",
        "Only of the parallel variant; the nested one has a single U-Net.",
    ),
    _Rule(
        ("network.shared",),
        lambda recipe: isinstance(recipe.network, UwUNet) and recipe.network.unets == 1,
        "There is one U-Net, and nothing to share with.",
    ),
    _Rule(
        ("network.ensemble",),
        _beside_the_middle,
        "Decimation takes pixels beside the middle of their blocks: turned, that is another scan.",
    ),
    _Rule(
        ("network.upsampling",),
        lambda recipe: isinstance(recipe.network, UNet) and recipe.network.depth == 0,
        "Nothing is halved, and so nothing doubled: depth is 0.",
    ),
    _Rule(
        ("network.bands",),
        lambda recipe: isinstance(recipe.network, RRDB) and not recipe.task.predicts_intensities,
        "Classes are told from all bands together.",
    ),
)
