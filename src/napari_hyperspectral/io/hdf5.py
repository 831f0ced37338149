"""HDF5, in the layouts that say what they hold (our own, HyperSpy, NeXus, Delmic) and plain.

Sources: NeXus, "NXdata", https://manual.nexusformat.org/classes/base_classes/NXdata.html ;
HyperSpy, "HSpy - HyperSpy's HDF5 Specification",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/hspy.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ..axis import SpectralAxis
from ..cube import Cube, Image, Sampling, image_from
from . import matlab
from .arrays import axis_from_vector, cube_from_array, images_from_arrays, layout_with_bands
from .errors import AmbiguousError, FileFormatError
from .h5file import attribute, datasets, lazy, opened, own_description, text
from .source import Source
from .units import axis_in, place_unit, spectral_unit

_MATLAB: Final = b"MATLAB 7.3 MAT-file"
_SPECTRAL_NAME: Final = re.compile(
    r"wave|lambda|raman|shift|energy|freq|^m.?z$|mass|wn$|wl$|ppm|spectr|channel", re.IGNORECASE
)
_PLACE_NAME: Final = re.compile(r"(?:^|[^a-z])([tzyx])(?:$|[^a-z])|^(time)", re.IGNORECASE)
_SPECTRAL_ONLY: Final = ("1/cm", "eV", "THz", "m/z")
"""Units that no place is measured in."""


@dataclass(frozen=True)
class _Dimension:
    """What a file says of one axis of an array."""

    name: str = ""
    units: str = ""
    values: NDArray[np.float64] | None = None
    spectral: bool | None = None
    """None: the file does not say."""

    def axis(self) -> SpectralAxis | None:
        """Return it as a spectral axis."""
        if self.values is None:
            return None
        stated = axis_in(f"{self.units}", self.values)
        if stated is None or stated.unit is None:
            return axis_from_vector(self.name, self.values)
        raman = stated.unit == "1/cm" and re.search("raman|shift", self.name, re.IGNORECASE)
        return replace(stated, kind="raman_shift") if raman else stated

    def sampling(self) -> tuple[float, float, str | None]:
        """Return step, start and unit, as a place axis."""
        if self.values is None or not len(self.values):
            return 1.0, 0.0, None
        start, last = float(self.values[0]), float(self.values[-1])
        step = (last - start) / (len(self.values) - 1) if len(self.values) > 1 else 1.0
        return step, start, place_unit(self.units)


def read_images(source: Source) -> list[Image]:
    """Read the images of a file lazily, in the first layout that fits."""
    with source.path.open("rb") as start:
        if start.read(len(_MATLAB)) == _MATLAB:
            return matlab.read_images(source)
    with opened(source.path) as file:
        if source.axes is None:
            for layout in (_ours, _hyperspy, _nexus, _delmic):
                images = layout(file, source.path)
                named = [image for image in images if source.array in (None, image.name)]
                if named:
                    return named
        return [*_generic(file, source)]


# ---------------------------------------------------------------------------------- layouts


def _ours(file: h5py.File, path: Path) -> list[Image]:
    found = own_description(file)
    if found is None:
        return []
    about, dataset = found
    data = lazy(path, dataset)
    if text(file, "file_format").lower() == "hyperspy" and "axis" in about:
        data = _moved(data)
    return [image_from(data, about)]


def _moved(data: Any) -> Any:
    """Return (…, y, x, band) as (…, band, y, x)."""
    lead = range(data.ndim - 3)
    return data.transpose((*lead, data.ndim - 1, data.ndim - 3, data.ndim - 2))


def _hyperspy(file: h5py.File, path: Path) -> list[Image]:
    signals = file.get("Experiments")
    if not isinstance(signals, h5py.Group):
        return []
    found = [(name, group) for name, group in signals.items() if isinstance(group, h5py.Group)]
    return [
        _image(
            path,
            group["data"],
            [_hyperspy_dimension(group, place) for place in range(group["data"].ndim)],
            name=name,
            metadata=_tree(group.get("metadata")),
        )
        for name, group in found
        if isinstance(group.get("data"), h5py.Dataset)
    ]


def _hyperspy_dimension(group: h5py.Group, place: int) -> _Dimension:
    about = _hyperspy_axis(group, place)
    if about is None:
        return _Dimension()
    if isinstance(about.get("axis"), h5py.Dataset):
        values = np.asarray(about["axis"], np.float64)
    else:
        scale = float(attribute(about, "scale") or 1)
        values = float(attribute(about, "offset") or 0) + scale * np.arange(
            group["data"].shape[place]
        )
    navigates = attribute(about, "navigate")
    others = [_hyperspy_axis(group, other) for other in range(group["data"].ndim)]
    signals = sum(attribute(other, "navigate") in (False, 0, "False") for other in others if other)
    spectral = None if navigates is None else navigates in (False, 0, "False") and signals == 1
    units = text(about, "units")
    units = "" if units in ("_None_", "<undefined>", "t.Undefined") else units
    return _Dimension(text(about, "name"), units, values, spectral)


def _hyperspy_axis(group: h5py.Group, place: int) -> Any:
    """Return the group of an axis, under its name of today or of version 1; None without one."""
    return group.get(f"axis-{place}", group.get(f"_list_{group['data'].ndim}_axes/{place}"))


def _nexus(file: h5py.File, path: Path) -> list[Image]:
    groups = _default(file) or [*_nxdata(file)]
    images: list[Image] = []
    seen = set()
    for group in groups:
        signal = _signal(group)
        if signal is None or signal.dtype.kind not in "iufb" or not 1 <= signal.ndim <= 5:
            continue
        place = h5py.h5o.get_info(signal.id).addr  # the same data are linked from many places
        if place not in seen:
            seen.add(place)
            dimensions = _nexus_dimensions(group, signal)
            name = text(group, "title") or group.name.strip("/").split("/")[-1]
            images.append(_image(path, signal, dimensions, name=name))
    return images


def _default(file: h5py.File) -> list[h5py.Group]:
    """Return the group that the chain of `default` attributes leads to."""
    group: Any = file
    while isinstance(group, h5py.Group) and text(group, "default"):
        group = group.get(text(group, "default"))
    if not isinstance(group, h5py.Group) or group == file:
        return []
    return [group] if text(group, "NX_class") == "NXdata" else [*_nxdata(group)]


def _nxdata(parent: h5py.Group) -> Iterable[h5py.Group]:
    found: list[h5py.Group] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and text(item, "NX_class") == "NXdata":
            found.append(item)

    parent.visititems(visit)
    return found


def _signal(group: h5py.Group) -> h5py.Dataset | None:
    named = group.get(text(group, "signal")) if text(group, "signal") else None
    if isinstance(named, h5py.Dataset):
        return named
    members = [group.get(name) for name in group]
    legacy = [
        item
        for item in members
        if isinstance(item, h5py.Dataset) and text(item, "signal") in ("1", "1.0")
    ]
    return legacy[0] if legacy else None


def _nexus_dimensions(group: h5py.Group, signal: h5py.Dataset) -> list[_Dimension]:
    """Return what `axes`, `AXIS_indices` or the older attributes say of each axis."""
    axes = attribute(group, "axes") or attribute(signal, "axes") or []
    names = (
        re.findall(r"[^:,\s\[\]]+", axes) if isinstance(axes, str) else [str(axis) for axis in axes]
    )
    placed: dict[int, str] = {}
    for place, name in enumerate(names):
        indices = attribute(group, f"{name}_indices")
        first = indices[0] if isinstance(indices, list) else indices
        where = int(first) if first is not None and len(names) != signal.ndim else place
        placed.setdefault(where, name)
    for name in group:
        item = group.get(name)
        legacy = attribute(item, "axis") if isinstance(item, h5py.Dataset) else None
        if legacy is not None and str(legacy).isdigit():
            placed.setdefault(int(legacy) - 1, name)
    return [
        _nexus_dimension(group, placed.get(place, "."), size)
        for place, size in enumerate(signal.shape)
    ]


def _nexus_dimension(group: h5py.Group, name: str, size: int) -> _Dimension:
    item = group.get(name) if name != "." else None
    if not isinstance(item, h5py.Dataset) or item.shape != (size,) or item.dtype.kind not in "iuf":
        return _Dimension("" if name == "." else name)
    title = text(item, "long_name")
    return _Dimension(f"{name} {title}".strip(), text(item, "units"), np.asarray(item, np.float64))


def _delmic(file: h5py.File, path: Path) -> list[Image]:
    """Return the spectrum images of a Delmic SPARC file: ImageData/Image, (c, t, z, y, x)."""
    images: list[Image] = []
    for name, group in file.items():
        about = group.get("ImageData") if isinstance(group, h5py.Group) else None
        if not isinstance(about, h5py.Group):
            continue
        dataset = about.get("Image")
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 5 or dataset.shape[0] < 2:
            continue
        scale = about.get("DimensionScaleC")
        centres = np.empty(0) if scale is None else np.ravel(scale)
        known = len(centres) == dataset.shape[0]
        data = lazy(path, dataset)
        singles = tuple(axis for axis in (1, 2) if dataset.shape[axis] == 1)
        data = data.squeeze(axis=singles)
        layout = "b" + "tz".translate({ord("tz"[axis - 1]): None for axis in singles}) + "yx"
        size = [float(about[f"DimensionScale{letter}"][()]) * 1e9 for letter in "YX"]
        images.append(
            cube_from_array(
                data,
                layout,
                SpectralAxis(centres * 1e9, "nm") if known else None,
                name=f"{path.stem} {name}",
                pixel_size=(size[0], size[1]),
                pixel_unit="nm",
                history=(f"read {path.name}",),
            )
        )
    return images


def _generic(file: h5py.File, source: Source) -> Iterable[Image]:
    """Yield the images among datasets that only have names."""
    found = {item.name.strip("/"): item for item in datasets(file)}
    vectors = {name: item for name, item in found.items() if _is_vector(item)}
    images = {
        name: item for name, item in found.items() if item.dtype.kind in "iufb" and item.ndim >= 2
    }
    images = {name: item for name, item in images.items() if name not in vectors}
    wanted = (source.array or "").strip("/")
    if wanted and wanted not in images:
        raise FileFormatError(
            source.path, f"no image {source.array!r}", f"there are {', '.join(images) or 'none'}"
        )
    cubes = {name: item for name, item in images.items() if item.ndim >= 3} or images
    chosen = {wanted: images[wanted]} if wanted else cubes
    if len(chosen) > 1 and source.on_guess is None:
        listed = ", ".join(f"{name} {item.shape} {item.dtype}" for name, item in chosen.items())
        raise AmbiguousError(
            source.path,
            f"{len(chosen)} arrays could be meant: {listed}",
            f"choose one, as in {source.path.name}::{next(iter(chosen))}",
        )
    if not chosen:
        listed = ", ".join(f"{name} {item.shape}" for name, item in found.items()) or "nothing"
        raise FileFormatError(source.path, "no array with two to five axes", f"there is {listed}")
    for name, item in chosen.items():
        yield _plain_image(source, name, item, _near(name, vectors))


def _is_vector(item: h5py.Dataset) -> bool:
    return item.dtype.kind in "iuf" and sum(size > 1 for size in item.shape) == 1 and item.ndim <= 2


def _near(name: str, vectors: Mapping[str, h5py.Dataset]) -> dict[str, h5py.Dataset]:
    """Return the vectors of the same group, or of the nearest one above that has any."""
    folder = name
    while folder:
        folder = folder.rpartition("/")[0]
        beside = {
            v.rpartition("/")[2]: d for v, d in vectors.items() if v.rpartition("/")[0] == folder
        }
        if beside:
            return beside
    return dict(vectors)


def _plain_image(
    source: Source, name: str, item: h5py.Dataset, vectors: Mapping[str, h5py.Dataset]
) -> Image:
    history = (f"read {source.path.name}",)
    title = f"{source.path.stem} {name}"
    for vector in vectors.values():  # a unit says more than a name
        stated = spectral_unit(text(vector, "units"))
        layout = source.axes or layout_with_bands(item.shape, vector.size)
        fits = layout and "b" in layout and item.shape[layout.index("b")] == vector.size
        is_spectral = _SPECTRAL_NAME.search(vector.name.rpartition("/")[2])
        if stated and layout and fits and (is_spectral or stated.unit in _SPECTRAL_ONLY):
            axis = _Dimension(
                vector.name.rpartition("/")[2], text(vector, "units"), np.ravel(vector)
            ).axis()
            return cube_from_array(
                lazy(source.path, item), layout, axis, name=title, history=history
            )
    noted = {key: np.ravel(item.attrs[key]) for key in item.attrs if _SPECTRAL_NAME.search(key)}
    noted = {k: v for k, v in noted.items() if v.dtype.kind in "iuf" and v.size in item.shape}
    arrays: dict[str, Any] = noted or {key: np.ravel(vector) for key, vector in vectors.items()}
    arrays[name] = lazy(source.path, item)
    asked = replace(source, array=name)
    return images_from_arrays(arrays, asked, name=title, history=history)[0]


# ---------------------------------------------------------------------------------- images


def _image(
    path: Path, dataset: h5py.Dataset, dimensions: list[_Dimension], *, name: str, **about: Any
) -> Cube:
    """Return the cube of a dataset each of whose axes is described."""
    layout = _letters(dimensions)
    of = dict(zip(layout, dimensions, strict=True))
    height, top, unit = of["y"].sampling() if "y" in of else (1.0, 0.0, None)
    width, left, x_unit = of["x"].sampling() if "x" in of else (1.0, 0.0, None)
    for letter in "tz":
        if letter in of:
            about[letter] = Sampling(*of[letter].sampling())
    units = text(dataset, "units")
    return cube_from_array(
        lazy(path, dataset),
        layout,
        of["b"].axis() if "b" in of else None,
        name=name,
        history=(f"read {path.name}",),
        pixel_size=(abs(height) or 1.0, abs(width) or 1.0),
        origin=(top, left),
        pixel_unit=x_unit or unit,
        intensity_unit=units or None,
        **about,
    )


def _letters(dimensions: list[_Dimension]) -> str:
    """Return the layout: what is named or measured as a spectrum, and places for the rest."""
    letters: list[str | None] = [None] * len(dimensions)
    band = _band_place(dimensions)
    if band is not None:
        letters[band] = "b"
    for place, dimension in enumerate(dimensions):
        named = _PLACE_NAME.search(dimension.name)
        letter = (named[1] or "t").lower() if named else None
        if letters[place] is None and letter and letter not in letters:
            letters[place] = letter
    free = [letter for letter in "xyzt" if letter not in letters]
    for place in reversed(range(len(letters))):
        letters[place] = letters[place] or free.pop(0)
    return "".join(letter or "" for letter in letters)


def _band_place(dimensions: list[_Dimension]) -> int | None:
    """Return which axis is the spectral one; None for an image or a stack of images."""
    tests: tuple[Callable[[_Dimension], bool], ...] = (
        lambda d: d.spectral is True,
        lambda d: d.spectral is None and bool(_SPECTRAL_NAME.search(d.name)),
        lambda d: (
            d.spectral is None and getattr(spectral_unit(d.units), "unit", None) in _SPECTRAL_ONLY
        ),
        lambda d: d.spectral is None and not _PLACE_NAME.search(d.name) and len(dimensions) != 2,
    )
    for test in tests:
        found = [place for place, dimension in enumerate(dimensions) if test(dimension)]
        if found:
            return found[-1]
    return None


def _tree(group: Any) -> dict[str, Any]:
    """Return a group of attributes as plain JSON."""
    if not isinstance(group, h5py.Group):
        return {}
    tree: dict[str, Any] = {}
    for key in group.attrs:
        value = attribute(group, key)
        if isinstance(value, (str, int, float, bool)):
            tree[key] = value
    for key, item in group.items():
        if isinstance(item, h5py.Group) and (below := _tree(item)):
            tree[key] = below
    return tree
