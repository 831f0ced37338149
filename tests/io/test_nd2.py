"""Nikon ND2: no public file is spectral, so a stand-in for the library tells of one here."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, MissingPackageError, read, read_all


class Stand(SimpleNamespace):
    """What the library's ND2File shows of a file with these loops and channels."""

    def __init__(self, data, loops, emissions, samples=1, offsets=None, compression=None):
        channels, height, width = data.shape[-3] // samples, *data.shape[-2:]
        counts = data.shape[:-3]
        frames = data.reshape(-1, *data.shape[-3:])
        super().__init__(
            frames=frames.reshape(-1, channels, samples, height, width),
            attributes=SimpleNamespace(
                channelCount=channels,
                heightPx=height,
                widthPx=width,
                sequenceCount=len(frames) if offsets is None else len(offsets),
                compressionType=compression,
            ),
            components_per_channel=samples,
            dtype=data.dtype,
            experiment=[loop(count) for loop, count in zip(loops, counts)],
            loop_indices=tuple(
                {loop.letter: at for loop, at in zip(loops, where)} for where in np.ndindex(counts)
            ),
            metadata=SimpleNamespace(channels=[dye(*each) for each in emissions]),
            text_info={"description": "made up"},
            _rdr=SimpleNamespace(
                chunkmap={
                    f"ImageDataSeq|{number}!".encode(): (at, frames[0].nbytes + 8)
                    for number, at in (offsets or {}).items()
                }
            ),
        )

    def read_frame(self, number):
        return np.moveaxis(self.frames[number], 1, -1).squeeze()

    def close(self):
        pass


def dye(name, emission, excitation=488.0):
    return SimpleNamespace(
        channel=SimpleNamespace(
            name=name, emissionLambdaNm=emission, excitationLambdaNm=excitation
        ),
        volume=SimpleNamespace(axesCalibrated=(True, True, True), axesCalibration=(0.1, 0.2, 3)),
    )


def loop_of(letter, kind, **parameters):
    def loop(count):
        return SimpleNamespace(type=kind, count=count, parameters=SimpleNamespace(**parameters))

    loop.letter = letter
    return loop


PAUSE = SimpleNamespace(avg=0.0)
TIMES = loop_of("T", "TimeLoop", periodMs=500.0, periodDiff=PAUSE)
DEPTHS = loop_of("Z", "ZStackLoop", stepUm=0.5, bottomToTop=False)
POSITIONS = loop_of("P", "XYPosLoop")
SPECTRUM = [(f"{400 + 10 * n}", 400.0 + 10 * n) for n in range(6)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.nd2"
    path.write_bytes(b"\xda\xce\xbe\x0a" + bytes(10_000))
    return path


@pytest.fixture
def chance():
    return np.random.default_rng(0)


@pytest.fixture
def library(monkeypatch):
    """Return a function that sets what the library shows."""

    def show(stand):
        def opened(path):
            if isinstance(stand, Exception):
                raise stand
            return stand

        monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=opened))

    return show


def test_many_wavelengths_in_order_are_a_spectrum(path, library, chance):
    data = chance.integers(0, 4095, (2, 3, 6, 4, 5), np.uint16)
    library(Stand(data, (TIMES, DEPTHS), SPECTRUM))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.dims == ("t", "z", "band", "y", "x")
    assert cube.axis.centres == pytest.approx(400 + 10 * np.arange(6))
    assert (cube.axis.unit, cube.axis.excitation_nm) == ("nm", 488)
    assert (cube.t.step, cube.t.unit) == (0.5, "s")
    assert (cube.z.step, cube.z.unit) == (-0.5, "um")  # it went down
    assert cube.pixel_size == (0.2, 0.1)
    assert cube.metadata["Nikon"]["text"] == {"description": "made up"}


def test_two_dyes_are_no_spectrum(path, library, chance):
    data = chance.integers(0, 4095, (2, 4, 5), np.uint16)
    library(Stand(data, (), [("GFP", 525.0), ("FM", 700.0)]))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.axis == ChannelAxis(("GFP", "FM"))


def test_each_position_is_an_image(path, library, chance):
    data = chance.integers(0, 4095, (3, 2, 1, 4, 5), np.uint16)  # (z, position, …)
    library(Stand(data, (DEPTHS, POSITIONS), [("GFP", 525.0)]))
    cubes = read_all(path)
    assert [cube.name for cube in cubes] == ["a position 1", "a position 2"]
    for number, cube in enumerate(cubes):
        np.testing.assert_array_equal(cube.data, data[:, number])


def test_colours_are_named(path, library, chance):
    data = chance.integers(0, 255, (3, 4, 5), np.uint8)
    library(Stand(data, (), [("Brightfield", None)], samples=3))
    cube = read(path)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.axis == ChannelAxis(("red", "green", "blue"))


def test_frames_that_were_never_taken_are_nan(path, library, chance):
    data = chance.integers(0, 4095, (3, 2, 4, 5), np.uint16)
    library(Stand(data, (TIMES,), [("a", 500.0), ("b", 600.0)], offsets={0: 0, 1: 80}))
    with pytest.warns(UserWarning, match="2 of 3 frames were taken"):
        cube = read(path)
    np.testing.assert_array_equal(cube.data[:2], data[:2])
    assert np.isnan(np.asarray(cube.data[2])).all()


def test_frames_of_which_nobody_told_follow_one_another(path, library, chance):
    data = chance.integers(0, 4095, (3, 1, 4, 5), np.uint16)
    stand = Stand(data, (TIMES,), [("a", 500.0)])
    stand.experiment, stand.loop_indices = [], ({},)
    library(stand)
    with pytest.warns(UserWarning, match="it does not say how its 3 frames were taken"):
        cube = read(path)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.t.unit is None


@pytest.mark.filterwarnings("ignore:a.nd2")
def test_frames_that_are_too_short_are_refused(path, library, chance):
    data = chance.integers(0, 4095, (2, 1, 4, 5), np.uint16)
    stand = Stand(data, (TIMES,), [("a", 500.0)], offsets={0: 0, 1: 80})
    stand.attributes.heightPx = 8
    library(stand)
    with pytest.raises(FileFormatError, match="a frame of 40 bytes, where 80 are needed"):
        read(path)
    stand.attributes.heightPx, stand.attributes.sequenceCount = 4, 3
    with pytest.raises(FileFormatError, match="2 of the 3 frames that were taken"):
        read(path)
    stand.attributes.widthBytes = 200
    with pytest.raises(FileFormatError, match="rows of 200 bytes, where pixels take 10"):
        read(path)


def test_frames_beyond_the_end_are_refused(path, library, chance):
    data = chance.integers(0, 4095, (2, 1, 4, 5), np.uint16)
    library(Stand(data, (TIMES,), [("a", 500.0)], offsets={0: 0, 1: 10_000}))
    with pytest.raises(FileFormatError, match=r"^a\.nd2: frames lie beyond its end"):
        read(path)


@pytest.mark.parametrize(
    "error", [ValueError("bad\nmap"), KeyError("x"), OSError("?"), TypeError()]
)
def test_what_the_library_raises_is_told_as_ours(path, library, error):
    library(error)
    with pytest.raises(FileFormatError, match=r"^a\.nd2: not a whole ND2 file"):
        read(path)


def test_other_files_are_refused_unasked(tmp_path):
    path = tmp_path / "a.nd2"
    path.write_bytes(b"hello, this is no such file")
    with pytest.raises(FileFormatError, match="not a Nikon ND2 file"):
        read(path)


def test_the_missing_library_is_asked_for(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nd2", None)
    with pytest.raises(MissingPackageError, match=r"nd2: pip install .*\[microscopes\]"):
        read(path)


def test_a_file_that_is_rewritten_under_its_frames_is_an_error(path, library):
    data = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 1, 3, 4)
    library(Stand(data, (TIMES,), [("a", 500.0)]))
    cube = read(path)
    assert np.array_equal(np.asarray(cube.data[1, 0]), data[1, 0])
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileFormatError, match="since it was opened"):
        np.asarray(cube.data[1])
