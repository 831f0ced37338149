"""All methods, networks and classical ones: one list for who chooses."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import Field

from ..classics import CLASSICS, AnyClassic, Classic
from ..networks import NETWORKS, AnyNetwork, Method
from ..tasks import Task
from .choice import Choose

AnyMethod: TypeAlias = Annotated[Choose | AnyNetwork | AnyClassic, Field(discriminator="kind")]
METHODS: Final[tuple[type[Method], ...]] = (*CLASSICS, *NETWORKS)
"""Those that can be trained; `Choose` chooses one of them."""


def classics_for(task: Task) -> tuple[type[Classic], ...]:
    """Return the classical methods that a task can be solved by."""
    return tuple(method for method in CLASSICS if not unsuitable(method, task))


def unsuitable(method: type[Classic], task: Task) -> str:
    """Return why a classical method cannot solve a task, a sentence; empty where it can."""
    name = method.__name__
    if (method.predicts == "intensities") != task.predicts_intensities:
        other = "classes" if method.predicts == "intensities" else "intensities"
        return f"{name} predicts {method.predicts}, this task {other}."
    if method.denoises and not task.preserves_bands:
        return f"{name} cleans spectra; this task predicts other bands or channels."
    if method.uses_targets and task.target_name is None:
        return f"{name} learns from targets, and this task has none."
    if task.upscaling > 1 and task.upscaling not in method.scales:
        return f"{name} does not predict finer pixels."
    if task.upscaling == 1 and method.scales:
        return f"{name} predicts finer pixels, which this task does not."
    return ""
