"""``sluice archive``: keep what was decided, and ask the past."""
