"""Labelled images and captions from disk, and their signals by the stages that moderate."""
