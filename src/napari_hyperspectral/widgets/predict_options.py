"""Check boxes for what is predicted besides: probabilities of classes, the mean over turned images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from magicgui.widgets import CheckBox, Container

from ..models.card import Card

_ABOUT_TURNS: Final = (
    "Predicts each image in all eight orientations and takes the mean: slightly better, eight times "
    "slower"
)


class PredictOptions(Container[Any]):
    """What a prediction does besides; which boxes there are depends on the models."""

    def __init__(self) -> None:
        self.probabilities = CheckBox(
            name="probabilities", text="Also predict the probability of each class"
        )
        self.turns = CheckBox(name="turns", text="Average over flips and quarter turns")
        self._has_probabilities = False
        super().__init__(name="options")
        self.margins = (0, 0, 0, 0)
        self.extend([self.probabilities, self.turns])

    @property
    def predicts_probabilities(self) -> bool:
        """Whether probabilities are asked for, of a model that has them."""
        return self._has_probabilities and bool(self.probabilities.value)

    @property
    def averages_turns(self) -> bool:
        """Whether the mean over turned images is asked for, of a model that it makes a difference to."""
        return self.turns.enabled and bool(self.turns.value)

    def follow(self, cards: Sequence[Card]) -> None:
        """Show the boxes that suit models which run one after the other, given their cards."""
        self._has_probabilities = bool(cards) and _predicts_classes(cards[-1])
        self.probabilities.visible = self._has_probabilities
        reason = _why_no_turns(cards)
        self.turns.enabled = not reason
        self.turns.tooltip = f"Inactive here. {reason}" if reason else _ABOUT_TURNS


def _predicts_classes(card: Card) -> bool:
    """Whether a model predicts classes; its task is not looked up, which would load torch."""
    return "classes" in card.recipe["task"]


def _why_no_turns(cards: Sequence[Card]) -> str:
    """Return why turned images are of no use to any of some models; empty where they are."""
    if not cards:
        return "Choose a model first."
    refused = [card.why_no_turns for card in cards if card.turns == "refused"]
    reasons = refused or [card.why_no_turns for card in cards]
    return reasons[0] if all(reasons) else ""
