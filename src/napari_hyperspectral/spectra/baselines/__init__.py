"""Baselines of spectra: what is subtracted so that only peaks are left."""
