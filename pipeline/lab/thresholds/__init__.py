"""Thresholds from labelled images: what each would do, and which reaches its target."""
