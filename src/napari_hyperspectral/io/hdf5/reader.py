"""HDF5, in the layouts that say what they hold, and plain.

Sources: NeXus, "NXdata", https://manual.nexusformat.org/classes/base_classes/NXdata.html ;
HyperSpy, "HSpy - HyperSpy's HDF5 Specification",
https://hyperspy.org/rosettasciio/user_guide/supported_formats/hspy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from ...cube import Image, image_from
from ...errors import AmbiguousError, FileFormatError
from ..metadata.named_arrays import cube_from_array, images_from_arrays, layout_with_bands
from ..metadata.units import spectral_unit
from ..source import Source
from . import delmic, emd, hdfeos, hyperspy, matlab, nexus, ptir
from .file import datasets, lazy, numbers, opened, own_description, text
from .image import SPECTRAL_NAME, SPECTRAL_ONLY, Dimension, image_of

_MATLAB: Final = b"MATLAB 7.3 MAT-file"
_ENERGIES: Final = ("energy", "photon_energy")


def read_images(source: Source) -> list[Image]:
    """Read the images of a file lazily, in the first layout that fits."""
    with source.path.open("rb") as start:
        if start.read(len(_MATLAB)) == _MATLAB:
            return matlab.read_images(source)
    with opened(source.path) as file:
        if source.axes is None:
            for layout in _LAYOUTS:
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


def _ilastik(file: h5py.File, path: Path) -> list[Image]:
    """Return the arrays of ilastik (vigra), whose axes are named by one letter, c for channels."""
    return [
        cube_from_array(
            lazy(path, item),
            letters,
            None,
            name=item.name.strip("/"),
            history=(f"read {path.name}",),
        )
        for item in datasets(file)
        if (letters := _letters_of_tags(text(item, "axistags"))) and len(letters) == item.ndim
    ]


def _letters_of_tags(tags: str) -> str:
    try:
        keys = [str(axis["key"]) for axis in json.loads(tags)["axes"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    letters = "".join(keys).replace("c", "b")
    return letters if set(letters) <= set("tzbyx") and len(set(letters)) == len(keys) else ""


def _scanned(file: h5py.File, path: Path) -> list[Image]:
    """Return the stacks of an X-ray microscope: data beside energy, sample_y and sample_x."""
    return [
        image_of(path, group["data"], dimensions, name=(group.name or "").strip("/") or path.stem)
        for group in _groups(file)
        if (dimensions := _beside(group))
    ]


def _groups(file: h5py.File) -> list[h5py.Group]:
    found: list[h5py.Group] = [file]

    def visit(_: str, item: object) -> None:
        if isinstance(item, h5py.Group):
            found.append(item)

    file.visititems(visit)
    return found


def _beside(group: h5py.Group) -> list[Dimension]:
    """Return the axes of the data of a group, where all have their vector; else an empty list."""
    data = group.get("data")
    if not isinstance(data, h5py.Dataset) or data.ndim != 3 or data.dtype.kind not in "iuf":
        return []
    vectors = [
        next((v for n in names if isinstance(v := group.get(n), h5py.Dataset)), None)
        for names in (_ENERGIES, ("sample_y",), ("sample_x",))
    ]
    for order in permutations(range(3)):  # energy, y, x first: what instruments write
        if all(
            vector is not None and vector.dtype.kind in "iuf" and vector.size == size
            for vector, size in zip([vectors[n] for n in order], data.shape, strict=True)
        ):
            return [_vector_dimension(vectors[n], n == 0) for n in order]
    return []


def _vector_dimension(vector: Any, spectral: bool) -> Dimension:
    name = vector.name.rpartition("/")[2]
    return Dimension(name, text(vector, "units"), numbers(vector), spectral)


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
        is_spectral = SPECTRAL_NAME.search(vector.name.rpartition("/")[2])
        if stated and layout and fits and (is_spectral or stated.unit in SPECTRAL_ONLY):
            axis = Dimension(
                vector.name.rpartition("/")[2], text(vector, "units"), numbers(vector)
            ).axis()
            return cube_from_array(
                lazy(source.path, item), layout, axis, name=title, history=history
            )
    noted = {key: np.ravel(item.attrs[key]) for key in item.attrs if SPECTRAL_NAME.search(key)}
    noted = {k: v for k, v in noted.items() if v.dtype.kind in "iuf" and v.size in item.shape}
    arrays: dict[str, Any] = noted or {key: numbers(vector) for key, vector in vectors.items()}
    arrays[name] = lazy(source.path, item)
    asked = replace(source, array=name)
    return images_from_arrays(arrays, asked, name=title, history=history)[0]


_LAYOUTS: Final = (
    _ours,
    hyperspy.images_in,
    nexus.images_in,
    delmic.images_in,
    ptir.images_in,
    emd.images_in,
    hdfeos.images_in,
    _ilastik,
    _scanned,
)
"""Asked one after the other: each knows its own."""
