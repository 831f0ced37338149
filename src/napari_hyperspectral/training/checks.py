"""What is checked before a training begins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..axis import Axis, ChannelAxis, axis_difference, axis_in_full
from ..classics import Classic
from ..recipe.methods import classics_for, unsuitable
from ..recipe.recipe import Recipe
from ..tasks import ClassifySpectra, Example


def check_prepared(recipe: Recipe, examples: Sequence[Example]) -> None:
    """Refuse examples that were not preprocessed as the recipe says."""
    for example in examples:
        if example.preprocessing != recipe.preprocessing:
            raise ValueError(
                f"{example.source} was not preprocessed as the recipe says; make examples with "
                "recipe.example(…)"
            )


def check_method(recipe: Recipe) -> None:
    """Refuse a classical method that cannot solve the task."""
    method = recipe.method
    if not isinstance(method, Classic):
        return
    reason = unsuitable(type(method), recipe.task)
    if reason:
        names = ", ".join(each.__name__ for each in classics_for(recipe.task))
        others = f"one of {names}, or a network" if names else "a network"
        raise ValueError(f"{reason} Choose {others}.")


def check_neighbours(recipe: Recipe, examples: Sequence[Example]) -> None:
    """Refuse to learn the order in which spectra were listed; warn where they may be a list.

    A row whose pixels have a physical size is a line scan: its neighbours are real.
    """
    if recipe.method.operates_on == "spectrum":
        return
    for example in examples:
        *_, height, width = example.input.shape
        if height > 1 or width == 1 or example.pixel_unit is not None:
            continue
        unrelated = (
            f"{example.source} is one row of {width} spectra without a pixel size, and "
            f"{type(recipe.method).__name__} learns from neighbouring pixels, which in a list of "
            "spectra are unrelated"
        )
        if isinstance(recipe.task, ClassifySpectra):
            raise ValueError(
                f"{unrelated}; choose a network along the spectrum, such as Pixelwise or ResUNet1D "
                "(of a line scan: set the pixel size, or choose the task segment)"
            )
        warnings.warn(
            f"{unrelated}; if it is such a list, and no line scan, choose a network along the "
            "spectrum",
            stacklevel=2,
        )
        return  # once


def common_axes(recipe: Recipe, examples: Sequence[Example]) -> tuple[Axis, Axis]:
    """Return the input and output axis of all examples; of classes, the longest list."""
    first = examples[0]
    output_axis = max((example.output_axis for example in examples), key=len)
    classes = not recipe.task.predicts_intensities
    for example in examples:
        if not example.input_axis.same_bands(first.input_axis):
            raise ValueError(
                f"{first.source} has {axis_in_full(first.input_axis)}, {example.source} has "
                f"{axis_in_full(example.input_axis)}; they differ in "
                f"{axis_difference(first.input_axis, example.input_axis)}: "
                "resample them to the same bands first"
            )
        if not _fits(example.output_axis, output_axis, classes=classes):
            raise ValueError(
                f"{example.source} has {axis_in_full(example.output_axis)}, another example "
                f"{axis_in_full(output_axis)}, which differ in "
                f"{axis_difference(example.output_axis, output_axis)}; they must agree: train on targets of the same bands, channels or classes"
            )
    return first.input_axis, output_axis


def _fits(
    axis: Axis,
    longest: Axis,
    *,
    classes: bool,
) -> bool:
    """Return whether an output axis is the longest one, or its beginning where it lists classes."""
    if axis.same_bands(longest):
        return True
    if not classes:
        return False
    if not isinstance(axis, ChannelAxis) or not isinstance(longest, ChannelAxis):
        return False
    # classes are numbered in the order of their names: a class may be missing at the end only
    return longest.names[: len(axis)] == axis.names
