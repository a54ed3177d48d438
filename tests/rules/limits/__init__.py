"""Limits of policies: bounds, windows, repeats, and which policies are held."""
