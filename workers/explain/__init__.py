"""Which picture or decision is to be explained, and what came of judging it."""
