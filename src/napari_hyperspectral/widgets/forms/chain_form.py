"""A chain of steps as a column of forms: add, switch off, move, remove, load from a file."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, Final

from magicgui.types import Undefined
from magicgui.widgets import CheckBox, ComboBox, Container, PushButton
from magicgui.widgets.bases import ValuedContainerWidget
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from ...settings import reason_of
from ...spectra.steps.base import Step
from ...spectra.steps.chain import STEPS, Chain
from .fields import narrow
from .form import Form, message, summary
from .wheel import guard_from_wheel

_MOVES: Final = (("up", "▲", "Move up", -1), ("down", "▼", "Move down", 1))


class StepForm(ValuedContainerWidget[Step]):
    """Edit one step of a chain: its name with a tick, and its settings below."""

    removed = Signal()
    moved = Signal(int)
    """By how many places, to be moved down."""

    def __init__(self, step: Step, **kwargs: Any) -> None:
        self.form: Form[Step] = Form(step, name="settings")
        self.form.hide_row("enabled")
        self.switch = CheckBox(
            name="enabled", text=step.title, value=step.enabled, tooltip=summary(type(step))
        )
        header: Container[Any] = Container(widgets=[self.switch], layout="horizontal", labels=False)
        header.margins = (0, 0, 0, 0)
        for name, text, tip, by in _MOVES:
            button = _small_button(name, text, tip)
            button.changed.connect(partial(self._move_clicked, by))
            header.append(button)
        remove = _small_button("remove", "×", "Remove this step")
        remove.changed.connect(self._remove_clicked)
        header.append(remove)
        super().__init__(widgets=[header, self.form], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.switch.changed.connect(self._switched)
        self.form.changed.connect(self._emit)
        self.form.enabled = step.enabled

    @property
    def settings(self) -> Step:
        """The step in the form, as `value`.

        Raises
        ------
        ValueError
            If its settings are not valid.
        """
        return self.form.settings.model_copy(update={"enabled": self.switch.value})

    def get_value(self) -> Step:
        return self.settings

    def set_value(self, value: Any) -> None:
        self.form.set_value(value)
        self.switch.value = value.enabled

    def _switched(self, on: bool) -> None:
        self.form.enabled = on
        self._emit()

    def _emit(self, *_: object) -> None:
        self.changed.emit(_value_of(self))

    def _move_clicked(self, by: int, *_: object) -> None:
        self.moved.emit(by)

    def _remove_clicked(self, *_: object) -> None:
        self.removed.emit()


class ChainForm(ValuedContainerWidget[Chain]):
    """Edit a chain of steps: ``chain.value``, and the form of each step, ``chain[0]``.

    `changed` is emitted with the chain, or with None while its steps are not valid.
    """

    def __init__(self, value: Any = Undefined, **kwargs: Any) -> None:
        self._chooser = ComboBox(name="new_step", choices=_choices())
        load = PushButton(
            name="load",
            text="Load chain…",
            tooltip="Take the steps of a chain file (JSON) instead of these",
        )
        row = Container(widgets=[self._chooser, load], layout="horizontal", labels=False)
        row.margins = (0, 0, 0, 0)
        super().__init__(widgets=[row], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self._error = message()
        self._error.setStyleSheet("color: #e0584f")
        self._error.hide()
        self.native.layout().addWidget(self._error)
        narrow(self._chooser.native)
        guard_from_wheel(self._chooser.native)
        for place, kind in enumerate(STEPS, start=1):
            self._chooser.native.setItemData(place, summary(kind), Qt.ItemDataRole.ToolTipRole)
        self._chooser.changed.connect(self._add_chosen)
        load.changed.connect(self._load_clicked)
        if value is not Undefined:
            self.set_value(value)

    @property
    def forms(self) -> list[StepForm]:
        """Of the steps, in their order."""
        return [form for form in self._list if isinstance(form, StepForm)]

    @property
    def settings(self) -> Chain:
        """The chain in the form, as `value`; setting it fills the form."""
        return Chain.model_validate([form.settings for form in self.forms])

    @settings.setter
    def settings(self, chain: Chain) -> None:
        self._show([StepForm(step) for step in chain.steps])

    def get_value(self) -> Chain:
        return self.settings

    def set_value(self, value: Any) -> None:
        self.settings = value

    def add(self, step: Step) -> None:
        """Add a step at the end."""
        self._show([*self.forms, StepForm(step)])

    def load(self, path: str) -> None:
        """Fill the form from a chain file; what is wrong with the file is shown."""
        try:
            self.settings = Chain.read(path)
        except (OSError, ValueError) as error:
            self._error.setText(reason_of(error))
            self._error.show()

    def reset_choices(self, *_: object) -> None:
        """Do nothing: the choices of steps do not depend on the layers of the viewer."""

    def _show(self, forms: list[StepForm]) -> None:
        """Show these forms, and no others, in this order."""
        before = self.forms
        while self.forms:
            self._pop_widget(0)
        for place, form in enumerate(forms):
            self._insert_widget(place, form)
            if form not in before:
                form.changed.connect(self._emit)
                form.removed.connect(partial(self._remove, form))
                form.moved.connect(partial(self._move, form))
        for form in before:
            if form not in forms:
                form.native.deleteLater()
        self._error.hide()
        self._emit()

    def _emit(self, *_: object) -> None:
        self.changed.emit(_value_of(self))

    def _remove(self, form: StepForm) -> None:
        self._show([other for other in self.forms if other is not form])

    def _move(self, form: StepForm, by: int) -> None:
        forms = [other for other in self.forms if other is not form]
        forms.insert(max(0, self.forms.index(form) + by), form)
        self._show(forms)

    def _add_chosen(self, kind: type[Step] | None) -> None:
        if kind is not None:
            self._chooser.value = None  # it says what it is for again
            self.add(kind())

    def _load_clicked(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(
            self.native, "Load chain", "", "Chains (*.json)"
        )
        if path:
            self.load(path)


def _value_of(form: StepForm | ChainForm) -> Step | Chain | None:
    """Return the value of a form; None while it is not valid, and the form says why."""
    with suppress(ValueError):
        return form.settings
    return None


def _choices() -> list[tuple[str, type[Step] | None]]:
    steps = [(f"{kind.group} · {kind.title}", kind) for kind in STEPS]
    return [("Add a step…", None), *steps]


def _small_button(name: str, text: str, tooltip: str) -> PushButton:
    button = PushButton(name=name, text=text, tooltip=tooltip)
    button.max_width = 26
    return button
