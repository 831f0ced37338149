"""Docks for napari: the only folder that imports Qt, magicgui, napari or pyqtgraph."""
