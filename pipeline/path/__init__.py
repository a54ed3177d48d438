"""What happens to an image, and in which order: fetch, recall, decode, encode, decide, publish.

Each stage is a plain callable ``Batch -> Batch`` with a ``name``. It works on the items that have not failed, never
drops one, and lets an item that fails carry its failure along to `publish`. Recall stands before decode, so that an
image seen before costs a hash and neither decoding nor encoding. How the stages overlap stands in `runner`, how
claim checks wait beside them in `claims`.
"""
