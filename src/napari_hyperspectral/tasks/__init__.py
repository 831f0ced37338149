"""Tasks: one file each. `AnyTask` is the only list of them."""

from typing import Annotated, Final, TypeAlias, get_args

from pydantic import Field

from .base import Example, Task
from .calibrate import Calibrate
from .classify_images import ClassifyImages
from .classify_spectra import ClassifySpectra
from .denoise import Denoise
from .denoise_self_supervised import DenoiseSelfSupervised
from .predict_channels import PredictChannels
from .restore import Restore
from .segment import Segment
from .super_resolve import SuperResolve

AnyTask: TypeAlias = Annotated[
    Denoise
    | DenoiseSelfSupervised
    | Segment
    | PredictChannels
    | Calibrate
    | ClassifySpectra
    | ClassifyImages
    | SuperResolve
    | Restore,
    Field(discriminator="kind"),
]
TASKS: Final[tuple[type[Task], ...]] = get_args(get_args(AnyTask)[0])

__all__ = [
    "TASKS",
    "AnyTask",
    "Calibrate",
    "ClassifyImages",
    "ClassifySpectra",
    "Denoise",
    "DenoiseSelfSupervised",
    "Example",
    "PredictChannels",
    "Restore",
    "Segment",
    "SuperResolve",
    "Task",
]
