"""The card of a model: its recipe, axes and training record, readable without torch."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from pydantic import Field
from safetensors import SafetensorError, safe_open

from .. import renamed
from ..axis import Axis, ChannelAxis, axis_from_json
from ..errors import FileFormatError
from ..settings import Settings, reason_of
from ..system.paths import user_path
from .pixel_roles import GUARD, TRAINING, VALIDATION, Mask, unpacked

KEY: Final = "napari_hyperspectral"
"""Where the card stands in the header of a safetensors file."""
CARD_SCHEMA: Final = 2

Ended: TypeAlias = Literal["", "done", "patience", "by hand", "diverged"]
"""Why a training ended: after its last epoch (done), without a better validation loss for long
(patience), stopped by a person, or with a loss that is not a number. Empty: it has not ended, or
there was none."""

Turns: TypeAlias = Literal["another result", "the same", "refused"]
"""What the mean over flips and quarter turns of an image is to a model: another result than that of
the image itself, the same, or refused, as turned point scans would be other measurements."""


class Trained(Settings):
    """One example a model was trained on."""

    name: str
    """Names of its images."""
    shape: tuple[int, ...]
    """(plane, band, y, x)."""
    sha256: str
    """Hash of its input and target."""
    training_pixels: int
    """Pixels trained on."""
    validation_pixels: int
    """Pixels held out for the validation loss."""
    guard: int
    """Pixels left out around them."""
    image_sha256: str = ""
    """Hash of its input alone, by which the image is known with other targets, too."""
    pixels: str = ""
    """Which pixels trained and validated, packed: see `models.pixel_roles`."""

    def training_mask(self, *, refitted: bool) -> Mask:
        """Return the pixels, (y, x), that trained the model in any plane; of a refit, all usable ones."""
        if refitted:
            return self._mask(TRAINING, VALIDATION, GUARD)
        return self._mask(TRAINING)

    def validation_mask(self, *, refitted: bool) -> Mask:
        """Return the pixels, (y, x), that chose the best epoch and did not train the model."""
        if refitted:
            return self._mask()
        return self._mask(VALIDATION)

    def _mask(self, *roles: int) -> Mask:
        """Return the pixels, (y, x), that have one of these roles in any plane."""
        plane, *_, height, width = self.shape
        of_pixels = unpacked(self.pixels, (plane, height, width)) if self.pixels else None
        if of_pixels is None:
            return np.zeros((height, width), bool)
        mask: Mask = np.asarray(np.isin(of_pixels, roles).any(axis=0))
        return mask


class Compared(Settings):
    """One of the methods that were compared before the best was trained on everything."""

    title: str
    """Its name, with what differs from its defaults."""
    method: dict[str, Any]
    """Its settings, as JSON."""
    errors: tuple[float, ...]
    """Error on each fold; fewer where it was given up."""
    seconds: float
    """How long its trainings and predictions took."""
    epochs: int = 0
    """Epochs of a network, as many as there was time for; 0 of a classical method."""
    note: str = ""
    """Why it was given up; empty where it was not."""

    @property
    def error(self) -> float | None:
        """Mean error over the folds; None where it was given up."""
        if self.note or not self.errors:
            return None
        return sum(self.errors) / len(self.errors)


class Card(Settings):
    """What a model is besides its weights; the header of its file."""

    schema_version: int = CARD_SCHEMA
    """Version of this description."""
    recipe: dict[str, Any]
    """The recipe, as JSON: task, method, training."""
    inactive_settings: tuple[str, ...] = ()
    """Settings of the recipe that do nothing next to its others, such as "method.linear_skip"."""
    input_bands: dict[str, Any]
    """Axis of its input, as JSON."""
    output_bands: dict[str, Any]
    """Axis of its output as JSON: bands, or names of classes."""
    colours: tuple[str, ...] = ()
    """Colours of its classes, "#rrggbb", where the training labels had any."""
    pixel_size: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel in training."""
    pixel_unit: str | None = None
    """Unit of `pixel_size`."""
    input_quantiles: tuple[float, ...] = ()
    """Intensities below which 1 %, 50 % and 99 % of those of the training pixels lie, preprocessed."""
    noise: tuple[float, float] = (0.0, 0.0)
    """Noise of the inputs that it was trained for: variance at a mean of 0, and per unit of the mean.
    0, where none was added in training."""
    turns: Turns = "another result"
    """What the mean over flips and quarter turns of an image is to it."""
    parameters: int = 0
    """Number of weights of its network, or of numbers that a classical method has fitted."""
    tuned: str = ""
    """What a classical method has tuned by itself, in words."""
    losses: tuple[float, ...] = ()
    """Training loss of each epoch; none of a classical method."""
    validation_losses: tuple[float | None, ...] = ()
    """Validation loss of each epoch; None where nothing was held out."""
    validation_errors: tuple[float | None, ...] = ()
    """Error of each epoch on the same pixels, by which the best one was chosen; None where the task
    has none, and the validation loss decided."""
    start_validation_loss: float | None = None
    """Validation loss, before the first epoch, of the linear regression that a network begins as;
    None where it does not, or nothing was held out."""
    start_validation_error: float | None = None
    """Its error on the same pixels."""
    best_epoch: int = 0
    """Epoch (from 1) of the best weights; 0 before the first one has ended, and where none was better
    than the regression."""
    ended: Ended = ""
    """Why training ended."""
    refitted: bool = False
    """Whether the weights are of a second training, on the validation pixels as well; all figures
    are of the first one, which had not seen these."""
    refit_losses: tuple[float, ...] = ()
    """Training loss of each epoch of the second training."""
    compared: tuple[Compared, ...] = ()
    """Methods that were compared on held-out folds, where the method was chosen so."""
    compared_by: str = ""
    """The figure that chose among them, in words; less is better."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Figures of merit on pixels that were not trained on."""
    trained_on: tuple[Trained, ...] = ()
    """Its training examples."""
    validation: str = ""
    """What of them was held out for validation, in words."""
    seed: int = 0
    """Seed of the training."""
    threads: int = 0
    """Threads on the CPU."""
    device: str = "cpu"
    """Where it was trained."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of the packages it was trained with."""
    started_from: str = ""
    """Of transfer learning: when the model it started from was created, and how much of it fitted."""
    created: str = ""
    """When it was trained, ISO 8601."""
    seconds: float = 0.0
    """How long training took."""

    @property
    def task_kind(self) -> str:
        """Kind of its task, such as "segment"."""
        return _kind(self.recipe, "task")

    @property
    def method_kind(self) -> str:
        """Kind of its method, such as "unet" or "ridge"."""
        return _kind(self.recipe, "method")

    @property
    def trained(self) -> bool:
        """Whether it has learned anything; imported weights were trained elsewhere."""
        return self.best_epoch > 0 or self.start_validation_loss is not None

    @property
    def stayed_linear(self) -> bool:
        """Whether no epoch was better than the linear regression that the network begins as."""
        return self.best_epoch == 0 and self.trained

    @property
    def input_axis(self) -> Axis:
        """Axis of the model's input."""
        return axis_from_json(self.input_bands)

    @property
    def output_axis(self) -> Axis:
        """Axis of the model's output."""
        return axis_from_json(self.output_bands)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or channels, it predicts; none where it predicts bands."""
        output_axis = self.output_axis
        return output_axis.names if isinstance(output_axis, ChannelAxis) else ()

    @property
    def ending(self) -> str:
        """Why training ended before its last epoch, in words; empty where it did not."""
        match self.ended:
            case "by hand":
                return "stopped by hand"
            case "patience":
                patience = self.recipe.get("training", {}).get("patience", "?")
                return f"no better validation loss for {patience} epochs"
            case "diverged":
                return f"the loss of epoch {len(self.losses) + 1} was not a number"
            case "" | "done":
                return ""

    @property
    def why_no_turns(self) -> str:
        """Why the mean over flips and quarter turns is of no use, a sentence; empty where it is."""
        match self.turns:
            case "another result":
                return ""
            case "the same":
                return (
                    "To this model a turned image gives the turned result already: the mean over flips "
                    "and quarter turns changes nothing."
                )
            case "refused":
                return (
                    "This model is for point scans off the middle of their pixels, and a turned image "
                    "would be another scan."
                )

    @property
    def outcome(self) -> str:
        """How training ended, where that is not after its last epoch, which was of use; else empty."""
        parts = [self.ending] if self.ending else []
        if self.stayed_linear:
            parts.append("no epoch was better than the linear regression it starts from")
        return "; ".join(parts)

    @property
    def network_kind(self) -> str:
        """Kind of its method.

        .. deprecated:: 0.2
            Use `method_kind`.
        """
        warnings.warn(
            "Card.network_kind is called method_kind now", DeprecationWarning, stacklevel=2
        )
        return self.method_kind

    @property
    def made(self) -> str:
        """When it was trained.

        .. deprecated:: 0.2
            Use `created`.
        """
        warnings.warn("Card.made is called created now", DeprecationWarning, stacklevel=2)
        return self.created

    @property
    def stopped(self) -> str:
        """Why training ended before its last epoch, in words.

        .. deprecated:: 0.2
            Use `ended`, a value to compare with.
        """
        warnings.warn(
            "Card.stopped, a text, is replaced by Card.ended, a value",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.ending


def read_card(path: str | Path) -> Card:
    """Read the card of a model file without its weights, and without torch.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no model file of ours.
    """
    path = user_path(path)
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
        card = json.loads(text)
        if card.get("schema_version", 0) > CARD_SCHEMA:
            raise FileFormatError(
                path,
                f"written by a later version (schema {card['schema_version']})",
                "update napari-hyperspectral to use it",
            )
        return Card.model_validate(renamed.card_with_new_keys(card))
    except FileFormatError:
        raise
    except (ValueError, AttributeError, TypeError, LookupError, RecursionError) as error:
        raise FileFormatError(
            path, f"its card is damaged ({reason_of(error)[:300]})", "train it again"
        ) from error


def _kind(recipe: dict[str, Any], part: str) -> str:
    return str(recipe.get(part, {}).get("kind", ""))
