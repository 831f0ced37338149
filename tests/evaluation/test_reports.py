"""Reports say the same to people and programs."""

import json

import numpy as np
import pytest
from rich.console import Console

from napari_hyperspectral.evaluation.pictures.colours import class_colours
from napari_hyperspectral.evaluation.pictures.simple import Curves, Photograph
from napari_hyperspectral.evaluation.reports import Report, Table


@pytest.fixture
def report():
    rows = [{"method": "raw", "error": 0.5}, {"method": "network", "error": 2.5e-5, "note": None}]
    rows.append({"method": "nothing left", "error": float("nan")})
    map_ = Photograph("Truth", np.array([[0, 1, 2], [2, 2, 1]]), ("soil", "wood"))
    curves = Curves("Spectra", np.array([3.0, 1.0, 2.0]), "nm", {"soil": np.array([1.0, 2, 3])})
    return Report("A test", [Table("Errors", rows)], ["Lower is better."], [map_, curves])


def test_markdown_shows_every_cell_in_its_column(report):
    assert report.to_markdown().splitlines()[:8] == [
        "# A test",
        "",
        "**Errors**",
        "",
        "| method | error | note |",
        "| --- | --- | --- |",
        "| raw | 0.5 |  |",
        "| network | 2.50e-05 |  |",
    ]


def test_json_keeps_figures_whole_and_says_null_for_what_is_none(report):
    rows = json.loads(report.to_json())["tables"][0]["rows"]
    assert [row["error"] for row in rows] == [0.5, 2.5e-5, None]


def test_saved_reports_link_to_their_pictures(report, tmp_path):
    text, data, page, *pictures = report.save(tmp_path)
    assert [p.name for p in pictures] == ["1_truth.png", "2_spectra.png"]
    assert all(f"({p.name})" in text.read_text(encoding="utf-8") for p in pictures)
    assert json.loads(data.read_text(encoding="utf-8"))["title"] == "A test"
    assert page.read_text(encoding="utf-8") == report.to_html()


def test_a_report_that_cannot_be_drawn_leaves_the_old_one_as_it_was(report, tmp_path):
    report.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = Curves("Broken", np.arange(3.0), "nm", {"line": np.arange(2.0)})
    with pytest.raises(IndexError):
        report.with_images(broken).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_best_of_rows_that_are_compared_is_found():
    rows = [
        {"image": "a", "method": "one", "error": 2.0},
        {"image": "a", "method": "two", "error": 1.0},
        {"image": "b", "method": "one", "error": 3.0},
        {"image": "b", "method": "two", "error": float("nan")},
    ]
    table = Table("Errors", rows, {"error": "lower"}, ["image"])
    assert table.best == {(1, "error")}  # of a single figure, none is the best


def test_a_map_of_classes_is_drawn_in_their_colours(report, tmp_path):
    from matplotlib.image import imread

    pixels = imread(report.pictures(tmp_path)[0])[..., :3].reshape(-1, 3)
    for colour in class_colours(np.array([0, 1, 2])):
        assert (abs(pixels - colour).max(axis=1) < 0.01).mean() > 0.02


def test_thirty_classes_have_thirty_colours():
    colours = class_colours(np.arange(31))
    per_spectrum = abs(colours[:, None] - colours[None]).sum(axis=-1) + np.eye(31)
    assert per_spectrum.min() > 0.05


def test_lines_are_drawn_in_the_order_of_the_axis(report):
    from matplotlib.figure import Figure

    figure = Figure()
    report.images[1].draw(figure)
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == [2, 3, 1]
    assert axes.get_xlabel() == "nm"


def test_rich_prints_tables_and_notes(report):
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(report)
    text = console.export_text()
    for word in ("Errors", "network", "2.50e-05", "Lower is better."):
        assert word in text
