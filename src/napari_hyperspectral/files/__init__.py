"""Files as the system has them: which can be read, and how they are written wholly or not at all."""
