"""Pages of the API reference, written from the package before Sphinx reads the sources.

A page for each public name (`napari_hyperspectral.__all__`), and one for each room with what its
modules offer besides. They go to ``docs/reference/api``, which git ignores.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

from sphinx.application import Sphinx

import napari_hyperspectral

_PACKAGE = napari_hyperspectral.__name__
_NOT_SHOWN = (  # windows, the command line, and what only our own modules call
    *("__main__", "_napari", "cli", "widgets", "renamed", "atomic", "networks.blocks"),
    *(f"io.{family}" for family in ("arrays", "hdf5", "imzml", "metadata", "microscopes", "raw")),
    *(f"io.{family}" for family in ("renishaw", "spectrometers", "text", "tiff", "zarr")),
)
_ROOMS = {
    "cube": "Cubes, axes and layers",
    "io": "Files",
    "spectra": "Spectra",
    "tasks": "Tasks and losses",
    "networks": "Networks",
    "recipe": "Recipes",
    "examples": "Examples from files",
    "training": "Training",
    "prediction": "Prediction",
    "models": "Models",
    "evaluation": "Evaluation",
    "workflows": "Workflows",
}
"""Titles of the pages of rooms; modules of the package's root come under the first."""


def public_objects() -> dict[str, object]:
    """Return the public names of the package and what they stand for."""
    return {name: getattr(napari_hyperspectral, name) for name in napari_hyperspectral.__all__}


def room_modules() -> dict[str, list[ModuleType]]:
    """Return the modules that are documented, by room."""
    rooms: dict[str, list[ModuleType]] = {room: [] for room in _ROOMS}
    for found in pkgutil.walk_packages(napari_hyperspectral.__path__, f"{_PACKAGE}."):
        name = found.name.removeprefix(f"{_PACKAGE}.")
        if any(name == hidden or name.startswith(f"{hidden}.") for hidden in _NOT_SHOWN):
            continue
        room = name.partition(".")[0]
        rooms[room if room in _ROOMS else "cube"].append(import_module(found.name))
    return rooms


def write_pages(app: Sphinx) -> None:
    """Write all pages; files that would stay the same are not touched."""
    folder = Path(app.srcdir) / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    pages = dict(_pages())
    for old in folder.glob("*.rst"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _pages() -> Iterator[tuple[str, str]]:
    public = public_objects()
    documented = {id(thing) for thing in public.values()}
    for name, thing in public.items():
        yield f"{name}.rst", _page_of(name, thing)
        documented.add(id(_generator_of(thing)))
    rooms = {}
    for room, modules in room_modules().items():
        text = "\n".join(line for module in modules for line in _section_of(module, documented))
        if text:
            rooms[room] = _ROOMS[room]
            yield f"room-{room}.rst", f"{_underlined(_ROOMS[room], '=')}\n\n{text}"
    yield "index.rst", _index(public, rooms)


def _index(public: dict[str, object], rooms: dict[str, str]) -> str:
    lines = [
        *(_underlined("API reference", "="), ""),
        f"Public names, all importable from ``{_PACKAGE}``:",
        *("", ".. list-table::", "   :widths: 30 70", ""),
    ]
    for name, thing in public.items():
        lines += [f"   * - :doc:`{name} <{name}>`", f"     - {_summary(thing)}"]
    lines += ["", ".. toctree::", "   :hidden:", "   :caption: Public names", ""]
    lines += [f"   {name}" for name in public]
    lines += ["", _underlined("By subject", "-"), ""]
    lines += ["What the modules offer besides, for scripts and for those who extend the package:"]
    lines += ["", ".. toctree::", "   :maxdepth: 1", "   :caption: By subject", ""]
    lines += [f"   {title} <room-{room}>" for room, title in rooms.items()]
    return "\n".join([*lines, ""])


def _page_of(name: str, thing: object) -> str:
    lines = [_underlined(name, "="), "", f".. currentmodule:: {_PACKAGE}", ""]
    lines += [_directive(thing, name), ""]
    generator = _generator_of(thing)
    if generator is not None:
        lines += [f".. currentmodule:: {generator.__module__}", ""]
        lines += [_directive(generator, generator.__name__), ""]
    return "\n".join(lines)


def _generator_of(thing: object) -> FunctionType | None:
    """Return `fit_steps` for `fit`: the generator that a public function runs to its end."""
    if not isinstance(thing, FunctionType):
        return None
    generator = getattr(import_module(thing.__module__), f"{thing.__name__}_steps", None)
    return generator if isinstance(generator, FunctionType) else None


def _section_of(module: ModuleType, documented: set[int]) -> Iterator[str]:
    """Yield a section with what a module defines and no page before shows; nothing without any."""
    own = []
    for name, thing in vars(module).items():
        defined_here = getattr(thing, "__module__", None) == module.__name__
        is_code = inspect.isclass(thing) or inspect.isfunction(thing)
        if defined_here and is_code and not name.startswith("_") and id(thing) not in documented:
            documented.add(id(thing))
            own.append((name, thing))
    if not own:
        return
    yield from (_underlined(f"``{module.__name__}``", "-"), "", inspect.getdoc(module) or "", "")
    yield from (f".. currentmodule:: {module.__name__}", "")
    for name, thing in own:
        yield from (_directive(thing, name), "")


def _directive(thing: object, name: str) -> str:
    if not inspect.isclass(thing):
        return f".. autofunction:: {name}" if callable(thing) else f".. autodata:: {name}"
    if issubclass(thing, BaseException):
        return f".. autoexception:: {name}"
    return f".. autoclass:: {name}"


def _summary(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _underlined(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}"


def escape_docstring(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Keep ``*``, ``|`` and ``name_`` of a docstring as they stand; we write no such markup."""
    for number, line in enumerate(lines):
        if _PARAMETER.match(line):
            continue  # numpydoc takes care of *args
        parts = line.split("`")
        parts[::2] = [_MARKUP.sub(r"\\\g<0>", text) for text in parts[::2]]  # outside `code`
        lines[number] = "`".join(parts)


_MARKUP = re.compile(r"[*|]|(?<=\w)_(?!\w)")
_PARAMETER = re.compile(r"\s*\*{1,2}\w+( :|$)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages as soon as the builder is there."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", escape_docstring, priority=400)  # before numpydoc
    return {"parallel_read_safe": True}
