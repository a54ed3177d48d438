"""How the last day of an archive differs from the days before it."""
