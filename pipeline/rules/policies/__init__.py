"""The policies room says what a policy is, what its file may hold, and what is told of a slip in it."""
