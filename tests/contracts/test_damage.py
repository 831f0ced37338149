"""A damaged file gives the right data or one readable error: never garbage, a crash or a wait."""

import os
import random
import shutil
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral.cube import Labels, describe
from napari_hyperspectral.io import FileFormatError, UnknownFormatError, format_of, read_all

DATA = Path(
    os.environ.get("NAPARI_HYPERSPECTRAL_DATA") or Path(__file__).parents[3] / "shared" / "data"
)
FOLDER = DATA / "formats"
SECONDS = 10
"""The longest that a damaged file may keep anybody waiting."""
CUTS = [n / 20 for n in range(20)]
FLIPS = 60
QUICK_FLIPS = 20
"""Bytes to flip in each file, one at a time."""
HEADER = 4096
TEXTS = (".txt", ".csv", ".xyz", ".tsv", ".asc", ".hdr", ".rpl")
"""Suffixes of text, which does not state its length: a table that was cut short is a shorter table,
and a header one that says less. Here, because it is a question of what can be asked of a text, not
of a format: those that close what they open, such as XML, are refused like any other."""


def _samples():
    """Return the whole files in the data folder that we read; each one named by its path."""
    if not FOLDER.is_dir():
        return []
    files = sorted(f for f in FOLDER.rglob("*") if f.is_file())
    return [f.relative_to(FOLDER).as_posix() for f in files if _is_read(f)]


def _is_read(file):
    relative = file.relative_to(FOLDER)
    if relative.parts[0] in ("mat_bad", "ome_zarr") or file.suffix in (".json", ".bsp"):
        return False
    try:
        format_of(file)
    except UnknownFormatError:
        return False
    return file.name not in ("arcgis.hdr", "darkReference4.hdr")


@contextmanager
def in_time(what):
    """Fail where something takes longer than people wait."""

    def late(*_):
        raise TimeoutError(f"{what} took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(path):
    """Return the images of a file with their data loaded, or None where it is refused."""
    with warnings.catch_warnings(), in_time(path.name):
        warnings.simplefilter("ignore")
        try:
            images = read_all(path, on_guess=lambda text: None)
            return [(image, np.asarray(image.data)) for image in images]
        except FileFormatError as error:
            refusal = str(error)
    assert refusal.startswith(path.stem), refusal
    assert len(refusal) < 2000
    assert "\n" not in refusal
    return None


def same(found, whole):
    """Whether what was read are the whole images, in data and axis; NaN is what was not measured."""
    if len(found) != len(whole):
        return False
    return all(
        left.shape == right.shape
        and np.array_equal(left[~missing], right[~missing])
        and _axis(one) == _axis(other)
        for (one, left), (other, right) in zip(found, whole, strict=True)
        for missing in [np.isnan(left) if left.dtype.kind == "f" else np.zeros(left.shape, bool)]
    )


def _axis(image):
    return None if isinstance(image, Labels) else describe(image)["axis"]


def copy_of(name, folder):
    """Copy a sample and what belongs to it; return where it is now."""
    source = FOLDER / name
    for file in source.parent.iterdir():  # a header and its data have one stem
        if file.is_file() and file.stem == source.stem:
            shutil.copy(file, folder / file.name)
    return folder / source.name


@pytest.fixture(params=_samples())
def sample(request, data_folder, tmp_path):
    path = copy_of(request.param, tmp_path)
    return path, path.read_bytes()


def _is_text(path):
    return any(suffix.lower() in TEXTS for suffix in path.suffixes)


def test_a_sample_is_whole_to_begin_with(sample):
    path, _ = sample
    assert outcome(path)


def test_a_sample_cut_short_gives_the_same_or_an_error(sample):
    path, whole = sample
    target = outcome(path)
    bad = []
    for cut in CUTS:
        path.write_bytes(whole[: int(len(whole) * cut)])
        found = outcome(path)
        if found is not None and not same(found, target) and not _is_text(path):
            bad.append(f"cut at {cut:.0%}: {[data.shape for _, data in found]}")
    assert not bad


@pytest.mark.parametrize(
    "flips", [QUICK_FLIPS, pytest.param(FLIPS, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_a_flipped_byte_in_a_header_is_survived(sample, flips):
    path, whole = sample
    target = outcome(path)
    chance = random.Random(path.name)
    bad = []
    for _ in range(flips):
        offset = chance.randrange(min(len(whole), HEADER))
        damaged = bytearray(whole)
        damaged[offset] ^= chance.choice([0xFF, 0x80, 0x01, 0x20])
        path.write_bytes(damaged)
        try:
            found = outcome(path)
        except TimeoutError as error:
            bad.append(f"{offset}: {error}")
            continue
        except Exception as error:
            bad.append(f"{offset}: {type(error).__name__}: {error}")
            continue
        if found is not None:
            most = 100 * max(data.size for _, data in target) + 10**6
            assert all(data.size <= most for _, data in found)
    assert not bad, bad


def test_an_empty_file_and_one_of_another_kind_are_refused(sample):
    path, whole = sample
    for content in (b"", b"hello, this is no such file\n" * 40, bytes(3000)):
        path.write_bytes(content[: len(whole) - 1])  # as long, it would do for raw data
        assert outcome(path) is None, content[:10]
