"""Reviews of what was decided: read, found again in the archive, and what they say of policies."""
