"""Rendered scenes: emoji are drawn on clutter, worn, captioned, and given out as labelled images."""
