"""Steps that change pixels: bin them."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le

from ...cube import Cube
from ..arrays import Float32, Intensities
from .base import Scope, Step
from .parts import is_lazy


class BinPixels(Step):
    """Make larger pixels of several: less noise, less detail, smaller files."""

    title: ClassVar[str] = "Bin pixels"
    group: ClassVar[str] = "Pixels"
    looks_at: ClassVar[Scope] = "image"
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["bin_pixels"] = "bin_pixels"
    rows: Annotated[int, Ge(1), Le(1000)] = 2
    """Rows that become one. Rows at the end that fill no pixel are cropped."""
    columns: Annotated[int, Ge(1), Le(1000)] = 2
    """Columns that become one. Columns at the end that fill no pixel are cropped."""
    by: Literal["mean", "sum"] = "mean"
    """Whether the larger pixel is the mean of those in it, or their sum, as of counts."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        *_, height, width = cube.shape
        if height < self.rows or width < self.columns:
            raise ValueError(
                f"the image has {height} × {width} pixels, fewer than one of {self.rows} × "
                f"{self.columns}; choose smaller numbers"
            )
        height, width = height // self.rows, width // self.columns
        data = cube.data[..., : height * self.rows, : width * self.columns]
        pixel_height, pixel_width = cube.pixel_size
        middle = cube.place_at((self.rows - 1) / 2, (self.columns - 1) / 2)
        return cube.after(
            f"binned pixels, {self.by} of {self.rows} × {self.columns}",
            data=self._binned(data),
            pixel_size=(pixel_height * self.rows, pixel_width * self.columns),
            georeference=None,  # it goes by smaller pixels
            **middle,
        )

    def _binned(self, data: Any) -> Any:
        """Return an image, (…, band, y, x), on larger pixels; NaN where nothing was measured."""
        if not is_lazy(data):
            return self._of_blocks(np.asarray(data))
        import dask.array as da

        if not isinstance(data, da.Array):
            rows = max(1, 256 // self.rows) * self.rows
            columns = max(1, 256 // self.columns) * self.columns
            chunks = (*(1,) * (len(data.shape) - 2), rows, columns)
            data = da.from_array(data, chunks, name=False, lock=True)  # type: ignore[no-untyped-call]
        sizes = {data.ndim - 2: self.rows, data.ndim - 1: self.columns}
        binned: Any = da.coarsen(self._reduced, data, sizes)
        return binned.astype(np.float32)

    def _of_blocks(self, data: Intensities) -> Float32:
        *leading, height, width = data.shape
        shape = (*leading, height // self.rows, self.rows, width // self.columns, self.columns)
        result: Float32 = self._reduced(data.reshape(shape), (-3, -1)).astype(np.float32)
        return result

    def _reduced(self, blocks: Intensities, axis: tuple[int, ...] | None = None) -> Intensities:
        """Return mean or sum along axes; missing values are left out, and NaN where all are."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is missing
            mean = np.asarray(np.nanmean(blocks, axis=axis, dtype=np.float64))
        return mean * (self.rows * self.columns) if self.by == "sum" else mean
