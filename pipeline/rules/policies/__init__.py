"""What a policy is, how its file is read and edited, and what is said of a slip in it."""
