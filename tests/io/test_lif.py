"""Leica projects: every image with its sweeps, times and depths, where its bytes say they are."""

import random
import struct
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.io import FileFormatError, read, read_all
from napari_hyperspectral.io.arrays.positional import Positional

LETTERS = {"x": 1, "y": 2, "z": 3, "t": 4, "emission": 5, "excitation": 9, "tile": 10}
LASERS = (
    '<Attachment Name="HardwareSetting"><ATLConfocalSettingDefinition Magnification="63">'
    '<AotfList><Aotf><LaserLineSetting LaserLine="488" IntensityDev="0"/>'
    '<LaserLineSetting LaserLine="543" IntensityDev="4"/></Aotf></AotfList>'
    "</ATLConfocalSettingDefinition></Attachment>"
)


def along(name, size, stride, origin=0.0, length=0.0):
    unit = "s" if name == "t" else "" if name == "tile" else "m"
    return (
        f'<DimensionDescription DimID="{LETTERS[name]}" NumberOfElements="{size}" '
        f'Origin="{origin}" Length="{length}" Unit="{unit}" BitInc="0" BytesInc="{stride}"/>'
    )


def channel(place=0, tag=0, colour="Green", bits=8, kind=0, dye=""):
    dye = f"<ChannelProperty><Key>DyeName</Key><Value>{dye}</Value></ChannelProperty>" * bool(dye)
    return (
        f'<ChannelDescription DataType="{kind}" ChannelTag="{tag}" Resolution="{bits}" '
        f'NameOfMeasuredQuantity="" Min="0" Max="255" LUTName="{colour}" IsLUTInverted="0" Unit="" '
        f'BitInc="0" BytesInc="{place}">{dye}</ChannelDescription>'
    )


def picture(name, dims, channels=None, *, size, extra=LASERS):
    """Return an element of the project; its block of memory has its name."""
    return (
        f'<Element Name="{name}"><Data><Image><ImageDescription>'
        f"<Channels>{''.join(channels or [channel()])}</Channels>"
        f"<Dimensions>{''.join(dims)}</Dimensions></ImageDescription>{extra}</Image></Data>"
        f'<Memory Size="{size}" MemoryBlockID="{name}"/></Element>'
    )


def project(path, elements, memory, version=2):
    """Write a project: elements of XML, and what each block of memory holds."""
    xml = (
        f'<LMSDataContainerHeader Version="{version}"><Element Name="project"><Children>'
        f"{''.join(elements)}</Children></Element></LMSDataContainerHeader>"
    )
    parts = [struct.pack("<IIBI", 0x70, 2 * len(xml) + 5, 0x2A, len(xml)), xml.encode("utf-16-le")]
    for name, data in memory.items():
        raw = bytes(data) if isinstance(data, bytes) else data.tobytes()
        layout = "<IIBQBI" if version == 2 else "<IIBIBI"
        parts += [struct.pack(layout, 0x70, 0, 0x2A, len(raw), 0x2A, len(name))]
        parts += [name.encode("utf-16-le"), raw]
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def values():
    return np.random.default_rng(0)


@pytest.fixture
def sweep(tmp_path, values):
    """A sweep of 7 bands, (y, x) = (5, 6), and its values (band, y, x)."""
    data = values.integers(0, 255, (7, 5, 6), np.uint8)
    dims = [
        along("x", 6, 1, 0, 5e-7),
        along("y", 5, 6, 2e-6, 8e-7),
        along("emission", 7, 30, 5e-7, 6e-8),
    ]
    element = picture("sweep", dims, size=data.size)
    return project(tmp_path / "a.lif", [element], {"folder": b"", "sweep": data}), data


def test_an_emission_sweep_is_a_spectrum_in_nm(sweep):
    path, data = sweep
    cube = read(path)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.axis.centres == pytest.approx(np.linspace(500, 560, 7))
    assert (cube.axis.unit, cube.axis.kind) == ("nm", "wavelength")
    assert cube.axis.excitation_nm == 543
    assert cube.pixel_size == pytest.approx((0.2, 0.1))
    assert cube.origin == pytest.approx((2, 0))
    assert (cube.pixel_unit, cube.name) == ("um", "sweep")
    assert cube.history == ("read a.lif",)
    scan = cube.metadata["Leica"]["Attachment"]["ATLConfocalSettingDefinition"]
    assert scan["Magnification"] == "63"


def test_pixels_stay_in_the_file(sweep):
    cube = read(sweep[0])
    assert isinstance(cube.data, Positional)


def test_liffile_loads_an_image_of_which_we_read_one_spectrum(tmp_path):
    """Why this reader stays: it is as right, and lazy (measured here, and on the real file in
    `test_oracles`)."""
    liffile = pytest.importorskip("liffile", reason="an oracle for tests only")
    data = (np.arange(20 * 512 * 512) % 251).astype(np.uint8).reshape(20, 512, 512)
    dims = [along("x", 512, 1), along("y", 512, 512), along("emission", 20, 2**18, 5e-7, 1e-7)]
    element = picture("sweep", dims, size=data.nbytes)
    path = project(tmp_path / "a.lif", [element], {"sweep": data})
    read(path), liffile.LifFile(path).close()  # modules are imported
    tracemalloc.start()
    spectrum = np.asarray(read(path).data[:, 5, 7])
    _, ours = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    with liffile.LifFile(path) as file:
        other = file.images[0].asarray()[:, 5, 7]
    _, theirs = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(spectrum, other)
    assert theirs > data.nbytes > 10 * ours


def test_times_and_depths_lead_with_their_distances(tmp_path, values):
    data = values.integers(0, 2**16, (2, 5, 3, 4, 6), np.uint16)  # (t, band, z, y, x)
    dims = [
        along("x", 6, 2, 0, 5e-6),
        along("y", 4, 12, 0, 3e-6),
        along("z", 3, 48, 1e-6, -4e-6),
        along("emission", 5, 144, 5e-7, 4e-8),
        along("t", 2, 720, 0, 1.5),
    ]
    element = picture("deep", dims, [channel(bits=12)], size=data.nbytes)
    cube = read(project(tmp_path / "a.lif", [element], {"deep": data}))
    np.testing.assert_array_equal(cube.data, data.transpose(0, 2, 1, 3, 4))
    assert cube.dims == ("t", "z", "band", "y", "x")
    assert (cube.t.step, cube.t.unit) == (1.5, "s")
    assert (cube.z.step, cube.z.start) == pytest.approx((-2, 1))
    assert cube.z.unit == "um"


def test_with_both_sweeps_the_excitation_leads_and_says_so(tmp_path, values):
    data = values.integers(0, 255, (3, 5, 4, 6), np.uint8)  # (excitation, emission, y, x)
    dims = [
        along("x", 6, 1, 0, 5e-6),
        along("y", 4, 6, 0, 3e-6),
        along("emission", 5, 24, 5e-7, 4e-8),
        along("excitation", 3, 120, 4.5e-7, 2e-8),
    ]
    element = picture("both", dims, size=data.nbytes)
    cube = read(project(tmp_path / "a.lif", [element], {"both": data}))
    np.testing.assert_array_equal(cube.data, data)
    assert cube.dims == ("z", "band", "y", "x")
    assert cube.z.unit is None
    assert cube.metadata["axes"] == {"z": "excitation", "band": "emission"}
    assert cube.metadata["excitation_nm"] == pytest.approx([450, 460, 470])
    assert cube.axis.excitation_nm is None


def test_with_times_and_depths_too_each_excitation_is_an_image(tmp_path, values):
    data = values.integers(0, 255, (2, 2, 3, 5, 4, 6), np.uint8)
    dims = [
        along("x", 6, 1, 0, 5e-6),
        along("y", 4, 6, 0, 3e-6),
        along("emission", 5, 24, 5e-7, 4e-8),
        along("excitation", 3, 120, 4.5e-7, 2e-8),
        along("z", 2, 360, 0, 1e-6),
        along("t", 2, 720, 0, 1),
    ]
    element = picture("all", dims, size=data.nbytes)
    cubes = read_all(project(tmp_path / "a.lif", [element], {"all": data}))
    assert [cube.name for cube in cubes] == [f"all excitation {n}" for n in (1, 2, 3)]
    assert [cube.axis.excitation_nm for cube in cubes] == pytest.approx([450, 460, 470])
    np.testing.assert_array_equal(cubes[1].data, data[:, :, 1])


def test_an_excitation_sweep_alone_is_the_spectrum(tmp_path, values):
    data = values.integers(0, 255, (5, 4, 6), np.uint8)
    dims = [
        along("x", 6, 1, 0, 5e-6),
        along("y", 4, 6, 0, 3e-6),
        along("excitation", 5, 24, 4.5e-7, 4e-8),
    ]
    cube = read(project(tmp_path / "a.lif", [picture("ex", dims, size=data.size)], {"ex": data}))
    assert cube.axis.centres == pytest.approx([450, 460, 470, 480, 490])
    assert cube.axis.excitation_nm is None
    assert cube.metadata["axes"] == {"band": "excitation"}


def test_ordinary_channels_are_named_and_no_spectrum(tmp_path, values):
    data = values.integers(0, 255, (2, 4, 6), np.uint8)
    dims = [along("x", 6, 1, 0, 5e-6), along("y", 4, 6, 0, 3e-6)]
    for given, names in (
        (({"dye": "DAPI"}, {"dye": "GFP"}), ("DAPI", "GFP")),
        (({"colour": "Red"}, {"colour": "Red"}), ("Red 1", "Red 2")),
        (({"colour": ""}, {"colour": ""}), ("channel 1", "channel 2")),
    ):
        channels = [channel(24 * place, **about) for place, about in enumerate(given)]
        element = picture("dyes", dims, channels, size=data.size)
        cube = read(project(tmp_path / "a.lif", [element], {"dyes": data}))
        assert cube.axis == ChannelAxis(names)
        np.testing.assert_array_equal(cube.data, data)


def test_colours_in_padded_rows_come_red_first(tmp_path, values):
    rows = values.integers(0, 255, (4, 24), np.uint8)  # 7 pixels of 3 bytes, padded to 24
    pixels = rows[:, :21].reshape(4, 7, 3)
    dims = [along("x", 7, 3, 0, 6e-6), along("y", 4, 24, 0, 3e-6)]
    channels = [channel(place, tag=3 - place) for place in range(3)]  # blue, green, red
    element = picture("camera", dims, channels, size=rows.size)
    cube = read(project(tmp_path / "a.lif", [element], {"camera": rows}))
    assert cube.axis == ChannelAxis(("red", "green", "blue"))
    np.testing.assert_array_equal(cube.data, pixels[..., ::-1].transpose(2, 0, 1))


def test_a_section_in_depth_has_depth_for_its_height(tmp_path, values):
    data = values.integers(0, 255, (5, 3, 6), np.uint8)  # (band, z, x)
    dims = [
        along("x", 6, 1, 0, 5e-6),
        along("z", 3, 6, 0, 4e-6),
        along("y", 1, 18),
        along("emission", 5, 18, 5e-7, 4e-8),
    ]
    element = picture("xz", dims, size=data.size)
    cube = read(project(tmp_path / "a.lif", [element], {"xz": data}))
    np.testing.assert_array_equal(cube.data, data)
    assert cube.pixel_size == pytest.approx((2, 1))
    assert cube.metadata["axes"] == {"y": "z", "band": "emission"}


def test_images_have_the_names_of_their_folders_and_are_picked_by_them(tmp_path, values):
    data = {name: values.integers(0, 255, (3, 4), np.uint8) for name in "ab"}
    dims = [along("x", 4, 1, 0, 3e-6), along("y", 3, 4, 0, 2e-6)]
    a, b = (picture(name, dims, size=12) for name in "ab")
    folder = f'<Element Name="dish"><Children>{a}</Children></Element>'
    path = project(tmp_path / "a.lif", [folder, b], data, version=1)
    assert [cube.name for cube in read_all(path)] == ["dish/a", "b"]
    np.testing.assert_array_equal(read(path, image="dish/a").data[0], data["a"])


def test_an_image_that_cannot_be_read_leaves_the_others(tmp_path, values):
    data = values.integers(0, 255, (3, 4), np.uint8)
    dims = [along("x", 4, 1, 0, 3e-6), along("y", 3, 4, 0, 2e-6)]
    mixed = picture("mixed", dims, [channel(), channel(12, bits=16)], size=36)
    path = project(
        tmp_path / "a.lif",
        [mixed, picture("fine", dims, size=12)],
        {"mixed": bytes(36), "fine": data},
    )
    with pytest.warns(UserWarning, match="image 'mixed' is of no kind that is known"):
        assert [cube.name for cube in read_all(path)] == ["fine"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1], "the file ends at byte"),
        (lambda raw: raw[:-211], "block of memory needs"),
        (lambda raw: raw[:400], "the description of the images needs bytes"),
        (lambda raw: b"MZ" + raw[2:], "not a Leica LIF file"),
        (lambda raw: b"", "empty"),
        (
            lambda raw: raw.replace("</Ch".encode("utf-16-le"), "</CH".encode("utf-16-le")),
            "damaged",
        ),
        (
            lambda raw: raw.replace('"7"'.encode("utf-16-le"), '"9"'.encode("utf-16-le")),
            "the pixels of image 'sweep' are 210 bytes, where 270 are needed",
        ),
        (
            lambda raw: raw.replace(
                'Version="2"'.encode("utf-16-le"), 'Version="7"'.encode("utf-16-le")
            ),
            "LIF of version '7'",
        ),
    ],
)
def test_damaged_projects_are_refused(sweep, change, message):
    path, _ = sweep
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FileFormatError, match=f"^a.lif: .*{message}"):
        read(path)


@pytest.mark.filterwarnings("ignore")
def test_no_flipped_byte_and_no_cut_is_the_end_of_it(sweep):
    path, data = sweep
    whole, chance = path.read_bytes(), random.Random(0)
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(FileFormatError):
            read(path)
    for _ in range(300):
        raw = bytearray(whole)
        raw[chance.randrange(len(whole) - data.size)] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        path.write_bytes(raw)
        with suppress(FileFormatError):
            np.asarray(read(path).data)
