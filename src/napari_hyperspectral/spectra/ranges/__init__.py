"""Ranges of a spectral axis as maps and pictures."""
