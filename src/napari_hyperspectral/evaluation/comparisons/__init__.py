"""How predictions are compared with the truth: one class for each kind of truth."""
