"""A form for any settings class: its fields, bounds, defaults and help make the rows."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Final, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from ...settings import Settings
from .editors import Editor, editor_for

S = TypeVar("S", bound=Settings)
_LINK: Final = "#5a9fd8"  # legible in napari's dark and light themes, unlike Qt's own blue
_FOLDED_FROM: Final = 5
"""Fields that are always shown; a form folds the others under "More settings"."""
_TITLES: Final = {"frc": "FRC", "psf": "PSF", "ssim": "SSIM", "unets": "U-Nets"}
"""Titles of fields that are abbreviations or names."""


class Form(QWidget, Generic[S]):
    """Edit one settings object.

    Parameters
    ----------
    settings : Settings, or a class of them
        Initial values; of a class, its defaults.
    folded_from : int
        Number of fields that are always shown; the others are folded under "More settings".

    Raises
    ------
    TypeError
        If there is no editor for the type of a field.
    """

    changed = Signal()

    def __init__(self, settings: S | type[S], *, folded_from: int = _FOLDED_FROM) -> None:
        super().__init__()
        self._type: type[S] = settings if isinstance(settings, type) else type(settings)
        self.editors: dict[str, Editor] = {}
        self._labels: dict[str, QLabel] = {}
        self._error = QLabel()
        self._error.setWordWrap(True)
        self._error.setVisible(False)
        self._error.setStyleSheet("color: #e0584f")
        rows = _rows()
        more_rows = _rows()
        for name, field in self._type.model_fields.items():
            if not _is_constant(field):
                always_shown = len(self.editors) < folded_from
                self._add(name, field, rows if always_shown else more_rows)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(rows)
        if more_rows.rowCount():
            inside = QWidget()
            inside.setLayout(more_rows)
            layout.addWidget(collapsible("More settings", inside))
        else:
            more_rows.deleteLater()
        layout.addWidget(self._error)
        if not isinstance(settings, type):
            self.settings = settings

    @property
    def settings(self) -> S:
        """The settings in the form; setting them fills it.

        Raises
        ------
        ValueError
            If they are not valid together; the form shows the reason, too.
        """
        return self._validated()

    @settings.setter
    def settings(self, settings: S) -> None:
        for name, editor in self.editors.items():
            editor.value = getattr(settings, name)

    def hide_row(self, name: str) -> None:
        """Hide a field that another widget edits."""
        self.editors[name].hide()
        self._labels[name].hide()

    def grey_out(self, reasons: Mapping[str, str]) -> None:
        """Grey out the fields that have a reason, and only these; their tooltips give the reason."""
        for name, editor in self.editors.items():
            tooltip = _tooltip(self._type.model_fields[name], reasons.get(name))
            for widget in (editor, self._labels[name]):
                widget.setEnabled(name not in reasons)
                widget.setToolTip(tooltip)

    def _add(self, name: str, field: FieldInfo, rows: QFormLayout) -> None:
        editor = editor_for(field.annotation, field.metadata)
        editor.setObjectName(name)
        if not field.is_required():
            editor.value = field.get_default(call_default_factory=True)
        label = QLabel(titled(name))
        for widget in (label, editor):
            widget.setToolTip(_tooltip(field))
        editor.changed.connect(self._check)
        self.editors[name] = editor
        self._labels[name] = label
        rows.addRow(label, editor)

    def _validated(self) -> S:
        values = {name: editor.value for name, editor in self.editors.items()}
        try:
            return self._type(**values)
        except ValidationError as error:
            raise ValueError(_message(error)) from error

    def _check(self, *_: object) -> None:
        """Show what is wrong with the settings, if anything."""
        message = ""
        try:
            self._validated()
        except ValueError as error:
            message = str(error)
        self._error.setText(message)
        self._error.setVisible(bool(message))
        self.changed.emit()


class Chooser(QWidget, Generic[S]):
    """Choose one of several settings classes, and edit its settings.

    Parameters
    ----------
    kinds : sequence of classes of Settings
        The choices, such as `TASKS` and `NETWORKS`.
    chosen : class, optional
        Initial choice; default: the first.
    """

    changed = Signal()

    def __init__(self, kinds: Sequence[type[S]], chosen: type[S] | None = None) -> None:
        super().__init__()
        self._kinds = tuple(kinds)
        self._forms = tuple(Form(kind) for kind in self._kinds)
        self._box = QComboBox()
        self._description = QLabel()
        self._description.setWordWrap(True)
        self._description.setOpenExternalLinks(True)
        self._description.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        for row, kind in enumerate(self._kinds):
            self._box.addItem(getattr(kind, "title", kind.__name__))
            self._box.setItemData(row, summary(kind), Qt.ItemDataRole.ToolTipRole)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._box, self._description, *self._forms):
            layout.addWidget(widget)
        for form in self._forms:
            form.changed.connect(self._emit_changed)
        self._box.currentIndexChanged.connect(self._show)
        self._box.setCurrentIndex(self._kinds.index(chosen) if chosen else 0)
        self._show()

    @property
    def kind(self) -> type[S]:
        """The chosen class."""
        return self._kinds[self._box.currentIndex()]

    @property
    def form(self) -> Form[S]:
        """The form of the chosen class."""
        return self._forms[self._box.currentIndex()]

    def form_of(self, kind: type[S]) -> Form[S]:
        """Return the form of a class, chosen or not."""
        return self._forms[self._kinds.index(kind)]

    @property
    def settings(self) -> S:
        """The settings in the form; setting them chooses their class and fills its form."""
        return self.form.settings

    @settings.setter
    def settings(self, settings: S) -> None:
        self._box.setCurrentIndex(self._kinds.index(type(settings)))
        self.form.settings = settings

    def _show(self, *_: object) -> None:
        for form in self._forms:
            form.setVisible(form is self.form)
        description = html.escape(summary(self.kind))
        source = getattr(self.kind, "source", "")
        if source:
            description += f"<br><small>{_with_links(source)}</small>"
        self._description.setText(description)
        self._box.setToolTip(summary(self.kind))
        self.changed.emit()

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()


def summary(kind: type[Settings]) -> str:
    """Return the first line of a class's docstring."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def titled(name: str) -> str:
    """Return the title of a field: "Learning rate", "FRC"."""
    return _TITLES.get(name, name.replace("_", " ").capitalize())


def _tooltip(field: FieldInfo, inactive: str | None = None) -> str:
    """Return the help of a field as HTML, below the reason why it has no effect, if it has none."""
    help_text = f"<p>{html.escape(field.description or '')}</p>"
    if inactive is None:
        return help_text
    reason = html.escape(f"Inactive here. {inactive}")
    return f"<p>{reason}</p>{help_text}"


def _is_constant(field: FieldInfo) -> bool:
    """Whether a field is the constant that identifies a class, its kind."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def _rows() -> QFormLayout:
    """Return an empty layout of titled rows that fits into a narrow dock."""
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)  # an editor below a long title
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def collapsible(title: str, inside: QWidget) -> QCollapsible:
    """Return a heading that unfolds to show a widget."""
    box = QCollapsible(title)
    box.setObjectName("more")
    box.setDuration(0)  # without an animation
    box.addWidget(inside)
    return box


def in_a_row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets next to each other."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row


def _with_links(text: str) -> str:
    """Return text as HTML, with links for its web addresses."""
    return re.sub(r"https?://[^\s,;]+[^\s,;.]", _link, html.escape(text, quote=False))


def _link(match: re.Match[str]) -> str:
    address = match[0]
    shown = address.partition("://")[2]
    return f'<a href="{address}" style="color: {_LINK}">{shown}</a>'


def _message(error: ValidationError) -> str:
    """Return what is wrong with settings, in one line: the fields, and why."""
    messages = []
    for problem in error.errors():
        field = " ".join(str(part) for part in problem["loc"]).partition("\n")[0]
        reason = problem["msg"].removeprefix("Value error, ")
        messages.append(f"{field}: {reason}" if field else reason)
    return "; ".join(messages)
