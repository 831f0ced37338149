"""What files say besides their pixels: axes, units, positions, companion files."""
