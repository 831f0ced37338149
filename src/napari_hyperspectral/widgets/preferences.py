"""The settings of the machine, as napari's preferences hold them."""

from __future__ import annotations

from typing import Any

from ..machine import Machine


def preferred_machine() -> Machine:
    """Return what the plugin's page in napari's preferences says; defaults where it is silent."""
    said = {name: value for group in _preferences().values() for name, value in group.items()}
    return Machine(
        **{name: said[name] for name in Machine.model_fields if said.get(name) not in (None, "")}
    )


def _preferences() -> dict[str, dict[str, Any]]:
    try:
        from napari.settings import get_plugin_settings  # napari has them since 0.9
    except ImportError:
        return {}
    try:
        groups: dict[str, dict[str, Any]] = get_plugin_settings("napari-hyperspectral").model_dump()
    except KeyError:  # running without the manifest
        return {}
    return groups
