"""Sums and products of two floats hold what one float rounds away."""

from fractions import Fraction

import numpy as np

from napari_hyperspectral.spectra.least_squares.two_floats import (
    TwoFloats,
    exact_product,
    exact_sum,
    precise_matmul,
    residual,
)


def as_fractions(values):
    return np.vectorize(Fraction, otypes=[object])(values)


def test_sums_and_products_are_exact(rng):
    one, other = rng.normal(size=(2, 50)) * 10.0 ** rng.integers(-8, 8, (2, 50))
    high, low = exact_sum(one, other)
    assert (as_fractions(high) + as_fractions(low) == as_fractions(one) + as_fractions(other)).all()
    high, low = exact_product(one, other)
    assert (as_fractions(high) + as_fractions(low) == as_fractions(one) * as_fractions(other)).all()


def test_products_of_matrices_have_23_digits(rng):
    left = rng.normal(size=(4, 30)) * 10.0 ** rng.integers(-3, 3, (4, 30))
    right = rng.normal(size=(30, 3))
    high, low = precise_matmul(left, right)
    error = as_fractions(high) + as_fractions(low) - as_fractions(left) @ as_fractions(right)
    assert max(abs(error.ravel())) < 1e-23 * np.abs(left).max() * 30


def test_a_residual_of_nearly_nothing_keeps_its_digits(rng):
    matrix = rng.normal(size=(3, 3))
    solution = rng.normal(size=(5, 3))
    target = precise_matmul(solution, matrix)
    found = residual(
        TwoFloats(target.high, target.low + 1e-20),
        TwoFloats(solution, np.zeros_like(solution)),
        TwoFloats(matrix, np.zeros_like(matrix)),
    )
    np.testing.assert_allclose(found, 1e-20, rtol=1e-3)
