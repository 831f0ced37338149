"""What is checked before a training begins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..axis import Axis, ChannelAxis
from ..recipe.recipe import Recipe
from ..tasks import ClassifySpectra, Example


def check_prepared(recipe: Recipe, examples: Sequence[Example]) -> None:
    """Refuse examples that were preprocessed otherwise than the recipe says."""
    for example in examples:
        if example.preprocessing != recipe.preprocessing:
            raise ValueError(
                f"{example.source} was not preprocessed as the recipe says; make examples with "
                "recipe.example(…)"
            )


def check_neighbours(recipe: Recipe, examples: Sequence[Example]) -> None:
    """Refuse to learn the order in which spectra were listed; warn where they may be a list.

    A row whose pixels have a size in the world is a line scan: its neighbours are real.
    """
    if recipe.network.operates_on == "spectrum":
        return
    for example in examples:
        *_, height, width = example.input.shape
        if height > 1 or width == 1 or example.pixel_unit is not None:
            continue
        unrelated = (
            f"{example.source} is one row of {width} spectra without a pixel size, and "
            f"{type(recipe.network).__name__} learns from neighbours, which in a list of spectra "
            "are those that happen to be listed beside"
        )
        if isinstance(recipe.task, ClassifySpectra):
            raise ValueError(
                f"{unrelated}; choose a network along the spectrum, such as Pixelwise or ResUNet1D "
                "(of a line scan: say the size of its pixels, or choose the task segment)"
            )
        warnings.warn(
            f"{unrelated}; if it is such a list, and no line scan, choose a network along the "
            "spectrum",
            stacklevel=2,
        )
        return  # once


def common_axes(recipe: Recipe, examples: Sequence[Example]) -> tuple[Axis, Axis]:
    """Return the axes that all examples take and give; of classes, the longest list."""
    if not examples:
        raise ValueError("there is nothing to train on: give at least one example")
    first = examples[0]
    output_axis = max((example.output_axis for example in examples), key=len)
    for example in examples:
        if not example.input_axis.same_bands(first.input_axis):
            raise ValueError(
                f"{first.source} has {first.input_axis}, {example.source} has {example.input_axis}; "
                "resample them to the same bands first"
            )
        same = example.output_axis.same_bands(output_axis) or (
            not recipe.task.predicts_intensities
            and isinstance(output_axis, ChannelAxis)
            and isinstance(example.output_axis, ChannelAxis)
            and output_axis.names[: len(example.output_axis)] == example.output_axis.names
        )
        if not same:
            raise ValueError(
                f"{example.source} has {example.output_axis}, another example {output_axis}; they must agree"
            )
    return first.input_axis, output_axis
