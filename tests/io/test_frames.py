"""Texts whose axis begins again are series of spectra; where it only jumps, that is told."""

import numpy as np
import pytest

from napari_hyperspectral.io import read

AXIS = np.array([500.5, 501.25, 502.0, 503.0, 504.5])
SPECTRA = np.arange(4 * 5).reshape(4, 5) + 0.5  # (frame, band)


def rows(delimiter="\t", axis=AXIS, spectra=SPECTRA):
    return [
        f"{x}{delimiter}{y}" for spectrum in spectra for x, y in zip(axis, spectrum, strict=True)
    ]


def written(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("title", ["", "Wavelength (nm),Intensity"])
@pytest.mark.parametrize("axis", [AXIS, AXIS[::-1]])
def test_frames_one_below_the_other_are_a_series_of_spectra(tmp_path, title, axis):
    path = written(tmp_path / "kinetic.csv", [*filter(None, [title]), *rows(",", axis)])
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(path)
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)
    assert np.array_equal(cube.axis.centres, axis)


def test_each_column_of_each_frame_is_a_spectrum(tmp_path):
    lines = [f"{x},{y},{-y}" for s in SPECTRA for x, y in zip(AXIS, s, strict=True)]
    path = written(tmp_path / "a.csv", ["Wavelength (nm),top,bottom", *lines])
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(path)
    assert np.array_equal(cube.data[:, 0, 0::2].T, SPECTRA)
    assert np.array_equal(cube.data[:, 0, 1::2].T, -SPECTRA)
    assert cube.metadata["spectra names"][:3] == ["top frame 1", "bottom frame 1", "top frame 2"]


def test_frames_below_titles_of_their_own_are_one_series(tmp_path):
    lines = []
    for number, spectrum in enumerate(SPECTRA):
        lines += [f"Frame {number}", *rows(spectra=[spectrum])]
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(written(tmp_path / "a.txt", lines))
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)


def test_frames_of_a_band_below_one_another_are_a_series(tmp_path):
    lines = [f"{x}\t{y}" for x, ys in zip(AXIS, SPECTRA.T, strict=True) for y in ys]
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(written(tmp_path / "a.txt", lines))
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)


def test_a_last_frame_that_was_cut_is_told_and_filled_with_nan(tmp_path):
    with pytest.warns(UserWarning, match="without 2 of its bands"):
        cube = read(written(tmp_path / "a.txt", ["nm\tcounts", *rows()[:-2]]))
    assert np.array_equal(cube.data[:, 0].T[:3], SPECTRA[:3])
    assert np.isnan(cube.data[3:, 0, 3]).all()


def test_bands_that_begin_again_in_a_row_are_frames(tmp_path):
    titles = ",".join(str(x) for x in np.tile(AXIS, 4))
    spectra = SPECTRA * 7 % 11  # that do not ascend, as an axis does
    rows_of_text = [
        ",".join(map(str, [name, *spectra.ravel() * sign])) for name, sign in [("a", 1), ("b", -1)]
    ]
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(written(tmp_path / "a.csv", [f"name,{titles}", *rows_of_text]))
    assert np.array_equal(cube.data[:, 0, 0::2].T, spectra)
    assert np.array_equal(cube.data[:, 0, 1::2].T, -spectra)


@pytest.mark.parametrize("head", ["#Acq. time (s)=1\n#Range (cm-1)=1\n", ""])
def test_series_of_instruments_are_split_too(tmp_path, head):
    number = (lambda value: f"{value}") if head else (lambda value: f"{value:.6E}")
    lines = [f"{number(x)}\t{number(y)}" for s in SPECTRA for x, y in zip(AXIS, s, strict=True)]
    path = tmp_path / "a.txt"
    path.write_text(head + "\n".join(lines) + "\n")
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(path)
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)


def test_an_axis_that_jumps_back_is_kept_and_told(tmp_path):
    axis = np.concatenate([np.arange(400, 440), np.arange(430, 480)])
    lines = [f"{x}\t{x / 7:.3f}" for x in axis]
    with pytest.warns(UserWarning, match="90 wavelengths take only 80 values"):
        cube = read(written(tmp_path / "a.txt", ["nm\tcounts", *lines]))
    assert np.array_equal(cube.axis.centres, axis)


@pytest.mark.parametrize("first", ["counter", "axis"])
def test_a_column_that_counts_the_frames_is_no_spectrum(tmp_path, first):
    lines = []
    for frame, spectrum in enumerate(SPECTRA):
        for x, y in zip(AXIS, spectrum, strict=True):
            lines.append(f"{frame}\t{x}\t{y}" if first == "counter" else f"{x}\t{frame}\t{y}")
    with pytest.warns(UserWarning, match="repeated 4 times"):
        cube = read(written(tmp_path / "a.txt", lines))
    assert np.array_equal(cube.data[:, 0].T, SPECTRA)
    assert np.array_equal(cube.axis.centres, AXIS)
