"""Files of infrared and Raman spectrometers."""
