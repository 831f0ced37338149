"""Choose a model: the file of one, or one that was just trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from annotated_types import Gt
from magicgui.types import Undefined
from magicgui.widgets import LineEdit, PushButton
from magicgui.widgets.bases import ValuedContainerWidget

from ...models.card import Card, read_card
from .fields import Field, field_of

if TYPE_CHECKING:
    from ...models.model import Model

_DwellTime: TypeAlias = Annotated[float, Gt(0)]


class ModelEdit(ValuedContainerWidget[Any]):
    """A model, its file, or None: magicgui's `FileEdit` takes a path before its file can be read.

    Parameters
    ----------
    in_words : callable
        Returns the line that is shown for a model and its card.
    placeholder : str
        What is shown where there is no model.
    optional : bool
        Whether there is a button for no model.
    """

    def __init__(
        self,
        *,
        in_words: Callable[[Any, Card], str],
        placeholder: str,
        optional: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("value", Undefined)
        self._model: Any = None
        self._in_words = in_words
        self.card: Card | None = None
        """The card of the model."""
        self._line = LineEdit(name="line")
        self.browse_button = PushButton(name="browse", text="Browse…")
        none = PushButton(name="none", text="None")
        buttons = [self.browse_button, none] if optional else [self.browse_button]
        super().__init__(
            widgets=[self._line, *buttons], layout="horizontal", labels=False, **kwargs
        )
        self.margins = (0, 0, 0, 0)
        self._line.native.setReadOnly(True)
        self._line.native.setPlaceholderText(placeholder)
        none.changed.connect(self._clear)

    @property
    def text(self) -> str:
        """The line that is shown."""
        return str(self._line.value)

    def get_value(self) -> Any:
        return self._model

    def set_value(self, value: Any) -> None:
        """Choose a model.

        Raises
        ------
        FileNotFoundError, FileFormatError
            If a path is no model file; the one before stays.
        """
        model, card = _with_card(value)
        self._model = model
        self.card = card
        self._line.value = "" if card is None else self._in_words(model, card)
        self._line.native.setCursorPosition(0)  # the beginning of a long name is seen
        self._line.tooltip = str(model) if isinstance(model, Path) else self.text
        self.changed.emit(model)

    def _clear(self, *_: object) -> None:
        self.value = None


def first_model() -> ModelEdit:
    """Return where the model of a prediction is chosen."""
    return ModelEdit(
        name="model",
        in_words=_path_or_time,
        placeholder="Choose a model file, or train a model",
    )


def second_model() -> ModelEdit:
    """Return where the model is chosen that runs on the result of the first."""
    return ModelEdit(
        name="second_model",
        label="Second model",
        in_words=_name_and_task,
        placeholder="Optional: runs on the result of the first model",
        optional=True,
    )


def dwell_times() -> Field:
    """Return the boxes of two dwell times, or none."""
    times = field_of(
        tuple[_DwellTime, _DwellTime] | None,
        name="dwell",
        label="Dwell times",
        tooltip="Of a good measurement, and of this one: says how much time was saved",
    )
    times.value = (1.0, 0.1)  # where it is ticked
    times.value = None
    return times


def _path_or_time(model: Model | Path, card: Card) -> str:
    if isinstance(model, Path):
        return str(model)
    return f"the model just trained ({card.created[11:16]} UTC)"


def _name_and_task(model: Model | Path, card: Card) -> str:
    name = model.name if isinstance(model, Path) else "the model just trained"
    return f"{name} ({card.recipe['task']['kind']})"


def _with_card(model: Any) -> tuple[Any, Card | None]:
    """Return a model, or the path of its file, and its card."""
    if model is None:
        return None, None
    if isinstance(model, str | Path):
        return Path(model), read_card(model)
    return model, model.card
