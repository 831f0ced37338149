"""Files of other formats, through packages that the user has; stand-ins for them here."""

import sys
from types import ModuleType, SimpleNamespace

import dask.array as da
import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.io import FileFormatError, UnknownFormatError, format_of, read, read_all


def along(name, size, units="um", *, navigate=True, scale=0.5, offset=2.0, **more):
    entries = {"name": name, "size": size, "units": units, "navigate": navigate}
    return entries | {"scale": scale, "offset": offset} | more


def signal(data, *axes, title="a map", quantity="Intensity (Counts)"):
    """Return what a file_reader of RosettaSciIO returns of a signal."""
    numbered = [axis | {"index_in_array": n} for n, axis in enumerate(axes)]
    entries = {"General": {"title": title}, "Signal": {"quantity": quantity}}
    return {"data": data, "axes": numbered, "metadata": entries, "original_metadata": {"gain": 3}}


@pytest.fixture
def chance():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def neither(monkeypatch):
    for name in ("rsciio", "bioio"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def rsciio(tmp_path, monkeypatch):
    """Return a function that writes a .blo of which RosettaSciIO shows this."""

    def show(shown, lazy=True):
        def file_reader(filename, **entries):
            if entries and not lazy:
                raise NotImplementedError("lazy")
            if isinstance(shown, Exception):
                raise shown
            return shown

        module, reader = ModuleType("rsciio"), ModuleType("rsciio.stand")
        module.IO_PLUGINS = [
            {"name": "Stand", "file_extensions": ["mib", "BLO"], "api": "rsciio.stand"}
        ]
        reader.file_reader = file_reader
        monkeypatch.setitem(sys.modules, "rsciio", module)
        monkeypatch.setitem(sys.modules, "rsciio.stand", reader)
        path = tmp_path / "a.blo"
        path.write_bytes(b"?")
        return path

    return show


def test_a_file_is_refused_where_neither_is_installed(tmp_path):
    path = tmp_path / "a.blo"
    path.write_bytes(b"?")
    with pytest.raises(UnknownFormatError, match="cannot be read"):
        read(path)
    with pytest.raises(FileFormatError, match="pip install rosettasciio"):
        read(path, format="RosettaSciIO or BioIO")


def test_our_own_formats_come_first(rsciio):
    path = rsciio([])
    assert format_of(path).reader == "bridge"
    assert format_of(path.with_suffix(".npy")).reader == "raw.npy"
    with pytest.raises(UnknownFormatError):
        format_of(path, "write")


def test_a_signal_with_one_axis_is_a_spectrum_at_each_position(rsciio, chance):
    data = chance.random((3, 4, 7))
    path = rsciio(
        [
            signal(
                da.from_array(data),
                along("y", 3),
                along("x", 4, scale=0.25),
                along("Raman shift", 7, "1/cm", navigate=False, axis=np.geomspace(100, 900, 7)),
            )
        ]
    )
    cube = read(path)
    np.testing.assert_array_equal(cube.data, data.transpose(2, 0, 1))
    assert isinstance(cube.data, da.Array)
    assert cube.axis == SpectralAxis(np.geomspace(100, 900, 7), "1/cm", "raman_shift")
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((0.5, 0.25), (2, 2), "um")
    assert (cube.name, cube.intensity_unit) == ("a map", "Counts")
    assert cube.metadata["original_metadata"] == {"gain": 3}
    assert cube.history == ("read a.blo through RosettaSciIO",)


@pytest.mark.parametrize(
    ("names", "shape", "dims", "expected"),
    [
        ("", (7,), ("band", "y", "x"), (7, 1, 1)),
        ("x", (4, 7), ("band", "y", "x"), (7, 1, 4)),
        (("z", "y", "x"), (2, 3, 4, 7), ("z", "band", "y", "x"), (2, 7, 3, 4)),
        (("time", "y", "x"), (2, 3, 4, 7), ("t", "band", "y", "x"), (2, 7, 3, 4)),
        (("a", "b", "y", "x"), (5, 2, 3, 4, 7), ("t", "z", "band", "y", "x"), (5, 2, 7, 3, 4)),
    ],
)
def test_further_axes_of_positions_lead(rsciio, chance, names, shape, dims, expected):
    axes = [along(name, size) for name, size in zip(names, shape)]
    axes.append(along("Energy", 7, "eV", navigate=False))
    data = chance.random(shape)
    cube = read(rsciio([signal(data, *axes)], lazy=False))
    assert (cube.dims, cube.shape) == (dims, expected)
    assert cube.axis == SpectralAxis(2 + 0.5 * np.arange(7), "eV")
    np.testing.assert_array_equal(np.moveaxis(cube.data, -3, -1).ravel(), data.ravel())


def test_images_at_energies_are_a_spectrum_and_others_are_not(rsciio, chance):
    data = chance.random((5, 3, 4))
    picture = (along("y", 3, navigate=False), along("x", 4, navigate=False))
    cube = read(rsciio([signal(data, along("loss", 5, "eV"), *picture)]))
    assert cube.axis.unit == "eV"
    np.testing.assert_array_equal(cube.data, data)
    cube = read(rsciio([signal(data, along("time", 5, "s"), *picture)]))
    assert cube.axis == SpectralAxis.index(1)
    assert (cube.t.step, cube.t.unit) == (0.5, "s")
    np.testing.assert_array_equal(cube.data[:, 0], data)


@pytest.mark.parametrize("lazy", [False, True])
def test_colours_are_named(rsciio, chance, lazy):
    pixels = chance.integers(0, 255, (3, 4, 3), np.uint8)
    data = pixels.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    axes = (along("y", 3, navigate=False), along("x", 4, navigate=False))
    cube = read(rsciio([signal(da.from_array(data) if lazy else data, *axes)]))
    assert cube.axis == ChannelAxis(("red", "green", "blue"))
    np.testing.assert_array_equal(cube.data, pixels.transpose(2, 0, 1))


def test_an_axis_in_a_unit_of_no_spectrum_keeps_its_numbers(rsciio, chance):
    data = chance.random((3, 4, 7))
    axes = (along("y", 3), along("x", 4), along("?", 7, "<undefined>", navigate=False))
    assert read(rsciio([signal(data, *axes)])).axis == SpectralAxis(2 + 0.5 * np.arange(7))


def test_all_signals_of_a_file_are_images_but_those_that_are_no_cubes(rsciio, chance):
    point = signal(chance.random(7), along("E", 7, "eV", navigate=False), title="point")
    odd = signal(chance.random((2, 3, 4)), *(along(n, 4, navigate=False) for n in "abc"))
    path = rsciio([point, odd, point | {"metadata": {}}])
    with pytest.warns(UserWarning, match=r"a\.blo: a map is no cube \(axes a, b, c\)"):
        assert [cube.name for cube in read_all(path)] == ["point", "a"]
    with (
        pytest.warns(UserWarning, match="no cube"),
        pytest.raises(FileFormatError, match="Stand holds no spectra"),
    ):
        read(rsciio([odd]))


@pytest.mark.parametrize(
    "error", [OSError("not a\nDM file"), KeyError("x"), IndexError(), EOFError()]
)
def test_what_it_raises_becomes_our_error(rsciio, error):
    with pytest.raises(FileFormatError, match=r"^a\.blo: not a whole Stand file"):
        read(rsciio(error))


class Scenes:
    """What bioio.BioImage shows."""

    data = np.random.default_rng(1).integers(0, 255, (2, 6, 1, 3, 4), np.uint8)  # (t, c, z, y, x)
    physical_pixel_sizes = SimpleNamespace(Z=None, Y=0.5, X=0.25)
    dimension_properties = SimpleNamespace(
        Y=SimpleNamespace(unit="micrometer"), X=SimpleNamespace(unit="micrometer")
    )
    names = tuple(f"{500 + 10 * n} nm" for n in range(6))
    dims = "TCZYX"

    def __init__(self, path):
        self.scenes, self._scene = ("A", "B"), None

    def set_scene(self, scene):
        self._scene = self.scenes.index(scene)

    @property
    def xarray_dask_data(self):
        data = da.from_array(self.data + self._scene)
        return SimpleNamespace(data=data, dims=tuple(self.dims), coords={"C": list(self.names)})

    @staticmethod
    def determine_plugin(path):
        if path.suffix != ".vsi":
            raise UnsupportedFileFormatError


class UnsupportedFileFormatError(Exception):
    pass


@pytest.fixture
def bioio(tmp_path, monkeypatch):
    def show(shown=Scenes):
        errors = SimpleNamespace(UnsupportedFileFormatError=UnsupportedFileFormatError)
        monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=shown))
        monkeypatch.setitem(sys.modules, "bioio_base", SimpleNamespace(exceptions=errors))
        monkeypatch.setitem(sys.modules, "bioio_base.exceptions", errors)
        path = tmp_path / "a.vsi"
        path.write_bytes(b"?")
        return path

    return show


def test_each_scene_of_bioio_is_an_image(bioio):
    cubes = read_all(bioio())
    assert [cube.name for cube in cubes] == ["a A", "a B"]
    np.testing.assert_array_equal(cubes[1].data, Scenes.data[:, :, 0] + 1)
    assert cubes[0].dims == ("t", "band", "y", "x")
    assert cubes[0].axis == SpectralAxis(500 + 10.0 * np.arange(6), "nm")
    assert (cubes[0].pixel_size, cubes[0].pixel_unit) == ((0.5, 0.25), "um")


def test_what_bioio_has_no_plugin_for_is_unknown(bioio):
    path = bioio().with_suffix(".other")
    path.write_bytes(b"?")
    with pytest.raises(UnknownFormatError):
        format_of(path)


def test_colours_of_bioio_are_named(bioio):
    class Photo(Scenes):
        data = Scenes.data.transpose(0, 2, 3, 4, 1)[:1, :, None, :, :, :3].swapaxes(1, 2)
        dims, names = "TCZYXS", ("",)

    cube = read(bioio(Photo), image="a A")
    assert cube.axis == ChannelAxis(("red", "green", "blue"))
    np.testing.assert_array_equal(cube.data, Photo.data[0, 0, 0].transpose(2, 0, 1))
