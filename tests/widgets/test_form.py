"""Forms show settings exactly, and hand back what a person changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import model_validator

from napari_hyperspectral.machine import Machine
from napari_hyperspectral.recipe.methods import METHODS
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.settings import Settings
from napari_hyperspectral.tasks import TASKS

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from magicgui.widgets import CheckBox, ComboBox, FileEdit, LineEdit, SpinBox, create_widget
from qtpy.QtWidgets import QApplication

from napari_hyperspectral.widgets.forms.fields import ListLine, OptionalEdit
from napari_hyperspectral.widgets.forms.form import Chooser, Form, titled
from napari_hyperspectral.widgets.forms.numbers import FloatEdit

CLASSES = (*METHODS, *TASKS, Training, Machine)


class Everything(Settings):
    """One field of each type.

    Second paragraph.
    """

    kind: Literal["everything"] = "everything"
    count: Annotated[int, Ge(0)] = 7
    """How many."""
    rate: Annotated[float, Gt(0)] = 1e-4
    """How fast."""
    share: Annotated[float, Ge(0), Lt(1)] = 0.15
    on: bool = True
    way: Literal["left", "right"] = "right"
    names: tuple[str, ...] = ("a, b", 'the "best"')
    sizes: tuple[Annotated[int, Ge(1)], ...] = (3, 4)
    limit: Annotated[int, Le(10)] | None = 9
    folder: Path = Path("somewhere")

    @model_validator(mode="after")
    def _no_more_than_limit(self):
        if self.limit is not None and self.count > self.limit:
            raise ValueError(f"{self.count} is more than the limit of {self.limit}")
        return self


class Nothing(Settings):
    """Nothing to set."""

    source: ClassVar[str] = "Nobody 1999, https://example.org/none"
    kind: Literal["nothing"] = "nothing"


@pytest.fixture
def form(qtbot):
    form = Form(Everything)
    qtbot.addWidget(form.native)
    return form


def change(field):
    """Change what a field shows to another legal value, as a person would."""
    match field:
        case SpinBox() | FloatEdit():
            before = field.value
            field.native.stepBy(1)
            if field.value == before:  # at its upper end
                field.native.stepBy(-1)
        case CheckBox():
            field.native.toggle()
        case ComboBox():
            box = field.native
            box.setCurrentIndex((box.currentIndex() + 1) % box.count())
        case ListLine():
            field.native.setText("5, 6" if field._item is int else "one=1, two=2")
        case OptionalEdit():
            field.tick.native.toggle()
        case LineEdit():
            field.native.setText("cpu")
        case FileEdit():
            field.line_edit.native.setText("cpu")
        case _:
            raise AssertionError(f"how does a person change {field}?")


FIELDS = [(k, n) for k in (Everything, *CLASSES) for n in k.model_fields if n != "kind"]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_field_can_be_changed_and_arrives(qtbot, kind, name):
    form = Form(kind)
    qtbot.addWidget(form.native)
    before = form.settings
    heard = []
    form.changed.connect(heard.append)
    change(form[name])
    after = form.settings
    assert heard[-1] == after
    assert {n for n in kind.model_fields if getattr(after, n) != getattr(before, n)} == {name}


@pytest.mark.parametrize("kind", [Everything, *CLASSES])
def test_a_fresh_form_says_what_the_class_says(qtbot, kind):
    form = Form(kind)
    qtbot.addWidget(form.native)
    assert form.settings == kind()


def test_settings_put_into_a_form_come_out_the_same(form):
    input = Everything(
        count=2**40,
        rate=3.3e-7,
        share=1 / 3,
        on=False,
        way="left",
        names=("x",),
        sizes=(),
        limit=None,
        folder=Path("elsewhere"),
    )
    form.settings = input
    assert form.settings == input


@pytest.mark.parametrize(
    ("rate", "shown"), [(1e-4, "0.0001"), (1e-5, "1e-05"), (0.1 + 0.2, "0.30000000000000004")]
)
def test_small_numbers_are_shown_and_kept_to_the_last_digit(form, rate, shown):
    form.settings = Everything(rate=rate)
    assert form["rate"].native.text() == shown
    assert form.settings.rate == rate


def test_a_number_can_be_typed_as_people_write_it(qtbot, form):
    box = form["rate"].native
    box.selectAll()
    qtbot.keyClicks(box, "2.5e-6")
    box.interpretText()
    assert form.settings.rate == 2.5e-6


def test_bounds_of_the_class_hold_in_the_form(form):
    for name, value in (("count", -1), ("rate", 0.0), ("share", 1.0)):
        form[name].native.setValue(value)
    assert form.settings.count == 0
    assert 0 < form.settings.rate < 1e-15
    assert 0.9999 < form.settings.share < 1


def test_names_with_commas_and_quotes_survive(form):
    form["names"].native.setText('"fat, brown", nucleus ,, "5"" tube"')
    assert form.settings.names == ("fat, brown", "nucleus", '5" tube')


def test_what_does_not_fit_together_is_said_beneath_and_refused(form):
    form["limit"].value = 5
    assert form._error.text() == "7 is more than the limit of 5"
    assert not form._error.isHidden()
    with pytest.raises(ValueError, match=r"^7 is more than the limit of 5$"):
        _ = form.settings
    form["count"].value = 4
    assert form._error.isHidden()
    assert form.settings.limit == 5


def test_a_value_of_the_wrong_kind_names_its_field(form):
    form["sizes"].native.setText("3, many")
    assert form._error.text().startswith("sizes 1: Input should be a valid integer")


def test_help_comes_from_the_docstrings(form):
    assert "How fast." in form["rate"].tooltip
    assert "kind" not in form.fields


def test_what_does_nothing_is_grey_and_says_why_until_it_does_something(form):
    form.grey_out({"rate": "Nothing moves <here>."})
    box, label = form["rate"], form["rate"]._labeled_widget()._label_widget
    assert [widget.enabled for widget in (box, label, form["count"])] == [0, 0, 1]
    assert "Nothing moves &lt;here&gt;.</p><p>How fast." in box.tooltip
    form.settings = Everything(rate=3.0)  # a script, or a preset, sets it all the same
    assert form.settings.rate == 3.0
    form.grey_out({})
    assert box.enabled
    assert label.tooltip == "<p>How fast.</p>"


def test_names_of_fields_are_written_as_people_write_them():
    assert [titled(name) for name in ("learning_rate", "frc", "psf", "ssim")] == [
        "Learning rate",
        "FRC",
        "PSF",
        "SSIM",
    ]


def test_later_fields_fold_away_until_asked_for(qtbot):
    form = Form(Everything, folded_from=2)
    qtbot.addWidget(form.native)
    form.hide_row("way")
    form.show()
    assert [form[name].visible for name in ("rate", "on", "way")] == [True, False, False]
    form["more_settings"].native.click()
    assert [form[name].visible for name in ("rate", "on", "way")] == [True, True, False]
    form["more_settings"].native.click()
    assert not form["on"].visible


def test_scrolling_past_a_number_leaves_it_alone(qtbot, form):
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent

    turn = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    for name in ("count", "rate", "way"):
        QApplication.sendEvent(form[name].native, turn)
    QApplication.sendEvent(form["limit"].inner.native, turn)
    assert form.settings == Everything()


def test_magicgui_makes_a_form_of_settings_wherever_it_finds_them():
    made = create_widget(annotation=Everything, name="all")
    assert isinstance(made, Form)
    assert made.value == Everything()
    made.value = Everything(count=3)
    assert made["count"].value == 3


def test_magicguis_own_widgets_edit_what_they_can_edit(form):
    kinds = {name: type(field) for name, field in form.fields.items()}
    assert kinds["count"] is SpinBox
    assert kinds["on"] is CheckBox
    assert kinds["way"] is ComboBox


def test_settings_that_fill_a_form_are_told_once(form):
    heard = []
    form.changed.connect(heard.append)
    form.value = other = Everything(count=2, rate=3.0, names=())
    assert heard == [other]
    form.update(count=3, limit=3)
    assert heard[1:] == [other.model_copy(update={"count": 3, "limit": 3})]


def test_a_type_without_an_editor_is_refused(qtbot):
    class Odd(Settings):
        table: dict[str, int]

    with pytest.raises(TypeError, match="no widget for a setting of type dict"):
        Form(Odd)


def test_a_chooser_swaps_the_form_and_keeps_what_was_typed(qtbot):
    chooser = Chooser((Everything, Nothing))
    qtbot.addWidget(chooser.native)
    chooser["count"].value = 9
    chooser["kind"].value = Nothing
    assert chooser.settings == Nothing()
    assert '<a href="https://example.org/none"' in chooser._description.text()
    assert ">example.org/none</a>" in chooser._description.text()
    chooser["kind"].native.setCurrentIndex(0)
    assert chooser.settings == Everything(count=9)
    assert chooser._description.text() == "One field of each type."


@pytest.mark.parametrize("kinds", [METHODS, TASKS])
def test_a_chooser_takes_any_of_its_kinds(qtbot, kinds):
    chooser = Chooser(kinds)
    qtbot.addWidget(chooser.native)
    for kind in kinds:
        form = Form(kind)
        qtbot.addWidget(form.native)
        for editor in list(form.fields.values())[:1]:
            change(editor)
        chooser.settings = target = form.settings
        assert chooser.settings == target
