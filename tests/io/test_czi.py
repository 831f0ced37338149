"""Zeiss CZI: tiles find their planes and places, and five ordered wavelengths are a spectrum."""

import random
import struct
import sys
from contextlib import suppress

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, MissingPackageError, read, read_all

TYPES = {"uint8": 0, "uint16": 1, "float32": 2}
COLOURS = {"uint8": 3, "uint16": 4}


def segment(kind, content):
    return struct.pack("<16sqq", kind.encode(), len(content), len(content)) + content


def tile(pixels, *, compression=0, stored=None, size=None, **places):
    """Return a tile: what the directory says of it, and its bytes; `pixels` is (y, x[, colour])."""
    types = COLOURS if pixels.ndim == 3 else TYPES
    height, width = pixels.shape[:2]
    dims = {"X": (places.pop("X", 0), width), "Y": (places.pop("Y", 0), height)}
    dims |= {letter: (place, 1) for letter, place in places.items()}
    whole = {"X": (size or (height, width))[1], "Y": (size or (height, width))[0]}

    def entry(at):
        about = struct.pack(
            "<2siqiiB5si", b"DV", types[pixels.dtype.name], at, 0, compression, 0, b"", len(dims)
        )
        for letter, (start, length) in dims.items():
            about += struct.pack(
                "<4siifi", letter.encode(), start, whole.get(letter, length), 0, length
            )
        return about

    return entry, pixels.tobytes() if stored is None else stored


def czi(path, tiles, xml="<ImageDocument><Metadata/></ImageDocument>", attachments=()):
    """Write a file; `attachments` are (name, bytes of a CZI)."""
    path.write_bytes(raw_czi(tiles, xml, attachments))
    return path


def raw_czi(tiles, xml="<ImageDocument><Metadata/></ImageDocument>", attachments=()):
    body, directory = b"", b""
    begin = 32 + 512
    for entry, pixels in tiles:
        at = begin + len(body)
        head = struct.pack("<iiq", 5, 0, len(pixels)) + entry(at)
        body += segment("ZISRAWSUBBLOCK", head.ljust(256, b"\0") + b"<M/> " + pixels)
        directory += entry(at)
    at_directory = begin + len(body)
    body += segment("ZISRAWDIRECTORY", struct.pack("<i", len(tiles)).ljust(128, b"\0") + directory)
    at_text, text = begin + len(body), xml.encode()
    body += segment("ZISRAWMETADATA", struct.pack("<ii", len(text), 0).ljust(256, b"\0") + text)
    at_attached, listed = 0, b""
    for name, content in attachments:
        place = begin + len(body)
        body += segment("ZISRAWATTACH", bytes(256) + content)
        listed += struct.pack("<2s10sqi16s8s80s", b"A1", b"", place, 0, b"", b"CZI", name.encode())
    if attachments:
        at_attached = begin + len(body)
        count = struct.pack("<i", len(attachments)).ljust(256, b"\0")
        body += segment("ZISRAWATTDIR", count + listed)
    parts = struct.pack("<iqqiq", 0, at_directory, at_text, 0, at_attached)
    return segment("ZISRAWFILE", (bytes(48) + parts).ljust(512, b"\0")) + body


def xml(channels="", scaling=(2e-7, 1e-7), extra="", image=""):
    items = "".join(
        f'<Distance Id="{letter}"><Value>{value}</Value></Distance>'
        for letter, value in zip("YXZ", scaling)
    )
    return (
        "<ImageDocument><Metadata><Information><Image>"
        f"<Dimensions><Channels>{channels}</Channels>{image}</Dimensions></Image></Information>"
        f"<Scaling><Items>{items}</Items></Scaling>{extra}</Metadata></ImageDocument>"
    )


def spectral(count, excitation="488"):
    return "".join(
        f'<Channel Name="ChS{n}"><EmissionWavelength>{425 + 10 * n}</EmissionWavelength>'
        f"<ExcitationWavelength>{excitation}</ExcitationWavelength><DetectionWavelength>"
        f"<Ranges>{420 + 10 * n}.0-{429 + 10 * n}.0</Ranges></DetectionWavelength></Channel>"
        for n in range(count)
    )


@pytest.fixture
def chance():
    return np.random.default_rng(0)


@pytest.fixture
def planes(chance):
    return chance.integers(0, 2**16, (7, 5, 6), np.uint16)


@pytest.fixture
def sweep(tmp_path, planes):
    tiles = [tile(plane, C=n, T=0) for n, plane in enumerate(planes)]
    return czi(tmp_path / "a.czi", tiles, xml(spectral(7)))


def test_many_wavelengths_in_order_are_a_spectrum(sweep, planes):
    cube = read(sweep)
    np.testing.assert_array_equal(cube.data, planes)
    assert cube.data.dtype == np.uint16
    assert cube.axis.centres == pytest.approx(424.5 + 10 * np.arange(7))
    assert cube.axis.widths == pytest.approx(np.full(7, 9))
    assert (cube.axis.unit, cube.axis.excitation_nm) == ("nm", 488)
    assert cube.pixel_size == pytest.approx((0.2, 0.1))
    assert (cube.pixel_unit, cube.name, cube.history) == ("um", "a", ("read a.czi",))
    channels = cube.metadata["Zeiss"]["Information"]["Image"]["Dimensions"]["Channels"]
    assert channels["Channel"][0]["Name"] == "ChS0"


def test_few_wavelengths_are_dyes(tmp_path, planes):
    tiles = [tile(plane, C=n) for n, plane in enumerate(planes[:3])]
    assert read(czi(tmp_path / "a.czi", tiles, xml(spectral(3)))).axis == ChannelAxis(
        ("ChS0", "ChS1", "ChS2")
    )
    shown = '<DisplaySetting><Channels><Channel Name="DAPI"/><Channel/></Channels></DisplaySetting>'
    assert read(
        czi(tmp_path / "b.czi", tiles, xml("<Channel/><Channel/>", extra=shown))
    ).axis == ChannelAxis(("DAPI", "channel 2", "channel 3"))
    assert read(czi(tmp_path / "c.czi", tiles)).axis == ChannelAxis(
        ("channel 1", "channel 2", "channel 3")
    )


def test_times_and_depths_lead_with_their_distances(tmp_path, chance):
    data = chance.integers(0, 255, (2, 3, 2, 4, 5), np.uint8)  # (t, z, channel, y, x)
    order = [*np.ndindex(2, 3, 2)]
    random.Random(0).shuffle(order)  # the directory keeps no order
    tiles = [tile(data[t, z, c], T=t, Z=z + 4, C=c) for t, z, c in order]
    every = "<T><Positions><Interval><Increment>2.5</Increment></Interval></Positions></T>"
    cube = read(czi(tmp_path / "a.czi", tiles, xml(scaling=(2e-7, 1e-7, 3e-6), image=every)))
    np.testing.assert_array_equal(cube.data, data)
    assert (cube.t.step, cube.t.unit) == (2.5, "s")
    assert (cube.z.step, cube.z.unit) == (pytest.approx(3), "um")


def test_tiles_of_a_mosaic_lie_where_they_were_measured_the_later_on_top(tmp_path, chance):
    a, b, c = chance.integers(1, 255, (3, 4, 5), np.uint8)
    tiles = [tile(b, X=13, Y=20, M=1), tile(a, X=10, Y=20, M=0)]
    cube = read(czi(tmp_path / "whole.czi", tiles, xml()))
    np.testing.assert_array_equal(cube.data[0], np.concatenate([a[:, :3], b], axis=1))
    assert cube.data.dtype == np.uint8
    assert cube.origin == pytest.approx((20 * 0.2, 10 * 0.1))
    cube = read(czi(tmp_path / "hole.czi", [*tiles, tile(c, X=10, Y=24, M=2)]))
    data = np.asarray(cube.data[0])
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data[4:, :5], c)
    assert np.isnan(data[4:, 5:]).all()
    assert np.isnan(data).sum() == 12


def test_planes_that_were_never_measured_are_nan(tmp_path, planes):
    tiles = [tile(planes[n], C=n % 2, T=n // 2) for n in range(3)]
    with pytest.warns(UserWarning, match="3 of 4 planes were measured"):
        cube = read(czi(tmp_path / "a.czi", tiles))
    np.testing.assert_array_equal(cube.data[0], planes[:2])
    assert np.isnan(np.asarray(cube.data[1, 1])).all()


def test_reduced_images_are_left_out(tmp_path, planes):
    tiles = [tile(planes[0], C=0), tile(planes[0, ::2, ::2].copy(), C=0, size=(5, 6))]
    np.testing.assert_array_equal(read(czi(tmp_path / "a.czi", tiles)).data, planes[:1])


def test_each_scene_is_an_image(tmp_path, planes):
    tiles = [tile(planes[s, : 3 + s], S=s, X=100 * s) for s in (0, 1)]
    path = czi(tmp_path / "a.czi", tiles)
    assert [(c.name, c.shape) for c in read_all(path)] == [
        ("a scene 1", (1, 3, 6)),
        ("a scene 2", (1, 4, 6)),
    ]
    np.testing.assert_array_equal(read(path, image="a scene 2").data[0], planes[1, :4])


def test_colours_come_red_first(tmp_path, chance):
    data = chance.integers(0, 255, (4, 5, 3), np.uint8)
    cube = read(czi(tmp_path / "a.czi", [tile(data, C=0)]))
    assert cube.axis == ChannelAxis(("red", "green", "blue"))
    np.testing.assert_array_equal(cube.data, data[..., ::-1].transpose(2, 0, 1))


def test_attached_pictures_are_further_images(tmp_path, planes):
    inner = raw_czi([tile(planes[1, :2])])
    path = czi(tmp_path / "a.czi", [tile(planes[0])], attachments=[("Label", inner)])
    main, label = read_all(path)
    assert (main.name, label.name) == ("a", "a Label")
    np.testing.assert_array_equal(label.data[0], planes[1, :2])


def test_compressed_tiles_come_back(tmp_path, planes):
    codecs = pytest.importorskip("imagecodecs")
    low_and_high = planes[0].view(np.uint8).reshape(-1, 2).T.tobytes()
    ways = {
        5: codecs.zstd_encode(planes[0].tobytes()),
        6: b"\x03\x01\x01" + codecs.zstd_encode(low_and_high),
        4: codecs.jpegxr_encode(planes[0], level=100),
    }
    for way, stored in {**ways, 6.5: b"\x01" + ways[5]}.items():
        path = czi(tmp_path / "a.czi", [tile(planes[0], compression=int(way), stored=stored)])
        np.testing.assert_array_equal(read(path).data[0], planes[0], err_msg=str(way))
        path = czi(tmp_path / "a.czi", [tile(planes[0], compression=int(way), stored=stored[:20])])
        with pytest.raises(FileFormatError, match="not a whole CZI"):
            np.asarray(read(path).data)


def test_compressed_tiles_ask_for_what_decodes_them(tmp_path, planes, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    path = czi(tmp_path / "a.czi", [tile(planes[0], compression=5, stored=b"?")])
    with pytest.raises(MissingPackageError, match=r"imagecodecs.*napari-hyperspectral\[micro"):
        read(path)


@pytest.mark.parametrize(
    ("tiles", "message"),
    [
        ([{"compression": 77}], "compressed in a way that is not known"),
        ([{"stored": b"12"}], "a tile has 2 bytes, where 60 are needed"),
        ([{"X": 0}, {"X": 2**30}], "tiles of 60 pixels are spread over"),
        ([{"T": n, "Z": n, "C": n} for n in range(6)], "tiles of 180 pixels are spread over"),
        ([{"size": (50, 60)}], "only reduced images"),
        ([], "no image in it"),
    ],
)
def test_what_makes_no_image_is_refused(tmp_path, planes, tiles, message):
    path = czi(tmp_path / "a.czi", [tile(planes[0], **about) for about in tiles])
    with pytest.raises(FileFormatError, match=f"^a.czi: .*{message}"):
        read(path)


@pytest.mark.filterwarnings("ignore")
def test_no_flipped_byte_and_no_cut_is_the_end_of_it(sweep, planes):
    whole, chance = sweep.read_bytes(), random.Random(0)
    for cut in range(0, len(whole), 211):
        sweep.write_bytes(whole[:cut])
        with pytest.raises(FileFormatError, match=r"^a\.czi: "):
            read(sweep)
    for _ in range(150):
        raw = bytearray(whole)
        raw[chance.randrange(len(whole))] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        sweep.write_bytes(raw)
        with suppress(FileFormatError):
            assert np.asarray(read(sweep).data).size <= 100 * planes.size
