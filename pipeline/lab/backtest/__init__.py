"""What policies would have decided of the images that an archive remembers, and what that would have changed."""
