"""A form for any settings class: its fields, bounds, defaults and help make magicgui's widgets."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, Literal, TypeVar, get_args, get_origin

from magicgui import register_type
from magicgui.types import Undefined
from magicgui.widgets import ComboBox, PushButton, Widget
from magicgui.widgets.bases import ValuedContainerWidget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from ...settings import Settings
from .fields import Field, field_of, narrow
from .layout import align_labels
from .wheel import guard_from_wheel

S = TypeVar("S", bound=Settings)
_LINK: Final = "#5a9fd8"  # legible in napari's dark and light themes, unlike Qt's own blue
_FOLDED_FROM: Final = 5
"""Fields that are always shown; a form folds the others under "More settings"."""
_TITLES: Final = {"frc": "FRC", "psf": "PSF", "ssim": "SSIM", "unets": "U-Nets"}
"""Titles of fields that are abbreviations or names."""


class Form(ValuedContainerWidget[S]):
    """Edit one settings object: ``form["epochs"].value``, or all of it as ``form.value``.

    `changed` is emitted with the settings, or with None while they are not valid together.

    Parameters
    ----------
    settings : Settings, or a class of them
        Initial values; of a class, its defaults.
    folded_from : int
        Number of fields that are always shown; the others are folded under "More settings".

    Raises
    ------
    TypeError
        If there is no widget for the type of a field.
    """

    def __init__(
        self,
        settings: S | type[S] | None = None,
        *,
        folded_from: int = _FOLDED_FROM,
        annotation: type[S] | None = None,
        value: Any = Undefined,
        **kwargs: Any,
    ) -> None:
        shown: S | type[S] | None = settings or annotation
        if value is not Undefined:
            shown = value
        self._type: type[S] = _class_of(shown)
        self.fields = _fields_of(self._type)
        """The widget of each setting, by its name."""
        self._hidden: set[str] = set()
        self._filling = False
        self._folded = list(self.fields)[folded_from:]
        self._fold = _Fold()
        super().__init__(widgets=self._in_order(), annotation=self._type, **kwargs)
        self.margins = (0, 0, 0, 0)
        align_labels(self.fields.values())
        self._error = message()
        self._error.setStyleSheet("color: #e0584f")
        self._error.hide()
        self.native.layout().addWidget(self._error)
        for field in self.fields.values():
            field.changed.connect(self._check)
        self._fold.native.toggled.connect(self._unfold)
        self._unfold(False)
        if not isinstance(shown, type):
            self.set_value(shown)

    @property
    def settings(self) -> S:
        """The settings in the form, as `value`; setting them fills it.

        Raises
        ------
        ValueError
            If they are not valid together; the form shows the reason, too.
        """
        return self.get_value()

    @settings.setter
    def settings(self, settings: S) -> None:
        self.set_value(settings)

    def get_value(self) -> S:
        values = {name: field.value for name, field in self.fields.items()}
        try:
            return self._type(**values)
        except ValidationError as error:
            raise ValueError(_message(error)) from error

    def set_value(self, value: Any) -> None:
        with self._one_change():
            for name, field in self.fields.items():
                field.value = getattr(value, name)

    def update(self, **values: object) -> None:
        """Set several fields at once, by name; it is told once."""
        with self._one_change():
            for name, value in values.items():
                self.fields[name].value = value

    def hide_row(self, name: str) -> None:
        """Hide a field that another widget edits."""
        self._hidden.add(name)
        self.fields[name].hide()

    def grey_out(self, reasons: Mapping[str, str]) -> None:
        """Grey out the fields that have a reason, and only these; their tooltips give the reason."""
        for name, field in self.fields.items():
            active = name not in reasons
            field.tooltip = _tooltip(self._type.model_fields[name], reasons.get(name))
            field.enabled = active
            row = field._labeled_widget()
            if row is not None:  # a check box has no row of its own
                row.enabled = active

    def reset_choices(self, *_: object) -> None:
        """Do nothing: the choices of settings do not depend on the layers of the viewer."""

    def __repr__(self) -> str:
        return f"Form({self._type.__name__})"

    def _in_order(self) -> list[Widget]:
        """Return the fields, those that are folded behind the button that unfolds them."""
        fields = list(self.fields.values())
        shown = len(fields) - len(self._folded)
        fold = [self._fold] if self._folded else []
        return [*fields[:shown], *fold, *fields[shown:]]

    def _unfold(self, unfolded: bool) -> None:
        for name in self._folded:
            if name not in self._hidden:
                self.fields[name].visible = unfolded

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        """Say once, at the end, that settings have changed."""
        self._filling = True
        try:
            yield
        finally:
            self._filling = False
        self._check()

    def _check(self, *_: object) -> None:
        """Show what is wrong with the settings, if anything."""
        if self._filling:
            return
        problem = ""
        settings: S | None = None
        try:
            settings = self.value
        except ValueError as error:
            problem = str(error)
        self._error.setText(problem)
        self._error.setVisible(bool(problem))
        self.changed.emit(settings)


class Chooser(ValuedContainerWidget[S], Generic[S]):
    """Choose one of several settings classes, and edit its settings: ``chooser.value``.

    ``chooser["kind"].value`` is the chosen class, ``chooser["width"].value`` a setting of it.

    Parameters
    ----------
    kinds : sequence of classes of Settings
        The choices, such as `TASKS` and `NETWORKS`.
    chosen : class, optional
        Initial choice; default: the first.
    hidden : sequence of str
        Fields that are not shown.
    """

    def __init__(
        self,
        kinds: Sequence[type[S]],
        chosen: type[S] | None = None,
        *,
        hidden: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self._hidden = tuple(hidden)
        choices = [(getattr(kind, "title", kind.__name__), kind) for kind in kinds]
        self._kinds = tuple(kinds)
        self._forms: dict[type[S], Form[S]] = {}
        self._box = ComboBox(name="kind", choices=choices, value=chosen or kinds[0])
        super().__init__(widgets=[self._box], labels=False, **kwargs)
        self.margins = (0, 0, 0, 0)
        self._description = message()
        self._description.setOpenExternalLinks(True)
        self._description.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.native.layout().addWidget(self._description)
        narrow(self._box.native)
        guard_from_wheel(self._box.native)
        for row, kind in enumerate(kinds):
            self._box.native.setItemData(row, summary(kind), Qt.ItemDataRole.ToolTipRole)
        self._box.changed.connect(self._show)
        self._show()

    @property
    def kind(self) -> type[S]:
        """The chosen class."""
        kind: type[S] = self._box.value
        return kind

    @kind.setter
    def kind(self, kind: type[S]) -> None:
        self._box.value = kind

    @property
    def kinds(self) -> tuple[type[S], ...]:
        """The classes to choose from."""
        return self._kinds

    @property
    def form(self) -> Form[S]:
        """The form of the chosen class."""
        return self.form_of(self.kind)

    def form_of(self, kind: type[S]) -> Form[S]:
        """Return the form of a class, chosen or not; it is made when it is first asked for."""
        if kind not in self._forms:
            form = Form(kind)
            for name in self._hidden:
                if name in form.fields:
                    form.hide_row(name)
            form.hide()
            self.native.layout().addWidget(form.native)
            form.changed.connect(self._form_changed)
            self._forms[kind] = form
        return self._forms[kind]

    @property
    def settings(self) -> S:
        """The settings in the form, as `value`; setting them chooses their class, too."""
        return self.get_value()

    @settings.setter
    def settings(self, settings: S) -> None:
        self.set_value(settings)

    def get_value(self) -> S:
        return self.form.get_value()

    def set_value(self, value: Any) -> None:
        self.form_of(type(value)).set_value(value)
        self.kind = type(value)

    def __getitem__(self, key: Any) -> Any:
        """Return the box of the classes, "kind", or a field of the chosen one."""
        if key in self.form.fields:
            return self.form.fields[key]
        return super().__getitem__(key)

    def reset_choices(self, *_: object) -> None:
        """Do nothing: the choices of settings do not depend on the layers of the viewer."""

    def __repr__(self) -> str:
        return f"Chooser({self.kind.__name__})"

    def _show(self, *_: object) -> None:
        chosen = self.form
        for form in self._forms.values():
            form.visible = form is chosen
        description = html.escape(summary(self.kind))
        source = getattr(self.kind, "source", "")
        if source:
            description += f"<br><small>{_with_links(source)}</small>"
        self._description.setText(description)
        self._box.tooltip = summary(self.kind)
        chosen._check()

    def _form_changed(self, settings: S | None) -> None:
        if settings is None or type(settings) is self.kind:
            self.changed.emit(settings)


register_type(Settings, widget_type=Form)


def summary(kind: type[Settings]) -> str:
    """Return the first line of a class's docstring."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def titled(name: str) -> str:
    """Return the title of a field: "Learning rate", "FRC"."""
    return _TITLES.get(name, name.replace("_", " ").capitalize())


def message(text: str = "") -> QLabel:
    """Return a text that wraps, which magicgui's `Label` does not."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label


class _Fold(PushButton):
    """A button that shows further fields: magicgui has nothing that folds."""

    def __init__(self) -> None:
        super().__init__(name="more_settings", text="▸ More settings", gui_only=True)
        self.native.setCheckable(True)
        self.native.setFlat(True)
        self.native.setStyleSheet("text-align: left; background: transparent")
        self.native.toggled.connect(self._turn)

    def _turn(self, unfolded: bool) -> None:
        self.text = f"{'▾' if unfolded else '▸'} More settings"


def _class_of(settings: S | type[S] | None) -> type[S]:
    if settings is None:
        raise TypeError("a form needs a class of settings")
    return settings if isinstance(settings, type) else type(settings)


def _fields_of(kind: type[Settings]) -> dict[str, Field]:
    """Return the widget of each setting of a class, by its name, with the default as its value."""
    fields = {}
    for name, about in kind.model_fields.items():
        if not _is_constant(about):
            default = Undefined
            if not about.is_required():
                default = about.get_default(call_default_factory=True)
            fields[name] = field_of(
                about.annotation,
                about.metadata,
                name=name,
                label=titled(name),
                tooltip=_tooltip(about),
                value=default,
            )
    return fields


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
