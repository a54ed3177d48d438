"""``sluice config``: look at the settings."""
