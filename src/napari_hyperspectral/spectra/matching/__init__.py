"""How alike spectra are: maps of similarity, and matches with a library."""
