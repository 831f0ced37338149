"""The corners of a cloud of points: where a simplex in it is largest."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import Indices, SpectraTable

_ROUNDS: Final = 100
"""Times that every corner is exchanged, at most."""
_GROWTH: Final = 1e-9
"""Relative growth of the volume below which a corner stays."""


def farthest_corners(points: SpectraTable, seed: int, starts: int = 1) -> Indices:
    """Return the rows of points, (point, corner), that span the largest simplex of many starts.

    Each start takes the point farthest along a random direction, again and again, orthogonal to all
    corners so far (Nascimento & Bioucas-Dias 2005, https://doi.org/10.1109/TGRS.2005.844293). One
    start may be unlucky: the largest of many is kept.
    """
    rng = np.random.default_rng(seed)
    best = _from_one_start(points, rng)
    largest = volume(points[best])
    for _ in range(starts - 1):
        rows = _from_one_start(points, rng)
        size = volume(points[rows])
        if size > largest:
            best, largest = rows, size
    return best


def grown_corners(points: SpectraTable, rows: Indices) -> Indices:
    """Return the rows of points, (point, corner), of a simplex that no exchange of a corner enlarges.

    N-FINDR (Winter 1999, https://doi.org/10.1117/12.366289), from the corners `rows`. With all
    others in place, the volume is linear in one corner, so that all points are tried at once.
    """
    rows = rows.copy()
    for _ in range(_ROUNDS):
        before = rows.copy()
        for corner in range(len(rows)):
            sizes = np.abs(points @ _cofactors(points[rows], corner))
            best = int(sizes.argmax())
            if sizes[best] > (1 + _GROWTH) * sizes[rows[corner]]:
                rows[corner] = best
        if np.array_equal(rows, before):
            break
    return rows


def volume(corners: SpectraTable) -> float:
    """Return the size of a simplex with the origin, (corner, corner), by a constant factor."""
    return float(abs(np.linalg.det(corners)))


def _from_one_start(points: SpectraTable, rng: np.random.Generator) -> Indices:
    count = points.shape[1]
    corners = np.zeros((count, count))
    corners[0, -1] = 1  # off the plane, so that the first direction lies within it
    rows = np.zeros(count, np.intp)
    for number in range(count):
        direction = rng.normal(size=(count,))
        direction = direction - corners.T @ (np.linalg.pinv(corners.T) @ direction)
        rows[number] = int(np.abs(points @ direction).argmax())
        corners[number] = points[rows[number]]
    return rows


def _cofactors(corners: SpectraTable, corner: int) -> SpectraTable:
    """Return the cofactors of one row of corners, (corner, corner): times it, the determinant."""
    count = len(corners)
    others = np.delete(corners, corner, axis=0)
    cofactors = np.empty(count)
    for column in range(count):
        minor = np.delete(others, column, axis=1)
        cofactors[column] = (-1) ** (corner + column) * np.linalg.det(minor)
    return cofactors
