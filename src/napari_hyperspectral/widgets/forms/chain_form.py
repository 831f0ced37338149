"""A chain of steps as a column of forms: add, switch off, move, remove, load from a file."""

from __future__ import annotations

from functools import partial
from typing import Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...settings import reason_of
from ...spectra.steps.base import Step
from ...spectra.steps.chain import STEPS, Chain
from .form import Form, summary

_MOVES: Final = (("Move up", Qt.ArrowType.UpArrow, -1), ("Move down", Qt.ArrowType.DownArrow, 1))


class ChainForm(QWidget):
    """Edit a chain of steps."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[StepForm] = []
        """Of the steps, in their order."""
        self._chooser = QComboBox()
        self._rows = QVBoxLayout()
        self._error = QLabel()
        self._build()

    @property
    def settings(self) -> Chain:
        """The chain in the form; setting it fills the form."""
        return Chain.model_validate([form.settings for form in self.forms])

    @settings.setter
    def settings(self, chain: Chain) -> None:
        self._show([StepForm(step) for step in chain.steps])

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

    def _build(self) -> None:
        self._chooser.addItem("Add a step…")
        for kind in STEPS:
            self._chooser.addItem(f"{kind.group} · {kind.title}", kind)
            self._chooser.setItemData(
                self._chooser.count() - 1, summary(kind), Qt.ItemDataRole.ToolTipRole
            )
        self._chooser.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._chooser.activated.connect(self._add_clicked)
        load = QPushButton("Load chain…")
        load.setToolTip("Take the steps of a chain file (JSON) instead of these")
        load.clicked.connect(self._load_clicked)
        self._error.setWordWrap(True)
        self._error.setStyleSheet("color: #e0584f")
        self._error.hide()
        row = QHBoxLayout()
        row.addWidget(self._chooser, 1)
        row.addWidget(load)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._rows)
        layout.addLayout(row)
        layout.addWidget(self._error)

    def _show(self, forms: list[StepForm]) -> None:
        """Show these forms, and no others, in this order."""
        for form in self.forms:
            self._rows.removeWidget(form)
            if form not in forms:
                form.hide()
                form.deleteLater()
        for form in forms:
            if form not in self.forms:
                form.changed.connect(self.changed)
                form.removed.connect(partial(self._remove, form))
                form.moved.connect(partial(self._move, form))
            self._rows.addWidget(form)
        self.forms = forms
        self._error.hide()
        self.changed.emit()

    def _remove(self, form: StepForm) -> None:
        self._show([other for other in self.forms if other is not form])

    def _move(self, form: StepForm, by: int) -> None:
        forms = [other for other in self.forms if other is not form]
        forms.insert(max(0, self.forms.index(form) + by), form)
        self._show(forms)

    def _add_clicked(self, row: int) -> None:
        kind: type[Step] | None = self._chooser.itemData(row)
        self._chooser.setCurrentIndex(0)
        if kind is not None:
            self.add(kind())

    def _load_clicked(self, *_: object) -> None:
        path, _filter = QFileDialog.getOpenFileName(self, "Load chain", "", "Chains (*.json)")
        if path:
            self.load(path)


class StepForm(QWidget):
    """Edit one step of a chain: its name with a tick, and its settings below."""

    changed = Signal()
    removed = Signal()
    moved = Signal(int)
    """By how many places, to be moved down."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.form: Form[Step] = Form(step)
        self.form.hide_row("enabled")
        self.switch = QCheckBox(step.title)
        self.switch.setToolTip(summary(type(step)))
        self.switch.setChecked(step.enabled)
        header = QHBoxLayout()
        header.addWidget(self.switch, 1)
        for tip, arrow, by in _MOVES:
            button = QToolButton()
            button.setArrowType(arrow)
            button.setToolTip(tip)
            button.clicked.connect(partial(self._move_clicked, by))
            header.addWidget(button)
        remove = QToolButton()
        remove.setText("×")
        remove.setToolTip("Remove this step")
        remove.clicked.connect(self._remove_clicked)
        header.addWidget(remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(header)
        layout.addWidget(self.form)
        self.switch.toggled.connect(self._switched)
        self.form.changed.connect(self.changed)
        self.form.setEnabled(step.enabled)

    @property
    def settings(self) -> Step:
        """The step in the form.

        Raises
        ------
        ValueError
            If its settings are not valid.
        """
        return self.form.settings.model_copy(update={"enabled": self.switch.isChecked()})

    def _switched(self, checked: bool) -> None:
        self.form.setEnabled(checked)
        self.changed.emit()

    def _move_clicked(self, by: int, *_: object) -> None:
        self.moved.emit(by)

    def _remove_clicked(self, *_: object) -> None:
        self.removed.emit()
