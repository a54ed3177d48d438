"""Rendered scenes: emoji in clutter, in what words, worn by what, and as labelled images."""
