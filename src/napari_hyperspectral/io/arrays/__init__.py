"""Arrays that are read piece by piece, when they are asked for."""
