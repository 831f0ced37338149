"""Decompose spectra: corners, factors, directions, how many there are, and which are spikes."""
