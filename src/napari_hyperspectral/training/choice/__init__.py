"""Choosing a method by measurement: candidates on held-out folds, the best one on everything."""
