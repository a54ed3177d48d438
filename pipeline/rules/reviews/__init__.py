"""What reviews come to: of all that people said of an image under a policy, what counts."""
