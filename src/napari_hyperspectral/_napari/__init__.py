"""What `napari.yaml` names."""
