"""What was searched for in an archive, what was found, and how a person sees it."""
