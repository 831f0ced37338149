"""The card of a model: all there is to know of it besides its weights, readable without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

from .. import renamed
from ..axis import Axis, ChannelAxis, axis_from_json
from ..errors import FileFormatError
from ..settings import Settings

KEY: Final = "napari_hyperspectral"
"""Where the card stands in the header of a safetensors file."""
SCHEMA: Final = 1


class Trained(Settings):
    """One example a model was trained on."""

    name: str
    """Names of its images."""
    shape: tuple[int, ...]
    """(plane, band, y, x)."""
    sha256: str
    """Hash of its input and target."""
    training_pixels: int
    """Pixels it learned from."""
    validation_pixels: int
    """Pixels held out for the validation loss."""
    guard: int
    """Pixels left out around them."""


class Card(Settings):
    """All there is to know of a model besides its weights; the header of its file."""

    schema_version: int = SCHEMA
    """Version of this description."""
    recipe: dict[str, Any]
    """The recipe, as JSON: task, network, training."""
    input_bands: dict[str, Any]
    """Axis of the cubes it takes, as JSON."""
    output_bands: dict[str, Any]
    """Axis of its output as JSON: bands, or names of classes."""
    colours: tuple[str, ...] = ()
    """Colours of its classes, "#rrggbb", where those who painted them chose any."""
    pixel_size: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel in training."""
    pixel_unit: str | None = None
    """Unit of `pixel_size`."""
    parameters: int = 0
    """Weights of the network."""
    losses: tuple[float, ...] = ()
    """Training loss of each epoch."""
    validation_losses: tuple[float | None, ...] = ()
    """Validation loss of each epoch; None where nothing was held out."""
    best_epoch: int = 0
    """Epoch (from 1) whose weights are the best ones; 0: untrained."""
    stopped: str = ""
    """Why training ended before its last epoch, if it did."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Figures of merit on ground held out from training altogether."""
    trained_on: tuple[Trained, ...] = ()
    """What it saw."""
    validation: str = ""
    """What of it was held out for validation, in words."""
    seed: int = 0
    """Seed of the training."""
    threads: int = 0
    """Threads on the CPU."""
    device: str = "cpu"
    """Where it was trained."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of the programs that made it."""
    started_from: str = ""
    """When the model it was trained on from was made, and how much of it fitted; else empty."""
    made: str = ""
    """When, ISO 8601."""
    seconds: float = 0.0
    """How long training took."""

    @property
    def input_axis(self) -> Axis:
        """Axis of the cubes the model takes."""
        return axis_from_json(self.input_bands)

    @property
    def output_axis(self) -> Axis:
        """Axis of the model's output."""
        return axis_from_json(self.output_bands)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes it tells apart; none where it predicts bands."""
        output_axis = self.output_axis
        return output_axis.names if isinstance(output_axis, ChannelAxis) else ()


def read_card(path: str | Path) -> Card:
    """Read the card of a model file without its weights, and without torch.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no model file of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {str(path)!r}")
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise FileFormatError(
            path, f"not a model file ({error})", "give a .safetensors file that training saved"
        ) from error
    if KEY not in header:
        raise FileFormatError(
            path, "a safetensors file without our card", "give a file that training here saved"
        )
    return card_from_json(header[KEY], path)


def card_from_json(text: str, path: Path) -> Card:
    """Return the card in the header of the model file `path`.

    Raises
    ------
    FileFormatError
        If it is damaged, or written by a later version.
    """
    try:
        about = json.loads(text)
        if about.get("schema_version", 0) > SCHEMA:
            raise FileFormatError(
                path,
                f"made by a later version (schema {about['schema_version']})",
                "update napari-hyperspectral to use it",
            )
        return Card.model_validate(_with_new_keys(about))
    except (ValidationError, json.JSONDecodeError, AttributeError) as error:
        raise FileFormatError(path, f"its card is damaged ({error})", "train it again") from error


def _with_new_keys(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card of any version by the keys of today."""
    card = renamed.with_new_keys(card, renamed.CARD)
    examples = [renamed.with_new_keys(e, renamed.TRAINED_ON) for e in card.get("trained_on", ())]
    metrics = renamed.with_new_keys(card.get("metrics", {}), renamed.METRICS)
    recipe = card.get("recipe", {})
    training = renamed.with_new_keys(recipe.get("training", {}), renamed.SETTINGS["Training"])
    task = renamed.with_new_keys(recipe.get("task", {}), renamed.SETTINGS["Restore"])
    recipe = {**recipe, "training": training, "task": task}
    return {**card, "recipe": recipe, "trained_on": examples, "metrics": metrics}
