"""Read and write cubes and labels. One file a format; `FORMATS` is the only list of them.

A reader is a module of this folder with ``read_images(source: Source) -> list[Image]``: all the
images that `source` asks for, lazy, transposed to (band, y, x), with axis, unit, pixel size and
one line of history. A writer has ``write_image(path: Path, image: Image) -> None``; it just
writes: that nothing is overwritten or left half done is seen to here. Modules are imported
when they are first needed, so that listing formats costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..axis import ChannelAxis, SpectralAxis
from ..cube import Cube, Image, Labels
from ..progress import Progress
from .atomic import replacing
from .errors import AmbiguousError, FileFormatError, MissingPackageError, UnknownFormatError
from .source import Source

__all__ = [
    "FORMATS",
    "AmbiguousError",
    "FileFormatError",
    "Format",
    "MissingPackageError",
    "Source",
    "UnknownFormatError",
    "chosen",
    "format_of",
    "read",
    "read_all",
    "read_labels",
    "write",
]


@dataclass(frozen=True)
class Format:
    """A file format we know."""

    name: str
    patterns: tuple[str, ...]
    """Names of its files, as in "*.hdr"; a pattern ending in "/" means folders."""
    reader: str | None = None
    """Module of this folder that reads it."""
    writer: str | None = None
    """Module of this folder that writes it."""
    writes: tuple[str, ...] = ()
    """Patterns to write by, where not all of `patterns` make sense."""
    companions: tuple[str, ...] = ()
    """Suffixes of the files written beside the named one, as ".img" beside ".hdr"."""
    labels: bool = True
    """Whether it can hold label images."""
    sniff: str | None = None
    """Function of the reader, ``(path) -> bool``, that knows a file of this format by its first
    bytes; where formats share a suffix, the first that knows its own, or does not ask, has it."""
    extra: str | None = None
    """The extra of this package that brings what reading it needs."""
    untried: str = ""
    """What of it was never tried on a real file, none being public: everything, or a part of it."""

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the files that make up `path`, the one that is opened last."""
        return (*(path.with_suffix(suffix) for suffix in self.companions), path)


FORMATS: Final = (
    # instruments: Raman and photoluminescence
    Format(
        "Renishaw WDF",
        ("*.wdf",),
        reader="wdf",
        untried="scans in snake order, maps at several depths",
    ),
    Format("LabSpec text", ("*.txt", "*.txt.gz"), reader="labspec", sniff="is_labspec"),
    Format("LabSpec XML", ("*.xml",), reader="labspecxml"),
    Format("WITec text", ("*.txt", "*.dat"), reader="witectext", sniff="is_witec"),
    Format("WITec project", ("*.wip", "*.wid"), reader="wip", extra="wip", untried="everything"),
    Format("Thermo SPC", ("*.spc",), reader="spc", untried="old and big-endian files, grids"),
    # infrared
    Format("Agilent", ("*.seq", "*.dmt"), reader="agilent"),
    Format(
        "Bruker OPUS",
        ("*.[0-9]", "*.[0-9][0-9]", "*.[0-9][0-9][0-9]", "*.[0-9][0-9][0-9][0-9]"),
        reader="opus",
        untried="series and maps",
    ),
    Format("PerkinElmer FSM", ("*.fsm",), reader="fsm"),
    Format("Thermo OMNIC map", ("*.map",), reader="omnic", untried="old files, lines and points"),
    Format("Photothermal", ("*.ptir",), reader="hdf5"),
    # mass spectrometry
    Format("imzML", ("*.imzml", "*.ibd"), reader="imzml"),
    # microscopes
    Format("Zeiss LSM", ("*.lsm",), reader="tiff"),
    Format("Zeiss CZI", ("*.czi",), reader="czi", extra="microscopes", untried="spectral files"),
    Format("Leica LIF", ("*.lif",), reader="lif"),
    Format("Nikon ND2", ("*.nd2",), reader="nd2", extra="microscopes", untried="spectral files"),
    Format(
        "Olympus",
        ("*.oib", "*.oif", "*.oir"),
        reader="olympus",
        extra="microscopes",
        untried="everything",
    ),
    # cubes of all kinds
    Format("Ripple", ("*.rpl", "*.raw"), reader="ripple", sniff="is_ripple"),
    Format("ERDAS LAN", ("*.lan",), reader="lan", untried="everything"),
    Format(
        "ESRI BIL",
        ("*.hdr", "*.bil", "*.bip", "*.bsq"),
        reader="esri",
        sniff="is_esri",
        untried="everything",
    ),
    Format(
        "ENVI",
        ("*.hdr", "*.img", "*.dat", "*.raw", "*.bsq", "*.bil", "*.bip", "*.sli"),
        reader="envi",
        writer="envi",
        writes=("*.hdr",),
        companions=(".img",),
    ),
    Format("NumPy", ("*.npy",), reader="npy", writer="npy", companions=(".json",)),
    Format("NumPy archive", ("*.npz",), reader="npz", writer="npz"),
    Format("MATLAB", ("*.mat",), reader="matlab", writer="matlab"),
    Format("HyperSpy", ("*.hspy",), reader="hdf5", writer="hyperspy"),
    Format("NeXus", ("*.nxs",), reader="hdf5", writer="nexus"),
    Format(
        "HDF5",
        ("*.h5", "*.hdf5", "*.hdf", "*.he5", "*.emd"),
        reader="hdf5",
        writer="nexus",
        writes=("*.h5", "*.hdf5", "*.hdf"),
    ),
    Format(
        "NetCDF", ("*.nc", "*.nc4"), reader="netcdf", untried="products of EMIT, PACE and PRISMA"
    ),
    Format("OME-TIFF", ("*.ome.tif", "*.ome.tiff"), reader="tiff", writer="ometiff"),
    Format("GeoTIFF", ("*.tif", "*.tiff"), reader="tiff", sniff="is_geotiff"),
    Format("ImageJ TIFF", ("*.tif", "*.tiff"), reader="tiff", writer="imagej", sniff="is_imagej"),
    Format("TIFF stack", ("*.tif", "*.tiff"), reader="tiff", writer="tiff", companions=(".json",)),
    Format(
        "OME-Zarr",
        ("*.zarr/", "*.ome.zarr/", "*.zarr.zip", "*.ozx"),
        reader="omezarr",
        writer="omezarr",
        writes=("*.zarr/", "*.ome.zarr/"),
    ),
    Format("HyperSpy Zarr", ("*.zspy/",), reader="omezarr"),
    # tables of spectra, whose text says little
    Format(
        "Text table",
        (
            *("*.csv", "*.txt", "*.tsv", "*.xyz", "*.asc", "*.dpt"),
            *("*.csv.gz", "*.txt.gz", "*.tsv.gz", "*.asc.gz"),
        ),
        reader="table",
        writer="columns",
        writes=("*.csv", "*.txt", "*.tsv"),
        labels=False,
    ),
    Format("TIFF folder", ("*/",), reader="tifffolder", writer="tifffolder"),
)

BRIDGE: Final = Format("RosettaSciIO or BioIO", (), reader="bridge")
"""What the user may have installed, for files that none of `FORMATS` fits."""


def format_of(path: str | Path, verb: str = "read", name: str | None = None) -> Format:
    """Return the format of a file, by its name.

    Parameters
    ----------
    path : path
        File or folder; it need not exist.
    verb : {"read", "write"}
        What is to be done with it.
    name : str, optional
        Name of the format, where several share a suffix.

    Raises
    ------
    UnknownFormatError
        If none fits.
    """
    path = Path(path)
    able = [f for f in (*FORMATS, BRIDGE) if (f.reader if verb == "read" else f.writer)]
    if name is not None:
        named = [f for f in able if f.name.lower() == name.lower()]
        if not named:
            raise UnknownFormatError(Path(name), f"{verb}", (f.name for f in able))
        return named[0]
    fitting = [f for f in able if any(_fits(path, p, verb) for p in _patterns(f, verb))]
    if fitting:
        return fitting[0] if verb == "write" else _knowing(path, fitting)
    if verb == "read" and not path.suffix and path.with_name(f"{path.name}.hdr").is_file():
        return format_of(path, verb, "ENVI")  # its data file may have no suffix, its header tells
    if verb == "read" and _module("bridge").knows(path):
        return BRIDGE
    known = dict.fromkeys(pattern for f in able for pattern in _patterns(f, verb))
    raise UnknownFormatError(path, {"read": "read", "write": "written"}[verb], known)


def read(
    path: str | Path,
    *,
    axes: str | None = None,
    image: str | int | None = None,
    format: str | None = None,  # noqa: A002 (the word everybody uses)
    watch: Callable[[Progress], object] | None = None,
) -> Cube:
    """Read the cube at `path`, lazily where the format allows.

    Parameters
    ----------
    path : path
        File or folder; ``path::name`` picks an array of a container, ``path::name@yxb`` also
        says its layout.
    axes : str, optional
        Layout of the array, a letter an axis of t, z, b(and), y, x: "yxb", "byx", "xb" …
    image : str or int, optional
        Name or number of the image, where a file holds several; left out, it is the one that
        has a spectrum, if only one has.
    format : str, optional
        Name of the format, where the name of the file does not tell.
    watch : callable, optional
        Told how far a long reading is; what it raises ends the reading.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged, or does not say which array or axis is meant.
    """
    found = chosen(read_all(path, axes=axes, format=format, watch=watch), path, image)
    return _cube_of_labels(found) if isinstance(found, Labels) else found


def read_all(
    path: str | Path,
    *,
    axes: str | None = None,
    format: str | None = None,  # noqa: A002
    on_guess: Callable[[str], object] | None = None,
    watch: Callable[[Progress], object] | None = None,
) -> list[Image]:
    """Read all the cubes and label images at `path`; see `read`.

    Parameters
    ----------
    on_guess : callable, optional
        Where given, what the file leaves open is guessed, and told to this, not refused.
    watch : callable, optional
        Told how far a long reading is; what it raises ends the reading.
    """
    return _read(replace(Source.parse(path, axes), on_guess=on_guess, watch=watch), format)


def read_labels(
    path: str | Path,
    *,
    axes: str | None = None,
    image: str | int | None = None,
    watch: Callable[[Progress], object] | None = None,
) -> Labels:
    """Read a label image; any file with one band of whole numbers will do. See `read`."""
    source = replace(Source.parse(path, axes), flat=True, watch=watch)
    found = chosen(_read(source, None), source.path, image)
    return found if isinstance(found, Labels) else _labels_of_cube(found, source.path)


def chosen(images: list[Image], path: str | Path, wanted: str | int | None = None) -> Image:
    """Return the image of this name or number; without one, the only one with a spectrum.

    Raises
    ------
    FileFormatError
        If there is none, or it does not say which of several is meant.
    """
    names = [image.name for image in images]
    if wanted is None:
        main = images if len(images) == 1 else [i for i in images if _is_spectral(i)]
        if len(main) == 1:  # the others are pictures that the instrument took along
            return main[0]
        raise AmbiguousError(
            path,
            f"{len(images)} images: {', '.join(f'{i} {n!r}' for i, n in enumerate(names))}",
            "choose one, image=… (--image), or open all with read_all",
        )
    if wanted in names:
        return images[names.index(str(wanted))]
    if str(wanted).isdigit() and int(wanted) < len(images):
        return images[int(wanted)]
    raise FileFormatError(path, f"no image {wanted!r}", f"there are {', '.join(names)}")


def write(
    path: str | Path,
    image: Image,
    *,
    overwrite: bool = False,
    format: str | None = None,  # noqa: A002
) -> Path:
    """Write a cube or labels to `path`; the suffix tells the format. Whole or not at all.

    Raises
    ------
    FileExistsError
        If `path` (or a file that belongs to it) exists, unless `overwrite`.
    FileFormatError
        If the format cannot hold the image without loss.
    """
    path = Path(path)
    known = format_of(path, "write", format)
    if isinstance(image, Labels) and not known.labels:
        raise FileFormatError(path, f"{known.name} cannot hold labels", "write .ome.tif or .npz")
    files = known.files(path)
    existing = [file.name for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"{', '.join(existing)} exists already; choose another name or allow overwriting"
        )
    if path.is_dir() and any(path.iterdir()) and not _may_replace(known, path):
        raise FileExistsError(
            f"the folder {path.name} holds other things than {known.name} and is not replaced; "
            "choose another name"
        )
    with replacing(*files) as drafts:
        _module(known.writer).write_image(drafts[-1], image)
    return path


def _may_replace(known: Format, folder: Path) -> bool:
    """Whether a folder is of this format and no other: what people keep in one is theirs."""
    is_ours = getattr(_module(known.writer), "is_ours", None)
    return is_ours is not None and bool(is_ours(folder))


def _read(source: Source, name: str | None) -> list[Image]:
    if not source.path.exists():
        raise FileNotFoundError(f"there is no file {str(source.path)!r}")
    known = format_of(source.path, "read", name)
    try:
        images: list[Image] = _module(known.reader).read_images(source)
    except FileFormatError:
        raise
    except ValueError as error:  # what the file holds makes no cube
        raise FileFormatError(
            source.path, str(error), "choose another file, or array (path::name)"
        ) from error
    if source.array is not None and len(images) > 1:  # a reader that knows no arrays has images
        return [chosen(images, source.path, source.array)]
    return images


def _module(name: str | None) -> Any:
    return import_module(f".{name}", __name__)


def _patterns(known: Format, verb: str) -> tuple[str, ...]:
    return known.writes if verb == "write" and known.writes else known.patterns


def _knowing(path: Path, fitting: list[Format]) -> Format:
    """Return the first format that knows the file; a file that is not there is none's own."""
    if len(fitting) == 1 or not path.exists():
        return next((f for f in fitting if f.sniff is None), fitting[-1])
    for candidate in fitting:
        if candidate.sniff is None or getattr(_module(candidate.reader), candidate.sniff)(path):
            return candidate
    return fitting[-1]


def _fits(path: Path, pattern: str, verb: str) -> bool:
    folder = pattern.endswith("/")
    if verb == "read" and path.exists() and path.is_dir() != folder:
        return False
    if pattern == "*/" and verb == "write":
        return False  # any name would do: it must be asked for
    return fnmatch(path.name.lower(), pattern.rstrip("/"))


def _is_spectral(image: Image) -> bool:
    axis = getattr(image, "axis", None)
    return isinstance(axis, SpectralAxis) and axis.kind != "index"


def _labels_of_cube(cube: Cube, path: Path) -> Labels:
    data = np.asarray(cube.data)
    if data.shape[-3] != 1:
        raise FileFormatError(
            path, f"{data.shape[-3]} bands, labels have one", "pick the label array: path::name"
        )
    if data.dtype.kind == "f":
        if not np.array_equal(data, np.round(data)) or data.min() < 0:
            raise FileFormatError(
                path, "not whole numbers", "labels are 0 for unlabelled, 1, 2, … for the classes"
            )
        data = data.astype(np.int32)
    shared = {k: v for k, v in vars(cube).items() if k in Labels.__dataclass_fields__}
    return Labels(**shared | {"data": data[..., 0, :, :]})


def _cube_of_labels(labels: Labels) -> Cube:
    shared = {k: v for k, v in vars(labels).items() if k in Cube.__dataclass_fields__}
    return Cube(**shared | {"data": labels.data[..., None, :, :], "axis": ChannelAxis(("labels",))})
