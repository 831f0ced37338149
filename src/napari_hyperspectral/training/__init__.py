"""Training a model: examples, splits, batches, the loop, checkpoints.

This file imports nothing, so that `training.splits` can be used without torch.
"""
