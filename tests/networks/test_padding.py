"""Images are padded to the stride of a network by their own mirror image."""

import numpy as np
import pytest
import torch

from napari_hyperspectral.networks.blocks.padding import pad_by_reflection, padded_size


@pytest.mark.parametrize(
    ("size", "stride", "least", "padded"),
    [(8, 4, 1, 8), (9, 4, 1, 12), (1, 4, 1, 4), (1, 4, 2, 8), (9, 4, 2, 12), (7, 1, 1, 7)],
)
def test_a_padded_size_is_the_next_multiple_of_the_stride(size, stride, least, padded):
    assert padded_size(size, stride, least) == padded


@pytest.mark.parametrize("shape", [(5, 7), (1, 3), (12, 12), (2, 1)])
def test_padding_is_that_of_numpy_however_small_the_image(shape):
    image = np.arange(2 * shape[0] * shape[1], dtype=np.float32).reshape(2, *shape)
    pad = ((0, 0), (0, 12 - shape[0]), (0, 13 - shape[1]))
    padded = pad_by_reflection(torch.from_numpy(image), 12, 13)
    np.testing.assert_array_equal(padded.numpy(), np.pad(image, pad, mode="symmetric"))
