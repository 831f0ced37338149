"""The preprocessing of earlier versions: a chain of up to three steps by its old settings."""

from __future__ import annotations

import warnings

from ..renamed import chain_of_preprocessing
from .steps.chain import Chain


def Preprocessing(**settings: object) -> Chain:
    """Return a chain that crops, subtracts a background and normalises.

    .. deprecated:: 0.2
        Use `Chain`.
    """
    warnings.warn(
        "Preprocessing is a Chain of steps now, such as Chain(steps=(Crop(first=700), SNV()))",
        DeprecationWarning,
        stacklevel=2,
    )
    return Chain.model_validate(chain_of_preprocessing(settings))
