"""What scores an image under a policy."""
