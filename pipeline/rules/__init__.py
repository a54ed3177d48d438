"""The rules say what follows from what is known, such as the judgement of an image by a policy set.

They do no I/O, start no thread, and read no clock but one that they are given.
"""
