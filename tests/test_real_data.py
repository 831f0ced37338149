"""Real measurements open with the shape, values and axis that reference programs gave them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import (
    FileFormatError,
    UnknownFormatError,
    format_of,
    read,
    read_all,
    read_labels,
)

DATA = Path(
    os.environ.get("NAPARI_HYPERSPECTRAL_DATA") or Path(__file__).parents[2] / "shared" / "data"
)
FOLDER = DATA / "formats"
UNITS = {"µm": "um"}


def _readable(name):
    try:
        format_of(FOLDER / name)
    except UnknownFormatError:
        return False
    return (FOLDER / name).exists()


def _expected():
    """Return (file, what is known of an image in it), for the formats that we read."""
    if not (FOLDER / "expected.json").is_file():
        return []
    known = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
    return [(name, one) for name, all_ in known.items() if _readable(name) for one in all_]


EXPECTED = _expected()
CUBES = [  # (path, shape as (…, band, y, x), first and last band, kind)
    ("raman_pairs/pairs_11x44x500.npz::low@yxb", (500, 11, 44), (0, 499), "index"),
    ("raman_pairs/pairs_11x44x500.npz::high@yxb", (500, 11, 44), (0, 499), "index"),
    ("raman_thp1/thp1_L5_40x40x500.npz", (500, 40, 40), (501.265, 1802.466), "wavenumber"),
    ("raman_thp1/thp1_map001_L5.mat", (500, 40, 40), (501.265, 1802.466), "raman_shift"),
    ("srs_prm/prm_srs_130x130x72.npz", (72, 130, 130), (3150, 2700), "wavenumber"),
    ("samson/samson_95x95x156.npz::cube", (156, 95, 95), (0, 155), "index"),
    ("samson/samson_95x95x156.npz::abundances", (3, 95, 95), (0, 2), "index"),
    *(
        (f"cave/{name}_384x384x31.npz", (31, 384, 384), (400, 700), "wavelength")
        for name in ("balloons", "beads", "cloth", "feathers")
    ),
    ("label_free_isl/isl_1024x704.npz::phase@zyx", (13, 1, 1024, 704), (0, 0), "index"),
    ("label_free_isl/isl_1024x704.npz::DAPI", (1, 1024, 704), (0, 0), "index"),
    ("label_free_lamin_b1/train_6x16x128x128.npz::image_0@zyx", (16, 1, 128, 128), (0, 0), "index"),
    ("msi_tissue/tdf_peakcube_18x19x400.npz", (400, 18, 19), None, "mz"),
    ("anomaly_airport/abu-airport-2.mat", (205, 100, 100), (0, 204), "index"),
    ("formats/mat/dso.mat", (426, 1, 20), (2210.059, 1800.253), "wavenumber"),
    ("formats/nexus/nexus_dls_example.nxs", (15, 10, 10), (0, 14), "index"),
    ("formats/envi_ftir_openspecy/CA small UF.hdr", (427, 13, 16), (717.42, 4003.67), "wavenumber"),
    ("formats/envi_ftir_openspecy/CA small UF.dat", (427, 13, 16), (717.42, 4003.67), "wavenumber"),
]


def shape_of(known):
    """Return the shape (…, band, y, x) of an entry that has (…, y, x, band)."""
    shape = tuple(known["shape_yxs"])
    if len(shape) == 1:
        return (*shape, 1, 1)
    if len(shape) == 2:  # a list of spectra, or a picture that has none
        return (shape[1], 1, shape[0]) if known["axis_first"] is not None else (1, *shape)
    return (*shape[:-3], shape[-1], *shape[-3:-1])


def place_of(index, known):
    """Return where a probe, (…, y, x, band), lies in the data."""
    index = tuple(index)
    if len(index) == 1:
        return (*index, 0, 0)
    if len(index) == 2:
        return (index[1], 0, index[0]) if known["axis_first"] is not None else (0, *index)
    return (*index[:-3], index[-1], *index[-3:-1])


@pytest.fixture(params=EXPECTED, ids=[f"{name}-{one['entry']}" for name, one in EXPECTED])
def case(request, data_folder):
    name, known = request.param
    images = [
        image for image in read_all(data_folder / "formats" / name) if isinstance(image, Cube)
    ]
    if len(images) > 1 and known["entry"] is None:  # the others are pictures taken along
        images = [read(data_folder / "formats" / name)]
    if len(images) > 1:
        images = [image for image in images if image.name == known["entry"]]
    assert len(images) == 1
    return images[0], known


def test_shape_type_and_values_are_those_of_the_reference(case):
    cube, known = case
    data = np.asarray(cube.data)
    data = data.reshape(shape_of(known)) if data.ndim != len(shape_of(known)) else data
    assert data.shape == shape_of(known)
    assert data.dtype.newbyteorder("=") == known["dtype"]
    if "sum" in known:
        assert np.nansum(data, dtype=np.float64) == pytest.approx(known["sum"], rel=1e-9)
    assert np.nanmax(data) == pytest.approx(known["max"], rel=1e-9)
    assert np.isnan(data).sum() == known.get("n_nan", 0)
    for probe in known.get("probes", ()):
        assert data[place_of(probe["index"], known)] == pytest.approx(probe["value"], rel=1e-12)


def test_the_axis_is_that_of_the_reference_and_none_is_made_up(case):
    cube, known = case
    if known["axis_first"] is None:
        assert isinstance(cube.axis, ChannelAxis) or cube.axis == SpectralAxis.index(len(cube.axis))
        return
    axis = cube.spectral_axis
    middle = axis.centres[len(axis) // 2]
    assert axis.centres[0] == pytest.approx(known["axis_first"], rel=1e-9)
    assert axis.centres[-1] == pytest.approx(known["axis_last"], rel=1e-9)
    if "axis_mid" in known:
        assert middle == pytest.approx(known["axis_mid"], rel=1e-9)
    assert axis.unit == UNITS.get(known["axis_unit"], known["axis_unit"])
    assert axis.kind == (known["axis_quantity"] or "index")  # null: the file names no quantity
    if known.get("fwhm_first") is not None:
        assert axis.widths[0] == pytest.approx(known["fwhm_first"], rel=1e-6)
    if known.get("n_bad_bands") is not None:
        assert axis.bad.sum() == known["n_bad_bands"]


def test_pixels_are_as_large_as_in_the_reference(case):
    cube, known = case
    if "pixel_size" in known:
        assert cube.pixel_size == pytest.approx(known["pixel_size"], rel=1e-6)
        assert cube.pixel_unit == UNITS.get(known["pixel_unit"], known["pixel_unit"])


@pytest.mark.parametrize(("name", "shape", "ends", "kind"), CUBES, ids=[case[0] for case in CUBES])
def test_every_cube_opens_with_its_shape_and_axis(data_folder, name, shape, ends, kind):
    cube = read(os.path.join(data_folder, name))  # noqa: PTH118 (:: and @ are no part of a path)
    assert cube.shape == shape
    assert cube.spectral_axis.kind == kind
    if ends is not None:
        centres = cube.spectral_axis.centres
        assert (centres[0], centres[-1]) == pytest.approx(ends, abs=1e-3)
    assert np.isfinite(np.asarray(cube.data)).all()


def test_the_witec_file_is_its_archive_with_x_along_the_rows(data_folder):
    folder = data_folder / "raman_thp1"
    mat, npz = read(folder / "thp1_map001_L5.mat"), read(folder / "thp1_L5_40x40x500.npz")
    # the archive was made by a program that keeps (x, y, band), the square hides it
    assert np.array_equal(mat.data, npz.data.transpose(0, 2, 1))
    assert np.array_equal(mat.axis.centres, npz.axis.centres)
    assert mat.pixel_size == pytest.approx((0.625, 0.625))
    assert mat.pixel_unit == "um"


@pytest.mark.parametrize("name", [case[0].split("::")[0] for case in CUBES])
def test_every_file_opens_where_nobody_can_be_asked(data_folder, name):
    images = read_all(data_folder / name, on_guess=lambda text: None)
    assert images
    assert all(image.history for image in images)


def test_a_ground_truth_is_labels(data_folder):
    labels = read_labels(f"{data_folder}/indian_pines/splits.npz::gt")
    assert labels.shape == (145, 145)
    assert set(np.unique(labels.data)) == set(range(17))


def test_pairs_say_what_they_hold_where_nothing_was_chosen(data_folder):
    with pytest.raises(FileFormatError, match=r"2 arrays could be meant: low \(11, 44, 500\)"):
        read(data_folder / "raman_pairs" / "pairs_11x44x500.npz")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("envi_plantcv/arcgis.hdr", "data file is missing"),
        ("envi_plantcv/darkReference4.hdr", "interleave is 'bup'"),
        ("mat_bad/corrupted_zlib_data.mat", "not a whole MATLAB file"),
        ("mat_bad/malformed1.mat", "not a whole MATLAB file"),
    ],
)
def test_damaged_and_foreign_files_are_refused_by_name(data_folder, name, message):
    path = data_folder / "formats" / name
    with pytest.raises(FileFormatError, match=f"^{path.name}: .*{message}"):
        read(path)
