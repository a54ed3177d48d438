"""``sluice backtest``: what is asked of the archive, how it is answered, and whether that is too much."""
