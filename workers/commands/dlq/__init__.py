"""``sluice dlq``: see, save, replay and purge dead letters."""
