"""What every format owes: all back, to the last digit, or a refusal; never half a file."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, describe
from napari_hyperspectral.io import FORMATS, FileFormatError, read, read_labels, write

WRITABLE = [form for form in FORMATS if form.writer]
TYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
]
LAZY = [form for form in WRITABLE if not form.loaded]
FILES = [form for form in WRITABLE if not form.patterns[0].endswith("/")]


def named(form):
    return form.name.replace(" ", "-")


@pytest.fixture(params=WRITABLE, ids=named)
def form(request):
    return request.param


@pytest.fixture
def path(form, tmp_path):
    """A path to write to, with a name such as the format has."""
    folder = tmp_path / "naïve folder #1 %20"
    folder.mkdir()
    pattern = (form.writes or form.patterns)[0].rstrip("/")
    return folder / pattern.replace("*", "scan 1")


def there_and_back(path, form, image):
    write(path, image, format=form.name)
    return read(path)


def tried(path, form, image):
    """Return what comes back, or the refusal."""
    try:
        return there_and_back(path, form, image), None
    except FileFormatError as error:
        return None, str(error)


def assert_same(found, target):
    assert found.data.dtype == target.data.dtype
    assert found.dims == target.dims
    np.testing.assert_array_equal(np.asarray(found.data), np.asarray(target.data))
    assert describe(found) == describe(target)


def test_a_cube_comes_back_with_all_that_is_known_of_it(form, path, cube):
    assert_same(there_and_back(path, form, cube), cube)


def test_a_cube_of_which_nothing_is_known_comes_back(form, path, plain_cube):
    assert_same(there_and_back(path, form, plain_cube), plain_cube)


def test_a_georeference_comes_back(form, path, cube):
    georeferenced = replace(
        cube, georeference={"map info": "UTM, 1, 1, 4e5, 5e6, 30, 30, 33, North"}
    )
    assert_same(there_and_back(path, form, georeferenced), georeferenced)


@pytest.mark.parametrize("steps", [(-2.0, 0.5), (2.0, -0.5), (-2.0, -0.5)])
def test_positions_that_fall_come_back_falling(form, path, cube, steps):
    falling = replace(cube, pixel_size=steps, origin=(60.0, 10.0), pixel_unit="deg")
    assert_same(there_and_back(path, form, falling), falling)


@pytest.mark.parametrize(
    "axis",
    [
        SpectralAxis([800, 700.1, 700.1, 750], "nm"),
        SpectralAxis([0.5, 0.6, 0.7, 1 / 3], "um", guessed=True),
        SpectralAxis([1000, 1100, 1200, 1300], "1/cm"),
        SpectralAxis([100.08333, 101.1, 200, 799.9], "m/z"),
        SpectralAxis([1.1, 1.2, 1.3, 1.4], "eV", widths=[0.1, 0.1, 0.1, 0.1]),
        SpectralAxis([5, 4, 3, 2], "THz"),
        SpectralAxis([400, 500, 600, 700], None, "wavelength"),
        SpectralAxis([3, 4, 7, 8], bad=[True, False, False, False]),
        ChannelAxis(("DAPI", "lipid", "water, heavy", "µ {4}")),
    ],
    ids=lambda axis: getattr(axis, "kind", "channels"),
)
def test_every_kind_of_axis_comes_back(form, path, plain_cube, axis):
    marked = replace(plain_cube, axis=axis)
    assert_same(there_and_back(path, form, marked), marked)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back_or_is_refused_and_leaves_nothing(form, path, plain_cube, dtype):
    typed = replace(plain_cube, data=plain_cube.data.astype(dtype))
    found, refusal = tried(path, form, typed)
    if refusal is None:
        assert_same(found, typed)
    else:
        assert dtype in refusal
        assert dtype not in ("uint8", "uint16", "float32")
        assert list(path.parent.iterdir()) == []


def test_a_time_series_of_stacks_comes_back_or_is_refused(form, path, stack):
    found, refusal = tried(path, form, stack)
    if refusal is None:
        assert_same(found, stack)
    else:
        assert not form.stacks
        assert "write" in refusal or "choose" in refusal
        assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("part", ["t", "z"])
def test_a_series_and_a_stack_alone_come_back(form, path, stack, part):
    if not form.stacks:
        with pytest.raises(FileFormatError):
            write(path, stack, format=form.name)
        return
    other = {"t": "z", "z": "t"}[part]
    data = stack.data[:, 0] if part == "t" else stack.data[0]
    alone = replace(stack, data=data, **{other: None})
    assert_same(there_and_back(path, form, alone), alone)


@pytest.mark.parametrize("shape", [(1, 5, 7), (6, 1, 7), (6, 5, 1), (1, 1, 1), (6, 1, 1)])
def test_one_band_one_row_and_one_pixel_come_back(form, path, shape):
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    thin = Cube(data, SpectralAxis(np.arange(shape[0]) + 400.5, "nm"))
    assert_same(there_and_back(path, form, thin), thin)


def test_a_lazy_cube_is_written_as_a_loaded_one(form, path, cube):
    lazy = replace(cube, data=da.from_array(cube.data, chunks=(4, 3, 7)))
    assert_same(there_and_back(path, form, lazy), cube)


def test_a_cube_in_another_order_of_memory_is_written_as_it_looks(form, path, cube):
    turned = replace(cube, data=np.asfortranarray(cube.data))
    assert_same(there_and_back(path, form, turned), cube)


def test_missing_and_endless_values_come_back(form, path, cube):
    data = cube.data.copy()
    data[:, 0, 0], data[2, 1, 1] = np.nan, np.inf
    holed = replace(cube, data=data)
    assert_same(there_and_back(path, form, holed), holed)


@pytest.mark.parametrize("form", LAZY, indirect=True, ids=named)
def test_what_is_read_stays_on_disk(form, path, cube):
    assert type(there_and_back(path, form, cube).data) is not np.ndarray


def test_labels_come_back_with_the_names_of_their_classes(form, path, labels):
    if not form.labels:
        with pytest.raises(FileFormatError, match="cannot hold labels; write"):
            write(path, labels, format=form.name)
        return
    write(path, labels, format=form.name)
    assert_same(read_labels(path), labels)


def test_nothing_is_overwritten_unless_allowed(form, path, cube, plain_cube):
    write(path, cube, format=form.name)
    with pytest.raises(FileExistsError, match="exists already"):
        write(path, plain_cube, format=form.name)
    assert_same(read(path), cube)
    write(path, plain_cube, format=form.name, overwrite=True)
    assert_same(read(path), plain_cube)


def test_a_folder_of_other_things_is_never_replaced(form, path, cube):
    path.mkdir()
    (path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds other things than"):
        write(path, cube, format=form.name, overwrite=True)
    assert (path / "thesis.txt").read_text() == "years of work"


def test_a_write_that_fails_midway_leaves_nothing(form, path, cube):
    class Broken:
        """An array whose third band cannot be had."""

        shape, ndim, dtype = cube.data.shape, 3, cube.data.dtype

        def __getitem__(self, index):
            raise OSError("the disk went away")

        def __array__(self, *_, **__):
            raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        write(path, replace(cube, data=Broken()), format=form.name)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("form", FILES, indirect=True, ids=named)
@pytest.mark.parametrize("kept", [0, 0.5, 0.97])
def test_a_file_cut_short_is_refused_by_name(form, path, cube, kept):
    files = [path] if path.suffix != ".hdr" else [path.with_suffix(".img")]
    write(path, cube, format=form.name)
    for file in files:
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(FileFormatError, match=r"^scan 1"):
        np.asarray(read(path).data)
