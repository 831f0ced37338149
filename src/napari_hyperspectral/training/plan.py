"""The plan of a training: what it trains on, checked and decided once, before the first batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..axis import Axis, ChannelAxis
from ..models.card import CARD_SCHEMA, Card, Compared
from ..networks import Ports
from ..recipe.recipe import Recipe
from ..tasks import Example, Task
from .checks import check_method, check_neighbours, check_prepared, common_axes
from .splits import Split
from .validation_split import former_splits, splits_of


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """Everything that recipe and examples decide; training, previews and evaluation share it."""

    recipe: Recipe
    examples: tuple[Example, ...]
    """With one numbering of classes for all."""
    input_axis: Axis
    """Bands of the input of all examples."""
    output_axis: Axis
    """Bands of the target of all examples; of classes, the longest list."""
    ports: Ports
    """What the network is built for."""
    splits: tuple[Split, ...]
    """Training and validation pixels of each example."""
    compared: tuple[Compared, ...] = ()
    """Methods that were compared before, where the recipe's was chosen so."""
    compared_on: str = ""
    """What they were compared on, in words."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the target; none where it has bands."""
        if isinstance(self.output_axis, ChannelAxis):
            return self.output_axis.names
        return ()


def plan_training(recipe: Recipe, examples: Sequence[Example]) -> TrainingPlan:
    """Check that a recipe can be trained on these examples, and plan it.

    Parameters
    ----------
    recipe : Recipe
        Task, network, training.
    examples : sequence of Example
        From ``recipe.example(…)``; of any sizes, all with the same bands.

    Raises
    ------
    ValueError
        If there is no example, examples have different bands or were not preprocessed as the
        recipe says, a network over images is to classify a list of spectra, or no validation split
        leaves each class in training.
    """
    if not examples:
        raise ValueError("there is nothing to train on: give at least one example")
    check_method(recipe)
    check_prepared(recipe, examples)
    check_neighbours(recipe, examples)
    task: Task = recipe.task
    # files number their classes each in its own way: before splits, which are by class
    unified = task.unify_classes(examples)
    input_axis, output_axis = common_axes(recipe, unified)
    splits = splits_of(recipe, unified)
    return TrainingPlan(
        recipe=recipe,
        examples=tuple(unified),
        input_axis=input_axis,
        output_axis=output_axis,
        ports=task.ports(input_axis, output_axis),
        splits=tuple(splits),
    )


def plan_as_begun(plan: TrainingPlan, card: Card) -> TrainingPlan:
    """Return the plan with the splits of the time when the training of a card was begun."""
    if card.schema_version >= CARD_SCHEMA:
        return plan
    splits = former_splits(plan.recipe, plan.examples)
    return replace(plan, splits=tuple(splits))
