"""Files of Zeiss, Leica, Nikon and Olympus microscopes."""
