"""A fast look at many rows that bounds their scores: one product of float32 matrices, and what it may err by."""
