"""A report as one page for a browser, which needs no other file and no network."""
