"""Writing that is interrupted leaves the old files or the new ones, never some of each."""

import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral import Cube, SpectralAxis
from napari_hyperspectral.errors import DiskFullError
from napari_hyperspectral.files.atomic import finish_moves, replacing
from napari_hyperspectral.io import read, write

posix = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of POSIX")
PAIRS = {"a.hdr": "ENVI", "a.npy": "NumPy", "a.tif": "TIFF stack"}


def plane(value, centres=(500.0, 510.0)):
    axis = SpectralAxis(np.array(centres), "nm")
    return Cube(np.full((2, 3, 4), value, np.float32), axis, name="a")


OLD = plane(1)
NEW = plane(2, (600.0, 610.0))


def state(path):
    """Return the value and the first wavelength of a file, which `OLD` and `NEW` differ in."""
    cube = read(path)
    assert (np.asarray(cube.data) == np.asarray(cube.data).flat[0]).all()
    return float(np.asarray(cube.data).flat[0]), float(cube.spectral_axis.centres[0])


STATES = {(1.0, 500.0): "old", (2.0, 600.0): "new"}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, PermissionError])
@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_move_that_fails_leaves_the_old_pair_or_the_new(
    tmp_path, monkeypatch, name, error, failing
):
    path = write(tmp_path / name, OLD, format=PAIRS.get(name))
    count = 0

    def interrupted(function):
        def move(*arguments, **options):
            nonlocal count
            count += 1
            if count == failing:
                raise error(errno.EACCES, "in use")
            return function(*arguments, **options)

        return move

    with monkeypatch.context() as patch:
        for method in ("rename", "replace"):
            patch.setattr(Path, method, interrupted(getattr(Path, method)))
        try:
            write(path, NEW, overwrite=True, format=PAIRS.get(path.name))
        except error:
            assert STATES[state(path)] == "old"
        else:
            assert STATES[state(path)] == "new"
    write(path, NEW, overwrite=True, format=PAIRS.get(path.name))
    assert STATES[state(path)] == "new"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", PAIRS)
def test_a_locked_second_file_leaves_the_old_pair(tmp_path, monkeypatch, name):
    path = write(tmp_path / name, OLD, format=PAIRS.get(name))
    locked = path if name == "a.hdr" else path.with_suffix(".json")
    replace = Path.replace

    def move(self, target):
        if Path(target) == locked and ".moving" in str(self) and self.parent.name != "replaced":
            raise PermissionError(errno.EACCES, "in use", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", move)
    with pytest.raises(PermissionError):
        write(path, NEW, overwrite=True, format=PAIRS.get(path.name))
    assert STATES[state(path)] == "old"
    assert len(list(tmp_path.iterdir())) == 2


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from napari_hyperspectral.files.atomic import finish_moves, replacing
    folder, wanted = Path(sys.argv[1]), int(sys.argv[2])
    count = 0
    def killing(function):
        def move(*arguments, **options):
            global count
            count += 1
            if count == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return move
    for method in ("rename", "replace"):
        setattr(Path, method, killing(getattr(Path, method)))
    os.link = killing(os.link)
    with replacing(folder / "a.img", folder / "a.hdr") as drafts:
        for draft in drafts:
            draft.write_text("new")
"""


@posix
@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 5])
def test_a_killed_writer_leaves_a_pair_and_its_leftovers_are_cleared(tmp_path, wanted):
    files = [tmp_path / "a.img", tmp_path / "a.hdr"]
    for file in files:
        file.write_text("old")
    code = textwrap.dedent(KILLED)
    ended = subprocess.run([sys.executable, "-c", code, tmp_path, str(wanted)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert all(file.exists() for file in files)
    finish_moves(files[-1])
    assert len({file.read_text() for file in files}) == 1
    with replacing(*files) as drafts:
        for draft in drafts:
            draft.write_text("third")
    assert [file.read_text() for file in files] == ["third", "third"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.hdr", "a.img"]


def test_drafts_of_a_writer_that_runs_are_left(tmp_path):
    with replacing(tmp_path / "a.npz") as (draft,):
        draft.write_text("mine")
        with replacing(tmp_path / "a.npz") as (second,):
            second.write_text("second")
        assert draft.exists()
    assert (tmp_path / "a.npz").read_text() == "mine"


def test_drafts_of_earlier_versions_are_cleared(tmp_path):
    (tmp_path / ".a.npz.k3j2h1.part").mkdir()
    (tmp_path / ".ab.npz.k3j2h1.part").mkdir()
    with replacing(tmp_path / "a.npz") as (draft,):
        draft.write_text("new")
    assert sorted(each.name for each in tmp_path.iterdir()) == [".ab.npz.k3j2h1.part", "a.npz"]


def test_what_is_renamed_was_flushed(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_ino))
    with replacing(tmp_path / "a.img", tmp_path / "a.hdr") as drafts:
        for draft in drafts:
            draft.write_text("new")
    for file in ("a.img", "a.hdr"):
        assert (tmp_path / file).stat().st_ino in flushed


def test_both_files_of_a_pair_are_flushed_before_they_are_renamed(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_ino))
    written = write(tmp_path / "a.hdr", OLD)
    assert {file.stat().st_ino for file in (written, written.with_suffix(".img"))} <= set(flushed)


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path):
    (tmp_path / ".a.npz.k3j2h1.part").mkdir()
    write(tmp_path / "a.npz", OLD)
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


def test_data_that_another_program_changed_are_told_by_the_pair(tmp_path):
    for name in PAIRS:
        (tmp_path / name).mkdir()
        path = write(tmp_path / name / name, OLD, format=PAIRS[name])
        data = path.with_suffix(".img") if name == "a.hdr" else path
        raw = bytearray(data.read_bytes())
        raw[-4:] = np.float32(7).tobytes()
        data.write_bytes(raw)
        with pytest.warns(UserWarning, match="is not the file that"):
            read(path)


@pytest.mark.parametrize("name", ["b.npz", "b.hdr", "b.zarr", "b.safetensors"])
def test_nothing_is_written_into_a_store(tmp_path, name):
    store = write(tmp_path / "a.zarr", OLD)
    before = sorted(store.rglob("*"))
    for folder in (store, store / "0"):
        with pytest.raises(ValueError, match="inside the Zarr store"):
            write(folder / name, NEW, format={"b.safetensors": "NumPy"}.get(name))
    assert sorted(store.rglob("*")) == before


@pytest.mark.parametrize("foreign", ["notes.txt", "0/notes.txt", "labels/zarr.json", "1/c/0/0/0"])
def test_a_store_with_files_of_others_is_not_replaced(tmp_path, foreign):
    store = write(tmp_path / "a.zarr", OLD)
    theirs = store / foreign
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("years of work")
    with pytest.raises(FileExistsError, match="holds other things"):
        write(store, NEW, overwrite=True)
    assert theirs.read_text() == "years of work"


def test_a_store_of_another_program_is_not_replaced(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(tmp_path / "a.zarr"), shape=(2, 3, 4), dtype="f4")
    with pytest.raises(FileExistsError, match="holds other things"):
        write(tmp_path / "a.zarr", NEW, overwrite=True)


@posix
@pytest.mark.parametrize("name", ["a.hdr", "a.npy", "a.npz", "a.ome.tif", "a.csv", "a.zarr"])
def test_a_full_disk_is_named_with_the_file_and_leaves_the_old_one(tmp_path, name):
    path = write(tmp_path / name, OLD, format=PAIRS.get(name))
    values = np.random.default_rng(0).normal(size=(2, 300, 300))
    large = Cube(values, OLD.axis)
    import resource  # there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, hard))
    try:
        with pytest.raises(DiskFullError) as raised:
            write(path, large, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert raised.value.filename == str(path)
    assert "nothing was written" in raised.value.strerror
    assert STATES[state(path)] == "old"
    assert not list(tmp_path.glob(".*"))


def test_commands_and_docks_write_texts_wholly_or_not_at_all():
    """By `files.atomic.write_text`, or into a draft that is renamed."""
    import napari_hyperspectral

    package = Path(napari_hyperspectral.__file__).parent
    plain = re.compile(r"(?<!draft)\.write_(text|bytes)\(|\.open\(\s*[\"'][wax]")
    found = []
    for folder in ("cli", "widgets", "workflows"):
        for file in (package / folder).rglob("*.py"):
            if plain.search(file.read_text("utf-8")):
                found.append(file.name)
    assert found == []
