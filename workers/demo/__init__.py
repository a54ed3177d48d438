"""``sluice demo``: what it streams, how, and what it says at the end."""
