"""Labelled images and captions from disk, and their features by the parts that moderate."""
