"""Reviews: which archived images they are of, and what they say of policies."""
