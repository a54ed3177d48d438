"""Whether a process is alive and ready, and how a platform asks for it."""
