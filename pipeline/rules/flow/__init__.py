"""What is taken next, how much of it, and when to stop or to leave a thing alone."""
