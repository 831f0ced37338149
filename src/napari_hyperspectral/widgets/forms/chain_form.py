"""A chain of steps as a column of forms: add, switch off, move, remove, load from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from magicgui.types import Undefined
from magicgui.widgets import CheckBox, Container, PushButton
from magicgui.widgets.bases import ValuedContainerWidget
from psygnal import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QLabel, QMenu, QSizePolicy

from ...settings import reason_of
from ...spectra.steps.base import Step
from ...spectra.steps.chain import STEPS, Chain
from ...spectra.steps.words import settings_in_words
from .form import Form, message, summary

_MOVES: Final = (("up", "▲", "Move up", -1), ("down", "▼", "Move down", 1))
_RED: Final = "color: #e0584f"
_INDENT_PX: Final = 30
"""Of what stands below the title of a step."""


class StepForm(ValuedContainerWidget[Step]):
    """Edit one step of a chain: its title with a tick, what it does, and its settings, folded."""

    removed = Signal()
    moved = Signal(int)
    """By how many places, to be moved down."""

    def __init__(self, step: Step, **kwargs: Any) -> None:
        self.form: Form[Step] = Form(step, name="settings")
        self.form.hide_row("enabled")
        self.switch = CheckBox(
            name="enabled", text=step.title, value=step.enabled, tooltip=_about(step)
        )
        # a long title must not make the dock wide
        self.switch.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.fold = _small_button("fold", "▸", "Show the settings of this step")
        super().__init__(widgets=[self._header(), self.form], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.native.layout().setSpacing(0)
        self._effect = ""
        self._summary = _line("color: gray")
        self._problem = _line(_RED)
        self._problem.hide()
        self.native.layout().insertWidget(1, self._summary)
        self.native.layout().insertWidget(2, self._problem)
        self.switch.changed.connect(self._switched)
        self.form.changed.connect(self._form_changed)
        self.fold.changed.connect(self._fold_clicked)
        self.form.enabled = step.enabled
        self.form.visible = False
        self._show_summary()

    @property
    def kind(self) -> type[Step]:
        """The class of the step."""
        return self.form._type

    @property
    def effect(self) -> str:
        """What the step did to a spectrum, in words."""
        return self._effect

    @property
    def problem(self) -> str:
        """Why the step cannot be taken; "" where it can."""
        return self._problem.text()

    def show_effect(self, effect: str, problem: str = "") -> None:
        """Show what the step did to a spectrum, or why it cannot be taken."""
        self._effect = effect
        if problem != self._problem.text():
            self._problem.setText(problem)
            self._problem.setVisible(bool(problem))
        self._show_summary()

    def unfold(self, unfolded: bool = True) -> None:
        """Show the settings, or hide them."""
        self.form.visible = unfolded
        self.fold.text = "▾" if unfolded else "▸"

    def _header(self) -> Container[Any]:
        header: Container[Any] = Container(
            widgets=[self.fold, self.switch], layout="horizontal", labels=False
        )
        header.margins = (0, 0, 0, 0)
        header.native.layout().setSpacing(2)
        for name, text, tip, by in _MOVES:
            button = _small_button(name, text, tip)
            button.changed.connect(partial(self._move_clicked, by))
            header.append(button)
        remove = _small_button("remove", "×", "Remove this step")
        remove.changed.connect(self._remove_clicked)
        header.append(remove)
        return header

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

    def _form_changed(self, settings: Step | None) -> None:
        if settings is None:
            self.unfold()  # the form says what is wrong
        self._emit()

    def _emit(self, *_: object) -> None:
        self._show_summary()
        self.changed.emit(_value_of(self))

    def _show_summary(self) -> None:
        step = _value_of(self.form)
        words = [] if step is None else [settings_in_words(step)]
        if self.switch.value:
            words.append(self._effect)
        text = " · ".join(word for word in words if word)
        if text != self._summary.text():  # the window is drawn again for it, with its image
            self._summary.setText(text)
            self._summary.setVisible(bool(text))

    def _fold_clicked(self, *_: object) -> None:
        self.unfold(self.fold.text == "▸")

    def _move_clicked(self, by: int, *_: object) -> None:
        self.moved.emit(by)

    def _remove_clicked(self, *_: object) -> None:
        self.removed.emit()


class ChainForm(ValuedContainerWidget[Chain]):
    """Edit a chain of steps: ``chain.value``, and the form of each step, ``chain[0]``.

    `changed` is emitted with the chain, or with None while its steps are not valid.

    Parameters
    ----------
    value : Chain, optional
        Initial steps.
    offers_files : bool
        Whether there is a button to load a chain file.
    """

    def __init__(self, value: Any = Undefined, *, offers_files: bool = True, **kwargs: Any) -> None:
        add = PushButton(name="add_step", text="+ Add step", tooltip="Add a step at the end")
        load = PushButton(
            name="load",
            text="Load chain…",
            tooltip="Take the steps of a chain file (JSON) instead of these",
        )
        buttons = [add, load] if offers_files else [add]
        row: Container[Any] = Container(widgets=buttons, layout="horizontal", labels=False)
        row.margins = (0, 0, 0, 0)
        self._filling = False
        super().__init__(widgets=[row], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self.native.layout().setSpacing(4)
        self._error = message()
        self._error.setStyleSheet(_RED)
        self._error.hide()
        self.native.layout().addWidget(self._error)
        self._menu = _menu_of_steps(self._add_chosen)
        add.native.setMenu(self._menu)
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
        """Forms of steps that stay are kept, folded or not."""
        unused = self.forms
        forms = []
        self._filling = True
        try:
            for step in chain.steps:
                form = next((form for form in unused if form.kind is type(step)), None)
                if form is None:
                    form = StepForm(step)
                else:
                    unused.remove(form)
                    if _value_of(form) != step:
                        form.set_value(step)
                forms.append(form)
        finally:
            self._filling = False
        self._show(forms)

    def get_value(self) -> Chain:
        return self.settings

    def set_value(self, value: Any) -> None:
        self.settings = value

    def add(self, step: Step) -> None:
        """Add a step at the end."""
        self._show([*self.forms, StepForm(step)])

    def show_effects(
        self, effects: Mapping[int, str], problems: Mapping[int, str] | None = None
    ) -> None:
        """Show what each step did to a spectrum, or why it cannot be taken, by its place from 0."""
        for place, form in enumerate(self.forms):
            form.show_effect(effects.get(place, ""), (problems or {}).get(place, ""))

    def load(self, path: str) -> None:
        """Fill the form from a chain file; what is wrong with the file is shown."""
        try:
            self.settings = Chain.read(path)
        except (OSError, ValueError) as error:
            self._error.setText(reason_of(error))
            self._error.show()

    def reset_choices(self, *_: object) -> None:
        """Do nothing: the choices of steps do not depend on the layers of the viewer."""

    def _show(self, forms: Sequence[StepForm]) -> None:
        """Show these forms, and no others, in this order."""
        before = self.forms
        while self.forms and forms != before:
            self._pop_widget(0)
        for place, form in enumerate(forms if forms != before else ()):
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
        if not self._filling:
            self.changed.emit(_value_of(self))

    def _remove(self, form: StepForm) -> None:
        self._show([other for other in self.forms if other is not form])

    def _move(self, form: StepForm, by: int) -> None:
        forms = [other for other in self.forms if other is not form]
        forms.insert(max(0, self.forms.index(form) + by), form)
        self._show(forms)

    def _add_chosen(self, kind: type[Step], *_: object) -> None:
        self.add(kind())
        self.forms[-1].unfold()

    def _load_clicked(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(
            self.native, "Load chain", "", "Chains (*.json)"
        )
        if path:
            self.load(path)


def _value_of(form: Any) -> Any:
    """Return the value of a form; None while it is not valid, and the form says why."""
    with suppress(ValueError):
        return form.settings
    return None


def _menu_of_steps(add: Any) -> QMenu:
    """Return a menu of all steps, by their groups; `add` is called with the class of one."""
    menu = QMenu()
    menu.setToolTipsVisible(True)
    groups: dict[str, QMenu] = {}
    for kind in STEPS:
        if kind.group not in groups:
            groups[kind.group] = QMenu(kind.group, menu)
            groups[kind.group].setToolTipsVisible(True)
            menu.addMenu(groups[kind.group])
        action = QAction(kind.title, menu)
        action.setToolTip(summary(kind))
        action.triggered.connect(partial(add, kind))
        groups[kind.group].addAction(action)
    return menu


def _about(step: Step) -> str:
    """Return what a step does, and who published it."""
    about = summary(type(step))
    return f"{about}\n{step.source}" if step.source else about


def _line(style: str) -> QLabel:
    """Return a text below the title of a step."""
    line = message()
    line.setStyleSheet(style)
    line.setContentsMargins(_INDENT_PX, 0, 0, 2)
    return line


def _small_button(name: str, text: str, tooltip: str) -> PushButton:
    button = PushButton(name=name, text=text, tooltip=tooltip)
    button.max_width = 26
    button.min_width = 22
    return button
