"""Trained models: file, card and released weights.

This file imports nothing, so that a card can be read without torch.
"""
