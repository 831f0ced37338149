"""What the docks and the command line both do, from files or layers to results."""
