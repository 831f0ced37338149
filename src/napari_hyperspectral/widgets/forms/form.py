"""A form for any settings: fields, bounds, defaults and help come from the class."""

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
_LINK: Final = "#5a9fd8"  # legible in napari's dark and light theme, as Qt's own blue is not
_FOLDED_FROM: Final = 5
"""A form of more fields than this shows the first ones; the rest unfold."""
_WRITTEN: Final = {"frc": "FRC", "psf": "PSF", "ssim": "SSIM", "unets": "U-Nets"}
"""Names of fields that are no plain words, as people write them."""


class Form(QWidget, Generic[S]):
    """Edit one settings object.

    Parameters
    ----------
    settings : Settings, or a class of them
        What the form shows at first; of a class, its defaults.
    folded_from : int
        Fields from this one on lie folded under "More settings".

    Raises
    ------
    TypeError
        If no editor is known for the type of a field.
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
        self._rows, more = _rows(), _rows()
        for name, field in self._type.model_fields.items():
            if not _fixed(field):
                self._add(name, field, self._rows if len(self.editors) < folded_from else more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._rows)
        if more.rowCount():
            inside = QWidget()
            inside.setLayout(more)
            layout.addWidget(folded("More settings", inside))
        else:
            more.deleteLater()
        layout.addWidget(self._error)
        if not isinstance(settings, type):
            self.settings = settings

    @property
    def settings(self) -> S:
        """The settings as the form shows them; setting them fills the form.

        Raises
        ------
        ValueError
            If they do not fit together; the form shows the reason, too.
        """
        values = {name: editor.value for name, editor in self.editors.items()}
        try:
            return self._type(**values)
        except ValidationError as error:
            raise ValueError(_sentence(error)) from error

    @settings.setter
    def settings(self, settings: S) -> None:
        for name, editor in self.editors.items():
            editor.value = getattr(settings, name)

    def hide_row(self, name: str) -> None:
        """Show no editor for a field that something else is the editor of."""
        for widget in (self.editors[name], self._labels[name]):
            widget.hide()

    def grey_out(self, reasons: Mapping[str, str]) -> None:
        """Grey out the fields that have a reason, and no others; their tooltips tell it."""
        for name, editor in self.editors.items():
            for widget in (editor, self._labels[name]):
                widget.setEnabled(name not in reasons)
                widget.setToolTip(_tooltip(self._type.model_fields[name], reasons.get(name, "")))

    def _add(self, name: str, field: FieldInfo, rows: QFormLayout) -> None:
        editor = editor_for(field.annotation, field.metadata)
        editor.setObjectName(name)
        if not field.is_required():
            editor.value = field.get_default(call_default_factory=True)
        label = QLabel(titled(name))
        for widget in (label, editor):
            widget.setToolTip(_tooltip(field))
        editor.changed.connect(self._check)
        self.editors[name], self._labels[name] = editor, label
        rows.addRow(label, editor)

    def _check(self, *_: object) -> None:
        try:
            assert self.settings is not None
        except ValueError as error:
            self._error.setText(str(error))
        else:
            self._error.clear()
        self._error.setVisible(bool(self._error.text()))
        self.changed.emit()


class Chooser(QWidget, Generic[S]):
    """Choose one of several kinds of settings, and edit it.

    Parameters
    ----------
    kinds : sequence of classes of Settings
        As `TASKS` and `NETWORKS` are.
    chosen : class, optional
        The one to begin with; else the first.
    """

    changed = Signal()

    def __init__(self, kinds: Sequence[type[S]], chosen: type[S] | None = None) -> None:
        super().__init__()
        self._kinds = tuple(kinds)
        self._forms = tuple(Form(kind) for kind in self._kinds)
        self._box = QComboBox()
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._about.setOpenExternalLinks(True)
        self._about.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        for row, kind in enumerate(self._kinds):
            self._box.addItem(getattr(kind, "title", kind.__name__))
            self._box.setItemData(row, summary(kind), Qt.ItemDataRole.ToolTipRole)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self._box, self._about, *self._forms):
            layout.addWidget(part)
        for form in self._forms:
            form.changed.connect(self._pass_on)
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
        """The chosen settings; setting them chooses their class and fills its form."""
        return self.form.settings

    @settings.setter
    def settings(self, settings: S) -> None:
        self._box.setCurrentIndex(self._kinds.index(type(settings)))
        self.form.settings = settings

    def _show(self, *_: object) -> None:
        for form in self._forms:
            form.setVisible(form is self.form)
        source = _linked(getattr(self.kind, "source", ""))
        below = f"<br><small>{source}</small>" if source else ""
        self._about.setText(html.escape(summary(self.kind)) + below)
        self._box.setToolTip(summary(self.kind))
        self.changed.emit()

    def _pass_on(self, *_: object) -> None:
        self.changed.emit()


def summary(kind: type[Settings]) -> str:
    """Return the first line of a class's docstring."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def titled(name: str) -> str:
    """Return the name of a field as people write it: "Learning rate", "FRC"."""
    return _WRITTEN.get(name, name.replace("_", " ").capitalize())


def _tooltip(field: FieldInfo, inactive_settings: str = "") -> str:
    """Return the help of a field, below the reason why it does nothing, if it does nothing."""
    texts = (
        [f"Does nothing here. {inactive_settings}", field.description or ""]
        if inactive_settings
        else [field.description]
    )
    return "".join(f"<p>{html.escape(text or '')}</p>" for text in texts)


def _fixed(field: FieldInfo) -> bool:
    """Whether a field is a constant that tells one class from others."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def _rows() -> QFormLayout:
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def folded(title: str, inside: QWidget) -> QCollapsible:
    """Return a line that unfolds to show a widget."""
    box = QCollapsible(title)
    box.setObjectName("more")
    box.setDuration(0)
    box.addWidget(inside)
    return box


def in_a_row(*widgets: QWidget) -> QHBoxLayout:
    """Return a line of widgets."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row


def _linked(source: str) -> str:
    """Return text as HTML with its web addresses made links."""
    return re.sub(
        r"https?://[^\s,;]+[^\s,;.]",
        lambda found: (
            f'<a href="{found[0]}" style="color: {_LINK}">{found[0].partition("://")[2]}</a>'
        ),
        html.escape(source, quote=False),
    )


def _sentence(error: ValidationError) -> str:
    """Return what is wrong, in one line."""
    return "; ".join(
        ": ".join(
            (
                *(" ".join(str(at) for at in one["loc"]).split("\n")[:1] if one["loc"] else ()),
                one["msg"].removeprefix("Value error, "),
            )
        )
        for one in error.errors()
    )
