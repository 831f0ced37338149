"""Small tools: functions with typed arguments of which magicgui makes the docks.

Annotations are not postponed here: magicgui does not look for their names in this module.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

from magicgui import magic_factory
from magicgui.widgets import FunctionGui
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.notifications import show_error, show_info

from ..axis import SpectralAxis
from ..cube import Image
from ..layers import axis_in_metadata, labels_layer, metadata_of, to_layer
from ..settings import reason_of
from ..spectra.axes import ConvertAxis
from ..spectra.maps import band_map, rgb_map
from .docking import dock_when_shown
from .forms.fields import Field
from .forms.form import Form
from .forms.layer_choice import LayerBox, cube_of_layer
from .forms.numbers import FloatEdit, Number
from .forms.wheel import guard_from_wheel

CubeLayer: TypeAlias = Annotated[ImageLayer, {"widget_type": LayerBox}]
"""A layer that holds a cube, of the viewer in which the tool is docked."""
# napari adds them; a LayerDataTuple would replace the data of a layer of its name: painted labels
Layers: TypeAlias = list[Layer]
_THIRDS: Final = {"red": 5 / 6, "green": 3 / 6, "blue": 1 / 6}
"""Where on the axis the colours begin, from its low end: the middle of each third."""


def _mend(tool: FunctionGui[..., Any]) -> None:
    """Dock a tool as a tab, its boxes guarded from the wheel, its positions on the axis of its cube."""
    dock_when_shown(tool.native, "right")
    guard_from_wheel(tool.native)
    dock_when_shown(tool.native, "right")
    positions = [field for field in tool if isinstance(field, FloatEdit)]
    cube: Field = tool["cube"]
    for form in tool:
        if isinstance(form, Form):
            form.hide_row("enabled")  # here a step is applied at once

    def fill(layer: ImageLayer | None) -> None:
        axis = None if layer is None else axis_in_metadata(layer.metadata)
        if isinstance(axis, SpectralAxis):
            _fill(positions, axis)

    cube.changed.connect(fill)
    fill(cube.value)


@magic_factory(
    call_button="Map band", widget_init=_mend, cube={"label": "Cube"}, at={"label": "At"}
)
def band_map_tool(cube: CubeLayer, at: Number = 0.0) -> Layers:
    """Add the image of the band nearest to a position on the axis."""
    return _layers(lambda: band_map(cube_of_layer(cube), at), flat=True)


@magic_factory(
    call_button="Make RGB image",
    widget_init=_mend,
    cube={"label": "Cube"},
    red={"label": "Red"},
    green={"label": "Green"},
    blue={"label": "Blue"},
)
def rgb_tool(cube: CubeLayer, red: Number = 0.0, green: Number = 0.0, blue: Number = 0.0) -> Layers:
    """Add a colour image of three bands, each from its 1st to its 99th percentile."""
    return _layers(lambda: rgb_map(cube_of_layer(cube), red, green, blue), in_colour=True)


@magic_factory(call_button="Make labels", widget_init=_mend, cube={"label": "Cube"})
def labels_tool(cube: CubeLayer) -> Layers:
    """Add empty labels to paint on: one image for all bands of a cube."""
    try:
        return [Layer.create(*labels_layer(cube_of_layer(cube)))]
    except ValueError as error:
        show_error(reason_of(error))
        return []


@magic_factory(
    call_button="Convert", widget_init=_mend, cube={"label": "Cube"}, step={"label": "To"}
)
def convert_axis_tool(cube: CubeLayer, step: ConvertAxis = ConvertAxis()) -> None:  # noqa: B008
    """Convert the axis of a cube to another quantity or unit, in its layer."""
    try:
        converted = step.on(cube_of_layer(cube))
    except ValueError as error:
        show_error(reason_of(error))
        return
    cube.metadata = metadata_of(converted, dict(cube.metadata))
    show_info(f"{cube.name}: {converted.history[-1]}")


def _layers(make: Callable[[], Image], **how: bool) -> Layers:
    """Return an image as a layer for napari to add, or show why there is none."""
    try:
        image = make()
    except ValueError as error:
        show_error(reason_of(error))
        return []
    return [Layer.create(*to_layer(image, **how))]


def _fill(positions: list[FloatEdit], axis: SpectralAxis) -> None:
    """Fill in positions, where those shown lie beyond an axis."""
    low = float(axis.centres.min())
    high = float(axis.centres.max())
    if all(low <= position.value <= high for position in positions):
        return
    for position in positions:
        fraction = _THIRDS.get(position.name, 0.5)
        position.value = round(low + fraction * (high - low), 2)
