"""A header beside raw numbers: ENVI and its relatives, and NumPy's files."""
