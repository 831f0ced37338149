"""A chain as a Python program that prepares a file by it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .base import Step
from .chain import Chain

_IMPORTS: Final = "from napari_hyperspectral import Chain, read, write"


def python_of(chain: Chain, source: str = "cube.hdr", target: str = "prepared.hdr") -> str:
    """Return a program that prepares a cube by a chain.

    Parameters
    ----------
    chain : Chain
        The chain; settings that are the defaults are left out.
    source, target : str
        Files to read and to write.
    """
    imports = sorted({_import_of(step) for step in chain.steps})
    steps = [f"        {_call(step)},\n" for step in chain.steps]
    listed = "\n" + "".join(steps) + "    " if steps else ""
    lines = [
        _IMPORTS,
        *imports,
        "",
        "chain = Chain(",
        f"    steps=({listed}),",
        ")",
        f"prepared = chain.on(read({source!r}))",
        f"write({target!r}, prepared)",
    ]
    return "\n".join(lines) + "\n"


def _import_of(step: Step) -> str:
    return f"from {type(step).__module__} import {type(step).__name__}"


def _call(step: Step) -> str:
    """Return the call that makes a step."""
    changed = []
    for name, value in step:
        if name != "enabled" and value != type(step).model_fields[name].default:
            changed.append(f"{name}={_literal(value)}")
    if not step.enabled:
        changed.append("enabled=False")
    return f"{type(step).__name__}({', '.join(changed)})"


def _literal(value: object) -> str:
    """Return a value as Python writes it; settings take paths as texts."""
    return repr(str(value)) if isinstance(value, Path) else repr(value)
