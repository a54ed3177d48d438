"""Who comes in, what they may do, and what is kept of it."""
