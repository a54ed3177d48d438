"""The path says what happens to an image, in which order and on which threads.

The order is fetch, recall, decode, encode, decide, publish. Each of these stages is a plain callable
``Batch -> Batch`` with a ``name``. It works on the items that have not failed, never drops one, and lets an item that
fails carry its failure along to `publish`. Recall comes before decode, so that an image seen before costs a hash and
neither decoding nor encoding. `runner` makes the stages overlap, and `claims` fetches claim checks beside them.
"""
