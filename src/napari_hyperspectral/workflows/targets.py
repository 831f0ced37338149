"""Names of the files that results go to; docks and the command line share this one rule.

The results of a cube are named after its file: ``scan.hdr`` gives ``scan_predicted.ome.tif``,
``scan_probabilities.ome.tif`` and the folder ``scan_report``; an array inside a file is named, too:
``all.mat::cube`` gives ``all_cube_predicted.ome.tif``. So no result ever has the name of its source,
and all results of a cube sort next to each other. Who names the result file itself has it under
that name; what else there is of the cube is named after it, as in ``map_probabilities.npz``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..files.atomic import refuse_inside_store
from ..io import FORMATS, Format, Source, format_of

MODEL_SUFFIX: Final = ".safetensors"
PREDICTED: Final = "predicted"
PREPARED: Final = "prepared"
PROBABILITIES: Final = "probabilities"
REPORT: Final = "report"

_NOT_IMAGES: Final = (MODEL_SUFFIX, ".json")
"""Suffixes of models and recipes, which no image format writes."""


@dataclass(frozen=True)
class Targets:
    """The files that the results of one cube go to."""

    result: Path
    probabilities: Path | None = None
    """Of the classes, where they are asked for."""
    report: Path | None = None
    """Folder of the report on a super-resolved image; None: it is not written."""

    @property
    def images(self) -> list[Path]:
        """The image files, in the order in which a prediction returns its images."""
        return [self.result] if self.probabilities is None else [self.result, self.probabilities]


class SameTargetError(ValueError):
    """Results of two cubes would go to files of the same name."""

    def __init__(self, one: str, other: str, stem: str) -> None:
        super().__init__(
            f"the results of {one} and {other} would both be named {stem}_…; "
            "write them into different folders"
        )


def targets_in_folder(
    folder: Path,
    sources: Sequence[str],
    suffix: str,
    *,
    probabilities: bool = False,
    reports: Path | None = None,
) -> list[Targets]:
    """Return where the results of each source go.

    Parameters
    ----------
    folder : path
        Of the results; it need not exist yet.
    sources : sequence of str
        Files, or arrays in them as ``path::array@axes``.
    suffix : str
        Of the image files, which tells their format.
    probabilities : bool
        Whether the probabilities of classes are written, too.
    reports : path, optional
        Folder for the folders of reports; else `folder`.

    Raises
    ------
    SameTargetError
        If two sources would give results of the same name.
    """
    report_folder = folder if reports is None else reports
    targets: list[Targets] = []
    for stem in distinct_stems(sources):
        result = folder / f"{stem}_{PREDICTED}{suffix}"
        of_classes = folder / f"{stem}_{PROBABILITIES}{suffix}" if probabilities else None
        targets.append(Targets(result, of_classes, report_folder / f"{stem}_{REPORT}"))
    return targets


def targets_of_file(
    out: Path, source: str, *, probabilities: bool = False, reports: Path | None = None
) -> Targets:
    """Return where the results of one source go, whose result file is named.

    Parameters
    ----------
    out : path
        The result file.
    source : str
        The file it is predicted from.
    probabilities : bool
        Whether the probabilities of classes are written, too.
    reports : path, optional
        Folder for the folder of its report; without one, no report is written.

    Raises
    ------
    ValueError
        If the result would overwrite its own source.
    """
    cube_path = Source.parse(source).path
    if out.exists() and cube_path.exists() and out.samefile(cube_path):
        raise ValueError(
            f"{out} is the cube itself, which is read while its result is written; "
            "give the result another name"
        )
    return Targets(
        out,
        with_word(out, PROBABILITIES) if probabilities else None,
        None if reports is None else reports / f"{stem_of(source)}_{REPORT}",
    )


def image_targets(
    folder: Path, sources: Sequence[str], suffix: str, words: Sequence[str]
) -> list[list[Path]]:
    """Return the files in `folder` for images of each source: one for each word, a list a source.

    Raises
    ------
    SameTargetError
        If two sources would give files of the same name.
    """
    stems = distinct_stems(sources)
    return [[folder / f"{stem}_{word}{suffix}" for word in words] for stem in stems]


def distinct_stems(sources: Sequence[str]) -> list[str]:
    """Return what the results of each source are named after.

    Raises
    ------
    SameTargetError
        If two would be named alike.
    """
    source_of_stem: dict[str, str] = {}
    for source in sources:
        stem = stem_of(source)
        if stem in source_of_stem:
            raise SameTargetError(source_of_stem[stem], source, stem)
        source_of_stem[stem] = source
    return list(source_of_stem)


def stem_of(source: str) -> str:
    """Return what results of a source are named after: its file without suffix, and its array."""
    parsed = Source.parse(source)
    name = parsed.path.name
    suffix = max(_known_suffixes(name), key=len, default="")
    stem = name[: len(name) - len(suffix)]
    if parsed.array is None:
        return stem
    # arrays of HDF5 and zarr are addressed by paths, which a file name cannot hold
    return f"{stem}_{parsed.array.strip('/').replace('/', '_')}"


def with_word(path: Path, word: str) -> Path:
    """Return a path whose stem ends with one word more: ``map.ome.tif`` → ``map_word.ome.tif``."""
    suffix = max(_known_suffixes(path.name), key=len, default=path.suffix)
    stem = path.name[: len(path.name) - len(suffix)]
    return path.with_name(f"{stem}_{word}{suffix}")


def existing_files(targets: Iterable[Path], format_name: str | None = None) -> list[Path]:
    """Return the files that writing `targets` would overwrite.

    Parameters
    ----------
    targets : iterable of path
        Image files, model files or recipes.
    format_name : str, optional
        Name of the format of the images, where a suffix has several.

    Raises
    ------
    FileFormatError
        If a suffix is that of no format that is written.
    """
    files: list[Path] = []
    for target in targets:
        if target.suffix in _NOT_IMAGES:
            files.append(target)
        else:  # a format may write several, such as a header and its data
            files += format_of(target, "write", format_name).files(target)
    return [file for file in files if file.exists()]


def check_model_target(path: Path) -> None:
    """Check that a model can be saved at this path.

    Raises
    ------
    ValueError
        If it has another suffix than models have.
    FileNotFoundError
        If its folder does not exist.
    """
    if path.suffix != MODEL_SUFFIX:
        raise ValueError(
            f"a model is saved as {MODEL_SUFFIX}, not as {path.name!r}; "
            f"name it {path.stem}{MODEL_SUFFIX}"
        )
    check_parent(path)


def check_parent(path: Path) -> None:
    """Check that the folder of a file exists, and that it is not in a Zarr store.

    Raises
    ------
    FileNotFoundError
        If it does not.
    ValueError
        If it is in a store.
    """
    refuse_inside_store(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {str(path.parent)!r} to write {path.name} into; make it first"
        )


def output_suffixes() -> dict[str, Format]:
    """Return the suffixes that images can be written with, and the format of each."""
    suffixes: dict[str, Format] = {}
    for known in FORMATS:
        if known.writer is None:
            continue
        for pattern in known.writes or known.patterns:
            suffix = pattern.lstrip("*").rstrip("/")
            if suffix:  # several formats may have one: the first in the list writes it
                suffixes.setdefault(suffix, known)
    return suffixes


def _known_suffixes(name: str) -> list[str]:
    """Return the ends of a file's name that are suffixes of formats."""
    suffixes = []
    for known in FORMATS:
        for pattern in known.patterns:
            suffix = pattern.lstrip("*").rstrip("/")
            if suffix and name.lower().endswith(suffix):
                suffixes.append(suffix)
    return suffixes
