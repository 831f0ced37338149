"""What the Spectrum dock is made of: curves, pins, regions, ranges, and the plot that shows them."""
