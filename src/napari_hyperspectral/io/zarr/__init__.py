"""OME-Zarr and HyperSpy Zarr."""
