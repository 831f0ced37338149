"""One job at a time for a file that is to be written: a second one is refused before its work.

Beside each file, for as long as a job runs, stands a hidden one that says whose it is. What a job
left that is no more (killed, or the computer was switched off) is recognised and replaced.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

import psutil

_LONGEST_NAME: Final = 200
"""Letters of a file's name that go into that of its lock: file systems take 255 bytes."""
_UNREADABLE_AFTER: Final = 10.0
"""Seconds after which a lock without its owner is what a crash left, not one about to be written."""
_CLOCK: Final = 2.0
"""Seconds by which two readings of when a process began may differ."""


@dataclass(frozen=True)
class Owner:
    """The job that writes a file."""

    host: str
    """Name of the computer."""
    process: int
    """Number of the process there."""
    began: float
    """When that process began, in seconds since 1970: numbers of processes come again."""
    command: str
    """What it is running."""
    since: str
    """When the job began, ISO 8601."""
    token: str
    """What tells this job from all others."""

    @classmethod
    def this_process(cls) -> Self:
        """Return the owner that a new job of this process is."""
        return cls(
            host=platform.node(),
            process=os.getpid(),
            began=psutil.Process().create_time(),
            command=shlex.join(sys.argv)[:200],
            since=datetime.now().isoformat(sep=" ", timespec="seconds"),
            token=uuid4().hex,
        )

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended; of another computer, that cannot be known."""
        if self.host != platform.node():
            return False
        try:
            process = psutil.Process(self.process)
            zombie = process.status() == psutil.STATUS_ZOMBIE
            return zombie or abs(process.create_time() - self.began) > _CLOCK
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:  # it is there, and somebody else's
            return False


class LockedError(FileExistsError):
    """Another job writes the file already."""

    def __init__(self, path: Path, lock: Path, owner: Owner | None) -> None:
        remedy = "wait for its end, or write to another file"
        if owner is None:
            who = "another job, which has only just begun"
        elif owner.host == platform.node():
            who = f"process {owner.process} ({owner.command}), since {owner.since}"
        else:
            who = f"process {owner.process} on {owner.host} ({owner.command}), since {owner.since}"
            remedy += f"; if that process is no more, remove {lock}"
        super().__init__(f"{path} is being written by {who}; {remedy}")


@contextmanager
def locked(*paths: Path) -> Generator[None, None, None]:
    """Keep other jobs from writing these files; folders for them are made, and removed if empty.

    Raises
    ------
    LockedError
        If another job writes one of them.
    OSError
        If nothing can be written there.
    """
    owner = Owner.this_process()
    with ExitStack() as stack:
        for folder in dict.fromkeys(path.parent for path in paths):
            stack.enter_context(_made(folder))
        for path in paths:
            stack.enter_context(_one_locked(path, owner))
        yield


@contextmanager
def _one_locked(path: Path, owner: Owner) -> Generator[None, None, None]:
    lock = lock_of(path)
    while not _written(lock, owner):
        other = _owner_of(lock)
        if other is None and _is_fresh(lock):
            raise LockedError(path, lock, None)
        if other is not None and not other.is_gone:
            raise LockedError(path, lock, other)
        _remove(lock, other)
    try:
        yield
    finally:
        _remove(lock, owner)


def lock_of(path: Path) -> Path:
    """Return the file that says who writes `path`."""
    name = path.name
    if len(name) > _LONGEST_NAME:
        name = name[:_LONGEST_NAME] + sha256(name.encode()).hexdigest()[:8]
    return path.with_name(f".{name}.lock")


def _written(lock: Path, owner: Owner) -> bool:
    """Write a lock; return whether it is ours, there having been none."""
    try:
        with lock.open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(owner)))
    except FileExistsError:
        return False
    return True


def _owner_of(lock: Path) -> Owner | None:
    """Return whose lock it is; None where that cannot be read."""
    try:
        return Owner(**json.loads(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_fresh(lock: Path) -> bool:
    """Return whether a lock is there that somebody may be about to write."""
    try:
        return time.time() - lock.stat().st_mtime < _UNREADABLE_AFTER
    except FileNotFoundError:
        return False


def _remove(lock: Path, owner: Owner | None) -> None:
    """Remove the lock of an owner, and nobody else's."""
    moved = lock.with_name(f"{lock.name}.{uuid4().hex[:8]}")
    try:
        lock.rename(moved)
    except OSError:  # somebody was quicker, or the folder is gone
        return
    if _owner_of(moved) != owner:  # meanwhile it is another's: they get it back
        with suppress(OSError):
            moved.rename(lock)
        return
    moved.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Generator[None, None, None]:
    """Make a folder, and those above it; remove those that are empty in the end."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for each in missing:
            with suppress(OSError):  # it holds something
                each.rmdir()
