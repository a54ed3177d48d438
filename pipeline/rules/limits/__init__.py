"""When a policy flags a multiple of what its file allows: which images count, how many are too many, what then."""
