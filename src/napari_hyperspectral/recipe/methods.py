"""All methods, networks and classical ones: one list for who chooses."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import Field

from ..classics import CLASSICS, AnyClassic, Classic
from ..networks import NETWORKS, AnyNetwork, Method
from ..tasks import ClassifySpectra, Task
from ..tasks.super_resolution import SuperResolutionTask
from .choice import Choose

AnyMethod: TypeAlias = Annotated[Choose | AnyNetwork | AnyClassic, Field(discriminator="kind")]
METHODS: Final[tuple[type[Method], ...]] = (*CLASSICS, *NETWORKS)
"""Those that can be trained; `Choose` chooses one of them."""


def classics_for(task: Task) -> tuple[type[Classic], ...]:
    """Return the classical methods that a task can be solved by."""
    return tuple(method for method in CLASSICS if not unsuitable(method, task))


def methods_for(task: Task) -> tuple[type[Method], ...]:
    """Return the methods, classical ones first, that a task can be solved by."""
    networks = [network for network in NETWORKS if not unsuitable_network(network(), task)]
    return (*classics_for(task), *networks)


def unserved(task: Task, method: Method) -> str:
    """Return why a method does not serve a task, with those that do; empty where it does."""
    if isinstance(method, Choose):
        return ""
    reason = unsuitable(type(method), task) if isinstance(method, Classic) else ""
    reason = reason or unsuitable_network(method, task)
    if not reason:
        return ""
    kinds = ", ".join(known.model_fields["kind"].default for known in methods_for(task))
    return f"{reason} Choose one of {kinds}; or choose, by measurement."


def unsuitable_network(method: Method, task: Task) -> str:
    """Return why a network is not meant for a task, a sentence; empty where it is."""
    name = type(method).__name__
    if isinstance(method, Classic):
        return ""
    if method.scales and not isinstance(task, SuperResolutionTask):
        return (
            f"{name} predicts finer or sharper pixels of the same bands, which this task does not."
        )
    if method.output_level == "image" and not task.image_level:
        return f"{name} gives one answer for a whole image, this task asks for one for each pixel."
    if isinstance(task, ClassifySpectra) and method.operates_on == "image":
        return f"{name} learns from neighbouring pixels, which a list of spectra does not have."
    return ""


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
