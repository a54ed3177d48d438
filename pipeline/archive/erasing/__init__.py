"""Erasing for good: what somebody has a right to have forgotten is found, taken out, and seen to be gone."""
