"""Prompts whose words the model does not seem to know.

Measured with an earlier bundled model: every name and keyword of the lexicon as a policy's one prompt, on six fresh
scenes of each of its 1,354 things. A wording works where it finds half of what it means while 95 of 100 flags are
right (2,421 do, 1,121 of them keywords), and fails where it finds a tenth at most (362). How well a statistic of the
text alone tells keywords that work from wordings that fail (area under the ROC curve):

=============================================================== =====
how far the nearest phrase stands out (`Vocabulary.nearness`)   0.78
the nearest phrase's cosine less that of the sixth              0.76
the nearest phrase's cosine                                     0.74
the same wording with and without article, "the", "some"        0.65
spread over the templates                                       0.61
whether the nearest phrase is the same through each template    0.61
how it moves sentences that it is put into, beside ten things   0.71
likeness to nonsense words (discriminant analysis)              0.72
tokens for each word                                            0.38
=============================================================== =====

All of them together, fitted, reach 0.85, and the first with any two others 0.80. So it is the first. What it misses
is mostly near one phrase, and found by `pipeline.lab.lint.against.fights`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.lab.lint.finding import Finding
from pipeline.lab.lint.folder import Folder, Line
from pipeline.lab.wordings.thesaurus import such_as

LEAST_NEARNESS = 4.0
"""Of the wordings that it was chosen by, 0.7% of those lie below it that work and score high, and 69% of those that
fail; of others see `policies/README.md`. `python -m tests.lab.lint.measured` says below which bound 1% lie."""
NEIGHBOURS = 2


def unknown(folder: Folder) -> Iterator[Finding]:
    """Prompts that nothing in the vocabulary is near to, unless a flagged picture proves them."""
    for line in folder.lines("prompts"):
        if not known(folder, line) and not _proven(folder, line):
            remedy = f"say what the picture shows in other words{such_as(line.sentence, folder.vocabulary.phrases)}"
            yield Finding(line.policy.id, line.where, line.sentence, _reason(folder, line), remedy)


def known(folder: Folder, line: Line) -> bool:
    """Whether the line is near to something in the vocabulary."""
    return bool(folder.vocabulary.nearness(line.features[np.newaxis])[0] >= LEAST_NEARNESS)


def _proven(folder: Folder, line: Line) -> bool:
    """Whether a flagged picture is described best by that prompt."""
    return folder.pool is not None and folder.pool.wins[line.policy.id, line.sentence] > 0


def _reason(folder: Folder, line: Line) -> str:
    nearest = " or ".join(repr(phrase) for phrase, _ in folder.vocabulary.nearest(line.features, NEIGHBOURS))
    return (
        f"the model does not seem to know {line.sentence!r}: nothing that can be seen is near it, not even {nearest}"
    )
