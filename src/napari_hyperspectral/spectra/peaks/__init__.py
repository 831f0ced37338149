"""Peaks of spectra: found, fitted, and mapped."""
