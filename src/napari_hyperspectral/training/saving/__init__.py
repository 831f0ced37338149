"""Saving a training in progress, and finding what goes on."""
