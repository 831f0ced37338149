"""Jobs in napari's threads: errors arrive, stop is heard, nothing piles up."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import psutil
import pytest

from napari_hyperspectral.progress import Progress, Stop

pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt binding")
from napari_hyperspectral.widgets.jobs import JobError, start_job


class Heard:
    """What a worker said, in order."""

    def __init__(self):
        self.said = []

    def slots(self):
        return {
            name: lambda *value, name=name: self.said.append((name, *value))
            for name in ("yielded", "returned", "failed", "aborted", "finished")
        }

    @property
    def names(self):
        return [name for name, *_ in self.said]

    def value(self, name):
        return next(said[1] for said in self.said if said[0] == name)


@pytest.fixture
def heard():
    return Heard()


def until_finished(qtbot, heard):
    qtbot.waitUntil(lambda: "finished" in heard.names, timeout=10_000)


def counting(steps, fail=None, pause=0.0):
    best = 0
    try:
        for best in range(1, steps + 1):
            time.sleep(pause)
            if fail is not None and best == 3:
                raise fail
            yield Progress(best, steps)
    except Stop:
        return f"best of {best}"
    return "all"


def test_a_job_returns_its_result(qtbot, heard):
    start_job(counting(5), "counting", **heard.slots())
    until_finished(qtbot, heard)
    assert heard.value("returned") == "all"
    assert heard.names[-2:] == ["returned", "finished"]


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate\n 2 GiB"), "out of memory; choose"),
        (RuntimeError("mat1 and mat2 cannot be multiplied"), "RuntimeError: mat1 and mat2"),
        (MemoryError(), "out of memory; choose"),
        (ValueError("noisy is 3 bands, clean is 4"), "^noisy is 3 bands, clean is 4$"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_errors_arrive_as_a_line_for_people(qtbot, heard, fail, message):
    start_job(counting(5, fail=fail), "counting", **heard.slots())
    until_finished(qtbot, heard)
    assert "returned" not in heard.names
    with pytest.raises(JobError, match=message):
        raise heard.value("failed")


def test_an_error_lets_go_of_the_memory_it_arose_in(qtbot, heard):
    alive = threading.Event()

    class Big:
        def __del__(self):
            alive.clear()

    def filling():
        big = Big()
        alive.set()
        yield Progress(1, 2)
        raise RuntimeError(f"out of memory beside {type(big).__name__}")

    start_job(filling(), "filling", **heard.slots())
    until_finished(qtbot, heard)
    assert heard.value("failed").__cause__ is not None
    assert not alive.is_set()


def test_stop_is_heard_at_the_next_step_and_brings_the_best_so_far(qtbot, heard):
    steps = []
    worker = start_job(
        counting(10_000, pause=0.01), "counting", watch=steps.append, **heard.slots()
    )
    qtbot.waitUntil(lambda: len(steps) >= 3)
    worker.quit()
    at = len(steps)
    until_finished(qtbot, heard)
    assert len(steps) <= at + 1
    assert heard.value("returned") == f"best of {len(steps)}"
    assert "aborted" not in heard.names


@pytest.mark.parametrize(("request_end", "result"), [("stop", "validated"), ("quit", "trained")])
def test_a_stopped_job_finishes_its_result_but_not_where_it_is_to_quit(
    qtbot, heard, request_end, result
):
    def training():
        try:
            yield from counting(10_000, pause=0.01)
            for step in range(20):
                time.sleep(0.01)
                yield Progress(step, 20)
        except Stop:
            return "trained"
        return "validated"

    worker = start_job(training(), "training", **heard.slots())
    qtbot.waitUntil(lambda: "yielded" in heard.names)
    getattr(worker, request_end)()
    until_finished(qtbot, heard)
    assert heard.value("returned") == result


@pytest.mark.parametrize("translate", [False, True])
def test_a_stopped_job_without_a_result_is_aborted_and_not_an_error(qtbot, heard, translate):
    def stubborn():
        try:
            for step in range(10_000):
                time.sleep(0.01)
                yield Progress(step, 10_000)
        except Stop as stop:
            if translate:  # as predictions do
                raise KeyError("cancelled") from stop
            raise

    worker = start_job(stubborn(), "stubborn", **heard.slots())
    qtbot.waitUntil(lambda: "yielded" in heard.names)
    worker.quit()
    until_finished(qtbot, heard)
    assert [n for n in heard.names if n != "yielded"] == ["aborted", "finished"]


def test_a_job_cleans_up_in_the_thread_it_ran_in(qtbot, heard):
    threads = []

    def tidy():
        try:
            for step in range(10_000):
                time.sleep(0.01)
                yield Progress(step, 10_000)
        finally:
            threads.append(threading.current_thread())

    worker = start_job(tidy(), "tidy", **heard.slots())
    qtbot.waitUntil(lambda: "yielded" in heard.names)
    worker.quit()
    until_finished(qtbot, heard)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_jobs_on_one_device_take_turns_and_a_waiting_one_can_be_stopped(qtbot, heard):
    first, second, third = heard, Heard(), Heard()
    running, order = [], []

    def alone(name):
        running.append(name)
        order.append(tuple(running))
        yield Progress(0, 1)
        time.sleep(0.3)
        running.remove(name)
        yield Progress(1, 1)

    start_job(alone("first"), "first", device="cpu", **first.slots())
    qtbot.waitUntil(lambda: order == [("first",)])
    waiting = start_job(alone("second"), "second", device="cpu", **second.slots())
    qtbot.waitUntil(lambda: "yielded" in second.names)
    assert "waiting" in second.value("yielded").note
    waiting.quit()
    until_finished(qtbot, second)
    assert "aborted" in second.names
    start_job(alone("third"), "third", device="cpu", **third.slots())
    until_finished(qtbot, third)
    assert order == [("first",), ("third",)]


def test_three_seconds_of_a_stalled_window_cost_no_memory(qtbot, heard):
    shown = []

    def heavy():
        for step in range(300):
            time.sleep(0.01)
            yield Progress(step, 300, note="x" * 8_000_000)

    slots = heard.slots() | {"yielded": lambda step: shown.append(step.done)}
    memory = psutil.Process().memory_info
    before = memory().rss
    start_job(heavy(), "heavy", **slots)
    stalled = time.monotonic()
    while time.monotonic() - stalled < 3.0:
        np.linalg.svd(np.ones((60, 60)))  # the GUI thread is busy and handles no event
    assert memory().rss - before < 50e6
    awake = time.monotonic()
    until_finished(qtbot, heard)
    assert len(shown) <= (time.monotonic() - awake) / 0.1 + 2


def test_steps_are_shown_ten_times_a_second_at_most(qtbot, heard):
    start = time.monotonic()
    start_job(counting(200, pause=0.005), "counting", **heard.slots())
    until_finished(qtbot, heard)
    assert 2 <= heard.names.count("yielded") <= (time.monotonic() - start) / 0.1 + 1


CLOSING = """
    import sys, time
    import napari
    from qtpy.QtCore import QTimer
    from napari_hyperspectral.progress import Progress, Stop
    from napari_hyperspectral.widgets.jobs import start_job

    def endless():
        try:
            while True:
                time.sleep(0.2)
                yield Progress(1, 2)
        except Stop:
            print("stopped", flush=True)

    def close():
        print(f"closing {time.monotonic()}", flush=True)
        CLOSE

    viewer = napari.Viewer()
    start_job(endless(), "an endless job")
    QTimer.singleShot(1500, close)
    napari.run()
    print(f"closed {time.monotonic()}", flush=True)
"""


@pytest.mark.parametrize(
    "close", ["viewer.close()", "viewer.window._qt_window.close()"], ids=["viewer", "window"]
)
def test_closing_the_viewer_ends_a_process_with_an_endless_job(close):
    """Within a second or two; within ten on a busy machine."""
    code = textwrap.dedent(CLOSING).replace("CLOSE", close)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    over = time.monotonic()
    assert ended.returncode == 0, ended.stderr
    assert "stopped" in ended.stdout
    closing = float(ended.stdout.split("closing ")[1].split()[0])
    assert over - closing < 10.0
