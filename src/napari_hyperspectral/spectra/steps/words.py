"""Steps and chains in the words of the field: short enough for a line, or for the name of a layer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .base import Step
from .chain import Chain

_NOUNS: Final = {
    "Cosmic rays": "cosmic rays",
    "Baseline": "baseline",
    "Denoise": "denoising",
    "Smooth": "smoothing",
    "Normalise": "normalisation",
    "Axis": "axis",
    "Pixels": "binning",
    "Reference": "reference",
}
"""What a step of a group is called in the name of a layer; others go by their titles."""
_BY_TITLE: Final = frozenset(["derivative"])
"""Steps that are known by their own name, not by that of their group."""
_MOST: Final = 4
"""Kinds of steps that a name lists."""
_SHOWN: Final = 3
"""Settings of a step that a line tells."""


def chain_in_words(chain: Chain) -> str:
    """Return what a chain does: "cosmic rays, baseline, normalisation"; "" if it does nothing."""
    kinds = dict.fromkeys(_noun(step) for step in chain.taken)
    words = list(kinds)
    if len(words) > _MOST:
        words = [*words[:_MOST], "…"]
    return ", ".join(words)


def prepared_name(source: str, chain: Chain) -> str:
    """Return the name of a cube after a chain: "cell · prepared (baseline, smoothing)"."""
    words = chain_in_words(chain)
    name = f"{source} · prepared".removeprefix(" · ")
    return f"{name} ({words})" if words else name


def settings_in_words(step: Step) -> str:
    """Return the first settings of a step in a line: "threshold 8 · width 4 · margin 1"."""
    words = []
    for name, value in step:
        if name in ("kind", "enabled") or value in (None, False, (), ""):
            continue
        words.append(_setting(name.replace("_", " "), value))
    return " · ".join(words[:_SHOWN])


def number_in_words(value: float) -> str:
    """Return a number as people write it: 1e5, 0.01, 830."""
    text = f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    if abs(value) >= 1e5:
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.0f}" if abs(value) >= 1000 else text


def _noun(step: Step) -> str:
    title = step.title.lower()
    if title in _BY_TITLE:
        return title
    return _NOUNS.get(step.group, title)


def _setting(name: str, value: object) -> str:
    match value:
        case True:
            return name
        case Path():
            return f"{name} {value.name}"
        case int() | float():
            return f"{name} {number_in_words(value)}"
        case tuple():
            return f"{len(value)} {name}"
        case _:
            return f"{name} {value}"
