"""imzML: mass-spectrometry images."""
