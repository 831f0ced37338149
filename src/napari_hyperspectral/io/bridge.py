"""Files of no format of ours, through RosettaSciIO or BioIO, where the user has installed them.

Neither is needed by this package, nor brought by any of its extras: RosettaSciIO is under the
GPL-3, and the readers that BioIO finds have licences of their own. They are looked for only when
a file is to be read that nothing here can read, and what they return is all that is used.

Source: the HyperSpy developers, "RosettaSciIO", https://hyperspy.org/rosettasciio/ (what
``file_reader`` returns); the BioIO developers, "BioIO", https://bioio-devs.github.io/bioio/
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, ChannelAxis, Kind, SpectralAxis
from ..cube import Cube, Image, Sampling
from ..errors import FileFormatError
from .metadata.fields import Geometry
from .metadata.microscopy import RGB, channel_axis, plain, refusing, sampling
from .metadata.named_arrays import cube_from_array
from .metadata.units import length_unit, spectral_unit, stated_axis
from .source import Source

_ORDER: Final = "TZCSYX"
"""Axes of BioIO in the order of ours; its S are the colours of a pixel."""
_UNIT_IN_BRACKETS: Final = re.compile(r"\(([^)]+)\)\s*$")

_Plugin: TypeAlias = Mapping[str, Any]
"""What RosettaSciIO states of one of its readers: name, api and file_extensions, among others."""
_AxisDict: TypeAlias = Mapping[str, Any]
"""An axis of a signal: name, units, navigate, and offset, scale and size or the values."""


def is_readable(path: Path) -> bool:
    """Whether a package that is installed says that it reads files of this name."""
    return bool(_plugins_for(path)) or _is_read_by_bioio(path)


def suffixes() -> tuple[str, ...]:
    """Return the suffixes that RosettaSciIO reads, where it is installed."""
    extensions = {suffix for plugin in _plugins() for suffix in plugin["file_extensions"]}
    return tuple(sorted(extensions))


def read_images(source: Source) -> list[Image]:
    """Read a file through the first installed package that reads its format.

    Raises
    ------
    FileFormatError
        If none does, or the one that does fails.
    """
    plugins = _plugins_for(source.path)
    if plugins:
        return _through_rosettasciio(plugins[0], source)
    if _is_read_by_bioio(source.path):
        return _through_bioio(source)
    raise FileFormatError(
        source.path,
        "no reader for it is installed",
        "pip install rosettasciio, or bioio with its plugin for this format",
    )


# RosettaSciIO


def _plugins() -> Sequence[_Plugin]:
    if not _installed("rsciio"):
        return ()
    import rsciio

    plugins: Sequence[_Plugin] = rsciio.IO_PLUGINS
    return plugins


def _plugins_for(path: Path) -> list[_Plugin]:
    suffix = path.suffix.lower().lstrip(".")
    return [p for p in _plugins() if suffix in {s.lower() for s in p["file_extensions"]}]


def _through_rosettasciio(plugin: _Plugin, source: Source) -> list[Image]:
    """Return the images that a reader of RosettaSciIO makes of a file."""
    path = source.path
    kind = str(plugin["name"])
    images: list[Image] = []
    with refusing(path, kind):
        read = importlib.import_module(plugin["api"]).file_reader
        try:
            signals = read(str(path), lazy=True)
        except (TypeError, NotImplementedError):  # some of its readers cannot be lazy
            signals = read(str(path))
        for signal in signals:
            images.extend(_cubes(signal, path))
    if not images:
        raise FileFormatError(
            path, f"{kind} holds no spectra and no images", "open it with HyperSpy"
        )
    return images


def _cubes(signal: Mapping[str, Any], path: Path) -> Iterator[Cube]:
    """Yield the cube of a signal, if it is one: a spectrum, or an image, at each position."""
    axes = sorted(signal["axes"], key=lambda axis: axis.get("index_in_array") or 0)
    title = str(_nested(signal, "metadata", "General", "title") or path.stem)
    layout = _layout(axes)
    if layout is None:
        names = ", ".join(str(axis.get("name")) for axis in axes)
        warnings.warn(f"{path.name}: {title} is no cube (axes {names})", stacklevel=2)
        return
    by_letter = dict(zip(layout, axes))
    axis = _spectral_axis(by_letter["b"]) if "b" in by_letter else None
    quantity = str(_nested(signal, "metadata", "Signal", "quantity") or "")
    unit = _UNIT_IN_BRACKETS.search(quantity)
    kept = [key for key in ("metadata", "original_metadata") if signal.get(key)]
    data = signal["data"]
    colours = data.dtype.names
    if colours:  # pixels of fields R, G, B
        data = _stacked_fields(data)
        layout = f"b{layout}"
    cube = cube_from_array(
        data,
        layout,
        axis,
        intensity_unit=unit[1] if unit else None,
        name=title,
        history=(f"read {path.name} through RosettaSciIO",),
        metadata={key: plain(signal[key]) for key in kept},
        **_geometry(by_letter),
    )
    if colours:
        cube = replace(cube, axis=ChannelAxis(_colours(len(colours))))
    yield cube


def _geometry(by_letter: Mapping[str, _AxisDict]) -> Geometry:
    """Return where pixels, slices and frames lie; pixels only where y and x have one unit."""
    samplings = {letter: _sampling(axis) for letter, axis in by_letter.items() if letter != "b"}
    geometry = Geometry()
    if "t" in samplings:
        geometry["t"] = samplings["t"]
    if "z" in samplings:
        geometry["z"] = samplings["z"]
    y = samplings.get("y")
    x = samplings.get("x")
    if x is not None and y is not None and x.unit is not None and x.unit == y.unit:
        geometry["pixel_size"] = (y.step, x.step)
        geometry["pixel_unit"] = x.unit
        geometry["origin"] = (y.start, x.start)
    return geometry


def _stacked_fields(data: Any) -> Any:
    """Return an array of fields with the fields as its first axis."""
    fields = [data[name] for name in data.dtype.names]
    if isinstance(data, np.ndarray):
        return np.stack(fields)
    import dask.array as da

    return da.stack(fields)  # type: ignore[no-untyped-call]


def _layout(axes: Sequence[_AxisDict]) -> str | None:
    """Return the letters of a signal's axes; None where it is no cube."""
    signal = [n for n, axis in enumerate(axes) if not axis.get("navigate")]
    positions = [n for n, axis in enumerate(axes) if axis.get("navigate")]
    band: int | None
    if len(signal) == 1:
        band = signal[0]
    elif len(signal) == 2:  # images, which may have been taken at energies or wavelengths
        spectral = [n for n in positions if spectral_unit(_text(axes[n], "units")) is not None]
        band = spectral[0] if len(spectral) == 1 else None
        positions = [n for n in positions if n != band] + signal
    else:
        return None
    letters = {band: "b"}
    letters |= dict(zip(reversed(positions), "xy"))
    for n in positions[:-2]:
        letter = _leading_letter(
            axes[n], letters.values(), len(positions) == 4 and n == positions[0]
        )
        if letter is None:
            return None
        letters[n] = letter
    return "".join(letters[n] for n in range(len(axes)))


def _leading_letter(axis: _AxisDict, taken: Iterable[str], first_of_two: bool) -> str | None:
    """Return t or z for an axis before y and x; None where both are taken."""
    is_time = re.match("t(ime)?$", _text(axis, "name").lower()) is not None
    preferred = "tz" if is_time or first_of_two else "zt"
    return next((letter for letter in preferred if letter not in taken), None)


def _spectral_axis(axis: _AxisDict) -> SpectralAxis:
    centres = _values(axis)
    raman = "raman" in _text(axis, "name").lower()
    name = _text(axis, "name")
    kind: Kind | None = "raman_shift" if raman else None
    stated = stated_axis(_text(axis, "units"), centres, name=name, kind=kind)
    return stated or SpectralAxis(centres)


def _values(axis: _AxisDict) -> NDArray[np.float64]:
    """Return the values along an axis, in its own units."""
    if axis.get("axis") is not None:
        return np.asarray(axis["axis"], np.float64)
    offset = float(axis.get("offset") or 0)
    scale = float(axis.get("scale") or 1)
    return np.asarray(offset + scale * np.arange(int(axis["size"])), np.float64)


def _sampling(axis: _AxisDict) -> Sampling:
    values = _values(axis)
    step = (values[-1] - values[0]) / max(1, len(values) - 1)
    step = step or float(axis.get("scale") or 0)  # an axis of one value has only its scale
    return sampling(float(step), float(values[0]), length_unit(_text(axis, "units")))


def _text(axis: _AxisDict, key: str) -> str:
    value = axis.get(key)
    return value.strip() if isinstance(value, str) and value != "<undefined>" else ""


def _nested(tree: Any, *keys: str) -> Any:
    """Return the value under several keys, one inside the other; None where one is missing."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


# BioIO


def _is_read_by_bioio(path: Path) -> bool:
    """Whether BioIO is installed, with a plugin for this file."""
    if not _installed("bioio"):
        return False
    import bioio
    from bioio_base.exceptions import UnsupportedFileFormatError

    try:
        bioio.BioImage.determine_plugin(path)
    except (UnsupportedFileFormatError, OSError, ValueError):
        return False
    return True


def _through_bioio(source: Source) -> list[Image]:
    """Return the scenes of a file, as BioIO reads them."""
    import bioio

    path = source.path
    images: list[Image] = []
    with refusing(path, "BioIO"):
        file = bioio.BioImage(path)
        for number, scene in enumerate(file.scenes):
            source.tell(number, len(file.scenes), str(scene))
            file.set_scene(scene)
            name = path.stem if len(file.scenes) == 1 else f"{path.stem} {scene}"
            images.append(_scene(file, name, path))
    return images


def _scene(file: Any, name: str, path: Path) -> Cube:
    """Return the scene of a BioIO image that is set."""
    array = file.xarray_dask_data
    dims = [str(letter) for letter in array.dims]
    order = [letter for letter in _ORDER if letter in dims]
    data = array.data.transpose([dims.index(letter) for letter in order])
    sizes = dict(zip(order, data.shape))
    axis = _scene_axis(array, sizes)
    # a t or z of one frame or slice is no axis of ours
    leading = [letter for letter in "TZ" if sizes.get(letter, 1) > 1]
    dropped = tuple(slice(None) if letter in leading else 0 for letter in "TZ" if letter in sizes)
    data = data[dropped]
    shape = (*(sizes[letter] for letter in leading), len(axis), *data.shape[-2:])
    return Cube(
        data.reshape(shape),
        axis,
        name=name,
        history=(f"read {path.name} through BioIO",),
        **_scene_geometry(file, leading),
    )


def _scene_geometry(file: Any, leading: Sequence[str]) -> Geometry:
    """Return where pixels, slices and frames lie, as far as BioIO states it."""
    geometry = Geometry()
    step = file.physical_pixel_sizes
    unit = _unit(file, "Y")
    if step.Y and step.X and unit and unit == _unit(file, "X"):
        geometry["pixel_size"] = (float(step.Y), float(step.X))
        geometry["pixel_unit"] = unit
    if "T" in leading:
        geometry["t"] = Sampling()  # BioIO does not say when frames were taken
    if "Z" in leading:
        geometry["z"] = sampling(step.Z, 0.0, _unit(file, "Z"))
    return geometry


def _scene_axis(array: Any, sizes: Mapping[str, int]) -> Axis:
    """Return the channels of a scene, each colour of a pixel being one of its own."""
    channels = [str(c) for c in np.atleast_1d(array.coords["C"])] if "C" in array.coords else []
    if "S" not in sizes:
        return channel_axis(channels or ["image"])
    prefixes = channels if len(channels) > 1 else [""]
    colours = _colours(sizes["S"])
    names = [f"{prefix} {colour}".strip() for prefix in prefixes for colour in colours]
    return ChannelAxis(tuple(names))


def _colours(count: int) -> tuple[str, ...]:
    return (*RGB, "alpha")[:count]


def _unit(file: Any, letter: str) -> str | None:
    """Return the unit along an axis, where the reader of the file states it."""
    properties = getattr(getattr(file, "dimension_properties", None), letter, None)
    unit = getattr(properties, "unit", None)
    return None if unit is None else length_unit(str(unit))


def _installed(package: str) -> bool:
    """Whether a package can be imported, without doing so."""
    if package in sys.modules:
        return sys.modules[package] is not None  # None forbids to import it
    return find_spec(package) is not None
