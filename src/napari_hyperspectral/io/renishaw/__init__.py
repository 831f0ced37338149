"""Renishaw WDF files."""
