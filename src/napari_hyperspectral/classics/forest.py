"""Decision trees as flat tensors: pixels go down many trees at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.base import FittedModule
from .base import Arrays, Rows
from .precision import rounded_down

CHUNK: Final = 16
"""Trees that pixels go down at once."""
_ROWS: Final = 2048
"""Pixels that go down at once: so few stay in the cache of a processor, which is twice as fast."""


class Tree(NamedTuple):
    """A tree as scikit-learn has it; nodes are in any order, the root first."""

    feature: NDArray[np.integer]
    """Feature that a node asks for, (node,)."""
    threshold: NDArray[np.floating]
    """Pixels whose feature is at most this go left, (node,)."""
    left: NDArray[np.integer]
    """Number of the node on the left, (node,); so is `right`."""
    right: NDArray[np.integer]
    is_leaf: NDArray[np.bool_]
    """Where a pixel stays, (node,)."""
    value: Rows
    """What a leaf predicts, (node, out)."""


class Forest(FittedModule):
    """Where pixels end up in many trees.

    Nodes that ask and leaves are numbered by themselves, across all trees; a leaf is written as
    `~leaf`, a negative number.
    """

    feature: Tensor
    """Shape (node,)."""
    threshold: Tensor
    """Shape (node,)."""
    branches: Tensor
    """Nodes, or leaves, on the left and on the right, shape (2, node)."""
    roots: Tensor
    """Shape (tree,)."""
    values: Tensor
    """What leaves predict, shape (leaf, out)."""

    def __init__(self) -> None:
        super().__init__()
        integers = torch.empty(0, dtype=torch.int64)
        self.register_buffer("feature", integers)
        self.register_buffer("threshold", torch.empty(0))
        self.register_buffer("branches", integers[None].expand(2, 0).clone())
        self.register_buffer("roots", integers.clone())
        self.register_buffer("values", torch.empty(0, 0))

    def forward(self, rows: Tensor, trees: slice) -> Tensor:
        """Return what trees predict, (pixel, tree, out), from features, (pixel, feature)."""
        roots = self.roots[trees]
        leaves = [self._leaves(some, roots) for some in torch.split(rows, _ROWS)]
        return self.values[torch.cat(leaves)]

    def _leaves(self, rows: Tensor, roots: Tensor) -> Tensor:
        """Return the leaf in which each pixel ends up in each tree, (pixel, tree)."""
        pixels, features = rows.shape
        intensities = rows.flatten()
        branches = self.branches.flatten()  # left ones, then right ones
        node = roots.repeat(pixels)
        leaf = torch.empty_like(node)
        # pairs of a pixel and a tree; those that are in a leaf are left behind
        pair = torch.arange(len(node), device=rows.device)
        pixel = pair // len(roots)
        while True:
            ended = (node < 0).nonzero()[:, 0]
            leaf[pair[ended]] = ~node[ended]
            going_on = (node >= 0).nonzero()[:, 0]
            if not len(going_on):
                return leaf.reshape(pixels, len(roots))
            pair = pair[going_on]
            pixel = pixel[going_on]
            node = node[going_on]
            intensity = intensities[pixel * features + self.feature[node]]
            goes_right = intensity > self.threshold[node]
            node = branches[goes_right * len(self.feature) + node]

    def chunks(self) -> Iterable[slice]:
        """Yield which trees to ask at once."""
        count = len(self.roots)
        for first in range(0, count, CHUNK):
            yield slice(first, min(first + CHUNK, count))


def forest_floats(features: int, out: int) -> int:
    """Return about how many numbers a `Forest` holds at once for each pixel."""
    # whole numbers take twice the memory of intensities: node, asking, two branches, and the next
    return features + CHUNK * (5 * 2 + 3 + out)


def forest_arrays(trees: Iterable[Tree]) -> Arrays:
    """Return the numbers of the `Forest` of these trees."""
    features = []
    thresholds = []
    branches = []
    roots = []
    values = []
    nodes = 0
    leaves = 0
    for tree in trees:
        number = _numbers(tree, nodes, leaves)
        asks = ~tree.is_leaf
        features.append(tree.feature[asks])
        # features have single precision: a threshold of single precision divides them alike
        thresholds.append(rounded_down(tree.threshold[asks]))
        branches.append(np.stack([number[tree.left[asks]], number[tree.right[asks]]]))
        roots.append(number[0])
        values.append(tree.value[tree.is_leaf])
        nodes += int(asks.sum())
        leaves += int(tree.is_leaf.sum())
    return {
        "feature": np.concatenate(features).astype(np.int64),
        "threshold": np.concatenate(thresholds),
        "branches": np.concatenate(branches, axis=1),
        "roots": np.array(roots, np.int64),
        "values": np.concatenate(values).astype(np.float32),
    }


def _numbers(tree: Tree, nodes: int, leaves: int) -> NDArray[np.int64]:
    """Return the number of each node of a tree, after `nodes` and `leaves` of the trees before."""
    leaf = leaves + np.cumsum(tree.is_leaf) - 1
    node = nodes + np.cumsum(~tree.is_leaf) - 1
    return np.where(tree.is_leaf, ~leaf, node).astype(np.int64)
