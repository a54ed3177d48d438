"""``sluice policy calibrate``: what is asked, what the data say of each policy, and who is told."""
