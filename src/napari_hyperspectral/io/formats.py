"""The formats of files that we know, and which of them a file has.

`FORMATS` is the only list of them. Their modules are imported when they are first needed, so that
listing formats costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from ..errors import UnknownFormatError


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
    # infrared
    Format("Agilent", ("*.seq", "*.dmt"), reader="spectrometers.agilent"),
    Format(
        "Bruker OPUS",
        ("*.[0-9]", "*.[0-9][0-9]", "*.[0-9][0-9][0-9]", "*.[0-9][0-9][0-9][0-9]"),
        reader="spectrometers.opus",
        untried="series and maps",
    ),
    Format("PerkinElmer FSM", ("*.fsm",), reader="spectrometers.fsm"),
    Format(
        "Thermo OMNIC map",
        ("*.map",),
        reader="spectrometers.omnic",
        untried="old files, lines and points",
    ),
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
    ),
    Format("NumPy", ("*.npy",), reader="raw.npy", writer="raw.npy", companions=(".json",)),
    Format("NumPy archive", ("*.npz",), reader="raw.npz", writer="raw.npz"),
    Format("MATLAB", ("*.mat",), reader="hdf5.matlab", writer="hdf5.matlab"),
    Format("HyperSpy", ("*.hspy",), reader="hdf5.reader", writer="hdf5.hyperspy"),
    Format("NeXus", ("*.nxs",), reader="hdf5.reader", writer="hdf5.nexus"),
    Format(
        "HDF5",
        ("*.h5", "*.hdf5", "*.hdf", "*.he5", "*.emd"),
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
    Format("HyperSpy Zarr", ("*.zspy/",), reader="zarr.omezarr"),
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
    ),
    Format("TIFF folder", ("*/",), reader="tiff.folder", writer="tiff.folder"),
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
    if verb == "read" and module_of("bridge").knows(path):
        return BRIDGE
    known = dict.fromkeys(pattern for f in able for pattern in _patterns(f, verb))
    raise UnknownFormatError(path, {"read": "read", "write": "written"}[verb], known)


def module_of(name: str | None) -> Any:
    """Return the module that reads or writes a format, imported when it is first needed."""
    return import_module(f".{name}", __package__)


def _patterns(known: Format, verb: str) -> tuple[str, ...]:
    return known.writes if verb == "write" and known.writes else known.patterns


def _knowing(path: Path, fitting: list[Format]) -> Format:
    """Return the first format that knows the file; a file that is not there is none's own."""
    if len(fitting) == 1 or not path.exists():
        return next((f for f in fitting if f.sniff is None), fitting[-1])
    for candidate in fitting:
        if candidate.sniff is None or getattr(module_of(candidate.reader), candidate.sniff)(path):
            return candidate
    return fitting[-1]


def _fits(path: Path, pattern: str, verb: str) -> bool:
    folder = pattern.endswith("/")
    if verb == "read" and path.exists() and path.is_dir() != folder:
        return False
    if pattern == "*/" and verb == "write":
        return False  # any name would do: it must be asked for
    return fnmatch(path.name.lower(), pattern.rstrip("/"))
