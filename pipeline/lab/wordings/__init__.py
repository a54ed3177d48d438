"""Wordings side by side: what each would flag of the same images."""
