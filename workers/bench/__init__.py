"""``sluice bench``: what the hardware allows, what the pipeline reaches, and where the rest goes, in one run."""
