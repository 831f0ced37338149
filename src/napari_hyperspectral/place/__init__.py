"""Where images lie: whether two show the same pixels, and how one is brought onto the other's."""
