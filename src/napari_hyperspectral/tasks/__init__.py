"""Tasks: one file each. `AnyTask` is the only list of them."""

from typing import Annotated, Final, TypeAlias, get_args

from pydantic import Field

from .base import Example, Task
from .denoise import Denoise
from .predict_channels import PredictChannels
from .segment import Segment

AnyTask: TypeAlias = Annotated[Denoise | Segment | PredictChannels, Field(discriminator="kind")]
TASKS: Final[tuple[type[Task], ...]] = get_args(get_args(AnyTask)[0])

__all__ = ["TASKS", "AnyTask", "Denoise", "Example", "PredictChannels", "Segment", "Task"]
