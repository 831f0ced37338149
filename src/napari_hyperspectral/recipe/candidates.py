"""The methods that are compared for each task, quick ones first, each trained as it does best.

Settings are those of the benchmarks; what depends on the data, such as the number of components,
each method tunes by itself on its training pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from ..classics import (
    LDA,
    PLS,
    PLSDA,
    SVM,
    Bicubic,
    BoostedTrees,
    ExtraTrees,
    LowRank,
    Ridge,
    SavitzkyGolay,
    WaveletDenoising,
)
from ..networks import RRDB, BandwiseEDSR, FNet, Method, Pixelwise, ResNet, ResUNet1D, SpectralUNet
from .recipe import Recipe

_Values: TypeAlias = Mapping[str, Any]


class Candidate(NamedTuple):
    """A method, and the settings in which its training differs from the defaults."""

    method: Method
    training: _Values = MappingProxyType({})
    """Epochs are lowered to keep within a budget."""
    augmentation: _Values = MappingProxyType({})

    @property
    def title(self) -> str:
        """Name of the method, with what differs from its defaults."""
        variant = []
        # by value: one that was read from a file has all of its fields set
        for name, field in sorted(type(self.method).model_fields.items()):
            value = getattr(self.method, name)
            if value == field.default:
                continue
            variant.append(name if value is True else f"{name} {value}")
        name = type(self.method).__name__
        return f"{name} ({', '.join(variant)})" if variant else name

    def recipe(self, asked_for: Recipe) -> Recipe:
        """Return a recipe for this method; what a person has set in theirs is kept.

        Parameters
        ----------
        asked_for : Recipe
            Task, preprocessing, and whatever else was set.
        """
        training = {**self.training, **_set_by_hand(asked_for.training)}
        augmentation = {**self.augmentation, **_set_by_hand(asked_for.augmentation)}
        return Recipe.model_validate(
            {
                "task": asked_for.task,
                "method": self.method,
                "preprocessing": asked_for.preprocessing,
                "training": training,
                "augmentation": augmentation,
            }
        )


def candidates_for(recipe: Recipe) -> Sequence[Candidate]:
    """Return the methods to compare for the task of a recipe, quick ones first."""
    return _CANDIDATES[recipe.task.kind]


def measured_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe with the training that its method does best with, where that was measured.

    What a person has set is kept.
    """
    for candidate in (*candidates_for(recipe), *_NOT_COMPARED.get(recipe.task.kind, ())):
        if type(candidate.method) is type(recipe.method):
            return candidate._replace(method=recipe.method).recipe(recipe)
    return recipe


def _set_by_hand(settings: Any) -> dict[str, Any]:
    values: dict[str, Any] = settings.model_dump(exclude_unset=True)
    return values


_SPATIAL: Final[_Values] = {"average": 0.99, "weight_decay": 0.01, "patches_per_epoch": 4}
_SHARPENING: Final[_Values] = {
    "epochs": 32,
    "learning_rate": 2e-3,
    "patches_per_epoch": 20,
    "image_batch_size": 3,
    "patch_size": 24,
    "average": 0.99,
    "clip": 1.0,
}
"""Of one scene or a few: see `benchmarks/cave.py`."""
_CANDIDATES: Final[Mapping[str, Sequence[Candidate]]] = {
    "denoise": (
        Candidate(Ridge()),
        Candidate(Ridge(surroundings=True)),
        Candidate(LowRank()),
        Candidate(SavitzkyGolay()),
        Candidate(WaveletDenoising()),
        Candidate(
            SpectralUNet(components=8, width=16, depth=1),
            {"epochs": 40, "learning_rate": 3e-4, **_SPATIAL},
        ),
    ),
    # no clean spectra, so nothing to compare methods by
    "denoise_self_supervised": (Candidate(LowRank()),),
    "calibrate": (
        Candidate(Ridge()),
        Candidate(PLS()),
        Candidate(Pixelwise(), {"epochs": 60}),
    ),
    "segment": (
        Candidate(LDA()),
        Candidate(LDA(surroundings=True)),
        Candidate(ExtraTrees(surroundings=True)),
        Candidate(SVM(surroundings=True)),
        Candidate(SVM()),
        Candidate(SpectralUNet(dropout=0.3), {"epochs": 150, **_SPATIAL}),
        Candidate(Pixelwise(dropout=0.3), {"epochs": 60, "weight_decay": 0.01}),
    ),
    "classify_spectra": (
        Candidate(LDA()),
        Candidate(PLSDA()),
        Candidate(ExtraTrees()),
        Candidate(SVM()),
        Candidate(Pixelwise(dropout=0.3), {"epochs": 60}),
    ),
    "classify_images": (
        Candidate(LDA()),
        Candidate(SpectralUNet()),
        Candidate(ResNet()),
    ),
    "predict_channels": (
        Candidate(Ridge()),
        Candidate(Ridge(surroundings=True)),
        Candidate(PLS()),
        Candidate(BoostedTrees()),
        Candidate(FNet(width=16, depth=3), {"epochs": 60, "patch_size": 128}),
    ),
    "super_resolve": (
        Candidate(Bicubic()),
        Candidate(BandwiseEDSR(), _SHARPENING),
    ),
    "restore": (Candidate(RRDB()),),
}
"""By the kind of the task."""
_NOT_COMPARED: Final[Mapping[str, Sequence[Candidate]]] = {
    "denoise": (
        Candidate(Pixelwise(), {"epochs": 10, "learning_rate": 1e-4}),
        Candidate(ResUNet1D(), {"epochs": 10, "learning_rate": 1e-4}),
    ),
}
"""By the kind of the task, networks that are worth no more than the regression they begin as: see
`benchmarks/raman_pairs.py`. Chosen by a person, they are trained like this."""
