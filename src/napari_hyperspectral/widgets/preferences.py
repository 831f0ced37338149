"""Machine settings from napari's preferences."""

from __future__ import annotations

from typing import Any

from ..machine import Machine


def preferred_machine() -> Machine:
    """Return the machine settings on the plugin's page in napari's preferences, or defaults."""
    settings: dict[str, Any] = {}
    for group in _preferences().values():
        for name, value in group.items():
            if name in Machine.model_fields and value not in (None, ""):
                settings[name] = value
    return Machine.model_validate(settings)


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
