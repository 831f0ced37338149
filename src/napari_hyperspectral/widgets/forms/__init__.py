"""Parts of docks in which a person sets or chooses something."""
