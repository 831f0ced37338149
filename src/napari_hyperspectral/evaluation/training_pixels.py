"""Test pixels that trained the model after all: left out, counted, and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..models.model import Model
from ..models.pixel_roles import Mask, image_hash
from ..recipe.building import receptive_radius_of
from ..tasks.base import measured_planes
from ..training.splits import beyond
from .classical import method_title
from .pairs import EvaluationPair


class Overlap(NamedTuple):
    """How many of the pixels that were to be tested the model knows."""

    trained: int
    """Pixels that trained it."""
    validated: int
    """Pixels that chose its best epoch, of the others."""
    near: int
    """Pixels that have training pixels in the receptive field, of the others."""
    others: int
    """Pixels that did not train it."""
    radius: int
    """Of the receptive field, in pixels."""
    sees_image: bool
    """Whether averages over the whole image enter."""
    near_others: Mapping[str, int] = {}
    """The same of classical methods next to the model that see further than it, by their names."""

    @property
    def notes(self) -> list[str]:
        """What a report must say of it, in sentences."""
        if not self.trained:
            return self._validation_notes()
        if not self.others:
            line = f"All {self.trained:,} evaluated pixels trained the model: none was held out."
            return [line]
        total = self.trained + self.others
        left_out = (
            f"{self.trained:,} of {total:,} pixels with a truth trained the model, by the hash of the "
            f"image on its card, and are left out; {self.others:,} are evaluated."
        )
        return [
            left_out,
            self._distance_note(),
            *self._notes_of_others(),
            *self._validation_notes(),
        ]

    def _distance_note(self) -> str:
        """Return how near the evaluated pixels are to those that trained the model."""
        if self.sees_image:
            return (
                "The model averages over the whole image, its training pixels among them: figures on "
                "the same image are too optimistic."
            )
        if not self.radius:
            return (
                "The model sees one spectrum at a time: no evaluated pixel has training pixels in its "
                "receptive field; neighbours are alike all the same."
            )
        return (
            f"{self.near:,} of the {self.others:,} evaluated pixels lie within the receptive radius of "
            f"the model, {self.radius} pixels, of training pixels: figures on these are too optimistic."
        )

    def _notes_of_others(self) -> list[str]:
        """Return how near they are for methods that see further than the model."""
        notes = []
        for name, near in self.near_others.items():
            notes.append(
                f"{name} sees further than the model: {near:,} of the {self.others:,} evaluated pixels "
                "have training pixels in its receptive field, and its figures are too optimistic."
            )
        return notes

    def _validation_notes(self) -> list[str]:
        if not self.validated:
            return []
        return [
            f"{self.validated:,} of the evaluated pixels were validation pixels, which chose the best "
            "epoch: figures on these are slightly optimistic."
        ]


def without_training_pixels(
    model: Model, pair: EvaluationPair
) -> tuple[EvaluationPair, Overlap | None]:
    """Return a pair without test pixels that trained the model, and how many there were.

    Where all of them did, all stay: the notes of the overlap say what figures on them are worth.
    None, where the card knows no such image.
    """
    masks = _masks(model, pair)
    if masks is None:
        return pair, None
    trained, validated = masks
    test = pair.test & ~trained
    radius = receptive_radius_of(model.recipe)
    overlap = Overlap(
        trained=int((pair.test & trained).sum()),
        validated=int((test & validated).sum()),
        near=int((test & ~beyond(trained, radius)).sum()) if radius else 0,
        others=int(test.sum()),
        radius=radius,
        sees_image=model.recipe.method.uses_image_statistics,
        near_others=_near_others(model, pair, trained, radius),
    )
    if not overlap.others:
        return pair, overlap
    return replace(pair, test=test), overlap


def _near_others(model: Model, pair: EvaluationPair, trained: Mask, radius: int) -> dict[str, int]:
    """Return how many test pixels the methods kept with a model see training pixels from."""
    near = {}
    test = pair.test & ~trained
    for other in model.baselines:
        own_radius = receptive_radius_of(other.recipe)
        if own_radius > radius:
            seen = int((test & ~beyond(trained, own_radius)).sum())
            near[method_title(other.recipe.method)] = seen
    return near


def _masks(model: Model, pair: EvaluationPair) -> tuple[Mask, Mask] | None:
    """Return where, in any plane, (y, x), the image of a pair trained or validated the model."""
    recorded = [trained for trained in model.card.trained_on if trained.pixels]
    size = pair.input.shape[-2:]
    if all(trained.shape[-2:] != size for trained in recorded):
        return None  # the hash of a large image takes a while
    prepared = model.recipe.preprocessing.on(pair.input)
    own = image_hash(measured_planes(prepared))
    trained = np.zeros(size, bool)
    validated = np.zeros(size, bool)
    known = False
    for example in recorded:
        if example.image_sha256 == own:
            known = True
            trained |= example.training_mask(refitted=model.card.refitted)
            validated |= example.validation_mask(refitted=model.card.refitted)
    return (trained, validated & ~trained) if known else None
