"""Searching by words or pictures, in bounded time, and what is made of what was found."""
