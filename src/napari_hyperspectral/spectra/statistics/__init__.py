"""Statistics of regions, classes and components of cubes and maps."""
