"""Smoothing of spectra, besides that of Savitzky and Golay in `smooth`."""
