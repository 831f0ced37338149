"""Labels that people paint in a viewer: one class a pixel, names and colours of the classes."""
