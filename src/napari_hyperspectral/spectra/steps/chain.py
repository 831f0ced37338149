"""Chains of steps: the list of steps, and what is done with several of them in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, get_args

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ...axis import Axis
from ...cube import Cube
from ...errors import FileFormatError
from ...files.atomic import replacing
from ...settings import Settings, reason_of
from ...system.paths import user_path
from ..arrays import Float32, Intensities
from ..axes import (
    CalibrateAxis,
    ConvertAxis,
    FoldSpectra,
    SetDimension,
    SetEnds,
    SetExcitation,
    SetQuantity,
    SetSteps,
    SetValues,
    ShiftAxis,
)
from .bands import Crop, DropBadBands, MarkBadBands, Resample
from .base import Step
from .baseline import (
    AirPLSBaseline,
    ArPLSBaseline,
    AsLSBaseline,
    MinimumBaseline,
    ModifiedPolynomialBaseline,
    PolynomialBaseline,
    RollingBallBaseline,
    RubberBandBaseline,
    SNIPBaseline,
)
from .components import LowRankDenoising, MNFTruncation, PCATruncation
from .cosmic_rays import CosmicRays, CosmicRaysAmongNeighbours
from .normalise import (
    SNV,
    NormaliseArea,
    NormaliseMaximum,
    NormaliseMedian,
    NormalisePeak,
    NormalisePercentile,
    NormaliseTotal,
    NormaliseVector,
)
from .pixels import BinPixels
from .reference import Reflectance
from .scatter import EMSC, MSC
from .smooth import (
    Derivative,
    GaussianBlur,
    GaussianSmoothing,
    SavitzkyGolay,
    WaveletSmoothing,
    WhittakerSmoothing,
)
from .transform import Anscombe, Logarithm

AnyStep: TypeAlias = Annotated[
    SetEnds
    | SetSteps
    | SetValues
    | SetQuantity
    | ShiftAxis
    | CalibrateAxis
    | ConvertAxis
    | SetExcitation
    | SetDimension
    | FoldSpectra
    | Crop
    | MarkBadBands
    | DropBadBands
    | Resample
    | CosmicRays
    | CosmicRaysAmongNeighbours
    | Reflectance
    | SavitzkyGolay
    | WhittakerSmoothing
    | WaveletSmoothing
    | GaussianSmoothing
    | GaussianBlur
    | Derivative
    | MinimumBaseline
    | PolynomialBaseline
    | ModifiedPolynomialBaseline
    | RubberBandBaseline
    | AsLSBaseline
    | ArPLSBaseline
    | AirPLSBaseline
    | SNIPBaseline
    | RollingBallBaseline
    | NormaliseMaximum
    | NormaliseArea
    | NormaliseVector
    | SNV
    | MSC
    | EMSC
    | NormalisePercentile
    | NormaliseMedian
    | NormalisePeak
    | NormaliseTotal
    | Anscombe
    | Logarithm
    | BinPixels
    | LowRankDenoising
    | PCATruncation
    | MNFTruncation,
    Field(discriminator="kind"),
]
STEPS: Final[tuple[type[Step], ...]] = get_args(get_args(AnyStep)[0])


class StepError(ValueError):
    """A step of a chain cannot be taken.

    Parameters
    ----------
    number : int
        Which step of the chain, from 1.
    step : Step
    error : Exception
        Why.
    """

    def __init__(self, number: int, step: Step, error: Exception) -> None:
        super().__init__(f"step {number}, {step.title.lower()}: {reason_of(error)}")
        self.number = number
        self.reason = reason_of(error)


class Chain(Settings):
    """Steps of preparation, taken one after the other; without any, cubes stay as they are.

    The same chain is a part of a recipe, a JSON file, and lines of a cube's history.
    """

    steps: tuple[AnyStep, ...] = ()
    """The steps, in the order in which they are taken. Those that are switched off stay in the list."""

    @model_validator(mode="before")
    @classmethod
    def _accept_list(cls, values: Any) -> Any:
        return {"steps": values} if isinstance(values, list | tuple) else values

    @property
    def taken(self) -> tuple[Step, ...]:
        """The steps that are switched on."""
        return tuple(step for step in self.steps if step.enabled)

    @property
    def does_nothing(self) -> bool:
        """Whether cubes stay unchanged."""
        return not self.taken

    @property
    def per_spectrum(self) -> bool:
        """Whether each spectrum is changed by itself: `on_spectra` may be used for parts."""
        return all(step.looks_at == "spectrum" for step in self.taken)

    @property
    def commutes_with_means(self) -> bool:
        """Whether the mean of prepared spectra is the prepared mean."""
        return all(step.commutes_with_means for step in self.taken)

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        """Return the cube after all steps; lazy data stay lazy.

        Parameters
        ----------
        cube : Cube
            Shape (…, band, y, x): an input, or a target.
        reference : Cube, optional
            The input, as measured, that `cube` is the target of, shape (…, band, y, x) with the same
            pixels. Steps that normalise take its numbers; all others see each cube by itself.

        Raises
        ------
        StepError
            If a step cannot be taken; the message names it.
        """
        normalises = any(step.normalises for step in self.taken)
        for number, step in self._numbered():
            with _named(number, step):
                changed = step.on(cube, reference=reference)
                if reference is not None and normalises:
                    reference = step.on(reference)
                cube = changed
        return cube

    def in_memory(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        """Return the cube after all steps, computed: for what uses it more than once; see `on`."""
        prepared = self.on(cube, reference=reference)
        if self.does_nothing:
            return prepared
        return replace(prepared, data=prepared.numpy())

    def on_axis(self, axis: Axis) -> Axis:
        """Return the axis after all steps; see `on`."""
        for number, step in self._numbered():
            with _named(number, step):
                axis = step.on_axis(axis)
        return axis

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        """Return a part of a cube after all steps, each of which sees a spectrum at a time.

        Parameters
        ----------
        data : ndarray, shape (…, band, y, x)
            Intensities on `axis`.
        axis : SpectralAxis or ChannelAxis
            Of the cube, before any step.

        Raises
        ------
        StepError
            If a step looks further than at a spectrum, or cannot be taken.
        """
        spectra = np.asarray(data, np.float32)
        for number, step in self._numbered():
            with _named(number, step):
                spectra = step.on_spectra(spectra, axis)
                axis = step.on_axis(axis)
        return spectra

    @classmethod
    def read(cls, path: str | Path) -> Chain:
        """Read a chain from a JSON file; files that it names may lie beside it.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        FileFormatError
            If it is no text.
        ValidationError
            If it holds no chain; the name of the file is a note of the error.
        """
        path = user_path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no chain {str(path)!r}; `napari-hyperspectral chain -o` makes one"
            )
        content = path.read_bytes()
        try:
            text = content.decode(json.detect_encoding(content))
        except UnicodeDecodeError as error:
            raise FileFormatError(path, f"it is no text ({error})", "save it as UTF-8") from error
        try:
            chain = cls.model_validate_json(text)
        except ValidationError as error:
            error.add_note(path.name)
            raise
        steps = tuple(_with_files_in(path.parent, step) for step in chain.steps)
        return chain.model_copy(update={"steps": steps})

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the chain to a JSON file, completely or not at all; return its path.

        Raises
        ------
        FileExistsError
            If the file exists and is not to be overwritten.
        """
        path = user_path(path)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; choose another name, or overwrite it")
        with replacing(path) as (draft,):
            draft.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return path

    def _numbered(self) -> Iterator[tuple[int, Step]]:
        """Yield the steps that are taken, each with its number in the list, from 1."""
        for number, step in enumerate(self.steps, start=1):
            if step.enabled:
                yield number, step


def _with_files_in(folder: Path, step: Step) -> Step:
    """Return a step whose files are those of a folder, where they are not found from here."""
    found = {}
    for name, value in step:
        if isinstance(value, Path) and not value.exists() and (folder / value).exists():
            found[name] = folder / value
    return step.model_copy(update=found) if found else step


@contextmanager
def _named(number: int, step: Step) -> Iterator[None]:
    """Name the step in what goes wrong with it."""
    try:
        yield
    except (ValueError, ArithmeticError, FileNotFoundError) as error:
        raise StepError(number, step, error) from error


NOTHING: Final = Chain()
"""Leaves cubes as they are."""
