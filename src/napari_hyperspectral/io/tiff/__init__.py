"""TIFF and its dialects: OME, ImageJ, GeoTIFF, LSM, folders of pages."""
