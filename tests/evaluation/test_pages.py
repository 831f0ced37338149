"""A page of an evaluation needs nothing else, says what the tables say, and shows where a model fails."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_hyperspectral import fit
from napari_hyperspectral.axis import ChannelAxis
from napari_hyperspectral.cube import Cube
from napari_hyperspectral.evaluation.evaluate import evaluate
from napari_hyperspectral.evaluation.pairs import EvaluationPair, input_and_target
from napari_hyperspectral.evaluation.reports import Report, Table
from napari_hyperspectral.networks import Pixelwise
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.recipe.training import Training
from napari_hyperspectral.tasks import Denoise, PredictChannels, Segment, SuperResolve

QUICK = Training(epochs=2, validation=0, patches_per_epoch=1)


class Page(HTMLParser):
    """What a page holds: its tags, its cells, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = [], []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.cells[-1] += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(params=["denoise", "segment", "channels", "super-resolution"])
def evaluated(request, noisy, clean, truth):
    """A report on each kind of truth, and the titles that its pictures must have."""
    stains = Cube(clean.data[3:5] ** 2, ChannelAxis(("DAPI", "actin")), intensity_unit="counts")
    task, images, titles = {
        "denoise": (
            Denoise(),
            {"noisy": noisy, "clean": clean},
            ["Example spectra", "Where errors are large", "Residuals of all test pixels, sorted"],
        ),
        "segment": (
            Segment(),
            {"cube": noisy, "labels": truth},
            ["Confusion of Pixelwise", "Maps of classes", "Calibration of Pixelwise"],
        ),
        "channels": (
            PredictChannels(),
            {"cube": noisy, "target": stains},
            ["Predicted and measured values", "Maps of DAPI", "Maps of actin"],
        ),
        "super-resolution": (
            SuperResolve(scale=2),
            {"fine": clean},
            ["Detail", "Agreement with the truth (FRC)"],
        ),
    }[request.param]
    recipe = Recipe(task=task, method=Pixelwise(width=4), training=QUICK)
    model = fit(recipe, [recipe.example(**images)])
    input, target = input_and_target(task, images)
    train = np.zeros(input.shape[-2:], bool)
    train[:, : train.shape[1] // 2] = True
    pair = EvaluationPair(input, target, train, ~train)
    return evaluate(model, pair, long_fits=0).report, titles


def test_the_page_of_each_kind_of_truth_has_its_pictures_with_words_for_them(evaluated):
    report, titles = evaluated
    assert [picture.title for picture in report.images] == titles
    page = Page(report.to_html())
    words = [attributes["aria-label"] for attributes in page.of("svg")]
    assert words == [picture.alt for picture in report.images]
    assert all(len(alt) > 40 for alt in words)


def test_a_page_is_one_small_file_without_links_and_scripts(evaluated):
    text = evaluated[0].to_html()
    page = Page(text)
    assert len(text.encode()) < 5e6
    assert page.of("script") == page.of("link") == page.of("iframe") == []
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in text


@pytest.mark.slow
def test_equal_reports_have_equal_pages(evaluated):
    report, _ = evaluated
    assert report.to_html() == report.to_html()


def test_the_tables_of_a_page_are_those_of_the_json(evaluated):
    report, _ = evaluated
    cells = Page(report.to_html()).cells
    for table in json.loads(report.to_json())["tables"]:
        for row in table["rows"]:
            for value in row.values():
                if isinstance(value, float):
                    assert (f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}") in cells
                elif value is not None:
                    assert str(value) in cells


def test_no_two_parts_of_a_page_have_one_name(evaluated):
    names = [
        attributes["id"]
        for _, attributes in Page(evaluated[0].to_html()).tags
        if "id" in attributes
    ]
    assert len(names) == len(set(names))


def test_a_page_shows_texts_as_they_are():
    table = Table("a < b & c", [{"<i>method</i>": "<script>alert(1)</script>"}])
    text = Report('"quoted"', [table], ["<b>"], about={"<u>": "<s>"}).to_html()
    assert Page(text).cells == ["<i>method</i>", "<script>alert(1)</script>"]
    assert not {"script", "i", "b", "u", "s"} & {tag for tag, _ in Page(text).tags}


def test_large_images_make_no_large_pages(rng):
    from napari_hyperspectral.evaluation.pictures.maps import shown

    image = rng.normal(0, 1, (700, 1000))
    image[:4, :4] = np.nan
    small = shown(image)
    assert small.shape == (175, 250)
    assert np.isnan(small[0, 0])
    assert small[1, 2] == pytest.approx(image[4:8, 8:12].mean())
