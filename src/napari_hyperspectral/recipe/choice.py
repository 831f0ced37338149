"""Choose for me: the method is chosen by measurement, on held-out blocks of the training data."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NoReturn, Self

from annotated_types import Ge, Gt, Le

from ..networks import Ports
from ..networks.base import SpectrumMethod


class Choose(SpectrumMethod):
    """Compare the methods that suit the task, and train the best on everything."""

    source: ClassVar[str] = (
        "Stone 1974, Cross-validatory choice, https://doi.org/10.1111/j.2517-6161.1974.tb00994.x"
    )
    kind: Literal["choose"] = "choose"
    budget: Annotated[float, Gt(0)] = 120.0
    """Seconds that comparison and training may take, about; with more of them, slower methods are
    compared, and networks are trained for longer."""
    folds: Annotated[int, Ge(2), Le(10)] = 3
    """Parts of the training data that are held out in turn; every method predicts each of them."""

    def build(self, ports: Ports) -> NoReturn:
        raise TypeError("a method that is yet to be chosen has no module")  # a mistake of ours

    def floats_per_pixel(self, ports: Ports) -> int:
        return 0

    @classmethod
    def smallest(cls) -> Self:
        return cls(budget=1.0, folds=2)
