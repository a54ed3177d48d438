"""The flow says what is taken next, how much of it, and when to stop or to leave something alone."""
