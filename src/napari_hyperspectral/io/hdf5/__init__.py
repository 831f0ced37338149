"""HDF5 and its dialects, netCDF, and MATLAB files."""
