"""From a recipe to its module: the method, and the linear map that a network begins with."""

from __future__ import annotations

from ..classics import Ridge
from ..classics.linear_skip import LinearSkip
from ..networks import NetworkModule, Ports, TileGeometry, build_module, tile_geometry_of
from .recipe import Recipe


def module_of(recipe: Recipe, ports: Ports) -> NetworkModule:
    """Return a fresh module for a recipe; see `build_module`.

    Raises
    ------
    ValueError
        If the method has one output for the image, but the ports one for each pixel.
    """
    module = build_module(recipe.method, ports)
    ridge = linear_start(recipe)
    if ridge is None:
        return module
    linear = ridge.build(ports)
    linear.set_to_zero(ports)
    return LinearSkip(module, linear, ports.bands_out)


def geometry_of(recipe: Recipe, ports: Ports) -> TileGeometry:
    """Return the geometry of the module that `module_of` returns."""
    geometry = tile_geometry_of(recipe.method, ports)
    ridge = linear_start(recipe)
    if ridge is None:
        return geometry
    linear = tile_geometry_of(ridge, ports)
    return TileGeometry(
        receptive_radius=max(geometry.receptive_radius, linear.receptive_radius),
        stride=geometry.stride,
        floats=geometry.floats + linear.floats,
    )


def receptive_radius_of(recipe: Recipe) -> int:
    """Return the greatest distance, in pixels, at which an input pixel can change an output pixel."""
    radius = recipe.method.receptive_radius
    ridge = linear_start(recipe)
    if ridge is None:
        return radius
    return max(radius, ridge.receptive_radius)


def linear_start(recipe: Recipe) -> Ridge | None:
    """Return the regression that the network of a recipe begins with; None where there is none.

    Of single spectra, for networks that see images, too. With surroundings it is better on Raman pairs
    and SRS (by 1 to 53 %), but a third worse on a Raman map of high rank (`benchmarks/semi_real.py`).
    """
    if not recipe.method.begins_linear or not recipe.task.has_linear_solution:
        return None
    return Ridge()
