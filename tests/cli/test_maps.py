"""Maps from the command line: files beside each other, and how far they agree."""

from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.io import read, read_labels, write


@pytest.fixture
def files(tmp_path, rng):
    """The same mixtures twice, the second time at half the light."""
    axis = SpectralAxis(np.linspace(400, 700, 16), "nm")
    pure = np.exp(-(((axis.centres - np.array([[450], [550], [650]])) / 60) ** 2))
    shares = rng.dirichlet([1, 1, 1], (6, 8))
    cube = Cube(np.einsum("yxm,mb->byx", shares, pure).astype(np.float32), axis, pixel_unit="um")
    write(tmp_path / "cell.npz", cube)
    write(tmp_path / "dim.npz", cube.after("dimmed", data=cube.data / 2))
    return cube


def test_components_of_a_cube_are_mapped_there_and_in_another(run, files):
    words = ("components", "cell.npz", "--apply", "dim.npz", "--count", "3", "-o", "maps")
    code, out, _ = run(*words)
    assert code == 0
    assert "dim.npz: 100.0% of the pixels have the same component as in cell.npz" in out
    bright, dim = (read(f"maps/{name}_abundances.ome.tif") for name in ("cell", "dim"))
    np.testing.assert_allclose(dim.numpy(), bright.numpy() / 2, atol=1e-5)
    assert bright.axis.names == ("component 1", "component 2", "component 3")
    assert read("maps/components.csv").shape == (16, 1, 3)
    assert read("maps/cell_composite.ome.tif").shape == (3, 6, 8)
    classes = read_labels("maps/dim_classes.ome.tif")
    np.testing.assert_array_equal(classes.numpy(), dim.numpy().argmax(axis=0) + 1)
    code, _, err = run(*words)
    assert code == 1
    assert "--force overwrites it" in err


@pytest.mark.parametrize("path", ["one.npz", "missing.npz"])
def test_components_that_are_not_found_leave_no_folder(run, files, tmp_path, path):
    write("one.npz", files.take([0]))
    code, _, err = run("components", path, "--apply", "dim.npz", "-o", "all/maps")
    assert code == 1
    assert "1 bands" not in err
    assert not (tmp_path / "all").exists()


def test_maps_are_not_written_into_a_file(run, files, tmp_path):
    code, _, err = run("components", "missing.npz", "-o", "cell.npz/maps")
    assert code == 2
    assert "cell.npz is a file" in err


def test_a_band_and_a_peak_become_images(run, files):
    run("map", "cell.npz", "--at", "505", "-o", "band.npz")
    np.testing.assert_array_equal(read("band.npz").numpy()[0], files.data[5])
    run("map", "cell.npz", "--from", "500", "--to", "600", "-o", "peak.npz")
    assert read("peak.npz").axis.names == ("area of 500–600 nm",)


@pytest.mark.parametrize("words", [(), ("--from", "500"), ("--at", "500", "--from", "1")])
def test_a_map_is_of_a_band_or_of_a_range(run, files, words):
    code, _, err = run("map", "cell.npz", *words, "-o", "map.npz")
    assert code == 2
    assert "give one of --at, --from with --to" in " ".join(err.split())


def test_a_ratio_a_picture_phasors_and_a_likeness_become_images(run, files):
    run("map", "cell.npz", "--from", "420", "--to", "480", "--over", "520:580", "-o", "ratio.npz")
    assert read("ratio.npz").axis.names == ("area of 420–480 nm / area of 520–580 nm",)
    ranges = ("--rgb", "420:480", "--rgb", "520:580", "--rgb", "620:680")
    run("map", "cell.npz", *ranges, "--measure", "mean", "--no-baseline", "-o", "rgb.npz")
    assert read("rgb.npz").axis.names == ("red", "green", "blue")
    run("map", "cell.npz", "--false-colours", "-o", "false.npz")
    assert read("false.npz").shape == (3, 6, 8)
    run("map", "cell.npz", "--phasors", "1", "-o", "phasors.npz")
    assert read("phasors.npz").axis.names == ("g", "s")
    run("map", "cell.npz", "--like", "2,3", "-o", "angle.npz")
    assert read("angle.npz").data[0, 2, 3] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--rgb", "420:480"), "got --rgb 1 times; wanted it three times"),
        (("--from", "1", "--to", "2", "--over", "x"), "got 'x'; wanted START:END"),
        (("--at", "500", "--over", "420:480"), "--over divides a range by another"),
    ],
)
def test_maps_that_are_spelled_wrong_say_what_is_right(run, files, words, why):
    code, _, err = run("map", "cell.npz", *words, "-o", "map.npz")
    assert code == 2
    assert why in " ".join(err.split())


def test_the_number_of_components_is_suggested_and_a_library_names_them(run, files):
    axis = SpectralAxis(np.linspace(300, 800, 300), "nm")
    for place in (450, 550, 650):
        spectrum = np.exp(-(((axis.centres - place) / 60) ** 2))
        write(f"dye {place}.npz", Cube.from_spectra(spectrum[None], axis))
    library = [word for place in (450, 550, 650) for word in ("--library", f"dye {place}.npz")]
    code, out, err = run("components", "cell.npz", *library, "-o", "maps")
    assert code == 0
    assert "components: spectra differ in" in err
    assert "component 1: dye" in out
    spectra = [word.replace("library", "spectra") for word in library]
    run("components", "cell.npz", *spectra, "-o", "known")
    assert read("known/cell_abundances.ome.tif").axis.names == ("dye 450", "dye 550", "dye 650")


def test_scores_of_principal_components_are_written_with_what_they_hold(run, files):
    code, out, _ = run("components", "cell.npz", "--method", "pca", "--count", "2", "-o", "maps")
    assert code == 0
    assert "PCA 1: " in out
    assert read("maps/cell_pca_scores.ome.tif").axis.names == ("PCA 1", "PCA 2")
    code, _, err = run("components", "cell.npz", "--method", "mnf", "--apply", "dim.npz", "-o", "m")
    assert code == 2
    assert "mnf has scores, not abundances" in err


def test_clusters_and_peaks_are_written(run, files):
    words = ("--clusters", "3", "--spectra", "means.csv", "-o", "labels.ome.tif")
    code, _, _ = run("cluster", "cell.npz", *words)
    assert code == 0
    assert read_labels("labels.ome.tif").classes == ("cluster 1", "cluster 2", "cluster 3")
    assert read("means.csv").shape == (16, 1, 3)
    code, out, _ = run(
        "peaks", "cell.npz", "--from", "400", "--to", "700", "--count", "3", "-o", "p"
    )
    assert code == 0
    assert "peak 2: 550" in out
    assert read("p/cell_peak_position.ome.tif").shape == (3, 6, 8)


def test_statistics_of_classes_are_a_table_with_groups(run, files):
    classes = np.repeat([1, 2], 4)[None].repeat(6, axis=0).astype(np.uint8)
    write("classes.ome.tif", files.as_labels(classes, ("left", "right")))
    group = ("--group", "bright", "--group", "dark")
    words = ("statistics", "cell.npz", "dim.npz", "--labels", "classes.ome.tif", *group)
    code, _, _ = run(*words, "-o", "table.csv")
    assert code == 0
    lines = Path("table.csv").read_text("utf-8").splitlines()
    assert lines[0] == "image,group,label,band,unit,pixels,mean,sd"
    assert len(lines) == 1 + 2 * 2 * 16
    mean = files.data[0, :, :4].astype(float).mean()
    assert lines[1].startswith("cell.npz,bright,left,400 nm,,24,")
    assert float(lines[1].split(",")[6]) == pytest.approx(mean)
    run(*words, "--groups", "-o", "groups.csv")
    assert len(Path("groups.csv").read_text("utf-8").splitlines()) == 1 + 2 * 2 * 16
    code, _, err = run("statistics", "cell.npz", "dim.npz", "--group", "a", "-o", "t.csv")
    assert code == 2
    assert "got --group 1 times for 2 images" in err
