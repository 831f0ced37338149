"""Tables and sections of the reference that are written from the classes, so never out of date.

Each directive (```` ```{formats-table} ````, …) writes Markdown, which MyST parses in its place.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import annotated_types
import typer
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx

from napari_hyperspectral.classics import CLASSICS, Classic
from napari_hyperspectral.cli import app as command_line
from napari_hyperspectral.io import FORMATS
from napari_hyperspectral.machine import Machine
from napari_hyperspectral.networks import NETWORKS, Method, Network
from napari_hyperspectral.recipe.augmentation import Augmentation
from napari_hyperspectral.recipe.presets import PRESETS
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.settings import Settings
from napari_hyperspectral.spectra.steps.chain import STEPS
from napari_hyperspectral.tasks import TASKS, Task, losses

_BOUNDS = (
    (annotated_types.Ge, "ge", "≥"),
    (annotated_types.Gt, "gt", ">"),
    (annotated_types.Le, "le", "≤"),
    (annotated_types.Lt, "lt", "<"),
)
_NOT_SETTINGS = {"kind", "enabled"}


def formats() -> Iterator[str]:
    """List every file format: all are read, some are written."""
    rows = []
    for known in FORMATS:
        names = known.patterns
        if len(names) > 3 and all("[0-9]" in name for name in names):
            names = ("*.0", "*.1", "…")
        written = _file_names(known.writes or known.patterns) if known.writer else ""
        extra = f"`[{known.extra}]`" if known.extra else ""
        rows.append((known.name, _file_names(names), written, extra, known.untried))
    titles = ("Format", "Files", "Written as", "Extra", "Not yet tested on real files")
    yield from _table(titles, rows)


def _file_names(patterns: Iterable[str]) -> str:
    return " ".join(f"`{pattern}`" if pattern != "*/" else "a folder" for pattern in patterns)


def networks_table() -> Iterator[str]:
    """List every network, with links to the sections of `networks`."""
    rows = []
    for network in NETWORKS:
        kind = _kind(network)
        rows.append((f"[`{kind}`](#{kind})", _summary(network), _along(network)))
    yield from _table(("Network", "", "Runs along"), rows)


def networks() -> Iterator[str]:
    """Describe every network: where it is from, what it sees, its settings."""
    for network in NETWORKS:
        yield from _network(network)


def _network(network: type[Network]) -> Iterator[str]:
    settings = network()
    radius = settings.receptive_radius
    yield from _heading(_kind(network), network.__name__)
    yield from _prose(_module_of(network))
    yield f"- Source: {_linked(network.source)}"
    yield f"- Receptive radius with default settings: {radius} pixel{'s' * (radius != 1)}"
    if settings.uses_image_statistics:
        yield "- Averages over the whole image: results in tiles are approximate"
    if network.scales:
        yield f"- Upscales by itself: {', '.join(f'×{scale}' for scale in network.scales)}"
    if settings.output_level == "image":
        yield "- Gives one answer for each image, no map"
    yield ""
    yield from _settings_table(network)


def classics_table() -> Iterator[str]:
    """List every classical method, with links to the sections of `classics`."""
    rows = []
    for method in CLASSICS:
        kind = _kind(method)
        rows.append((f"[`{kind}`](#{kind})", _summary(method), method.predicts))
    yield from _table(("Method", "", "Predicts"), rows)


def classics() -> Iterator[str]:
    """Describe every classical method: where it is from, what it sees, its settings."""
    for method in CLASSICS:
        yield from _heading(_kind(method), method.__name__)
        yield from _prose(_module_of(method))
        yield f"- Source: {_linked(method.source)}"
        yield f"- Sees: {_seen(method)}"
        if method.scales:
            yield f"- Upscales by itself: {', '.join(f'×{scale}' for scale in method.scales)}"
        if method.fits_long:
            yield "- May take long: it is fitted in a process of its own, which ends when it is stopped"
        yield ""
        yield from _settings_table(method)


def _seen(method: type[Classic]) -> str:
    """Return what a classical method looks at to predict a pixel."""
    settings = method()
    if settings.operates_on == "image":
        return f"the surroundings of a pixel, to {settings.receptive_radius} pixels"
    if "surroundings" not in method.model_fields:
        return "single spectra"
    wide = method.model_validate({"surroundings": True}).receptive_radius
    return f"single spectra; with `surroundings`, {wide} pixels around each"


def _along(network: type[Network]) -> str:
    field = network.model_fields.get("along")
    if field is None:
        return network().operates_on
    return ", ".join(str(choice) for choice in typing.get_args(field.annotation))


def tasks_table() -> Iterator[str]:
    """List every task, with links to the sections of `tasks`."""
    rows = []
    for task in TASKS:
        kind = _kind(task)
        rows.append((f"[`{kind}`](#{kind})", _summary(task), _inputs(task)))
    yield from _table(("Task", "", "Learns from"), rows)


def tasks() -> Iterator[str]:
    """Describe every task: what it learns from, where it is from, its settings."""
    for task in TASKS:
        yield from _heading(_kind(task), task.__name__)
        yield from _prose(inspect.getdoc(task) or "")
        yield f"- Learns from: {_inputs(task)}. {_summary(task.example)}"
        yield f"- Source: {_linked(task.source)}"
        yield ""
        yield from _settings_table(task)


def _inputs(task: type[Task]) -> str:
    names = list(inspect.signature(task.example).parameters)
    return ", ".join(f"`{name}=`" for name in names if name != "self")


def loss_functions() -> Iterator[str]:
    """List every loss function with its source."""
    rows = []
    for name, function in vars(losses).items():
        ours = inspect.isfunction(function) and function.__module__ == losses.__name__
        if ours and not name.startswith("_"):
            source = re.search(r"https?://[^\s,;)]+", inspect.getdoc(function) or "")
            address = source[0].rstrip(".") if source else ""
            rows.append((f"`{name}`", _summary(function), f"<{address}>" if address else ""))
    yield from _table(("Function", "", "Source"), rows)


def presets_table() -> Iterator[str]:
    """List every published experiment, with links to the sections of `presets`."""
    rows = [(f"[`{p.name}`](#{p.name})", p.title) for p in PRESETS]
    yield from _table(("Preset", ""), rows)


def presets() -> Iterator[str]:
    """Describe every published experiment, with our notes on it and its recipe."""
    for preset in PRESETS:
        yield from _heading(preset.name, preset.title)
        yield f"{_linked(preset.reference)}\n"
        yield f"{preset.notes}\n"
        if preset.ports is not None and preset.parameters is not None:
            bands = f"{preset.ports.bands_in} bands in, {preset.ports.bands_out} out"
            yield f"{preset.parameters:,} weights with {bands}.\n"
        recipe = preset.recipe.model_dump_json(exclude_unset=True, indent=2)
        yield from ("```json", *recipe.splitlines(), "```", "")


def settings_of(*classes: type[Settings]) -> Callable[[], Iterator[str]]:
    """Describe the settings of classes, a section for each if there are several."""

    def sections() -> Iterator[str]:
        for settings in classes:
            if len(classes) > 1:
                yield from _heading(settings.__name__.lower(), settings.__name__)
            yield from _prose(inspect.getdoc(settings) or "")
            yield from _settings_table(settings)

    return sections


def steps() -> Iterator[str]:
    """Describe every step of preparation, with the kind that a chain file calls it by."""
    for step in STEPS:
        kind = step.model_fields["kind"].default
        yield from _heading(f"step-{kind}", f"{step.title} (`{kind}`)")
        yield from _prose(inspect.getdoc(step) or "")
        if step.source:
            yield from _prose(f"Source: {step.source}")
        if set(step.model_fields) - {"kind", "enabled"}:
            yield from _settings_table(step)


def commands_table() -> Iterator[str]:
    """List every command, with links to the sections of `commands`."""
    rows = []
    for name, command in _shown_commands().items():
        rows.append((f"[`{name}`](#command-{name})", _first_sentence(command.help or "")))
    yield from _table(("Command", ""), rows)


def commands() -> Iterator[str]:
    """Describe every command with its arguments and options."""
    for name, command in _shown_commands().items():
        yield from _heading(f"command-{name}", name)
        yield textwrap.dedent(command.help or "") + "\n"
        options = []
        for parameter in command.params:
            if parameter.name == "help":
                continue
            if parameter.param_type_name == "argument":
                title = parameter.metavar or str(parameter.name).upper()
            else:
                title = ", ".join([*parameter.opts, *parameter.secondary_opts])
            options.append((f"`{title}`", parameter.help or ""))
        if options:
            yield from _table(("Argument or option", ""), options)


def _shown_commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(command_line)  # typer brings a click of its own
    return {name: command for name, command in group.commands.items() if not command.hidden}


# pieces of Markdown


def _settings_table(settings: type[Settings]) -> Iterator[str]:
    rows = []
    for name, field in settings.model_fields.items():
        if name not in _NOT_SETTINGS:
            help_text = " ".join((field.description or "").split())
            rows.append((f"`{name}`", _default(field), _allowed(field), help_text))
    if rows:
        yield from _table(("Setting", "Default", "Values", "Meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "depends on the machine"
    default = field.default
    if isinstance(default, Settings):
        return ""
    return f"`{json.dumps(default, default=str, ensure_ascii=False)}`"


def _allowed(field: FieldInfo) -> str:
    """Return the values a setting may have: its choices, or its type and bounds."""
    bounds = []
    for bound in field.metadata:
        for kind, attribute, sign in _BOUNDS:
            if isinstance(bound, kind):
                bounds.append(f"{sign} {getattr(bound, attribute):g}")
    kind = field.annotation
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in typing.get_args(kind))
    name = kind.__name__ if inspect.isclass(kind) and not typing.get_args(kind) else str(kind)
    name = re.sub(r"\b(?:\w+\.)+(?=\w)", "", name)
    return " ".join([f"{name}", ", ".join(bounds)]).strip()


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(titles)
    yield _row("---" for _ in titles)
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _heading(anchor: str, title: str) -> Iterator[str]:
    yield from ("", f"({anchor})=", f"### {title}", "")


def _prose(text: str) -> Iterator[str]:
    yield from (*text.splitlines(), "")


def _linked(source: str) -> str:
    return re.sub(r"https?://[^\s,;)]+(?<![.])", lambda address: f"<{address[0]}>", source)


def _kind(choice: type[Task] | type[Method]) -> str:
    return str(choice.model_fields["kind"].default)


def _summary(documented: object) -> str:
    return _first_sentence(inspect.getdoc(documented) or "")


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.split("\n\n")[0].split())
    return paragraph.removesuffix(".")


def _module_of(method: type[Method]) -> str:
    return inspect.getdoc(importlib.import_module(method.__module__)) or ""


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "formats-table": formats,
    "classics-table": classics_table,
    "classics-list": classics,
    "networks-table": networks_table,
    "networks-list": networks,
    "tasks-table": tasks_table,
    "tasks-list": tasks,
    "losses-table": loss_functions,
    "presets-table": presets_table,
    "presets-list": presets,
    "recipe-settings": settings_of(Training, Augmentation),
    "steps-list": steps,
    "machine-settings": settings_of(Machine),
    "commands-table": commands_table,
    "commands-list": commands,
}
"""The directives by name, and what each writes."""


def _directive(part: Callable[[], Iterator[str]]) -> type[Directive]:
    class FromClasses(Directive):
        def run(self) -> list[nodes.Node]:
            lines = "\n".join(part()).splitlines()
            container = nodes.Element()
            self.state.nested_parse(StringList(lines), self.content_offset, container, True)
            return container.children

    return FromClasses


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for name, part in PARTS.items():
        app.add_directive(name, _directive(part))
    return {"parallel_read_safe": True}
