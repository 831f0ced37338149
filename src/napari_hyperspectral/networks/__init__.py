"""Networks: torch in, torch out. `AnyNetwork` is the only list of them."""

from typing import Annotated, Final, TypeAlias, get_args

from pydantic import Field

from .bandwise_edsr import BandwiseEDSR
from .base import (
    FittedModule,
    Method,
    Network,
    NetworkModule,
    Ports,
    TileGeometry,
    build_module,
    enlarged,
    tile_geometry_of,
)
from .blocks.normalise import ImageNormalisation, Normalisation, Normalise, Normalised
from .densenet import DenseNet
from .efficientnet import EfficientNet
from .fnet import FNet
from .hyrisr import HyRISR
from .pixelwise import Pixelwise
from .resnet import ResNet
from .resunet1d import ResUNet1D
from .rrdb import RRDB
from .segnet import SegNet
from .spectral_unet import SpectralUNet
from .subspace_rcan import SubspaceRCAN
from .unet import UNet
from .uwunet import UwUNet

AnyNetwork: TypeAlias = Annotated[
    ResUNet1D
    | Pixelwise
    | SpectralUNet
    | UwUNet
    | FNet
    | HyRISR
    | SubspaceRCAN
    | BandwiseEDSR
    | UNet
    | SegNet
    | ResNet
    | DenseNet
    | EfficientNet
    | RRDB,
    Field(discriminator="kind"),
]
NETWORKS: Final[tuple[type[Network], ...]] = get_args(get_args(AnyNetwork)[0])

__all__ = [
    "NETWORKS",
    "RRDB",
    "AnyNetwork",
    "BandwiseEDSR",
    "DenseNet",
    "EfficientNet",
    "FNet",
    "FittedModule",
    "HyRISR",
    "ImageNormalisation",
    "Method",
    "Network",
    "NetworkModule",
    "Normalisation",
    "Normalise",
    "Normalised",
    "Pixelwise",
    "Ports",
    "ResNet",
    "ResUNet1D",
    "SegNet",
    "SpectralUNet",
    "SubspaceRCAN",
    "TileGeometry",
    "UNet",
    "UwUNet",
    "build_module",
    "enlarged",
    "tile_geometry_of",
]
