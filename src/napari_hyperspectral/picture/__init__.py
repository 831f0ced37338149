"""The first picture of a cube: which band, contrast and colours show the sample; no napari, no Qt."""
