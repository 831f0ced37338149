"""Chains are applied to files as to cubes in memory, part by part, and one bad file ends nothing."""

import json

import numpy as np
import pytest

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Sampling
from napari_hyperspectral.io import read, write
from napari_hyperspectral.progress import Cancelled, Stop
from napari_hyperspectral.progress import run as run_job
from napari_hyperspectral.spectra.steps.chain import Chain
from napari_hyperspectral.spectra.steps.starters import STARTERS, starter, starter_for
from napari_hyperspectral.workflows.prepare import (
    prepare_cube_steps,
    prepare_file_steps,
    prepare_files_steps,
)

CHAIN = Chain.model_validate(
    [
        {"kind": "crop", "first": 520},
        {"kind": "minimum_baseline"},
        {"kind": "gaussian_blur", "width": 0.8},
        {"kind": "pca_truncation", "components": 3},
        {"kind": "snv"},
    ]
)


@pytest.fixture
def scan(rng, tmp_path):
    """A cube of 12 bands on disk, read as its file is used."""
    data = rng.uniform(1, 9, (12, 23, 17)).astype(np.float32)
    axis = SpectralAxis(np.linspace(500, 610, 12), "1/cm", "raman_shift", excitation_nm=785)
    write(tmp_path / "scan.hdr", Cube(data, axis, pixel_size=(2.0, 2.0), pixel_unit="um"))
    return read(tmp_path / "scan.hdr")


@pytest.mark.parametrize("room", [2**28, 0], ids=["in memory", "in a file"])
def test_a_file_is_prepared_in_parts_as_a_cube_in_memory(scan, tmp_path, room, monkeypatch):
    expected = CHAIN.on(Cube(scan.numpy(), scan.axis, name=scan.name))
    monkeypatch.setattr("napari_hyperspectral.spectra.steps.parts._VALUES", 12 * 17 * 5)
    monkeypatch.setattr("napari_hyperspectral.workflows.prepare._ROWS_AT_A_TIME", 12 * 17 * 5)
    monkeypatch.setattr("napari_hyperspectral.workflows.prepare._IN_MEMORY", room)
    steps = []
    target = tmp_path / "out" / "scan_prepared.hdr"
    path = run_job(prepare_file_steps(CHAIN, scan, target), steps.append)
    prepared = read(path)
    np.testing.assert_allclose(prepared.numpy(), expected.numpy(), atol=1e-5)
    assert prepared.history[-5:] == expected.history
    assert prepared.pixel_size == (2.0, 2.0)
    assert len(steps) > 4
    assert sorted(file.name for file in target.parent.iterdir()) == [
        "scan_prepared.hdr", "scan_prepared.img",
    ]  # fmt: skip


def test_a_cube_in_memory_is_prepared_in_parts_that_can_be_stopped(scan, monkeypatch):
    cube = Cube(scan.numpy(), scan.axis)
    expected = CHAIN.on(cube)
    monkeypatch.setattr("napari_hyperspectral.spectra.steps.parts._VALUES", 12 * 17 * 5)
    monkeypatch.setattr("napari_hyperspectral.workflows.prepare._ROWS_AT_A_TIME", 12 * 17 * 5)
    steps = []
    prepared = run_job(prepare_cube_steps(CHAIN, cube), steps.append)
    np.testing.assert_allclose(prepared.data, expected.data, atol=1e-5)
    assert isinstance(prepared.data, np.ndarray)
    assert len(steps) > 4
    job = prepare_cube_steps(CHAIN, cube)
    next(job)
    next(job)
    with pytest.raises(Cancelled, match="the preparation was stopped"):
        job.throw(Stop())


def test_a_stopped_preparation_leaves_nothing(scan, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_hyperspectral.workflows.prepare._IN_MEMORY", 0)

    def stop(step):
        if step.done:
            raise Stop

    monkeypatch.setattr("napari_hyperspectral.spectra.steps.parts._VALUES", 12 * 17 * 5)
    monkeypatch.setattr("napari_hyperspectral.workflows.prepare._ROWS_AT_A_TIME", 12 * 17 * 5)
    source, target = str(tmp_path / "scan.hdr"), tmp_path / "out" / "a.hdr"
    prepared = run_job(prepare_files_steps(CHAIN, [source], [target]), stop)
    assert prepared.written == []
    assert [str(error) for error in prepared.errors.values()] == [
        "the preparation was stopped before its end"
    ]
    assert not target.parent.exists()


def test_a_file_that_fails_does_not_end_the_others(run, scan, tmp_path):
    stains = Cube(np.ones((2, 3, 4), np.float32), ChannelAxis(("DAPI", "lipid")))
    write(tmp_path / "stains.npz", stains)
    CHAIN.write(tmp_path / "chain.json")
    code, out, err = run("apply", "chain.json", "stains.npz", "scan.hdr", "-o", "all")
    assert code == 1
    assert "error: stains.npz: step 1, crop: the cube has 2 channels" in err
    assert "scan_prepared.ome.tif" in out
    assert read(tmp_path / "all" / "scan_prepared.ome.tif").history[-1] == "normalised by snv"


def test_nothing_is_overwritten_unasked(run, scan, tmp_path):
    CHAIN.write(tmp_path / "chain.json")
    (tmp_path / "a.npz").write_bytes(b"mine")
    code, _, err = run("apply", "chain.json", "scan.hdr", "-o", "a.npz")
    assert code == 1
    assert "a.npz exists already; --force overwrites it" in err
    assert (tmp_path / "a.npz").read_bytes() == b"mine"
    assert run("apply", "chain.json", "scan.hdr", "-o", "a.npz", "--force")[0] == 0
    code, _, err = run("apply", "chain.json", "scan.hdr", "-o", "scan.hdr", "--force")
    assert code == 1
    assert "is the cube itself" in err


def test_what_is_wrong_with_a_chain_file_is_a_line(run, scan, tmp_path):
    (tmp_path / "chain.json").write_text(json.dumps([{"kind": "crop", "frist": 3}]))
    code, _, err = run("apply", "chain.json", "scan.hdr", "-o", "a.npz")
    assert code == 1
    assert err.strip().startswith("error: chain.json: steps.0.frist: there is no such setting")
    assert run("apply", "none.json", "scan.hdr", "-o", "a.npz")[2].startswith(
        "error: there is no chain 'none.json'"
    )


def test_starter_chains_are_listed_and_written(run, scan, tmp_path):
    _, out, _ = run("chain")
    for known in STARTERS:
        assert known.name in out
        assert known.title in out
    assert "asls_baseline" in out
    assert run("chain", "--starter", "raman", "-o", "chain.json")[0] == 0
    assert Chain.read(tmp_path / "chain.json") == starter("raman").chain
    assert run("chain", "--starter", "raman", "-o", "chain.json")[0] == 1
    _, out, err = run("chain", "--for", "scan.hdr")
    assert "scan.hdr looks like SRS and CARS" in err
    assert Chain.model_validate_json(out) == starter_for(scan).chain
    assert "wanted one of raman, srs, ftir" in run("chain", "--starter", "x")[2]


def measured(unit, kind, first, last, bands=300, **attributes):
    line = attributes.pop("excitation_nm", None)
    axis = SpectralAxis(np.linspace(first, last, bands), unit, kind, excitation_nm=line)
    return Cube(np.ones((bands, 3, 4), np.float32), axis, **attributes)


@pytest.mark.parametrize(
    ("name", "cube"),
    [
        ("raman", measured("1/cm", "raman_shift", 400, 3200)),
        ("srs", measured("1/cm", "raman_shift", 3150, 2700, 72)),
        ("ftir", measured("1/cm", "wavenumber", 4000, 800)),
        ("ftir", measured("um", "wavelength", 2.5, 12)),
        ("msi", measured("m/z", "mz", 100, 900)),
        ("reflectance", measured("nm", "wavelength", 400, 2500)),
        ("reflectance", measured("nm", "wavelength", 400, 900, 60, intensity_unit="reflectance")),
        (
            "fluorescence",
            measured("nm", "wavelength", 500, 700, 32, pixel_size=(0.2, 0.2), pixel_unit="um"),
        ),
        ("fluorescence", measured("nm", "wavelength", 500, 700, 200, excitation_nm=488.0)),
    ],
)
def test_a_starter_chain_is_chosen_by_axis_and_unit_and_runs(name, cube):
    chosen = starter_for(cube)
    assert chosen.name == name
    data = np.random.default_rng(0).uniform(1, 2, cube.shape).astype(np.float32)
    after = chosen.chain.on(Cube(data, cube.axis))
    assert np.isfinite(after.numpy()).all()


def test_no_chain_is_chosen_for_an_axis_that_says_nothing():
    with pytest.raises(ValueError, match="does not say what was measured"):
        starter_for(Cube(np.ones((3, 2, 2)), SpectralAxis.index(3)))
    few = starter_for(measured("nm", "wavelength", 400, 2500, 5))
    assert [step.enabled for step in few.chain.steps] == [False, True, False, True]


def test_stacks_are_written_plane_by_plane(scan, tmp_path):
    stack = Cube(np.stack([scan.numpy(), 2 * scan.numpy()]), scan.axis, z=Sampling())
    write(tmp_path / "stack.h5", stack)
    target = tmp_path / "prepared.h5"
    path = run_job(prepare_file_steps(CHAIN, read(tmp_path / "stack.h5"), target))
    np.testing.assert_allclose(read(path).numpy(), CHAIN.on(stack).numpy(), atol=1e-5)
