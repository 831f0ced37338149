"""Axes of a cube: what its bands are, on a spectrum or as named channels."""

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
    detectors overlap; see `uniform` and `monotonic`.

    Parameters
    ----------
    centres : ndarray of float64, shape (band,)
        Centre of each band, in `unit`.
    unit : {"nm", "um", "1/cm", "eV", "THz", "m/z"} or None
        Unit of `centres`; None where there is none (`index`) or it is not known.
    kind : str, optional
        The quantity: wavelength, wavenumber, raman_shift, mz, energy, frequency, index. Default:
        that of the unit (1/cm: wavenumber; none: index).
    widths : ndarray of float64, shape (band,), optional
        Full width at half maximum of each band, in `unit`.
    bad : ndarray of bool, shape (band,), optional
        True for bands without information, which are ignored.
    excitation_nm : float, optional
        Excitation wavelength of a Raman or fluorescence measurement, in nm.
    guessed : bool
        True where the unit or kind was inferred, as the file does not state it.
    other_unit : str, optional
        Unit that a file states for `centres` where it is none of ours, as it is written there.

    Raises
    ------
    ValueError
        If `centres` is empty, not one-dimensional or not finite, if `widths` or `bad` have another
        length, or if `unit` is no unit of `kind`.
    """

    centres: NDArray[np.float64]
    unit: Unit | None = None
    kind: Kind = "index"
    widths: NDArray[np.float64] | None = None
    bad: NDArray[np.bool_] | None = None
    excitation_nm: float | None = None
    guessed: bool = False
    other_unit: str | None = None

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
        other_unit: str | None = None,
    ) -> None:
        values = _frozen(centres, np.float64)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            seen = f"got shape {values.shape}"
            if not np.isfinite(values).all():
                seen += " with values that are not finite"
            raise ValueError(f"band centres must be one finite number per band, {seen}")
        if unit is not None and unit not in get_args(Unit):
            raise ValueError(f"unit {unit!r} is none of {', '.join(get_args(Unit))}")
        if kind is None:
            kind = kind_of_unit(unit)
        if unit not in _UNITS_OF.get(kind, ()):
            raise ValueError(f"{kind!r} is not measured in {unit!r}; kinds: {', '.join(_UNITS_OF)}")
        # a frozen dataclass is filled past its own lock
        object.__setattr__(self, "centres", values)
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "widths", _per_band("widths", widths, np.float64, len(values)))
        object.__setattr__(self, "bad", _per_band("bad", bad, np.bool_, len(values)))
        object.__setattr__(self, "excitation_nm", excitation_nm)
        object.__setattr__(self, "guessed", guessed)
        # a person who states one of our units settles what the other one was
        object.__setattr__(self, "other_unit", None if unit else other_unit)

    @classmethod
    def index(cls, bands: int) -> SpectralAxis:
        """Return an axis that numbers its bands, 0, 1, 2, …: nothing more is known of them."""
        return cls(np.arange(bands, dtype=np.float64))

    @property
    def uniform(self) -> bool:
        """Whether centres are equally spaced, to a millionth of their range."""
        steps = np.diff(self.centres)
        if not len(steps):
            return True
        tolerance = 1e-6 * abs(float(np.ptp(self.centres)))
        equal = np.all(np.abs(steps - steps.mean()) <= tolerance)
        return bool(equal and steps.mean() != 0)

    @property
    def monotonic(self) -> bool:
        """Whether the centres strictly increase or strictly decrease."""
        steps = np.diff(self.centres)
        return bool(np.all(steps > 0) or np.all(steps < 0))

    @property
    def good(self) -> NDArray[np.bool_]:
        """True for each band that is not marked bad, shape (band,)."""
        if self.bad is None:
            return np.ones(len(self), bool)
        return ~self.bad

    @property
    def title(self) -> str:
        """Quantity and unit as on the axis of a plot, such as "Raman shift (cm⁻¹)"."""
        title = _TITLES[self.kind]
        symbol = self.symbol
        if not symbol or self.unit == "m/z":  # m/z is quantity and unit in one
            return title
        return f"{title} ({symbol})"

    @property
    def symbol(self) -> str:
        """Symbol of the unit for people, that of a file where it is none of ours; "" without any."""
        return _SYMBOLS.get(self.unit, self.unit) or self.other_unit or ""

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
        least = min(low, high)
        greatest = max(low, high)
        bands = np.flatnonzero((self.centres >= least) & (self.centres <= greatest))
        if not len(bands):
            raise ValueError(
                f"no band lies between {least:g} and {greatest:g}; the axis has {self}: choose a range "
                "within it"
            )
        return bands

    def take(self, bands: Sequence[int] | NDArray[np.integer] | slice) -> SpectralAxis:
        """Return the axis of these bands: indices of shape (band,), or a slice."""
        return replace(
            self,
            centres=self.centres[bands],
            widths=None if self.widths is None else self.widths[bands],
            bad=None if self.bad is None else self.bad[bands],
        )

    def label(self, band: int) -> str:
        """Return the name of a band, as "1450.2 cm⁻¹ (band 367/500)", "m/z 886.0 (band 1/9)"."""
        number = f"band {band + 1}/{len(self)}"
        if self.kind == "index" and not self.other_unit:
            return number
        centre = self.centres[band]
        decimals = 3 if abs(centre) < 100 else 1
        text = f"{centre:.{decimals}f}"
        if 0 < abs(centre) < 0.1:  # its decimals would be zeros
            text = f"{centre:.4g}"
        if self.unit == "m/z":
            return f"m/z {text} ({number})"
        return f"{text} {self.symbol}".rstrip() + f" ({number})"

    def same_bands(self, other: Axis) -> bool:
        """Whether `other` has equal centres, unit and kind; widths and bad bands may differ."""
        return (
            isinstance(other, SpectralAxis)
            and (self.unit, self.kind) == (other.unit, other.kind)
            and self.other_unit == other.other_unit
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
        if self.kind == "index" and not self.other_unit:
            numbered = np.array_equal(self.centres, np.arange(len(self)))
            ends = "" if numbered else f", {self.centres[0]:g}–{self.centres[-1]:g}"
            return f"{bands}{ends} without a spectral unit"
        symbol = self.symbol
        return f"{bands}, {self.centres[0]:g}–{self.centres[-1]:g} {symbol}".rstrip()


@dataclass(frozen=True)
class ChannelAxis:
    """Named channels without a position on a spectrum: stains, drugs, classes.

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
        """Title of the axis of a plot."""
        return "Channel"

    def take(self, bands: Sequence[int] | NDArray[np.integer] | slice) -> ChannelAxis:
        """Return the axis of these channels: indices of shape (channel,), or a slice."""
        return ChannelAxis(tuple(np.asarray(self.names, object)[bands]))

    def label(self, band: int) -> str:
        """Return the name of a channel, such as "DAPI (channel 1/3)"."""
        return f"{self.names[band]} (channel {band + 1}/{len(self)})"

    def same_bands(self, other: Axis) -> bool:
        """Whether `other` names the same channels."""
        return self == other

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return f"{len(self)} channel{'s' * (len(self) != 1)} ({', '.join(self.names)})"


Axis: TypeAlias = SpectralAxis | ChannelAxis


def axis_in_full(axis: Axis) -> str:
    """Return an axis as messages compare it: number of bands, quantity, range, unit.

    The quantity is left out where the unit says it: nm are wavelengths, cm⁻¹ leave it open.
    """
    if isinstance(axis, ChannelAxis) or axis.kind == "index":
        return str(axis)
    unit = axis.symbol or "without a unit"
    open_units = ("1/cm", None)
    quantity = f"{_TITLES[axis.kind]} " if axis.unit in open_units else ""
    bands = f"{len(axis)} band" + "s" * (len(axis) != 1)
    return f"{bands}, {quantity}{axis.centres[0]:.10g}–{axis.centres[-1]:.10g} {unit}"


def axis_difference(one: Axis, other: Axis) -> str:
    """Return what differs between two axes, as messages say it: "" where nothing does.

    Kind, unit, number of bands and range; where those are equal, the bands that lie elsewhere.
    """
    if isinstance(one, ChannelAxis) or isinstance(other, ChannelAxis):
        return _channel_difference(one, other)
    differences = []
    if one.kind != other.kind:
        differences.append(f"the quantity ({_TITLES[one.kind]}, {_TITLES[other.kind]})")
    if (one.unit, one.other_unit) != (other.unit, other.other_unit):
        symbols = [axis.symbol or "none" for axis in (one, other)]
        differences.append(f"the unit ({', '.join(symbols)})")
    if len(one) != len(other):
        differences.append(f"the number of bands ({len(one)}, {len(other)})")
    elif not np.array_equal(one.centres, other.centres):
        differences.append(_centre_difference(one, other))
    return " and ".join(differences)


def _channel_difference(one: Axis, other: Axis) -> str:
    if not (isinstance(one, ChannelAxis) and isinstance(other, ChannelAxis)):
        return "named channels are no bands of a spectrum"
    if len(one) != len(other):
        return f"the number of channels ({len(one)}, {len(other)})"
    for number, names in enumerate(zip(one.names, other.names, strict=True), start=1):
        if names[0] != names[1]:
            return f"channel {number} ({names[0]}, {names[1]})"
    return ""


def _centre_difference(one: SpectralAxis, other: SpectralAxis) -> str:
    """Return how far the centres of equally many bands lie from each other."""
    offsets = np.abs(one.centres - other.centres)
    band = int(offsets.argmax())
    centres = f"{one.centres[band]:.10g}, {other.centres[band]:.10g}"
    return (
        f"the centres, by up to {offsets[band]:.4g} (band {band + 1}: {centres}; "
        f"{int((offsets > 0).sum())} of {len(one)} bands differ)"
    )


def kind_of_unit(unit: Unit | None) -> Kind:
    """Return the quantity that a unit measures; for 1/cm the wavenumber, not the Raman shift."""
    if unit is None:
        return "index"
    return next(kind for kind, units in _UNITS_OF.items() if unit in units)


def axis_to_json(axis: Axis) -> dict[str, Any]:
    """Return an axis as plain JSON; Python writes its floats so that they read back exactly."""
    if isinstance(axis, ChannelAxis):
        return {"channels": list(axis.names)}
    description = {
        "kind": axis.kind,
        "unit": axis.unit,
        "centres": axis.centres.tolist(),
        "widths": None if axis.widths is None else axis.widths.tolist(),
        "bad": None if axis.bad is None else axis.bad.tolist(),
        "excitation_nm": axis.excitation_nm,
        "guessed": axis.guessed,
    }
    if axis.other_unit:  # rare, and unknown to what earlier versions wrote
        description["other_unit"] = axis.other_unit
    return description


def axis_from_json(description: Mapping[str, Any]) -> Axis:
    """Return the axis that `axis_to_json` wrote.

    Raises
    ------
    ValueError
        If it did not write this.
    """
    if "channels" in description:
        return ChannelAxis(tuple(description["channels"]))
    if "centres" not in description:
        raise ValueError(
            f"this describes no axis: neither 'centres' nor 'channels' among {sorted(description)}"
        )
    return SpectralAxis(
        description["centres"],
        description.get("unit"),
        description.get("kind"),
        widths=description.get("widths"),
        bad=description.get("bad"),
        excitation_nm=description.get("excitation_nm"),
        guessed=bool(description.get("guessed", False)),
        other_unit=description.get("other_unit"),
    )


def _per_band(
    name: str, values: ArrayLike | None, dtype: type[np.generic], bands: int
) -> NDArray[Any] | None:
    """Return one value per band, (band,), or None where there are none."""
    if values is None:
        return None
    array = _frozen(values, dtype)
    if array.shape != (bands,):
        raise ValueError(f"{bands} band centres but {name} of shape {array.shape}")
    return array


def _frozen(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
    """Return a copy that nobody can write to."""
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array
