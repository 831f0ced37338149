"""From predictions and the truth to pictures that show where they differ."""
