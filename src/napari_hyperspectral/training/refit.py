"""The refit: once the best epoch is known, the same training once more, on everything.

What is trained is what was validated: the same seed and schedule, ended after the best epoch. Its
weights have seen the validation pixels, so the figures on these stay those of the first training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..models.card import CARD_SCHEMA, Card, Ended
from ..models.model import Model
from .plan import TrainingPlan
from .validation_split import split_by_example


def wants_refit(plan: TrainingPlan, model: Model) -> bool:
    """Return whether a model, trained by a plan, is to be trained once more on everything.

    Not where a person stopped the training, and not where images are listed for validation: these
    were never meant to train. A training that version 0.1 began ends as it did there.
    """
    if model.card.schema_version < CARD_SCHEMA:
        return False
    if not plan.recipe.training.refit or model.card.ended not in ("done", "patience"):
        return False
    if any(example.for_validation for example in plan.examples):
        return False
    return any(split.validation.any() for split in plan.splits)


def everything(plan: TrainingPlan) -> TrainingPlan:
    """Return the plan with all usable pixels in training."""
    splits = split_by_example(plan.examples, [False] * len(plan.examples))
    return replace(plan, splits=tuple(splits))


def model_of_refit(
    validated: Model,
    plan: TrainingPlan,
    latest: Model,
    record: Mapping[str, object],
    ended: Ended,
) -> Model:
    """Return the refitted model; before the end of the refit, the validated one.

    For the other parameters see `refitted`.

    Parameters
    ----------
    ended : str
        How the refit ended; empty while it goes on.
    """
    if ended == "done":
        return refitted(validated, plan, latest, record)
    card = validated.card.model_copy(update={"ended": ended or validated.card.ended, **record})
    return replace(validated, card=card, last=latest.last)


def refitted(
    validated: Model,
    plan: TrainingPlan,
    latest: Model,
    record: Mapping[str, object],
) -> Model:
    """Return the model that was trained on everything, with the card of the validated one.

    Parameters
    ----------
    validated : Model
        The model of the first training.
    plan : TrainingPlan
        That of the refit.
    latest : Model
        With the weights after the refit.
    record : mapping of name to value
        What the refit adds to the card.
    """
    card = validated.card.model_copy(update={"refitted": True, **record})
    line = f"{card.validation}; {_line(card, plan)}"
    card = card.model_copy(update={"validation": line})
    return replace(latest, card=card, validated=validated.network)


def _line(card: Card, plan: TrainingPlan) -> str:
    """Return in words what the final weights saw, and for how long."""
    pixels = 0
    for example in plan.examples:
        pixels += int((example.sampling_classes > 0).sum())
    held_out = sum(trained.validation_pixels for trained in card.trained_on)
    share = held_out / pixels
    validated = f"validated on {share:.0%} of the pixels"
    if card.stayed_linear:
        return f"{validated}, then the regression was fitted to all {pixels:,}"
    line = f"{validated}, then trained on all {pixels:,}"
    if card.refit_losses:
        epochs = len(card.refit_losses)
        line += f" for {epochs} epochs" if epochs > 1 else " for 1 epoch"
    return line
