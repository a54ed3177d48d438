"""What streams by: answers as they come, kept for a while, counted, and told to browsers."""
