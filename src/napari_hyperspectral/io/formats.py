"""The formats of files that we know, and which of them a file has.

`FORMATS` is the only list of them. Their modules are imported when they are first needed, so that
listing formats costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from ..cube import Image
from ..errors import UnknownFormatError
from ..files.regular import check_regular
from .source import Source

Verb: TypeAlias = Literal["read", "write"]
"""What is to be done with a file."""

_PARTICIPLES: Final = {"read": "read", "write": "written"}
_ANY_FOLDER: Final = "*/"
"""The pattern of a format that any folder may be, whatever its name."""


@runtime_checkable
class Reader(Protocol):
    """A module that reads a format."""

    def read_images(self, source: Source) -> list[Image]:
        """Return all images that `source` asks for, as lazily as the format allows.

        Arrays are transposed to (t, z, band, y, x) without the axes that the file lacks; an image
        has its axis, units, pixel size and one line of history.

        Raises
        ------
        FileFormatError
            If the file is damaged, or does not say which array or axis is meant.
        """


@runtime_checkable
class Writer(Protocol):
    """A module that writes a format; that nothing is overwritten or left half done, `write` sees to."""

    def write_image(self, path: Path, image: Image) -> None:
        """Write an image to a path that does not exist yet.

        Raises
        ------
        FileFormatError
            If the format cannot hold the image without loss.
        """


@runtime_checkable
class FolderWriter(Writer, Protocol):
    """A writer of folders, which are replaced only where they hold nothing else."""

    def is_ours(self, path: Path) -> bool:
        """Whether a folder holds one image of this format and nothing else."""


@dataclass(frozen=True)
class Format:
    """A file format we know."""

    name: str
    patterns: tuple[str, ...]
    """Names of its files, as in "*.hdr"; a pattern ending in "/" means folders."""
    reader: str | None = None
    """Module of this folder that reads it, a `Reader`."""
    writer: str | None = None
    """Module of this folder that writes it, a `Writer`."""
    writes: tuple[str, ...] = ()
    """Patterns to write by, where not all of `patterns` make sense."""
    companions: tuple[str, ...] = ()
    """Suffixes of the files written beside the named one, as ".img" beside ".hdr"."""
    labels: bool = True
    """Whether it can hold label images."""
    stacks: bool = True
    """Whether it can hold axes of t and z."""
    loaded: bool = False
    """Whether reading what we wrote loads it: text, and what is compressed as a whole."""
    sniff: str | None = None
    """Function of the reader, ``(path: Path) -> bool``, that recognises a file of this format by
    its first bytes; where formats share a suffix, the first that recognises it, or has no such
    function, reads it."""
    everyday: bool = False
    """Whether napari opens such files by itself, and they are not offered there as ours."""
    extra: str | None = None
    """The extra of this package that brings what reading it needs."""
    untried: str = ""
    """What of it was never tried on a real file, none being public: everything, or a part of it."""

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the files that make up `path`, the one that is opened last."""
        return (*(path.with_suffix(suffix) for suffix in self.companions), path)

    def patterns_to(self, verb: Verb) -> tuple[str, ...]:
        """Return the names of files that are read or written in this format."""
        if verb == "write" and self.writes:
            return self.writes
        return self.patterns

    def recognises(self, path: Path) -> bool:
        """Whether a file that exists is of this format, as far as the reader can tell."""
        if self.sniff is None:
            return True
        return bool(getattr(_module(self.reader), self.sniff)(path))


FORMATS: Final = (
    # instruments: Raman and photoluminescence
    Format(
        "Renishaw WDF",
        ("*.wdf",),
        reader="renishaw.reader",
        untried="scans in snake order, maps at several depths",
    ),
    Format("LabSpec text", ("*.txt", "*.txt.gz"), reader="text.labspec", sniff="is_labspec"),
    Format("LabSpec XML", ("*.xml",), reader="text.labspec_xml"),
    Format("WITec text", ("*.txt", "*.dat"), reader="text.witec", sniff="is_witec"),
    Format(
        "WITec project",
        ("*.wip", "*.wid"),
        reader="spectrometers.witec",
        extra="wip",
        untried="everything",
    ),
    Format(
        "Thermo SPC",
        ("*.spc",),
        reader="spectrometers.spc",
        untried="old and big-endian files, grids",
    ),
    Format(
        "JCAMP-DX",
        ("*.jdx", "*.dx", "*.jcm", "*.jcamp"),
        reader="spectrometers.jcamp",
    ),
    Format(
        "Princeton SPE",
        ("*.spe",),
        reader="spectrometers.spe",
        untried="files of WinSpec (version 2)",
    ),
    Format("Andor SIF", ("*.sif",), reader="spectrometers.andor"),
    Format("JASCO", ("*.jws", "*.jwb"), reader="spectrometers.jasco", untried="wavenumbers"),
    # field spectrometers
    Format("ASD FieldSpec", ("*.asd",), reader="spectrometers.asd"),
    Format("Spectral Evolution, Spectra Vista", ("*.sed", "*.sig"), reader="text.field"),
    # infrared
    Format("Agilent", ("*.seq", "*.dmt"), reader="spectrometers.agilent"),
    Format(
        "Bruker OPUS",
        ("*.[0-9]", "*.[0-9][0-9]", "*.[0-9][0-9][0-9]", "*.[0-9][0-9][0-9][0-9]"),
        reader="spectrometers.opus",
        untried="series and maps",
    ),
    Format("PerkinElmer FSM", ("*.fsm",), reader="spectrometers.fsm"),
    Format("PerkinElmer SP", ("*.sp",), reader="spectrometers.perkinelmer"),
    Format(
        "Thermo OMNIC map",
        ("*.map", "*.srs"),
        reader="spectrometers.omnic",
        untried="old files, lines and points",
    ),
    Format("Thermo OMNIC", ("*.spa", "*.spg"), reader="spectrometers.omnic_spa"),
    Format("Photothermal", ("*.ptir",), reader="hdf5.reader"),
    # mass spectrometry
    Format("imzML", ("*.imzml", "*.ibd"), reader="imzml.reader"),
    # microscopes
    Format("Zeiss LSM", ("*.lsm",), reader="tiff.reader"),
    Format(
        "Zeiss CZI",
        ("*.czi",),
        reader="microscopes.czi",
        extra="microscopes",
        untried="spectral files",
    ),
    Format("Leica LIF", ("*.lif",), reader="microscopes.lif"),
    Format(
        "Nikon ND2",
        ("*.nd2",),
        reader="microscopes.nd2",
        extra="microscopes",
        untried="spectral files",
    ),
    Format(
        "Olympus",
        ("*.oib", "*.oif", "*.oir"),
        reader="microscopes.olympus",
        extra="microscopes",
        untried="everything",
    ),
    Format("Gatan DigitalMicrograph", ("*.dm3", "*.dm4"), reader="microscopes.gatan"),
    # cubes of all kinds
    Format("Ripple", ("*.rpl", "*.raw"), reader="raw.ripple", sniff="is_ripple"),
    Format("ERDAS LAN", ("*.lan",), reader="raw.lan", untried="everything"),
    Format(
        "ESRI BIL",
        ("*.hdr", "*.bil", "*.bip", "*.bsq"),
        reader="raw.esri",
        sniff="is_esri",
        untried="everything",
    ),
    Format(
        "ENVI",
        ("*.hdr", "*.img", "*.dat", "*.raw", "*.bsq", "*.bil", "*.bip", "*.sli"),
        reader="raw.envi",
        writer="raw.envi",
        writes=("*.hdr",),
        companions=(".img",),
        stacks=False,
    ),
    Format("NumPy", ("*.npy",), reader="raw.npy", writer="raw.npy", companions=(".json",)),
    Format("NumPy archive", ("*.npz",), reader="raw.npz", writer="raw.npz", loaded=True),
    Format("MATLAB", ("*.mat",), reader="hdf5.matlab", writer="hdf5.matlab", loaded=True),
    Format("HyperSpy", ("*.hspy",), reader="hdf5.reader", writer="hdf5.hyperspy"),
    Format(
        "NeXus",
        ("*.nxs", "*.nx5", "*.nexus"),
        reader="hdf5.reader",
        writer="hdf5.nexus",
        writes=("*.nxs",),
    ),
    Format(
        "HDF5",
        ("*.h5", "*.hdf5", "*.hdf", "*.he5", "*.emd", "*.hdf4", "*.he4"),
        reader="hdf5.reader",
        writer="hdf5.nexus",
        writes=("*.h5", "*.hdf5", "*.hdf"),
    ),
    Format(
        "NetCDF",
        ("*.nc", "*.nc4"),
        reader="hdf5.netcdf",
        untried="products of EMIT, PACE and PRISMA",
    ),
    Format("OME-TIFF", ("*.ome.tif", "*.ome.tiff"), reader="tiff.reader", writer="tiff.ometiff"),
    Format("GeoTIFF", ("*.tif", "*.tiff"), reader="tiff.reader", sniff="is_geotiff"),
    Format(
        "ImageJ TIFF",
        ("*.tif", "*.tiff"),
        reader="tiff.reader",
        writer="tiff.imagej",
        sniff="is_imagej",
    ),
    Format(
        "TIFF stack",
        ("*.tif", "*.tiff"),
        reader="tiff.reader",
        writer="tiff.reader",
        companions=(".json",),
    ),
    Format(
        "OME-Zarr",
        ("*.zarr/", "*.ome.zarr/", "*.zarr.zip", "*.ozx"),
        reader="zarr.omezarr",
        writer="zarr.omezarr",
        writes=("*.zarr/", "*.ome.zarr/"),
    ),
    Format("HyperSpy Zarr", ("*.zspy/", "*.zspy"), reader="zarr.omezarr"),
    Format(
        "PNG, JPEG, BMP",
        ("*.png", "*.jpg", "*.jpeg", "*.bmp"),
        reader="raw.picture",
        everyday=True,
    ),
    # tables of spectra, whose text says little
    Format(
        "Text table",
        (
            *("*.csv", "*.txt", "*.tsv", "*.xyz", "*.asc", "*.dpt"),
            *("*.csv.gz", "*.txt.gz", "*.tsv.gz", "*.asc.gz"),
        ),
        reader="text.table",
        writer="text.columns",
        writes=("*.csv", "*.txt", "*.tsv"),
        labels=False,
        stacks=False,
        loaded=True,
    ),
    Format("TIFF folder", ("*/",), reader="tiff.folder", writer="tiff.folder"),
)

BRIDGE: Final = Format("RosettaSciIO or BioIO", (), reader="bridge", sniff="is_readable")
"""What the user may have installed, for files that none of `FORMATS` fits."""


def format_of(path: str | Path, verb: Verb = "read", name: str | None = None) -> Format:
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
        return _named(name, able, verb)
    candidates = [f for f in able if any(_fits(path, p, verb) for p in f.patterns_to(verb))]
    if candidates:
        return candidates[0] if verb == "write" else _recognised(path, candidates)
    if verb == "read":
        if not path.suffix and path.with_name(f"{path.name}.hdr").is_file():
            return format_of(path, verb, "ENVI")  # data files of ENVI may have no suffix
        if BRIDGE.recognises(path):
            return BRIDGE
    patterns = dict.fromkeys(pattern for f in able for pattern in f.patterns_to(verb))
    raise UnknownFormatError(path, _PARTICIPLES[verb], patterns)


def reader_of(known: Format) -> Reader:
    """Return the module that reads a format, imported when it is first needed."""
    module = _module(known.reader)
    if not isinstance(module, Reader):
        raise TypeError(f"{module.__name__} has no read_images; see Reader")
    return module


def writer_of(known: Format) -> Writer:
    """Return the module that writes a format, imported when it is first needed."""
    module = _module(known.writer)
    if not isinstance(module, Writer):
        raise TypeError(f"{module.__name__} has no write_image; see Writer")
    return module


def patterns_of_files() -> list[str]:
    """Return the names of files that are offered to napari, each once, in the order of `FORMATS`."""
    offered = [known for known in FORMATS if known.reader and not known.everyday]
    patterns = (pattern for known in offered for pattern in known.patterns)
    return [pattern for pattern in dict.fromkeys(patterns) if not pattern.endswith("/")]


def patterns_of_folders() -> list[str]:
    """Return the names of folders that can be read as one image, but not that of any folder."""
    patterns = (pattern for known in FORMATS if known.reader for pattern in known.patterns)
    return [p for p in dict.fromkeys(patterns) if p.endswith("/") and p != _ANY_FOLDER]


def suffixes_to_write(*, labels: bool = False) -> dict[str, Format]:
    """Return the suffixes that images can be written by, and the format that each stands for.

    Parameters
    ----------
    labels : bool
        Whether the images are labels, which not every format can hold.
    """
    suffixes: dict[str, Format] = {}
    for known, pattern in _patterns_to_write(labels):
        # the first format of a suffix has it
        suffixes.setdefault(pattern.removeprefix("*").rstrip("/"), known)
    return suffixes


def _patterns_to_write(labels: bool) -> Iterator[tuple[Format, str]]:
    for known in FORMATS:
        if known.writer is None or (labels and not known.labels):
            continue
        for pattern in known.patterns_to("write"):
            if pattern != _ANY_FOLDER:
                yield known, pattern


def _module(name: str | None) -> ModuleType:
    return import_module(f".{name}", __package__)


def _named(name: str, able: list[Format], verb: Verb) -> Format:
    for known in able:
        if known.name.lower() == name.lower():
            return known
    raise UnknownFormatError(Path(name), _PARTICIPLES[verb], (known.name for known in able))


def _recognised(path: Path, candidates: list[Format]) -> Format:
    """Return the first format that recognises the file; one that is not there has no content."""
    if len(candidates) == 1 or not path.exists():
        return next((known for known in candidates if known.sniff is None), candidates[-1])
    check_regular(path)
    return next((known for known in candidates if known.recognises(path)), candidates[-1])


def _fits(path: Path, pattern: str, verb: Verb) -> bool:
    is_folder = pattern.endswith("/")
    if verb == "read" and path.exists() and path.is_dir() != is_folder:
        return False
    if pattern == _ANY_FOLDER and verb == "write":
        return False  # any name would do: this format must be asked for by its own
    return fnmatch(path.name.lower(), pattern.rstrip("/"))
