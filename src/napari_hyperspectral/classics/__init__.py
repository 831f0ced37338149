"""Classical methods, trained, saved and run like networks. `AnyClassic` is the only list of them."""

from typing import Annotated, Final, TypeAlias, get_args

from pydantic import Field

from .base import Classic, TrainingData, TrainingImage
from .bicubic import Bicubic
from .boosted_trees import BoostedTrees
from .extra_trees import ExtraTrees
from .lda import LDA
from .low_rank import LowRank
from .pls import PLS
from .pls_da import PLSDA
from .random_forest import RandomForest
from .ridge import LinearMap, Ridge
from .savitzky_golay import SavitzkyGolay
from .svm import SVM
from .wavelet import WaveletDenoising

AnyClassic: TypeAlias = Annotated[
    Ridge
    | LowRank
    | SavitzkyGolay
    | WaveletDenoising
    | PLS
    | BoostedTrees
    | SVM
    | LDA
    | PLSDA
    | RandomForest
    | ExtraTrees
    | Bicubic,
    Field(discriminator="kind"),
]
CLASSICS: Final[tuple[type[Classic], ...]] = get_args(get_args(AnyClassic)[0])

__all__ = [
    "CLASSICS",
    "LDA",
    "PLS",
    "PLSDA",
    "SVM",
    "AnyClassic",
    "Bicubic",
    "BoostedTrees",
    "Classic",
    "ExtraTrees",
    "LinearMap",
    "LowRank",
    "RandomForest",
    "Ridge",
    "SavitzkyGolay",
    "TrainingData",
    "TrainingImage",
    "WaveletDenoising",
]
