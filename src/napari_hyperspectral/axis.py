"""What the bands of a cube stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind: TypeAlias = Literal[
    "wavelength", "wavenumber", "raman_shift", "mz", "energy", "frequency", "index"
]
Unit: TypeAlias = Literal["nm", "um", "1/cm", "eV", "THz", "m/z"]

_UNITS_OF: Final[Mapping[Kind, tuple[Unit | None, ...]]] = {
    "wavelength": ("nm", "um", None),
    "wavenumber": ("1/cm", None),
    "raman_shift": ("1/cm", None),
    "mz": ("m/z", None),
    "energy": ("eV", None),
    "frequency": ("THz", None),
    "index": (None,),
}
_TITLES: Final[Mapping[Kind, str]] = {
    "wavelength": "Wavelength",
    "wavenumber": "Wavenumber",
    "raman_shift": "Raman shift",
    "mz": "m/z",
    "energy": "Energy",
    "frequency": "Frequency",
    "index": "Band",
}
_SYMBOLS: Final[Mapping[Unit | None, str]] = {"um": "µm", "1/cm": "cm⁻¹", None: ""}


@dataclass(frozen=True, eq=False, init=False)
class SpectralAxis:
    """Band centres along the spectral axis, in the order of the bands.

    The order is the file's own: centres may descend, repeat, or jump back where two
    detectors overlap. `uniform` and `monotonic` say what is true of them.

    Parameters
    ----------
    centres : ndarray of float64, shape (band,)
        Centre of each band, in `unit`.
    unit : {"nm", "um", "1/cm", "eV", "THz", "m/z"} or None
        Unit of `centres`; None where there is none (`index`) or it is not known.
    kind : str, optional
        The quantity: wavelength, wavenumber, raman_shift, mz, energy, frequency, index.
        Left out, it follows from the unit (1/cm: wavenumber; none: index).
    widths : ndarray of float64, shape (band,), optional
        Full width at half maximum of each band, in `unit`.
    bad : ndarray of bool, shape (band,), optional
        True for bands that carry no information and are to be ignored.
    excitation_nm : float, optional
        Excitation line of a Raman or fluorescence measurement, in nm.
    guessed : bool
        True where the unit or kind was not stated by the file but inferred.

    Raises
    ------
    ValueError
        If `centres` is empty, not one-dimensional or not finite, if `widths` or `bad` are of
        another length, or if `unit` is no unit of `kind`.
    """

    centres: NDArray[np.float64]
    unit: Unit | None = None
    kind: Kind = "index"
    widths: NDArray[np.float64] | None = None
    bad: NDArray[np.bool_] | None = None
    excitation_nm: float | None = None
    guessed: bool = False

    def __init__(
        self,
        centres: ArrayLike,
        unit: Unit | None = None,
        kind: Kind | None = None,
        *,
        widths: ArrayLike | None = None,
        bad: ArrayLike | None = None,
        excitation_nm: float | None = None,
        guessed: bool = False,
    ) -> None:
        values = _frozen(centres, np.float64)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise ValueError(
                f"band centres must be one finite number a band, got shape {values.shape}"
                + ("" if np.isfinite(values).all() else " with values that are not finite")
            )
        if unit is not None and unit not in get_args(Unit):
            raise ValueError(f"unit {unit!r} is none of {', '.join(get_args(Unit))}")
        kind = kind_of_unit(unit) if kind is None else kind
        if unit not in _UNITS_OF.get(kind, ()):
            raise ValueError(f"{kind!r} is not measured in {unit!r}; kinds: {', '.join(_UNITS_OF)}")
        for name, dtype, given in (("widths", np.float64, widths), ("bad", np.bool_, bad)):
            array = None if given is None else _frozen(given, dtype)
            if array is not None and array.shape != values.shape:
                raise ValueError(f"{len(values)} band centres but {name} of shape {array.shape}")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "centres", values)
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "excitation_nm", excitation_nm)
        object.__setattr__(self, "guessed", guessed)

    @classmethod
    def index(cls, bands: int) -> SpectralAxis:
        """Return the axis of a cube whose file says nothing: 0, 1, 2, … without a unit."""
        return cls(np.arange(bands, dtype=np.float64))

    @property
    def uniform(self) -> bool:
        """Whether neighbouring centres are equally far apart, to a millionth of their range."""
        steps = np.diff(self.centres)
        return not len(steps) or bool(
            np.all(np.abs(steps - steps.mean()) <= 1e-6 * abs(float(np.ptp(self.centres))))
            and (steps.mean() != 0)
        )

    @property
    def monotonic(self) -> bool:
        """Whether the centres strictly increase or strictly decrease."""
        steps = np.diff(self.centres)
        return bool(np.all(steps > 0) or np.all(steps < 0))

    @property
    def good(self) -> NDArray[np.bool_]:
        """True for each band that is not marked bad, shape (band,)."""
        return np.ones(len(self), bool) if self.bad is None else ~self.bad

    @property
    def title(self) -> str:
        """Quantity and unit as they stand at a plot, such as "Raman shift (cm⁻¹)"."""
        symbol = "" if self.unit == "m/z" else _SYMBOLS.get(self.unit, self.unit)
        return f"{_TITLES[self.kind]} ({symbol})" if symbol else _TITLES[self.kind]

    def nearest(self, value: float) -> int:
        """Return the index of the band whose centre is nearest to `value`, in `unit`."""
        return int(np.argmin(np.abs(self.centres - value)))

    def between(self, low: float, high: float) -> NDArray[np.intp]:
        """Return the indices of the bands from `low` to `high` (both included), in file order.

        Raises
        ------
        ValueError
            If no band lies there.
        """
        low, high = min(low, high), max(low, high)
        found = np.flatnonzero((self.centres >= low) & (self.centres <= high))
        if not len(found):
            raise ValueError(f"no band lies between {low:g} and {high:g}; the axis has {self}")
        return found

    def take(self, bands: Sequence[int] | NDArray[np.integer] | slice) -> SpectralAxis:
        """Return the axis of the given bands."""
        return replace(
            self,
            centres=self.centres[bands],
            widths=None if self.widths is None else self.widths[bands],
            bad=None if self.bad is None else self.bad[bands],
        )

    def label(self, band: int) -> str:
        """Return what a person reads of a band, such as "1450.2 cm⁻¹ (band 367/500)"."""
        place = f"band {band + 1}/{len(self)}"
        if self.kind == "index":
            return place
        symbol = _SYMBOLS.get(self.unit, self.unit)
        decimals = 3 if abs(self.centres[band]) < 100 else 1
        return f"{self.centres[band]:.{decimals}f} {symbol}".strip() + f" ({place})"

    def same_bands(self, other: Axis) -> bool:
        """Whether `other` has equal centres, unit and kind, whatever else is known of it."""
        return (
            isinstance(other, SpectralAxis)
            and (self.unit, self.kind) == (other.unit, other.kind)
            and np.array_equal(self.centres, other.centres)
        )

    def __len__(self) -> int:
        return len(self.centres)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpectralAxis) and axis_to_json(self) == axis_to_json(other)

    def __hash__(self) -> int:
        return hash((self.unit, self.kind, self.centres.tobytes()))

    def __str__(self) -> str:
        bands = f"{len(self)} band" + "s" * (len(self) != 1)
        if self.kind == "index":
            counted = np.array_equal(self.centres, np.arange(len(self)))
            ends = "" if counted else f", {self.centres[0]:g}–{self.centres[-1]:g}"
            return f"{bands}{ends} without a spectral unit"
        symbol = _SYMBOLS.get(self.unit, self.unit)
        return f"{bands}, {self.centres[0]:g}–{self.centres[-1]:g} {symbol}".rstrip()


@dataclass(frozen=True)
class ChannelAxis:
    """Named channels that are no place on a spectrum: stains, drugs, classes.

    Raises
    ------
    ValueError
        If there is no name.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))
        if not self.names:
            raise ValueError("a channel axis needs at least one name")

    @property
    def good(self) -> NDArray[np.bool_]:
        """True for each channel, shape (channel,): none is ever marked bad."""
        return np.ones(len(self), bool)

    @property
    def title(self) -> str:
        """What stands at a plot."""
        return "Channel"

    def take(self, bands: Sequence[int] | NDArray[np.integer] | slice) -> ChannelAxis:
        """Return the axis of the given channels."""
        return ChannelAxis(tuple(np.asarray(self.names, object)[bands]))

    def label(self, band: int) -> str:
        """Return what a person reads of a channel, such as "DAPI (channel 1/3)"."""
        return f"{self.names[band]} (channel {band + 1}/{len(self)})"

    def same_bands(self, other: Axis) -> bool:
        """Whether `other` names the same channels."""
        return self == other

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return f"{len(self)} channel{'s' * (len(self) != 1)} ({', '.join(self.names)})"


Axis: TypeAlias = SpectralAxis | ChannelAxis


def kind_of_unit(unit: Unit | None) -> Kind:
    """Return the quantity a unit measures; for 1/cm the wavenumber (a Raman shift says so)."""
    if unit is None:
        return "index"
    return next(kind for kind, units in _UNITS_OF.items() if unit in units)


def axis_to_json(axis: Axis) -> dict[str, Any]:
    """Return an axis as plain JSON; Python writes its floats so that they read back exactly."""
    if isinstance(axis, ChannelAxis):
        return {"channels": list(axis.names)}
    return {
        "kind": axis.kind,
        "unit": axis.unit,
        "centres": axis.centres.tolist(),
        "widths": None if axis.widths is None else axis.widths.tolist(),
        "bad": None if axis.bad is None else axis.bad.tolist(),
        "excitation_nm": axis.excitation_nm,
        "guessed": axis.guessed,
    }


def axis_from_json(about: Mapping[str, Any]) -> Axis:
    """Return the axis that `axis_to_json` described.

    Raises
    ------
    ValueError
        If the description is none of ours.
    """
    if "channels" in about:
        return ChannelAxis(tuple(about["channels"]))
    if "centres" not in about:
        raise ValueError(f"no axis: neither 'centres' nor 'channels' among {sorted(about)}")
    return SpectralAxis(
        about["centres"],
        about.get("unit"),
        about.get("kind"),
        widths=about.get("widths"),
        bad=about.get("bad"),
        excitation_nm=about.get("excitation_nm"),
        guessed=bool(about.get("guessed", False)),
    )


def _frozen(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array
