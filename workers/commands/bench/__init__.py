"""``sluice bench``: measure how fast it is here, beside what this machine allows."""
