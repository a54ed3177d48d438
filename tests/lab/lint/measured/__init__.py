"""How often lint is right: ``python -m tests.lab.lint.measured`` makes the table in `policies/README.md`.

Which wordings work is measured as well, and no opinion: each is judged on fresh scenes of every thing of the lexicon.
Wordings come in two halves, by the thing that they are about. Bounds are chosen by the first, and figures quoted of
the second.
"""
