"""Small checks of what a worker needs: each finds one thing, and says what to do about it."""
