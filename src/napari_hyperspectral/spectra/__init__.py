"""Classical spectroscopy on (band, …) arrays: plain functions, NumPy in and out."""
