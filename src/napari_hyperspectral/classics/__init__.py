"""Classical methods, trained, saved and run like networks. `AnyClassic` is the only list of them."""

from typing import Annotated, Final, TypeAlias, get_args

from pydantic import Field

from .base import Classic, TrainingData, TrainingImage
from .low_rank import LowRank
from .ridge import LinearMap, Ridge
from .savitzky_golay import SavitzkyGolay

AnyClassic: TypeAlias = Annotated[Ridge | SavitzkyGolay | LowRank, Field(discriminator="kind")]
CLASSICS: Final[tuple[type[Classic], ...]] = get_args(get_args(AnyClassic)[0])

__all__ = [
    "CLASSICS",
    "AnyClassic",
    "Classic",
    "LinearMap",
    "LowRank",
    "Ridge",
    "SavitzkyGolay",
    "TrainingData",
    "TrainingImage",
]
