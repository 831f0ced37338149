"""Running a model on a cube, tile by tile."""
