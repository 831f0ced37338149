"""Least squares with bounds, of many spectra at once."""
