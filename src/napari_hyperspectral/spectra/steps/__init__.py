"""Steps of preparation, each a class of settings, and chains of them: see `chain`."""
