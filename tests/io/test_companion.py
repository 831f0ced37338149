"""Axes in companion files."""

from __future__ import annotations

import pytest

from napari_hyperspectral.io.metadata.companion import companion_axis


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_the_unit_of_an_companion_axis_an_image_is_known_in_any_encoding(encoding, tmp_path):
    (tmp_path / "scan.txt").write_text("Wavelength (µm)\n2.5\n3.5\n", encoding=encoding)
    axis = companion_axis(tmp_path / "scan.tif", 2)
    assert (list(axis.centres), axis.unit, axis.guessed) == ([2.5, 3.5], "um", False)
