"""Descriptions in sidecars, or in a folder."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis, read, write
from napari_hyperspectral.io import FileFormatError


@pytest.fixture
def cube():
    return Cube(
        np.arange(24, dtype=np.float32).reshape(2, 3, 4), SpectralAxis([500.0, 600.0], "nm")
    )


@pytest.mark.parametrize("damaged", ["{", "[" * 100_000], ids=["cut short", "nested too deep"])
def test_a_description_that_is_no_json_is_refused(cube, damaged, tmp_path):
    write(tmp_path / "a.npy", cube)
    (tmp_path / "a.json").write_text(damaged)
    with pytest.raises(
        FileFormatError, match=r"^a\.json: not readable as JSON .* mend or remove it"
    ):
        read(tmp_path / "a.npy")

    write(tmp_path / "bands", cube, format="TIFF folder")
    (tmp_path / "bands" / "description.json").write_text(damaged)
    with pytest.raises(FileFormatError, match=r"^description\.json: not readable as JSON"):
        read(tmp_path / "bands")
