"""Clusters of spectra as labels."""
