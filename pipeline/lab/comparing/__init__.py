"""Two policies that saw the same images: what both flag, and what only one of them does."""
