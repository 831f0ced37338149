"""Figures of folds and seeds are summed up with their spread, and compared in pairs."""

import math

import pytest

from napari_hyperspectral.evaluation.spread import paired_difference, spread_of, spreads

# the second fold is ten times harder; the network is better by .1 on each
ROWS = [
    {"method": method, "fold": fold, "seed": seed, "error": ground + offset + 0.01 * seed}
    for fold, ground in enumerate((1.0, 10.0))
    for method, offset, seeds in (("network", -0.1, (-1, 1)), ("ridge", 0.0, (0,)))
    for seed in seeds
]
for row in ROWS:
    if row["method"] == "ridge":
        row["seed"] = None  # it has no chance in it


def test_a_spread_is_mean_and_standard_deviation_of_what_is_known():
    spread = spread_of([1.0, 3.0, None, float("nan")])
    assert (spread.mean, spread.number) == (2.0, 2)
    assert spread.std == pytest.approx(math.sqrt(2))
    assert spread.standard_error == pytest.approx(1.0)
    assert str(spread) == "2 ± 1.4"
    assert str(spread_of([2.5])) == "2.5"
    assert str(spread_of([])) == ""


def test_rows_that_are_alike_are_summed_up_together():
    found = spreads(ROWS, ["method"], ["error"])
    assert list(found) == [("network",), ("ridge",)]
    assert found["network",]["error"].mean == pytest.approx(5.4)
    assert found["ridge",]["error"].number == 2


def test_pairs_see_a_difference_that_is_far_smaller_than_that_between_folds():
    pairs = paired_difference(
        ROWS, "error", "network", "ridge", pair_by=["fold", "seed"], independent=["fold"]
    )
    assert pairs.difference.mean == pytest.approx(-0.1)
    assert pairs.difference.number == 2  # folds, not seeds
    assert pairs.difference.standard_error < 1e-6
    assert pairs.lower == 2


def test_what_is_measured_on_nothing_in_common_has_no_difference():
    rows = [{"method": "a", "fold": 0, "error": 1.0}, {"method": "b", "fold": 1, "error": 2.0}]
    pairs = paired_difference(rows, "error", "a", "b", pair_by=["fold"])
    assert pairs.difference.number == 0
