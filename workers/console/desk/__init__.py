"""The desk of people who review: what waits for them, who has what in hand, and what they said."""
