"""ENVI: a text header beside a raw file.

Source: NV5 Geospatial, "ENVI Header Files",
https://www.nv5geospatialsoftware.com/docs/enviheaderfiles.html

What ENVI has no key for (history, origin, units of pixels, …) goes into a key of our own, as
JSON in percent-encoding, so that no brace, comma or line end of it disturbs another parser.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from ...axis import Axis, ChannelAxis, SpectralAxis
from ...cube import Cube, Image, Labels, describe, image_from
from ...errors import FileFormatError
from ..arrays.blocks import blocks
from ..arrays.mapped import mapped
from ..metadata.named_arrays import cube_from_array
from ..metadata.units import axis_in, metres, place_unit
from ..source import Source
from ..spectrometers.agilent import pixel_size_beside
from .envi_header import Header, listed, numbers, read_header, whole

_DTYPES: Final = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_COMPLEX: Final = (6, 9)
_TO_BAND_YX: Final = {  # interleave: (file order of axes, transpose to (band, y, x))
    "bsq": ("bands lines samples", (0, 1, 2)),
    "bil": ("lines bands samples", (1, 0, 2)),
    "bip": ("lines samples bands", (2, 0, 1)),
}
_SUFFIXES: Final = (
    "", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin", ".sli", ".spec", ".cube", ".hyspex",
)  # fmt: skip
_OURS: Final = "napari hyperspectral"
_GEOREFERENCE: Final = (
    "map info",
    "projection info",
    "coordinate system string",
    "geo points",
    "rpc info",
)
_PASSED_ON: Final = (
    "data ignore value",
    "reflectance scale factor",
    "sensor type",
    "acquisition time",
)
"""Keys of metadata["envi"] that stay true whatever is done to the bands."""
_UNIT_NAMES: Final = {"nm": "Nanometers", "um": "Micrometers", "1/cm": "Wavenumber"}
_AGILENT_OFFSET: Final = 1020
"""Bytes before the data of Agilent's infrared files, which count in 1/cm and do not say so."""
_USUAL_NM: Final = (200, 2600)


def read_images(source: Source) -> list[Image]:
    """Read an ENVI cube, spectral library or classification as a memory map."""
    path, data_file = _pair(source.path)
    header = read_header(path)
    if source.array is not None:
        raise FileFormatError(path, "an ENVI file holds one image", f"leave out ::{source.array}")
    data = _mapped(path, header, data_file)
    if source.axes not in (None, "byx"):
        return [_with_layout(data, source, path)]
    if "library" in header.get("file type", "").lower():
        data = data.reshape(data.shape[-2:]).T[:, None, :]  # (bands, 1, spectra)
    return [_image(path, header, data)]


def write_image(path: Path, image: Image) -> None:
    """Write band-sequential data of the image's own type, then the header that tells of them.

    Raises
    ------
    FileFormatError
        If ENVI has no such type, or the image has a t or z axis.
    """
    if image.t or image.z:
        raise FileFormatError(
            path,
            f"ENVI holds (band, y, x), this image is ({', '.join(image.dims)})",
            "write .ome.zarr, .hspy or .h5, or choose one plane",
        )
    dtype = np.dtype(image.data.dtype)
    codes = {np.dtype(name): code for code, name in _DTYPES.items()}
    code = codes.get(dtype.newbyteorder("="))
    if code is None:
        raise FileFormatError(
            path,
            f"ENVI has no type for {dtype}",
            "convert the data first, such as to float32, or write .npz",
        )
    with path.with_suffix(".img").open("wb") as file:
        for _, block in blocks(image.data):
            file.write(np.ascontiguousarray(block, dtype.newbyteorder("<")).data)
    path.write_text(_header_text(image, code), encoding="utf-8", newline="\n")


# ---------------------------------------------------------------------------------- files


def _pair(path: Path) -> tuple[Path, Path | None]:
    """Return the header, and the data file where it was named instead of the header."""
    if path.suffix.lower() == ".hdr":
        return path, None
    beside = {file.name.lower(): file for file in path.parent.iterdir()}
    for name in (f"{path.name}.hdr", f"{path.stem}.hdr"):
        if name.lower() in beside:
            return beside[name.lower()], path
    if path.is_symlink():
        return _pair(path.resolve())
    raise FileFormatError(
        path, "no ENVI header beside it", f"put {path.stem}.hdr into the same folder"
    )


def _data_file(path: Path, wanted: int) -> Path:
    """Return the data file of a header, best one that is `wanted` bytes long."""
    beside = {file.name.lower(): file for file in path.parent.iterdir() if file.is_file()}
    names = [f"{path.stem}{suffix}" for suffix in _SUFFIXES]
    found = [beside[name.lower()] for name in names if name.lower() in beside]
    found = [file for file in found if file != path and file.suffix.lower() != ".hdr"]
    if not found and path.is_symlink():  # the data may lie beside what it points to
        return _data_file(path.resolve(), wanted)
    if not found:
        raise FileFormatError(
            path,
            f"its data file is missing (looked for {', '.join(names)} in {str(path.parent)!r})",
            "put it beside the header",
        )
    return next((file for file in found if file.stat().st_size == wanted), found[0])


def _mapped(path: Path, header: Header, data_file: Path | None) -> NDArray[Any]:
    """Map the data, as (band, y, x), after all sizes were seen to fit."""
    sizes = {key: whole(header, key, path) for key in ("samples", "lines", "bands")}
    if min(sizes.values()) < 1:
        raise FileFormatError(
            path, f"contains no data ({_told(sizes)})", "mend the header or export again"
        )
    order, transpose = _TO_BAND_YX[_interleave(path, header, sizes)]
    shape = tuple(sizes[name] for name in order.split())
    dtype, offset = _dtype(path, header), whole(header, "header offset", path, 0)
    _refuse_packed(path, header, offset)
    count = sizes["samples"] * sizes["lines"] * sizes["bands"]
    wanted = count * dtype.itemsize + offset
    file = data_file or _data_file(path, wanted)
    size = file.stat().st_size
    if size < wanted:
        slices = max(0, size - offset) // (count * dtype.itemsize // shape[0])
        there = f": {slices} whole {order.split()[0]} are there" if slices else ""
        raise FileFormatError(
            path,
            f"{file.name} has {size} bytes, the header needs {wanted} "
            f"({_told(sizes)}, {dtype.name}, offset {offset})",
            f"copy it again, or mend the header{there}",
        )
    if size > wanted:
        _warn(path, f"{file.name} has {size - wanted} bytes more than the header tells of; "
              "if the image looks shifted, mend its 'header offset'")  # fmt: skip
    raw = mapped(file, dtype, shape, offset)
    _look_at(raw, path, header)
    return raw.transpose(transpose)


def _interleave(path: Path, header: Header, sizes: Mapping[str, int]) -> str:
    interleave = header.get("interleave", "bsq" if sizes["bands"] == 1 else "").lower()
    if interleave not in _TO_BAND_YX:
        raise FileFormatError(
            path,
            f"interleave is {interleave!r}" if interleave else "the header lacks 'interleave'",
            "it must be one of bsq, bil, bip",
        )
    return interleave


def _dtype(path: Path, header: Header) -> np.dtype[Any]:
    code, order = whole(header, "data type", path), whole(header, "byte order", path, 0)
    if code in _COMPLEX:
        raise FileFormatError(
            path,
            f"data type {code} is complex, spectra are real",
            "save its absolute value or real part as float first",
        )
    if code not in _DTYPES:
        raise FileFormatError(
            path, f"there is no data type {code}", f"ENVI knows {', '.join(map(str, _DTYPES))}"
        )
    if order not in (0, 1):
        raise FileFormatError(path, f"byte order is {order}", "it must be 0 (little) or 1 (big)")
    return np.dtype("<>"[order] + _DTYPES[code])


def _refuse_packed(path: Path, header: Header, offset: int) -> None:
    if offset < 0:
        raise FileFormatError(path, f"header offset is {offset}", "it must be 0 or more")
    if whole(header, "file compression", path, 0):
        raise FileFormatError(
            path, "the data are compressed", "save them uncompressed (file compression = 0)"
        )
    for key in ("major frame offsets", "minor frame offsets"):
        if any(numbers(header.get(key, ""))):
            raise FileFormatError(
                path,
                f"{key} = {{{header[key]}}} are not supported",
                "save it without frame offsets",
            )


def _look_at(raw: NDArray[Any], path: Path, header: Header) -> None:
    """Warn where the values of the first row make no sense in this byte order."""
    row = np.abs(np.asarray(raw[0, 0, :4096], dtype=np.float64))
    odd = ~np.isfinite(row) | (row > 1e20) | ((row < 1e-30) & (row > 0))
    if raw.dtype.kind == "f" and odd.mean() > 0.5 and not np.isnan(row).all():
        _warn(
            path,
            f"values up to {row.max():.2g}: is byte order = {header.get('byte order', 0)} right?",
        )


# ---------------------------------------------------------------------------------- images


def _with_layout(data: NDArray[Any], source: Source, path: Path) -> Cube:
    axes = source.axes or "byx"
    if len(axes) != 3:
        raise FileFormatError(
            path, f"layout {axes!r} has {len(axes)} axes", "ENVI files have three"
        )
    return cube_from_array(data, axes, None, name=path.stem, history=(f"read {path.name}",))


def _image(path: Path, header: Header, data: NDArray[Any]) -> Image:
    """Return what header and data make: our own image, labels, or a cube."""
    axis = _axis(path, header, data.shape[0])
    if _OURS in header:
        image = _ours(header, data, axis)
        if image is not None:
            return image
    if "classification" in header.get("file type", "").lower() and data.dtype.kind in "iu":
        return _labels(path, header, data)
    pixel_size, unit = _pixels(header)
    if unit is None and header.get("header offset") == str(_AGILENT_OFFSET):
        side = pixel_size_beside(path, data.shape[-1])
        pixel_size, unit = ((side, side), "um") if side else (pixel_size, unit)
    return Cube(
        data,
        axis,
        name=path.stem,
        history=(f"read {path.name}",),
        pixel_size=pixel_size,
        pixel_unit=unit,
        metadata=_rest(header),
        georeference=_georeference(header),
    )


def _ours(header: Header, data: NDArray[Any], axis: Axis) -> Image | None:
    """Return the image that was written here; the header's own keys tell of axis and map."""
    try:
        about = json.loads(unquote(header[_OURS]))
        if "axis" not in about:
            return image_from(data[0], about)
        if "channels" in about["axis"]:
            same = len(about["axis"]["channels"]) == len(axis)
            return image_from(data, about) if same else None
        if isinstance(axis, ChannelAxis):
            return None
        arrays = {key: getattr(axis, key) for key in ("centres", "widths", "bad")}
        return image_from(data, about | {"axis": about["axis"] | arrays})
    except (ValueError, KeyError, TypeError):
        return None  # another program changed what stands there: the plain keys remain


def _labels(path: Path, header: Header, data: NDArray[Any]) -> Labels:
    pixel_size, unit = _pixels(header)
    classes = tuple(listed(header.get("class names", ""))[1:])  # the first one means unclassified
    return Labels(
        data[0],
        classes,
        _colours(header, len(classes)),
        name=path.stem,
        history=(f"read {path.name}",),
        pixel_size=pixel_size,
        pixel_unit=unit,
        metadata=_rest(header),
    )


def _colours(header: Header, classes: int) -> tuple[str, ...]:
    """Return the colours of the classes; () where there is not one for each."""
    try:
        lookup = [int(value) for value in numbers(header.get("class lookup", ""))]
    except ValueError:
        return ()
    if len(lookup) != 3 * (classes + 1) or not all(0 <= value <= 255 for value in lookup):
        return ()
    return tuple(f"#{bytes(lookup[n : n + 3]).hex()}" for n in range(3, len(lookup), 3))


def _axis(path: Path, header: Header, bands: int) -> Axis:
    centres = _numbers_a_band("wavelength", path, header, bands)
    if centres is None:
        names = listed(header.get("band names", ""))
        if len(names) == bands > 1 and not any(re.search(r"\d", name) for name in names):
            return ChannelAxis(tuple(names))
        return _marked(SpectralAxis.index(bands), path, header)
    axis = _axis_of(header, centres)
    if not axis.monotonic:
        distinct = len(np.unique(centres))
        what = "are not in order" if distinct == bands else f"take only {distinct} values"
        _warn(path, f"its {bands} wavelengths {what}; they are kept as they are")
    return _marked(axis, path, header)


def _axis_of(header: Header, centres: NDArray[np.float64]) -> SpectralAxis:
    """Return the axis of centres in the unit the header states, or the one that fits."""
    unit = header.get("wavelength units", "")
    if unit.lower() == "index":
        return SpectralAxis(centres)
    stated = axis_in(unit, centres)
    if stated is not None:
        return stated
    title = axis_in(header.get("z plot titles", "").split(",")[0], centres)
    if title is not None:
        return title
    if header.get("header offset") == str(_AGILENT_OFFSET):
        return SpectralAxis(centres, "1/cm", "wavenumber", guessed=True)
    low, high = centres.min(), centres.max()
    if _USUAL_NM[0] <= low and high <= _USUAL_NM[1]:
        return SpectralAxis(centres, "nm", guessed=True)
    micrometres = low >= 0.2 and high <= 20
    return SpectralAxis(centres, "um" if micrometres else None, "wavelength", guessed=True)


def _marked(axis: SpectralAxis, path: Path, header: Header) -> SpectralAxis:
    """Return the axis with widths and bad bands, where the header tells of them."""
    widths = _numbers_a_band("fwhm", path, header, len(axis))
    good = _numbers_a_band("bbl", path, header, len(axis))
    found = axis_in(header.get("wavelength units", ""), widths) if widths is not None else None
    widths = found.centres if found is not None else widths
    return replace(axis, widths=widths, bad=None if good is None else good == 0)


def _numbers_a_band(key: str, path: Path, header: Header, bands: int) -> NDArray[np.float64] | None:
    """Return a list with a number for each band; None, with a warning, where it does not fit."""
    if key not in header:
        return None
    try:
        values = np.array(numbers(header[key]))
    except ValueError as error:
        _warn(path, f"{key} is left out: {error}")
        return None
    if len(values) != bands or not np.isfinite(values).all():
        _warn(path, f"{key} is left out: {len(values)} values for {bands} bands")
        return None
    return values


def _pixels(header: Header) -> tuple[tuple[float, float], str | None]:
    """Return height and width of a pixel, and their unit."""
    try:
        if "map info" in header:
            items = listed(header["map info"])
            named = dict(item.lower().split("=", 1) for item in items if "=" in item)
            unit = place_unit(
                named.get("units", "degrees" if "geographic" in items[0].lower() else "")
            )
            return (float(items[6]), float(items[5])), unit
        width, height = [float(item) for item in listed(header["pixel size"])[:2]]
    except (KeyError, ValueError, IndexError):
        return (1.0, 1.0), None
    if max(width, height) < 1e-2:  # metres, says ENVI; people count in µm there
        return (height * 1e6, width * 1e6), "um"
    return (height, width), "m"


def _georeference(header: Header) -> dict[str, str] | None:
    return {key: header[key] for key in _GEOREFERENCE if key in header} or None


def _rest(header: Header) -> dict[str, Any]:
    """Return what else the header says, and the names of a library's spectra."""
    known = {"samples", "lines", "bands", "interleave", "data type", "byte order", "header offset",
             "wavelength", "wavelength units", "fwhm", "bbl", _OURS, *_GEOREFERENCE}  # fmt: skip
    rest: dict[str, Any] = {"envi": {k: v for k, v in header.items() if k not in known}}
    if "spectra names" in header:
        rest["spectra names"] = listed(header["spectra names"])
    return rest


def _told(sizes: Mapping[str, int]) -> str:
    return " × ".join(f"{size} {name}" for name, size in sizes.items())


def _warn(path: Path, what: str) -> None:
    warnings.warn(f"{path.name}: {what}", stacklevel=2)


# ---------------------------------------------------------------------------------- writing


def _header_text(image: Image, code: int) -> str:
    bands = 1 if isinstance(image, Labels) else image.shape[0]
    entries = {
        "description": f"{{{_plain(image.name)}}}",
        "samples": image.shape[-1],
        "lines": image.shape[-2],
        "bands": bands,
        "header offset": 0,
        "file type": "ENVI Classification" if isinstance(image, Labels) else "ENVI Standard",
        "data type": code,
        "interleave": "bsq",
        "byte order": 0,
    }
    entries |= _class_entries(image) if isinstance(image, Labels) else _axis_entries(image.axis)
    entries |= _place_entries(image)
    envi = image.metadata.get("envi")
    if isinstance(envi, Mapping):
        entries |= {key: _plain(envi[key]) for key in _PASSED_ON if key in envi}
    entries[_OURS] = quote(json.dumps(_remainder(image), separators=(",", ":")), safe=" :/.")
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())


def _axis_entries(axis: Axis) -> dict[str, str]:
    if isinstance(axis, ChannelAxis):
        return {"band names": _list(_plain(name) for name in axis.names)}
    entries = {}
    if axis.kind != "index" or not axis.same_bands(SpectralAxis.index(len(axis))):
        unit = "Index" if axis.kind == "index" else axis.unit or "Unknown"
        entries = {
            "wavelength units": _UNIT_NAMES.get(unit, unit),
            "wavelength": _list(map(repr, axis.centres.tolist())),
        }
    if axis.widths is not None:
        entries["fwhm"] = _list(map(repr, axis.widths.tolist()))
    if axis.bad is not None:
        entries["bbl"] = _list("0" if bad else "1" for bad in axis.bad)
    return entries


def _class_entries(labels: Labels) -> dict[str, Any]:
    highest = max((int(block.max()) for _, block in blocks(labels.data)), default=0)
    names = ["Unclassified", *labels.classes]
    names += [f"class {number}" for number in range(len(names), highest + 1)]
    hues = np.arange(len(names)) * 0.618034 % 1  # neighbours in number far apart in colour
    wheel = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    colours = (255 * np.clip(wheel, 0, 1)).astype(int)
    colours[0] = 0
    for number, colour in enumerate(labels.colours, 1):
        colours[number] = [*bytes.fromhex(colour[1:])]
    return {
        "classes": len(names),
        "class names": _list(map(_plain, names)),
        "class lookup": _list(map(str, colours.ravel())),
    }


def _place_entries(image: Image) -> dict[str, str]:
    place = getattr(image, "georeference", None) or {}
    entries = {key: f"{{{place[key]}}}" for key in _GEOREFERENCE if isinstance(place.get(key), str)}
    metre = metres(image.pixel_unit)
    if metre is not None and "map info" not in entries:
        height, width = image.pixel_size
        entries["pixel size"] = _list([repr(width * metre), repr(height * metre)])
    return entries


def _remainder(image: Image) -> dict[str, Any]:
    """Return the description of an image without what ENVI's own keys hold exactly."""
    about = describe(image)
    if "centres" in about.get("axis", {}):
        about["axis"] = {
            k: v for k, v in about["axis"].items() if k not in ("centres", "widths", "bad")
        }
    return about


def _list(items: Any) -> str:
    return "{" + ", ".join(items) + "}"


def _plain(text: object) -> str:
    """Return a text without what has a meaning in a header."""
    return re.sub(r"[{},=;\s]+", " ", str(text)).strip()
