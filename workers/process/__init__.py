"""How a process of ours starts, logs, and ends."""
