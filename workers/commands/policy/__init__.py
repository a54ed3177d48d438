"""``sluice policy``: work on policies."""
