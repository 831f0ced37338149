"""Whatever stands in a header, a table, a sidecar or a recipe: an image, or one error of ours."""

import json
import warnings

import numpy as np
import pytest
from pydantic import ValidationError

from napari_hyperspectral.io import FileFormatError, read_all

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NUMBERS = some.one_of(
    some.integers(-(2**70), 2**70).map(str),
    some.floats().map(repr),
    some.sampled_from(["", "nan", "1e999", "-0", "1,5", "0x10", "१", "1_000"]),
)
TEXTS = some.text(max_size=20)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | TEXTS,
    lambda below: some.lists(below, max_size=4) | some.dictionaries(TEXTS, below, max_size=4),
    max_leaves=8,
)


KEYS = (
    "axis schema layout pixel_size origin pixel_unit z t name history metadata classes colours "
    "intensity_unit georeference data"
)


def image_or_refusal(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for image in read_all(path, on_guess=lambda guess: None):
                assert np.isfinite(image.pixel_size).all()
        except FileFormatError as error:
            assert path.stem in str(error)  # noqa: PT017
            assert len(str(error).splitlines()) == 1  # noqa: PT017


HEADER = {
    "samples": "4", "lines": "3", "bands": "2", "header offset": "0", "data type": "4",
    "interleave": "bsq", "byte order": "0", "wavelength": "{500, 510}", "fwhm": "{1, 2}",
    "map info": "{UTM, 1, 1, 0, 0, 1, 1, 33, North}", "pixel size": "{1, 2}", "bbl": "{1, 0}",
    "wavelength units": "Nanometers", "band names": "{a, b}", "napari hyperspectral": "%7B%7D",
    "file type": "ENVI Classification", "class names": "{a, b}", "class lookup": "{0, 0, 0}",
}  # fmt: skip


@quick
@given(
    some.dictionaries(
        some.sampled_from([*HEADER]),
        NUMBERS
        | TEXTS
        | some.lists(NUMBERS | TEXTS, max_size=4).map(lambda x: f"{{{', '.join(x)}}}"),
        max_size=3,
    ),
    some.integers(0, 600),
)
def test_any_envi_header_gives_an_image_or_a_refusal(tmp_path, changed, length):
    lines = [f"{key} = {value}" for key, value in (HEADER | changed).items()]
    header = "ENVI\n" + "\n".join(lines) + "\n"
    (tmp_path / "a.img").write_bytes(np.ones(24, "<f4").tobytes())
    (tmp_path / "a.hdr").write_text(header[: len(header) - length % 200], encoding="utf-8")
    image_or_refusal(tmp_path / "a.hdr")


@quick
@given(
    some.lists(some.lists(NUMBERS | TEXTS, min_size=1, max_size=5), max_size=6),
    some.sampled_from(["\t", ",", ";", " "]),
    some.sampled_from([".csv", ".txt"]),
)
def test_any_table_gives_an_image_or_a_refusal(tmp_path, rows, between, suffix):
    path = tmp_path / f"a{suffix}"
    text = "\n".join(between.join(row) for row in rows)
    path.write_text(text, encoding="utf-8", errors="replace")
    image_or_refusal(path)


@quick
@given(
    some.dictionaries(
        some.sampled_from(KEYS.split()),
        JSON | some.just([1.0, float("nan")]) | some.just({"centres": [500.0, 510.0]}),
        max_size=5,
    )
    | JSON,
    some.booleans(),
)
def test_any_sidecar_gives_an_image_or_a_refusal(tmp_path, description, is_ours):
    if is_ours and isinstance(description, dict):
        description = {"schema": 1, "axis": {"centres": [500.0, 510.0], "unit": "nm"}} | description
    np.save(tmp_path / "a.npy", np.ones((2, 3, 4), np.float32))
    (tmp_path / "a.json").write_text(json.dumps(description), encoding="utf-8", errors="replace")
    image_or_refusal(tmp_path / "a.npy")


@quick
@given(JSON, some.sampled_from(["task", "method", "training", "preprocessing", "augmentation", ""]))
def test_any_recipe_is_read_or_refused_by_its_settings(tmp_path, value, part):
    from napari_hyperspectral.recipe.recipe import Recipe

    recipe = {"task": {"kind": "denoise"}, part: value}
    try:
        Recipe.model_validate_json(json.dumps(recipe))
    except ValidationError as error:
        assert error.errors()  # noqa: PT017
