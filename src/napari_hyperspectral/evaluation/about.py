"""What was evaluated on what: the heading of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..models.model import Model
from ..models.summary import lines_of_card

_MOST_LINES: Final = 12
"""Of more images, the first ones are named."""
_TITLES: Final = {
    "task": "Task",
    "method": "Model",
    "preprocessing": "Preparation",
    "weights": "Weights",
    "input": "Input",
    "output": "Output",
    "training data": "Trained on",
    "validation": "Validation",
    "epochs": "Epochs",
    "trained": "Trained",
}
"""Title in a report for each line of a card that says what the model is."""


def about_model(model: Model, tested: Sequence[str] = ()) -> dict[str, str]:
    """Return what a model is and what it was trained and tested on, text by title.

    Parameters
    ----------
    model : Model
        That is evaluated.
    tested : sequence of str
        A line for each image of the test.
    """
    lines = lines_of_card(model.card)
    about: dict[str, str] = {}
    for name, title in _TITLES.items():
        if lines.get(name):
            about[title] = shortened(lines[name].splitlines())
    if tested:
        about["Tested on"] = shortened(tested)
    return about


def shortened(lines: Sequence[str]) -> str:
    """Return lines as one text, of many the first ones."""
    if len(lines) <= _MOST_LINES:
        return "\n".join(lines)
    hidden = len(lines) - _MOST_LINES + 1
    return "\n".join([*lines[: _MOST_LINES - 1], f"… and {hidden} more"])
