"""Hands: the same emoji as other people draw them, read from folders of drawings."""
