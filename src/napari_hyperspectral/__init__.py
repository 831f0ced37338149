"""Hyperspectral images in napari: read them, look at spectra, train networks, predict, save.

The public names stand in `__init__.pyi`. Each is imported when it is first used, so that importing
the package loads neither torch nor Qt nor napari.
"""

import os

import lazy_loader

# Threads of OpenMP spin while they wait. Where a viewer or another program shares the cores that
# makes training on a CPU many times slower (two cores, two busy neighbours: 51 s against 2.6 s);
# the variable is read when torch is loaded, so it must stand here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
