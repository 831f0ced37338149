"""Recipes: task, network, preprocessing, augmentation and training settings."""
