"""Search asks which images of an archive are nearest to words, to a picture, or to one of its own images.

`words` and `likeness` are the two ways to be near, `bounds` makes them fast without losing any, `wanted` says which
images count, and `search` goes through the rows.
"""
