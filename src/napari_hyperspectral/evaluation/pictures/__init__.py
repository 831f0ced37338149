"""Pictures of a report: small data and how matplotlib draws them, in ink or on a screen."""
