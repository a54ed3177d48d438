"""Hands: folders of drawings, and scenes that are drawn from them."""
