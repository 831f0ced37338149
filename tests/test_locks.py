"""Two jobs never write one file; what a dead one left keeps nobody out."""

import json
import os
import platform
import signal
import time
from dataclasses import asdict, replace

import pytest

from napari_hyperspectral.system.locks import LockedError, Owner, lock_of, locked

GONE = 2**22 + 1
"""Above the greatest number that Linux gives a process."""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "model.safetensors"


def test_a_second_job_is_refused_with_the_owner_of_the_first(target):
    with locked(target), pytest.raises(LockedError) as refused, locked(target):
        pass
    message = str(refused.value)
    assert "model.safetensors is being written by process" in message
    assert str(os.getpid()) in message
    assert "write to another file" in message
    assert not lock_of(target).exists()
    with locked(target):  # the first has ended
        assert lock_of(target).exists()


def test_files_side_by_side_are_not_locked_together(tmp_path):
    with locked(tmp_path / "a.npz"), locked(tmp_path / "b.npz", tmp_path / "c.npz"):
        assert len(list(tmp_path.iterdir())) == 3
    assert list(tmp_path.iterdir()) == []


def test_of_several_files_none_stays_locked_where_one_is_taken(tmp_path):
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    with locked(b):
        with pytest.raises(LockedError), locked(a, b):
            pass
        assert not lock_of(a).exists()
        assert lock_of(b).exists()


@pytest.mark.parametrize("left", [{"process": GONE}, {"began": 1.0}])
def test_what_a_process_left_that_is_no_more_is_replaced(target, left):
    owner = replace(Owner.this_process(), **left)
    lock_of(target).write_text(json.dumps(asdict(owner)))
    with locked(target):
        assert json.loads(lock_of(target).read_text())["process"] == os.getpid()
    assert not lock_of(target).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on POSIX only")
def test_of_two_writers_the_second_is_refused_until_the_first_is_killed(target):
    process = os.fork()
    if not process:
        with locked(target):
            time.sleep(60)
        os._exit(0)
    while not (lock_of(target).exists() and lock_of(target).stat().st_size):
        time.sleep(0.01)
    with pytest.raises(LockedError, match=f"process {process} "), locked(target):
        pass
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert lock_of(target).exists()
    with locked(target):
        pass


def test_of_another_computer_nobody_knows_and_the_message_says_what_to_remove(target):
    owner = replace(Owner.this_process(), host=f"not {platform.node()}")
    lock_of(target).write_text(json.dumps(asdict(owner)))
    with pytest.raises(LockedError, match="if that process is no more, remove"), locked(target):
        pass
    assert lock_of(target).exists()


def test_half_a_lock_is_waited_for_and_later_replaced(target):
    lock_of(target).touch()
    with pytest.raises(LockedError, match="only just begun"), locked(target):
        pass
    os.utime(lock_of(target), (1, 1))
    with locked(target):
        pass


def test_a_folder_is_there_for_the_lock_and_gone_if_nothing_was_written(tmp_path):
    with locked(tmp_path / "new" / "deep" / "a.npz"):
        pass
    assert not (tmp_path / "new").exists()
    with locked(tmp_path / "new" / "a.npz"):
        (tmp_path / "new" / "a.npz").touch()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npz"]


def test_names_may_be_as_long_as_a_disk_takes(tmp_path):
    with locked(tmp_path / ("x" * 250)):
        assert len(list(tmp_path.iterdir())) == 1
