"""Small images with known truth, and the way to the real data."""

import gc
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling
from napari_hyperspectral.progress import Progress

DATA = Path(
    os.environ.get("NAPARI_HYPERSPECTRAL_DATA") or Path(__file__).parents[2] / "shared" / "data"
)

# images are so small that threads would only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

# in the background, as of nohup and &, signals would be ignored by all that tests start
for ignored, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, ignored):
        signal.signal(getattr(signal, ignored), handler)

# napari keeps its settings here, and leaves those of the person who runs the tests alone
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="napari-")) / "settings.yaml")


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real measurements; what needs them is skipped where they are not."""
    if not (DATA / "MANIFEST.md").is_file():
        pytest.skip("no real data: set NAPARI_HYPERSPECTRAL_DATA to their folder")
    return DATA


@pytest.fixture(autouse=True)
def _seeds():
    """Every test starts from the same random state, whoever ran before."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (what others' code may still draw from)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _quick_collection(request):
    """What is there before a test with a viewer need not be looked through again and again.

    napari's fixture collects garbage several times after each of them: with torch and napari loaded,
    that took most of the time of the tests of docks (measured: 19 tests of a dock took 27 s, so 16 s).
    """
    if any(name.startswith("make_napari_viewer") for name in request.fixturenames):
        gc.freeze()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def axis():
    """Six bands that are not uniform, to the last digit, with all that an axis can know."""
    return SpectralAxis(
        [500.1, 503.3 + 1 / 3, 510.0, 520.7, 533.000000000001, 601.25],
        "1/cm",
        "raman_shift",
        widths=[2.0, 2.1, 2.2, 2.3, 2.4, 2.5],
        bad=[False, False, True, False, False, False],
        excitation_nm=532.1,
    )


@pytest.fixture
def cube(axis, rng):
    """A cube that is not square, with everything in it that a file has to keep."""
    return Cube(
        rng.normal(100, 20, (6, 5, 7)).astype(np.float32),
        axis,
        pixel_size=(0.5, 0.25),
        origin=(10.0, -3.5),
        pixel_unit="um",
        name="cell",
        history=("measured", "removed spikes"),
        metadata={"laser power": 5.5, "note": "naïve {µ} = 100 %, “quoted”\nsecond line"},
        intensity_unit="counts",
    )


@pytest.fixture
def plain_cube(rng):
    """A cube of which nothing is known but the numbers: whole ones, all different."""
    return Cube(
        rng.permutation(4 * 5 * 7).reshape(4, 5, 7).astype(np.uint16), SpectralAxis.index(4)
    )


@pytest.fixture
def stack(axis, rng):
    """A time series of z-stacks, (t, z, band, y, x) = (2, 3, 6, 5, 7)."""
    return Cube(
        rng.integers(0, 4000, (2, 3, 6, 5, 7)).astype(np.uint16),
        axis,
        pixel_size=(0.5, 0.25),
        origin=(1.0, 2.0),
        pixel_unit="um",
        z=Sampling(1.5, -3.0, "um"),
        t=Sampling(30.0, 5.0, "s"),
        name="embryo",
        history=("measured",),
    )


@pytest.fixture
def labels():
    """Two classes in a corner each, the rest unlabelled."""
    data = np.zeros((5, 7), np.uint8)
    data[:2, :3], data[3:, 4:] = 1, 2
    return Labels(
        data,
        ("nucleus", "lipid droplet"),
        pixel_size=(0.5, 0.25),
        origin=(10.0, -3.5),
        pixel_unit="um",
        name="cell classes",
        history=("painted",),
    )


@pytest.fixture
def clean():
    """Two materials with a peak each, (12, 20, 26): what networks are to learn."""
    centres = np.linspace(450, 650, 12)
    y, x = np.mgrid[:20, :26] / 6
    peaks = np.exp(-(((centres - np.array([[500.0], [600.0]])) / 25) ** 2))
    amounts = np.stack([1 + np.sin(y) ** 2, 2 * np.cos(x) ** 2])
    data = np.einsum("mb,myx->byx", peaks, amounts).astype(np.float32)
    return Cube(data, SpectralAxis(centres, "nm"), pixel_size=(0.5, 0.5), pixel_unit="um")


@pytest.fixture
def noisy(clean, rng):
    noise = rng.normal(0, 0.3, clean.shape).astype(np.float32)
    return clean.after("added noise", data=clean.data + noise, name="noisy")


@pytest.fixture
def truth(clean):
    """Which of the two materials there is more of."""
    return Labels(
        np.where(clean.data[3] < clean.data[9], 2, 1).astype(np.uint8), ("first", "second")
    )


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in a folder of its own; give exit code, output and errors."""
    from napari_hyperspectral.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


@pytest.fixture(autouse=True)
def quick_validation(request, monkeypatch):
    """Fit no classical methods for the card of a model, which takes seconds a training.

    The tests of the evaluation do, and those with the mark `classics`.
    """
    asked_for = request.node.get_closest_marker("classics") is not None
    if asked_for or "evaluation" in request.node.path.parts:
        return
    from napari_hyperspectral.evaluation import classical

    every = classical.classics_of

    def without_quick(recipe, *, quick=False):
        return [] if quick else every(recipe)

    monkeypatch.setattr(classical, "classics_of", without_quick)


@pytest.fixture(scope="session", autouse=True)
def fits_here():
    """Fit classical methods in this process: starting another takes longer than small fits do."""
    from napari_hyperspectral.training import classic

    def fit_here(method, data, threads=1):
        yield Progress(0, 0, note="fitting")
        return method.fit(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classic, "fit_in_process", fit_here)
        yield


@pytest.fixture(autouse=True)
def processes(request, monkeypatch):
    """Let tests with the mark `processes` fit in a process of its own."""
    if request.node.get_closest_marker("processes") is not None:
        from napari_hyperspectral.classics.process import fit_in_process
        from napari_hyperspectral.training import classic

        monkeypatch.setattr(classic, "fit_in_process", fit_in_process)
