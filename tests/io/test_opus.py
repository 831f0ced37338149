"""OPUS files: each block of data is an image, with the axis and scale of what belongs to it."""

import random
import struct
import warnings
from contextlib import suppress

import numpy as np
import pytest

from napari_hyperspectral.io import FileFormatError, read, read_all

AB, SSC, RSC, IGSM, RAMAN = (3, 3, 4), (3, 1, 1), (3, 2, 1), (3, 1, 2), (3, 3, 10)
"""What data can be: part, of what, and data; as in the bits of the directory."""
TRUTH = np.linspace(0.1, 0.9, 6, dtype="<f4")


def bits(kind, parameters=0, extra=0):
    part, of, data = kind
    return part | of << 2 | parameters << 4 | data << 10 | extra << 19


def parameters(**values):
    content = b""
    for name, value in values.items():
        if isinstance(value, str):
            raw = value.encode() + b"\0"
            kind, raw = 2, raw + b"\0" * (len(raw) % 2)
        else:
            kind = int(isinstance(value, float))
            raw = struct.pack("<d" if kind else "<i", value)
        content += struct.pack("<4sHH", name.encode(), kind, len(raw) // 2) + raw
    content += b"END\0" + bytes(4)
    return content + bytes(-len(content) % 4)


def status(count=6, first=4000.0, last=3995.0, unit="WN", scale=1.0, **more):
    ends = {"FXV": first, "LXV": last, "CSF": scale, "DXU": unit}
    return parameters(DPF=1, NPT=count, **ends, **more)


def opus(path, blocks):
    """Write a file of (bits, content) blocks."""
    place = 24 + 12 * 40
    directory, content = b"", b""
    for kind, raw in blocks:
        directory += struct.pack("<Iii", kind, len(raw) // 4, place + len(content))
        content += raw
    head = b"\n\n\xfe\xfe" + struct.pack("<d3i", 920622.0, 24, 40, len(blocks))
    path.write_bytes(head + directory.ljust(12 * 40, b"\0") + content)
    return path


def data(kind, values, about=None, extra=0):
    """Return a block of data and the one that tells of it."""
    told = status(len(values)) if about is None else about
    return [(bits(kind, extra=extra), values.tobytes()), (bits(kind, 1, extra), told)]


def series(kind, spectra, **more):
    """Return a block of several spectra, (spectrum, band), each followed by 168 bytes."""
    head = struct.pack("<6i", 0, len(spectra), 32, spectra.shape[1] * 4, 168, 1) + bytes(8)
    rows = []
    for number, row in enumerate(spectra):
        rest = bytearray(168)
        rest[144:152] = struct.pack("<d", 2.5 * number)
        rows.append(row.astype("<f4").tobytes() + bytes(rest))
    told = status(spectra.shape[1], 900.0, 1000.0, **more)
    return [(bits(kind, extra=2), head + b"".join(rows)), (bits(kind, 1, 2), told)]


@pytest.fixture
def file(tmp_path):
    sample = (bits((0, 0, 0), 10), parameters(SNM="Duran", CNM="operator"))
    interferogram = status(8, 0.0, 7.0, "PNT", scale=0.5)
    return opus(
        tmp_path / "film.0",
        [
            sample,
            *data(RSC, TRUTH * 3),
            *data(IGSM, np.arange(8, dtype="<f4"), interferogram),
            *data(AB, TRUTH),
        ],
    )


def test_the_result_is_what_is_read_and_what_it_came_from_is_read_by_name(file):
    cube = read(file)
    assert np.array_equal(cube.data[:, 0, 0], TRUTH)
    assert cube.metadata["other blocks"] == ["RSC", "IgSm"]
    assert np.array_equal(read(f"{file}::RSC").data[:, 0, 0], TRUTH * 3)
    with pytest.raises(FileFormatError, match=r"no image 'TR'; there are AB, RSC, IgSm"):
        read(f"{file}::TR")


def test_the_axis_runs_as_in_the_file(file):
    cube = read(file)
    assert cube.spectral_axis.centres.tolist() == [4000, 3999, 3998, 3997, 3996, 3995]
    assert (cube.axis.unit, cube.axis.kind) == ("1/cm", "wavenumber")
    assert cube.intensity_unit == "absorbance"


def test_an_interferogram_counts_points_and_is_scaled(file):
    cube = read(f"{file}::IgSm")
    assert cube.axis.kind == "index"
    assert cube.data[:, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]


def test_parameters_are_kept_by_group(file):
    about = read(file).metadata["OPUS"]
    assert about["sample"] == {"SNM": "Duran", "CNM": "operator"}
    assert about["data"]["NPT"] == 6


def test_a_file_of_one_spectrum_has_its_own_name(tmp_path):
    (cube,) = read_all(opus(tmp_path / "glass.0012", data(AB, TRUTH)))
    assert cube.name == "glass"


def test_padding_after_the_points_is_not_read(tmp_path):
    padded = np.append(TRUTH, np.float32(77))
    cube = read(opus(tmp_path / "a.0", data(AB, padded, status(6))))
    assert np.array_equal(cube.data[:, 0, 0], TRUTH)


def test_blocks_of_one_kind_go_with_what_has_their_range(tmp_path):
    one = status(6, 4000.0, 3995.0, MNY=float(TRUTH.min()), MXY=float(TRUTH.max()))
    two = status(6, 2000.0, 1995.0, MNY=float(TRUTH.min()) * 9, MXY=float(TRUTH.max()) * 9)
    blocks = [
        (bits(AB), TRUTH.tobytes()),
        (bits(AB), (TRUTH * 9).tobytes()),
        (bits(AB, 1), two),
        (bits(AB, 1), one),
    ]
    first, second = read_all(opus(tmp_path / "a.0", blocks))
    assert (first.name, second.name) == ("AB 1", "AB 2")
    assert first.spectral_axis.centres[0] == 4000
    assert second.spectral_axis.centres[0] == 2000


def test_a_raman_spectrum_has_shifts_and_its_laser(tmp_path):
    laser = (bits((0, 0, 0), 2), parameters(RLW=9394.4))
    cube = read(opus(tmp_path / "a.0", [laser, *data(RAMAN, TRUTH)]))
    assert cube.axis.kind == "raman_shift"
    assert cube.axis.excitation_nm == pytest.approx(1064.46, abs=0.01)


@pytest.mark.parametrize(
    ("unit", "axis"), [("MI", ("um", "wavelength", False)), ("WL", ("um", "wavelength", True))]
)
def test_the_unit_of_the_axis_is_that_of_the_block(tmp_path, unit, axis):
    found = read(opus(tmp_path / "a.0", data(AB, TRUTH, status(6, 2.0, 20.0, unit)))).axis
    assert (found.unit, found.kind, found.guessed) == axis


def test_a_series_is_a_list_of_spectra_with_its_times(tmp_path):
    spectra = np.arange(3 * 5, dtype=np.float32).reshape(3, 5)
    cube = read(opus(tmp_path / "a.0", series(AB, spectra)))
    assert np.array_equal(cube.data, spectra.T[:, None, :])
    assert cube.metadata["OPUS"]["times (s)"] == [0, 2.5, 5]


def test_a_map_is_an_image_where_the_file_says_so(tmp_path):
    spectra = np.arange(6 * 5, dtype=np.float32).reshape(6, 5)
    grid = {"NPX": 3, "NPY": 2, "DDX": 4.0, "DDY": 2.5, "AOX": 100.0, "AOY": -7.0}
    cube = read(opus(tmp_path / "a.0", series(AB, spectra, **grid)))
    assert np.array_equal(cube.data, spectra.reshape(2, 3, 5).transpose(2, 0, 1))
    assert (cube.pixel_size, cube.origin, cube.pixel_unit) == ((2.5, 4), (-7, 100), "um")


def test_a_map_that_was_not_finished_is_a_list(tmp_path):
    spectra = np.arange(5 * 5, dtype=np.float32).reshape(5, 5)
    with pytest.warns(UserWarning, match="5 of 5 spectra, a map of 3 × 2"):
        cube = read(opus(tmp_path / "a.0", series(AB, spectra, NPX=3, NPY=2)))
    assert cube.shape == (5, 1, 5)


def test_packed_spectra_are_left_out_and_told(tmp_path):
    blocks = [*data(AB, TRUTH), *data(SSC, TRUTH, extra=4)]
    with pytest.warns(UserWarning, match="SSC is left out: packed spectra"):
        assert len(read_all(opus(tmp_path / "a.0", blocks))) == 1


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([(bits((0, 0, 0), 10), parameters(SNM="x"))], "no spectrum in it"),
        (data(AB, TRUTH, status(7)), "AB: 7 points do not fit 24 bytes"),
        (data(AB, TRUTH, parameters(NPT=6, DPF=1)), "AB: no ends of its axis"),
        (data(AB, TRUTH, parameters(NPT=6, DPF=9)), "AB: 6 points of type 9"),
        (data(AB, TRUTH, b"NPT\0\0\0\xff\xff"), "parameter NPT runs past its block"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, blocks, message):
    with pytest.raises(FileFormatError, match=f"^a.0: {message}"):
        read(opus(tmp_path / "a.0", blocks))


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "run.7").write_bytes(b"a log file of somebody else's program\n")
    with pytest.raises(FileFormatError, match=r"run.7: not a Bruker OPUS file"):
        read(tmp_path / "run.7")


def test_a_file_cut_short_is_refused_wherever_it_was_cut(file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 11):
        file.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_all(file)


def test_flipped_bytes_raise_nothing_else(file):
    whole, chance = file.read_bytes(), random.Random(0)
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        file.write_bytes(damaged)
        with warnings.catch_warnings(), suppress(FileFormatError):
            warnings.simplefilter("ignore")
            assert all(np.asarray(image.data).size <= 1000 for image in read_all(file))
