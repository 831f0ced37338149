"""How good a model is: figures, baselines, comparisons and reports.

This file imports nothing, so that `evaluation.resolution` can be used without torch.
"""
