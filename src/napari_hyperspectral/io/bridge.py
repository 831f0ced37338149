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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, ChannelAxis, SpectralAxis
from ..cube import Cube, Image, Sampling
from ..errors import FileFormatError
from .metadata.microscopy import RGB, channel_axis, plain, refusing, sampling
from .metadata.named_arrays import cube_from_array
from .metadata.units import axis_in, place_unit, spectral_unit
from .source import Source

_ORDER: Final = "TZCSYX"
"""Axes of BioIO in the order of ours; its S are the colours of a pixel."""


def knows(path: Path) -> bool:
    """Whether a package that is installed says that it reads files of this name."""
    return bool(_plugins(path)) or _is_read_by_bioio(path)


def suffixes() -> tuple[str, ...]:
    """Return the suffixes that RosettaSciIO reads, where it is installed."""
    return tuple(sorted({s for plugin in _all_plugins() for s in plugin["file_extensions"]}))


def read_images(source: Source) -> list[Image]:
    """Read a file through the first installed package that knows it.

    Raises
    ------
    FileFormatError
        If none knows it, or the one that does cannot read it.
    """
    for plugin in _plugins(source.path):
        return _through_rosettasciio(plugin, source)
    if _is_read_by_bioio(source.path):
        return _through_bioio(source)
    raise FileFormatError(
        source.path,
        "no reader for it is installed",
        "pip install rosettasciio, or bioio with its plugin for this format",
    )


# RosettaSciIO


def _all_plugins() -> Sequence[Mapping[str, Any]]:
    if not _installed("rsciio"):
        return ()
    import rsciio

    plugins: Sequence[Mapping[str, Any]] = rsciio.IO_PLUGINS
    return plugins


def _plugins(path: Path) -> list[Mapping[str, Any]]:
    suffix = path.suffix.lower().lstrip(".")
    return [p for p in _all_plugins() if suffix in {s.lower() for s in p["file_extensions"]}]


def _through_rosettasciio(plugin: Mapping[str, Any], source: Source) -> list[Image]:
    kind = str(plugin["name"])
    with refusing(source.path, kind):
        read = importlib.import_module(plugin["api"]).file_reader
        try:
            signals = read(str(source.path), lazy=True)
        except (TypeError, NotImplementedError):  # some cannot
            signals = read(str(source.path))
        cubes = [cube for signal in signals for cube in _cubes(signal, source.path)]
    if not cubes:
        raise FileFormatError(
            source.path, f"{kind} holds no spectra and no images", "open it with HyperSpy"
        )
    return [*cubes]


def _cubes(signal: Mapping[str, Any], path: Path) -> Iterator[Cube]:
    """Yield the cube of a signal, if it is one: with a spectrum, or an image, at each place."""
    axes = sorted(signal["axes"], key=lambda axis: axis.get("index_in_array") or 0)
    layout = _layout(axes)
    title = str(_inside(signal, "metadata", "General", "title") or path.stem)
    if layout is None:
        names = ", ".join(str(axis.get("name")) for axis in axes)
        warnings.warn(f"{path.name}: {title} is no cube (axes {names})", stacklevel=2)
        return
    by_letter = dict(zip(layout, axes))
    lines = {letter: _sampling(axis) for letter, axis in by_letter.items() if letter != "b"}
    about: dict[str, Any] = {letter: lines[letter] for letter in "tz" if letter in lines}
    y, x = (lines.get(letter) for letter in "yx")
    if x is not None and y is not None and x.unit is not None and x.unit == y.unit:
        about |= {"pixel_size": (abs(y.step), abs(x.step)), "pixel_unit": x.unit}
        about |= {"origin": (y.start, x.start)}
    quantity = str(_inside(signal, "metadata", "Signal", "quantity") or "")
    unit = re.search(r"\(([^)]+)\)\s*$", quantity)
    data, colours = signal["data"], signal["data"].dtype.names
    if colours:  # pixels of fields R, G, B
        data, layout = _stacked(data), f"b{layout}"
    cube = cube_from_array(
        data,
        layout,
        _spectral_axis(by_letter["b"]) if "b" in by_letter else None,
        intensity_unit=unit[1] if unit else None,
        name=title,
        history=(f"read {path.name} through RosettaSciIO",),
        metadata={
            key: plain(signal[key]) for key in ("metadata", "original_metadata") if signal.get(key)
        },
        **about,
    )
    yield replace(cube, axis=ChannelAxis(_colours(len(colours)))) if colours else cube


def _stacked(data: Any) -> Any:
    """Return an array of fields with the fields as its first axis."""
    fields = [data[name] for name in data.dtype.names]
    if isinstance(data, np.ndarray):
        return np.stack(fields)
    import dask.array as da

    return da.stack(fields)  # type: ignore[no-untyped-call]


def _layout(axes: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the letters of a signal's axes; None where it is no cube."""
    measured = [n for n, axis in enumerate(axes) if not axis.get("navigate")]
    places = [n for n, axis in enumerate(axes) if axis.get("navigate")]
    band: int | None
    if len(measured) == 1:
        band = measured[0]
    elif len(measured) == 2:  # images; of energies or wavelengths, it may be
        spectral = [n for n in places if spectral_unit(_text(axes[n], "units")) is not None]
        band = spectral[0] if len(spectral) == 1 else None
        places = [n for n in places if n != band] + measured
    else:
        return None
    letters = {band: "b"} | dict(zip(reversed(places), "xy"))
    for n in places[:-2]:
        timed = re.match("t(ime)?$", _text(axes[n], "name").lower())
        wished = "tz" if timed or (len(places) == 4 and n == places[0]) else "zt"
        free = [letter for letter in wished if letter not in letters.values()]
        if not free:
            return None
        letters[n] = free[0]
    return "".join(letters[n] for n in range(len(axes)))


def _spectral_axis(axis: Mapping[str, Any]) -> SpectralAxis:
    centres, units = _values(axis), _text(axis, "units")
    raman = "raman" in _text(axis, "name").lower()
    found = axis_in(units, centres, kind="raman_shift" if raman else None)
    return found or SpectralAxis(centres)


def _values(axis: Mapping[str, Any]) -> NDArray[np.float64]:
    if axis.get("axis") is not None:
        return np.asarray(axis["axis"], np.float64)
    offset, scale = float(axis.get("offset") or 0), float(axis.get("scale") or 1)
    return np.asarray(offset + scale * np.arange(int(axis["size"])), np.float64)


def _sampling(axis: Mapping[str, Any]) -> Sampling:
    values = _values(axis)
    step = (values[-1] - values[0]) / max(1, len(values) - 1) or float(axis.get("scale") or 0)
    return sampling(float(step), float(values[0]), place_unit(_text(axis, "units")))


def _text(axis: Mapping[str, Any], key: str) -> str:
    value = axis.get(key)
    return value.strip() if isinstance(value, str) and value != "<undefined>" else ""


def _inside(tree: Any, *path: str) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


# BioIO


def _is_read_by_bioio(path: Path) -> bool:
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
    found = file.xarray_dask_data
    dims = [str(letter) for letter in found.dims]
    data = found.data.transpose([dims.index(letter) for letter in _ORDER if letter in dims])
    sizes = dict(zip([letter for letter in _ORDER if letter in dims], data.shape))
    channels = [str(c) for c in np.atleast_1d(found.coords["C"])] if "C" in found.coords else []
    axis: Axis = channel_axis(channels or ["image"])
    if "S" in sizes:
        named = channels if len(channels) > 1 else [""]
        channels = [f"{name} {each}".strip() for name in named for each in _colours(sizes["S"])]
        axis = ChannelAxis(tuple(channels))
    kept = tuple(
        slice(None) if sizes.get(letter, 1) > 1 else 0 for letter in "TZ" if letter in sizes
    )
    data = data[kept]
    leading = [letter for letter in "TZ" if sizes.get(letter, 1) > 1]
    shape = (*(sizes[letter] for letter in leading), len(axis), *data.shape[-2:])
    step, about = file.physical_pixel_sizes, dict[str, Any]()
    units = {letter: _unit(file, letter) for letter in "TZYX"}
    if step.Y and step.X and units["Y"] and units["Y"] == units["X"]:
        about = {"pixel_size": (float(step.Y), float(step.X)), "pixel_unit": units["Y"]}
    return Cube(
        data.reshape(shape),
        axis,
        t=Sampling() if "T" in leading else None,
        z=sampling(step.Z, 0.0, units["Z"]) if "Z" in leading else None,
        name=name,
        history=(f"read {path.name} through BioIO",),
        **about,
    )


def _colours(count: int) -> tuple[str, ...]:
    return RGB[:count] if count <= 3 else (*RGB, "alpha")[:count]


def _unit(file: Any, letter: str) -> str | None:
    """Return the unit along an axis, where the reader of the file tells it."""
    about = getattr(getattr(file, "dimension_properties", None), letter, None)
    unit = getattr(about, "unit", None)
    return None if unit is None else place_unit(str(unit))


def _installed(package: str) -> bool:
    """Whether a package can be imported, without doing so."""
    return sys.modules.get(package) is not None or (
        package not in sys.modules and find_spec(package) is not None
    )
